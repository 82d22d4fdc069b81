//go:build gtg_bench

// Command clipbench compares what gtg's measuring and clipping costs with what
// does the same elsewhere, and with a plain read of the same memory, which nothing
// that looks at every gradient can be faster than. It prints a Markdown table.
//
//	go run -tags gtg_bench ./internal/clipbench
//	go run -tags gtg_bench ./internal/clipbench -sketch   # what the sketch adds
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/torch"
)

func main() {
	budget := flag.Duration("time", 4*time.Second, "how long each row is measured, at least")
	python := flag.String("python", "/usr/bin/python3", "the Python that has torch")
	sketch := flag.Bool("sketch", false, "measure what the gradients' sketch adds to measuring instead")
	flag.Parse()
	// gotch's tensors are not kept alive during its operations, so nothing is
	// collected but between measurements.
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	err := error(nil)
	if *sketch {
		err = sketchCosts(*budget)
	} else {
		err = run(*budget, *python)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(budget time.Duration, python string) error {
	child := startPython(python)
	defer child.close()
	t := newTable(os.Stdout, child.missing)
	for _, model := range models {
		m, err := newContest(model, child)
		if err != nil {
			return err
		}
		for _, threads := range []int{1, 2} {
			if err := torch.SetThreads(threads); err != nil {
				return err
			}
			for _, clips := range []bool{false, true} {
				times, err := m.measure(threads, clips, budget)
				if err != nil {
					return fmt.Errorf("%s: %w", model.name, err)
				}
				t.row(model, threads, clips, times)
			}
		}
		m.close()
	}
	return nil
}

// times are the median times of one row, in seconds, NaN where there is none.
type times [contestants]float64

// A contest is the gradients of one model, and all who measure and clip them.
type contest struct {
	model   model
	tensors []*ts.Tensor
	ours    *ours
	rivals  *torch.Rivals
	python  *pythonChild
}

const (
	gtg = iota
	libtorch
	gotchLoop
	pytorch
	plainRead
	contestants
)

func newContest(m model, python *pythonChild) (*contest, error) {
	c := &contest{model: m, python: python}
	var err error
	if c.tensors, err = m.parameters(); err != nil {
		return nil, err
	}
	if c.ours, err = newOurs(c.tensors); err != nil {
		return nil, err
	}
	if c.rivals, err = torch.NewRivals(c.tensors); err != nil {
		return nil, err
	}
	return c, python.build(m)
}

func (c *contest) close() {
	c.rivals.Close()
	for _, t := range c.tensors {
		t.MustDrop()
	}
	runtime.GC()
}

// measure lets all do the same in turn until the budget is used up, so that what
// else the machine does hits all of them, and at least five times.
func (c *contest) measure(threads int, clips bool, budget time.Duration) (times, error) {
	var samples [contestants][]float64
	for round, start := 0, time.Now(); round < 5 || time.Since(start) < budget; round++ {
		for who := range contestants {
			// The loop in Go leaves 100 kB of garbage for each tensor, and sits out most
			// rounds.
			if who == gotchLoop && round%8 != 0 || who == pytorch && c.python.missing != "" {
				continue
			}
			seconds, err := c.time(who, threads, clips)
			if err != nil {
				return times{}, err
			}
			samples[who] = append(samples[who], seconds)
			if who == gotchLoop {
				runtime.GC()
			}
		}
	}
	var out times
	for who := range samples {
		out[who] = median(samples[who])
	}
	return out, nil
}

// time is one measurement of one contestant. Before it and outside of what is
// timed, the gradients get their norm back that clipping took, and all contestants
// find the caches in the same state.
func (c *contest) time(who, threads int, clips bool) (float64, error) {
	if who == pytorch {
		return c.python.time(threads, clips)
	}
	norm, err := c.ours.restore()
	if err != nil {
		return 0, err
	}
	limit := norm * 2
	if clips {
		limit = norm / 2
	}
	start := time.Now()
	switch who {
	case gtg:
		err = c.ours.clip(limit)
	case libtorch:
		_, err = c.rivals.ClipGradNorm(limit)
	case gotchLoop:
		err = gotchClip(c.tensors, limit)
	case plainRead:
		err = c.rivals.Read()
	}
	return time.Since(start).Seconds(), err
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return nan
	}
	slices.Sort(x)
	return x[len(x)/2]
}
