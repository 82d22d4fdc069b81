package hooks

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// rollback goes back to good parameters when a run derails.
type rollback struct {
	*rollbackOptions
	count     int   // rollbacks so far
	next      int64 // the step of the next snapshot, if nothing speaks against it
	candidate shot  // the newest
	good      shot  // the newest that has proved good
	over      bool  // the limit is passed: the optimizer is not called any more
	// cause is what the step at hand is to be rolled back for, where that is known
	// before it is judged; empty otherwise.
	cause monitor.Kind
	// late is what the step before should have been rolled back for.
	late monitor.Kind
	// guarded are the kinds during which no snapshot is taken.
	guarded []monitor.Kind
}

// shot is all that a run goes back to.
type shot struct {
	there        bool
	tensors      torch.Snapshot
	step         int64 // the last one before it
	clip, judged []byte
}

// Rollbacks is how often the run was rolled back so far, for a loop that then lowers
// its learning rate or leaves out the data that led there. See [WithRollback].
func (g *Guard) Rollbacks() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rollback == nil {
		return 0
	}
	return min(g.rollback.count, g.rollback.limit)
}

func newRollback(o *rollbackOptions, kind string) (*rollback, error) {
	if o == nil {
		return nil, nil
	}
	if err := canRollback(kind); err != nil {
		return nil, err
	}
	guarded := slices.Concat(o.kinds, []monitor.Kind{monitor.NonFinite, monitor.Cliff, monitor.LossSpike})
	return &rollback{rollbackOptions: o, guarded: guarded}, nil
}

func canRollback(kind string) error {
	if !slices.Contains([]string{"sgd", "adam", "adamw", "rmsprop"}, kind) {
		return fmt.Errorf("WithRollback: the state of an optimizer of kind %q is not known: it has to be SGD, Adam, AdamW or RMSprop", kind)
	}
	return nil
}

// keep takes a snapshot where one is due, before anything is done with the step, and
// sees whether the one before has proved good.
func (r *rollback) keep(g *Guard, gradient *clip.Gradient) {
	step := g.step.Step
	r.cause, r.late = r.late, ""
	if r.over {
		return
	}
	if r.candidate.there && step > r.candidate.step+r.every {
		r.good, r.candidate = r.candidate, r.good // whose memory serves the next
		r.candidate.there = false
	}
	_, finite := g.step.Loss.Finite()
	if step < r.next || g.step.Loss.Known() && !finite || gradient.NonFinite > 0 || g.monitor.Firing(r.guarded...) {
		return
	}
	if err := r.candidate.take(g); err != nil {
		g.complain(fmt.Sprintf("the parameters before step %d were not kept for a rollback", step), err)
		r.candidate.free()
	}
	r.next = step + r.every
}

func (s *shot) take(g *Guard) (err error) {
	s.there, s.step = false, g.step.Step-1
	if s.clip, err = g.options.policy.State(); err != nil {
		return fmt.Errorf("state of the clipping policy: %w", err)
	}
	if s.judged, err = g.monitor.State(); err != nil {
		return fmt.Errorf("state of the detectors: %w", err)
	}
	if err = g.optimizer.Snapshot(&s.tensors); err == nil {
		s.there = true
	}
	return err
}

func (s *shot) free() {
	s.tensors.Free()
	*s = shot{}
}

// due says whether the step at hand is to be rolled back, before it is judged.
func (r *rollback) due() bool { return r != nil && r.cause != "" }

// mends says whether the step is rolled back because skipping does not help.
func (r *rollback) mends() bool {
	if r == nil || r.over || !r.good.there || !slices.Contains(r.kinds, monitor.NonFinite) {
		return false
	}
	r.cause = monitor.NonFinite
	return true
}

// judge rolls back when one of the events of the step asks for it, and returns all
// events of the step. While the optimizer is running it waits for the next step.
func (r *rollback) judge(g *Guard, events []monitor.Event, running bool) []monitor.Event {
	for i := range events {
		e := &events[i]
		if e.State != monitor.Firing || !slices.Contains(r.kinds, e.Kind) {
			continue
		}
		r.candidate.there = false // it has not proved good
		if e.Kind != monitor.NonFinite && r.cause == "" && !r.over {
			r.cause = e.Kind
		}
	}
	switch {
	case r.cause == "":
		return events
	case running:
		r.late = r.cause
		return events
	case !r.good.there:
		g.complain(fmt.Sprintf("no rollback at step %d", g.step.Step),
			errors.New("no snapshot has proved good yet: the run derailed too early"))
		return events
	}
	return r.back(g, events)
}

// back goes back to the good snapshot.
func (r *rollback) back(g *Guard, events []monitor.Event) []monitor.Event {
	s := &g.step
	if err := g.optimizer.Restore(&r.good.tensors); err != nil {
		g.complain(fmt.Sprintf("the rollback at step %d failed", s.Step), err)
		r.good.there = false // so that what helps without one is done
		return events
	}
	r.count++
	r.over = r.count > r.limit
	r.candidate.there = false
	r.next = s.Step + r.every
	g.skipped = 0
	s.ParamNorms, s.UpdateNorms, s.ParamElasticities = nil, nil, nil // of an update that was undone
	g.successive.forget()
	if err := g.options.policy.Restore(r.good.clip); err != nil {
		g.complain("the clipping policy goes on with what it saw before the rollback", err)
	}
	if g.curvature != nil {
		g.curvature.moved()
	}
	events, err := g.monitor.RollBack(s, monitor.Rollback{Cause: r.cause, To: r.good.step, Count: r.count, Limit: r.limit, State: r.good.judged})
	if err != nil {
		g.complain("the detectors go on with what they saw before the rollback", err)
	}
	if r.over {
		g.stopped = true
		g.advise(&RollbackError{Step: s.Step, To: r.good.step, Rollbacks: r.limit, Cause: r.cause})
		r.free()
	}
	return events
}

// free gives all snapshots back: the run is over, or has other parameters now.
func (r *rollback) free() {
	if r == nil {
		return
	}
	r.candidate.free()
	r.good.free()
	r.next = 0
}

// moved says that the parameters were moved by something else than a step.
func (c *curvature) moved() {
	c.predicted, c.lastLoss = false, monitor.Number{}
	c.secant.rate = 0
}
