package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/seed-140d0f39/gtg/examples/internal/console"
)

// attempts is how often a training that fails is tried.
const attempts = 3

// A farm does trainings in child processes of this program, so that a crash
// costs one training and not the table.
type farm struct {
	*config

	mu       sync.Mutex // the fields below
	progress *console.Progress
	failures int
}

// run trains all cells, several at a time, and returns their outcomes in the
// cells' order, or the first error that trying again does not mend.
func (f *farm) run(ctx context.Context, cells []cell) ([]outcome, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program to start it again: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	outcomes := make([]outcome, len(cells))
	queue := make(chan int)
	var workers sync.WaitGroup
	for range f.workers {
		workers.Go(func() {
			for i := range queue {
				o, err := f.train(ctx, self, cells[i])
				if err != nil {
					cancel(err)
					continue
				}
				outcomes[i] = o
				f.done(cells[i], o)
			}
		})
	}
	for i := range cells {
		if ctx.Err() != nil {
			break
		}
		queue <- i
	}
	close(queue)
	workers.Wait()
	return outcomes, context.Cause(ctx)
}

// train trains a cell, and again when that fails.
func (f *farm) train(ctx context.Context, self string, c cell) (outcome, error) {
	var err error
	for attempt := range attempts {
		var o outcome
		if o, err = f.child(ctx, self, c); err == nil {
			return o, nil
		}
		if ctx.Err() != nil {
			return o, context.Cause(ctx)
		}
		f.failed(c, attempt+1, err)
	}
	return outcome{}, fmt.Errorf("%v failed %d times, the last time with: %w", c, attempts, err)
}

// child starts this program anew to train a cell.
func (f *farm) child(ctx context.Context, self string, c cell) (o outcome, err error) {
	child := exec.CommandContext(ctx, self, "-json", "-output=", "-metrics=",
		"-lr", fmt.Sprint(c.lr), "-clip", c.policy, "-seed", strconv.FormatInt(c.seed, 10),
		"-length", strconv.Itoa(f.length), "-updates", strconv.Itoa(f.updates))
	// OpenBLAS's idle threads would take the other trainings' time.
	child.Env = append(os.Environ(), "OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1")
	child.WaitDelay = time.Second
	out, err := child.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return o, fmt.Errorf("%w: %.500s", err, exit.Stderr)
	}
	if err != nil {
		return o, err
	}
	if err := json.Unmarshal(out, &o); err != nil {
		return o, fmt.Errorf("reading its outcome %.100q: %w", out, err)
	}
	return o, nil
}

func (f *farm) done(c cell, o outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.progress.Step(func() string { return fmt.Sprintf("%v: %v", c, o) })
}

func (f *farm) failed(c cell, attempt int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures++
	f.progress.Println(fmt.Sprintf("%v failed, attempt %d of %d: %v", c, attempt, attempts, err))
}
