package hooks_test

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/overhead"
)

// BenchmarkOverhead is a model of 1000 parameter tensors, with the default
// options and with everything switched on.
func BenchmarkOverhead(b *testing.B) {
	const layers, width = 500, 32
	vs := store()
	var all []*nn.Linear
	for range layers {
		all = append(all, nn.NewLinear(vs.Root(), width, width, nn.DefaultLinearConfig()))
	}
	x := ts.MustRandn([]int64{64, width}, gotch.Float, gotch.CPU)
	opt, err := nn.DefaultAdamConfig().Build(vs, 1e-4)
	require.NoError(b, err)
	loop := overhead.Loop{Optimizer: opt, Steps: 6, Step: func() error {
		h := x.MustShallowClone()
		for _, l := range all { // residual, so that gradients reach the first layers
			change := l.Forward(h).MustTanh(true).MustMulScalar(ts.FloatScalar(0.1), true)
			next := h.MustAdd(change, true)
			change.MustDrop()
			h = next
		}
		loss := h.MustMul(h, false).MustMean(gotch.Float, true)
		h.MustDrop()
		defer loss.MustDrop()
		return opt.BackwardStep(loss)
	}}
	b.Run("1000 parameters/default", func(b *testing.B) { overhead.Measure(b, loop, quiet()) })
	b.Run("1000 parameters/updates at every step", func(b *testing.B) { overhead.Measure(b, loop, quiet(), hooks.WithUpdateRatios(1)) })
	b.Run("1000 parameters/everything", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "run.gtg.jsonl")
		log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zap.InfoLevel))
		overhead.Measure(b, loop, hooks.WithLogger(log), hooks.WithMetrics(prometheus.NewRegistry()),
			hooks.WithRunLog(path, runlog.Overwrite()))
	})
}

// BenchmarkUpdates is what measuring the updates, and keeping snapshots, costs a model whose parameters do
// not fit into a cache: 16 million in four tensors, with Adam and a small batch.
func BenchmarkUpdates(b *testing.B) {
	const width = 2048
	vs := store()
	var all []*nn.Linear
	for range 4 {
		all = append(all, nn.NewLinear(vs.Root(), width, width, nn.DefaultLinearConfig()))
	}
	x := ts.MustRandn([]int64{16, width}, gotch.Float, gotch.CPU)
	opt, err := nn.DefaultAdamConfig().Build(vs, 1e-5)
	require.NoError(b, err)
	loop := overhead.Loop{Optimizer: opt, Steps: 4, Step: func() error {
		h := x.MustShallowClone()
		for _, l := range all {
			next := l.Forward(h).MustTanh(true)
			h.MustDrop()
			h = next
		}
		loss := h.MustMul(h, false).MustMean(gotch.Float, true)
		h.MustDrop()
		defer loss.MustDrop()
		return opt.BackwardStep(loss)
	}}
	b.Run("off", func(b *testing.B) { overhead.Measure(b, loop, quiet(), hooks.WithUpdateRatios(0)) })
	b.Run("a snapshot at every step", func(b *testing.B) {
		overhead.Measure(b, loop, quiet(), hooks.WithUpdateRatios(0), hooks.WithRollback(1))
	})
	b.Run("every step", func(b *testing.B) { overhead.Measure(b, loop, quiet(), hooks.WithUpdateRatios(1)) })
}
