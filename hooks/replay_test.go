package hooks_test

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch/nn"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/monitor"
)

// A live run and the replay of its log give the same events.
func TestReplayGivesTheSameEvents(t *testing.T) {
	troubles := map[string]func(step int) (factor float64){
		"healthy": func(int) float64 { return 1 },
		"cliffs and a non-finite loss": func(step int) float64 {
			switch {
			case step == 90 || step == 200:
				return 1e5
			case step == 150:
				return math.NaN()
			case step >= 250 && step < 255:
				return math.Inf(1)
			}
			return 1
		},
		"ends in NaN": func(step int) float64 {
			if step > 100 {
				return math.NaN()
			}
			return 1
		},
		"grows and grows": func(step int) float64 { return math.Pow(1.05, float64(step)) },
	}
	for name, factor := range troubles {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run.gtg.jsonl")
			vs, loss := regression(t)
			opt := build(t, nn.DefaultAdamConfig(), vs, 1e-4)
			w := &witness{}
			g := attach(t, opt, hooks.WithSink("witness", w), hooks.WithRunLog(path), hooks.WithName("replayed"))
			for step := 1; step <= 300; step++ {
				require.NoError(t, opt.BackwardStep(times(loss(), factor(step))))
			}
			verdict := g.Verdict()
			require.NoError(t, g.Close())

			f, err := os.Open(path)
			require.NoError(t, err)
			defer func() { _ = f.Close() }()
			var judge *monitor.Monitor
			var recorded, replayed []monitor.Event
			for r := runlog.NewReader(f); ; {
				line, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
				switch {
				case line.Run != nil:
					judge = monitor.New(line.Run)
				case line.Step != nil:
					replayed = append(replayed, judge.Observe(line.Step)...)
				case line.Event != nil:
					recorded = append(recorded, *line.Event)
				}
			}
			require.Equal(t, w.events, recorded)
			require.Equal(t, w.events, replayed)
			require.Equal(t, verdict, judge.Verdict())
			require.Equal(t, name == "healthy", len(replayed) == 0)
		})
	}
}
