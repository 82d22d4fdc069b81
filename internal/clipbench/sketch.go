//go:build gtg_bench

package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/torch"
)

// sketchCosts prints what the sketch adds to measuring: medians of the times, and of the
// ratios of two measurements in a row, so that what else the machine does hits both.
func sketchCosts(budget time.Duration) error {
	fmt.Println("| gradients | threads | measured | with the sketch | plain read | with : without | with : read |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, m := range models {
		tensors, err := m.parameters()
		if err != nil {
			return err
		}
		for _, threads := range []int{1, 2} {
			if err := torch.SetThreads(threads); err != nil {
				return err
			}
			c, err := newSketchContest(tensors)
			if err != nil {
				return err
			}
			for start := time.Now(); len(c.ratios) < 5 || time.Since(start) < budget; {
				if err := c.round(); err != nil {
					return err
				}
			}
			fmt.Printf("| %s (%.1f M) | %d | %s | %s | %s | %.2f | %.2f |\n", m.name, float64(m.numel())/1e6, threads,
				milliseconds(median(c.without)), milliseconds(median(c.with)), milliseconds(median(c.read)), median(c.ratios), median(c.ofRead))
			c.rivals.Close()
		}
		for _, t := range tensors {
			t.MustDrop()
		}
		runtime.GC()
	}
	return nil
}

// A sketchContest is the same gradients measured with and without a sketch, in turn.
type sketchContest struct {
	grads                               *torch.Grads
	rivals                              *torch.Rivals
	stats                               []torch.Stat
	sketch                              torch.Sketch
	without, with, read, ratios, ofRead []float64
}

func newSketchContest(tensors []*ts.Tensor) (*sketchContest, error) {
	grads, err := torch.NewGrads(tensors)
	if err != nil {
		return nil, err
	}
	rivals, err := torch.NewRivals(tensors)
	return &sketchContest{grads: grads, rivals: rivals}, err
}

func (c *sketchContest) round() (err error) {
	timed := func(f func() error) float64 {
		start := time.Now()
		if e := f(); e != nil {
			err = e
		}
		return time.Since(start).Seconds()
	}
	read := timed(c.rivals.Read)
	without := timed(func() (err error) { c.stats, err = c.grads.Measure(c.stats); return err })
	with := timed(func() (err error) { c.stats, err = c.grads.Sketch(c.stats, &c.sketch); return err })
	c.read, c.without, c.with = append(c.read, read), append(c.without, without), append(c.with, with)
	c.ratios, c.ofRead = append(c.ratios, with/without), append(c.ofRead, with/read)
	return err
}
