package hooks

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seed-140d0f39/gtg/internal/delivery"
)

// stateDeadline is how long [Guard.State] waits for the sinks.
const stateDeadline = 2 * time.Second

// guardState is what [Guard.State] returns, as JSON.
type guardState struct {
	Version int   `json:"version"`
	Step    int64 `json:"step"`
	Skipped int   `json:"skipped,omitempty"`
	// Rollbacks so far.
	Rollbacks int             `json:"rollbacks,omitempty"`
	Params    model           `json:"params"`
	Policy    string          `json:"policy"`
	Clip      json.RawMessage `json:"clip,omitempty"`
	Monitor   json.RawMessage `json:"monitor,omitempty"`
	Sinks     []sinkState     `json:"sinks,omitempty"`
}

const stateVersion = 1

// State returns all that the guard remembers of the run, as JSON, to be saved
// beside a checkpoint. A later process that attaches [WithState] neither warms
// up again nor repeats an alert, and counts its steps on. The last gradients'
// sketches are not kept: the first two steps after a resume lack what relates
// gradients, [monitor.Step.Successive].
//
// It includes the memory of the sinks that have one ([monitor.Stateful], such as those
// that alert), under their names, and waits until they have been handed all that
// comes before: a moment, and two seconds at most. A sink that is not there by then
// is saved as it last was, with the events that it may not have handled, the last 256 of
// them, and after a resume it may be handed some a second time. That is what comes of
// calling State from within such a sink.
func (g *Guard) State() ([]byte, error) {
	s, sinks, err := g.snapshot()
	switch {
	case err != nil:
		return nil, err
	case sinks == nil:
		return g.options.state, nil
	}
	// Not under the lock: a sink that asks the guard is waited for.
	ctx, cancel := context.WithTimeout(context.Background(), stateDeadline)
	defer cancel()
	if s.Sinks, err = saveSinks(sinks(ctx)); err != nil {
		return nil, fmt.Errorf("gtg: state of the sinks: %w", err)
	}
	return json.Marshal(s)
}

// snapshot is the state but for the sinks', which it marks. There are none to ask
// when the state is the one that was restored.
func (g *Guard) snapshot() (s guardState, sinks func(context.Context) []delivery.Memory, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.flush()
	s = guardState{Version: stateVersion, Step: g.step.Step, Skipped: g.skipped, Policy: g.options.policy.Name(), Params: modelOf(g.run.Params)}
	if g.rollback != nil {
		s.Rollbacks = g.rollback.count
	}
	if s.Clip, err = g.options.policy.State(); err != nil {
		return s, nil, fmt.Errorf("gtg: state of the clipping policy: %w", err)
	}
	if g.monitor != nil {
		if s.Monitor, err = g.monitor.State(); err != nil {
			return s, nil, fmt.Errorf("gtg: state of the detectors: %w", err)
		}
	} else if g.options.state != nil {
		return s, nil, nil // restored, and no step since
	}
	return s, g.hub.Mark(), nil
}

// resume goes on from the state of the options, or says why it cannot. The caller
// may have asked for a fresh start then.
func (g *Guard) resume() error {
	o := g.options
	if o.state == nil {
		return nil
	}
	err := g.checkState(o.state)
	switch {
	case err == nil:
		return nil
	case o.freshStart:
		o.state = nil
		g.complain("the run starts anew", err)
		return nil
	}
	return fmt.Errorf("%w; to start anew where a state does not fit, add hooks.WithFreshStart()", err)
}

// checkState refuses a state that cannot be restored, before anything changes.
func (g *Guard) checkState(data []byte) error {
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("WithState: this is not a guard's state: %w", err)
	}
	if v.Version != stateVersion {
		return fmt.Errorf("WithState: version %d of the state is not known, this gtg reads version %d", v.Version, stateVersion)
	}
	var s guardState
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("WithState: this is not a guard's state: %w", err)
	}
	if s.Step < 0 || s.Skipped < 0 || s.Rollbacks < 0 {
		return fmt.Errorf("WithState: the state says step %d after %d skips and %d rollbacks, none can be below 0", s.Step, s.Skipped, s.Rollbacks)
	}
	all, err := g.optimizer.Params()
	if err != nil {
		return err
	}
	if err := s.Params.mustBe(modelOf(list(all))); err != nil {
		return fmt.Errorf("WithState: %w", err)
	}
	if name := g.options.policy.Name(); s.Policy != name {
		g.complain("the clipping policy starts anew", fmt.Errorf("the state is of policy %q, this run's is %q", s.Policy, name))
	} else if err := g.options.policy.Restore(s.Clip); err != nil {
		return fmt.Errorf("WithState: state of the clipping policy %s: %w", name, err)
	}
	g.step.Step = s.Step
	g.skipped = s.Skipped
	if g.rollback != nil {
		g.rollback.count = min(s.Rollbacks, g.rollback.limit)
	}
	return nil
}

// savedState reads the state that was checked when the guard was attached.
func (g *Guard) savedState() (s guardState) {
	if g.options.state != nil {
		_ = json.Unmarshal(g.options.state, &s)
	}
	return s
}

// restore gives the monitor its memory back. A state of other detectors is said
// and left: the run goes on with detectors that start anew.
func (g *Guard) restore(s guardState) {
	if s.Monitor == nil {
		return
	}
	if err := g.monitor.Restore(s.Monitor); err != nil {
		g.complain("the detectors start anew", err)
	}
}

// restoreSinks gives the sinks that remember their memories back.
func (g *Guard) restoreSinks() {
	memories, err := loadSinks(g.savedState().Sinks)
	if err != nil {
		g.complain("events that were on their way to a sink are lost", err)
	}
	g.hub.Restore(memories)
}
