//go:build gtg_bench

package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/torch"
)

// sketchCosts prints what the sketch adds to measuring: the shortest times, which what
// else the machine does has lengthened least.
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
			for start := time.Now(); len(c.with) < 5 || time.Since(start) < budget; {
				if err := c.round(); err != nil {
					return err
				}
			}
			with, without, read := slices.Min(c.with), slices.Min(c.without), slices.Min(c.read)
			fmt.Printf("| %s (%.1f M) | %d | %s | %s | %s | %.2f | %.2f |\n", m.name, float64(m.numel())/1e6, threads,
				milliseconds(without), milliseconds(with), milliseconds(read), with/without, with/read)
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
	grads               *torch.Grads
	rivals              *torch.Rivals
	stats               []torch.Stat
	sketch              torch.Sketch
	without, with, read []float64
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
	return err
}
