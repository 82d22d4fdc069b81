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

	"github.com/seed-140d0f39/gtg/internal/detect/programs"
)

const (
	// attempts is how often a training is tried.
	attempts = 2
	// childTime is how long one may take; seconds are usual.
	childTime = 3 * time.Minute
)

// A farm does trainings in child processes, so that a crash costs one training.
type farm struct {
	store    store
	workers  int
	time     time.Duration // for one training
	command  func(ctx context.Context, j job, log string) *exec.Cmd
	progress *progress
}

func newFarm(s store, workers int) (*farm, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program to start it again: %w", err)
	}
	return &farm{store: s, workers: workers, time: childTime, command: func(ctx context.Context, j job, log string) *exec.Cmd {
		c := exec.CommandContext(ctx, self, childCommand, j.program.Name, j.name.Name, strconv.FormatInt(j.seed, 10), log)
		// More threads would change the order of sums, and take the other trainings' time.
		c.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
		return c
	}}, nil
}

// run does the jobs that the store does not have yet, and returns what failed.
func (f *farm) run(ctx context.Context, jobs []job) error {
	var left []job
	for _, j := range jobs {
		if _, ok := f.store.outcome(j); !ok {
			left = append(left, j)
		}
	}
	f.progress = newProgress(os.Stderr, len(left))
	defer f.progress.close()
	var (
		mu      sync.Mutex
		errs    []error
		workers sync.WaitGroup
		queue   = make(chan job)
	)
	for range f.workers {
		workers.Go(func() {
			for j := range queue {
				err := f.train(ctx, j)
				mu.Lock()
				if err != nil && ctx.Err() == nil {
					errs = append(errs, err)
				}
				f.progress.step(j.String())
				mu.Unlock()
			}
		})
	}
	for _, j := range left {
		if ctx.Err() != nil {
			break
		}
		queue <- j
	}
	close(queue)
	workers.Wait()
	return errors.Join(append(errs, context.Cause(ctx))...)
}

// train does one job, and again when that fails.
func (f *farm) train(ctx context.Context, j job) error {
	var errs []error
	for range attempts {
		err := f.try(ctx, j)
		if err == nil {
			return nil
		}
		if errs = append(errs, fmt.Errorf("%v: %w", j, err)); ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// try does a job in a child process. The log gets its name when it is whole.
func (f *farm) try(ctx context.Context, j job) error {
	log, err := f.store.begin(j)
	if err != nil {
		return err
	}
	defer os.Remove(log)
	ctx, cancel := context.WithTimeoutCause(ctx, f.time, fmt.Errorf("it was not done after %v", f.time))
	defer cancel()
	child := f.command(ctx, j, log)
	child.WaitDelay = time.Second
	out, err := child.Output()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%w: %.500s", err, exit.Stderr)
	}
	if err != nil {
		return err
	}
	var o programs.Outcome
	if err := json.Unmarshal(out, &o); err != nil {
		return fmt.Errorf("reading its outcome %.100q: %w", out, err)
	}
	return f.store.finish(j, log, &o)
}
