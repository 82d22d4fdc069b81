package console

import (
	"context"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/hooks"
)

// Options are the options of [hooks.Attach] that the flags ask for, with the
// program's own settings for the run log beside those of the flags. Where the log and the metrics are is
// written to out. The function that is returned stops serving the metrics.
func (f *Flags) Options(out io.Writer, config map[string]any) ([]hooks.Option, func() error, error) {
	policy, err := Policy(f.Clip)
	if err != nil {
		return nil, nil, err
	}
	settings := map[string]any{"clip": f.Clip, "seed": f.Seed}
	maps.Copy(settings, config)
	options := []hooks.Option{
		hooks.WithClip(policy),
		hooks.WithConfig(settings),
		hooks.WithGCFence(),
		hooks.WithLogger(zap.NewNop()), // the progress bar shows the events
	}
	if f.Curvature != 0 {
		options = append(options, hooks.WithCurvature(f.Curvature))
	}
	if f.Output != "" {
		options = append(options, hooks.WithRunLog(f.Output, runlog.Overwrite()))
		fmt.Fprintf(out, "run log: %s\n", f.Output)
	}
	if f.Metrics == "" {
		return options, func() error { return nil }, nil
	}
	registry := prometheus.NewRegistry()
	server, err := prom.Serve(f.Metrics, registry)
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprintf(out, "metrics: %s\n", server.URL())
	return append(options, hooks.WithMetrics(registry)), func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		return server.Close(ctx)
	}, nil
}
