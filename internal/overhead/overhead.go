// Package overhead measures what gtg adds to a training step, for benchmarks:
// the same loop with and without gtg in turn, within one process.
package overhead

import (
	"context"
	"runtime"
	"sort"
	"testing"
	"time"

	"github.com/sugarme/gotch/nn"

	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/monitor"
)

// Rounds is how many times the loop runs with gtg and without.
const Rounds = 12

// A Loop is a training program that is ready to step.
type Loop struct {
	Optimizer *nn.Optimizer
	// Step is one whole step: forward, backward, optimizer.
	Step func() error
	// Steps is how many make one measurement; choose them to take about half a second.
	Steps int
}

// Measure steps the loop with gtg (with the options) and without, in turn, and
// reports these medians: the time of a plain step in ms/step, gtg's own count
// of its time in gtg-µs/step, the second as a share of the first in share-%,
// and in paired-% how much longer the loop really took with gtg, round by
// round, which holds the machine's noise as well.
func Measure(b *testing.B, loop Loop, options ...hooks.Option) {
	b.Helper()
	run := func() time.Duration {
		runtime.GC()
		start := time.Now()
		for range loop.Steps {
			if err := loop.Step(); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(start)
	}
	run() // warm
	var plain, own, paired []float64
	for b.Loop() {
		for range Rounds {
			without := run()
			costs := &costs{}
			guard, err := hooks.Attach(loop.Optimizer, append(options[:len(options):len(options)], hooks.WithSink("costs", costs))...)
			if err != nil {
				b.Fatal(err)
			}
			with := run()
			if err := guard.Close(); err != nil {
				b.Fatal(err)
			}
			plain = append(plain, without.Seconds()/float64(loop.Steps))
			own = append(own, median(costs.seconds))
			paired = append(paired, with.Seconds()/without.Seconds()-1)
		}
	}
	b.ReportMetric(0, "ns/op") // an iteration is many steps: of no interest
	b.ReportMetric(median(plain)*1e3, "ms/step")
	b.ReportMetric(median(own)*1e6, "gtg-µs/step")
	b.ReportMetric(100*median(own)/median(plain), "share-%")
	b.ReportMetric(100*median(paired), "paired-%")
}

// costs is a sink that keeps what gtg says of its own cost.
type costs struct{ seconds []float64 }

func (*costs) Start(*monitor.Run) error { return nil }

func (c *costs) Step(s *monitor.Step) error {
	c.seconds = append(c.seconds, s.GTGSeconds.Or(0))
	return nil
}

func (*costs) Event(*monitor.Event) error                { return nil }
func (*costs) Close(context.Context, *monitor.End) error { return nil }

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = append([]float64(nil), x...)
	sort.Float64s(x)
	return x[len(x)/2]
}
