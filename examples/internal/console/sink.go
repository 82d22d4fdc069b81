package console

import (
	"context"
	"fmt"
	"sync"

	"github.com/seed-140d0f39/gtg/monitor"
)

// Reading is what a Sink remembers of the last step.
type Reading struct {
	Step     int64
	Loss     float64
	GradNorm float64
	Action   monitor.Action
	Factor   float64 // what the gradients were multiplied by
	Clipped  int64   // steps so far whose gradients were scaled or bounded
	Skipped  int64   // steps so far that the optimizer did not take
}

// String is the reading in the width of a progress bar.
func (r Reading) String() string {
	did := string(r.Action)
	if r.Factor < 1 {
		did = fmt.Sprintf("clip ×%.2f", r.Factor)
	}
	return fmt.Sprintf("gradient norm %-7.3g %s (%d clipped, %d skipped)", r.GradNorm, did, r.Clipped, r.Skipped)
}

// A Sink remembers the last step and the events that have not been taken yet,
// for a loop that shows them. It may be asked from any goroutine.
type Sink struct {
	mu     sync.Mutex
	last   Reading
	events []string
}

// Last returns the last step's reading; its Step is 0 before the first one.
func (s *Sink) Last() Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Events returns the events since the last call, one line each.
func (s *Sink) Events() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.events
	s.events = nil
	return events
}

// Start implements [monitor.Sink].
func (*Sink) Start(*monitor.Run) error { return nil }

// Step implements [monitor.Sink].
func (s *Sink) Step(step *monitor.Step) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.last
	r.Step, r.Action = step.Step, step.Action
	r.Loss, _ = step.Loss.Get()
	r.GradNorm, _ = step.GradNorm.Get()
	if r.Factor = step.Clip.Factor.Or(1); r.Factor < 1 {
		r.Clipped++
	}
	if r.Action == monitor.ActionSkip || r.Action == monitor.ActionStop {
		r.Skipped++
	}
	return nil
}

// Event implements [monitor.Sink].
func (s *Sink) Event(e *monitor.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, fmt.Sprintf("step %d: %s %s: %s", e.Step, e.Kind, e.State, e.Summary))
	return nil
}

// Close implements [monitor.Sink].
func (*Sink) Close(context.Context, *monitor.End) error { return nil }
