package hooks

import (
	"encoding/json"
	"fmt"
)

// guardState is what [Guard.State] returns, as JSON.
type guardState struct {
	Version int   `json:"version"`
	Step    int64 `json:"step"`
	Skipped int   `json:"skipped,omitempty"`
	// Rollbacks so far.
	Rollbacks int             `json:"rollbacks,omitempty"`
	Params    []string        `json:"params"`
	Policy    string          `json:"policy"`
	Clip      json.RawMessage `json:"clip,omitempty"`
	Monitor   json.RawMessage `json:"monitor,omitempty"`
}

const stateVersion = 1

// State returns all that the guard remembers of the run, as JSON, to be saved
// beside a checkpoint. A later process that attaches [WithState] neither warms
// up again nor repeats an alert, and counts its steps on. The last gradients'
// sketches are not kept: the first two steps after a resume lack what relates
// gradients, [monitor.Step.Successive].
func (g *Guard) State() ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.flush()
	s := guardState{Version: stateVersion, Step: g.step.Step, Skipped: g.skipped, Policy: g.options.policy.Name()}
	if g.rollback != nil {
		s.Rollbacks = g.rollback.count
	}
	for _, p := range g.run.Params {
		s.Params = append(s.Params, p.Name)
	}
	var err error
	if s.Clip, err = g.options.policy.State(); err != nil {
		return nil, fmt.Errorf("gtg: state of the clipping policy: %w", err)
	}
	if g.monitor != nil {
		if s.Monitor, err = g.monitor.State(); err != nil {
			return nil, fmt.Errorf("gtg: state of the detectors: %w", err)
		}
	} else if saved := g.savedState(); saved.Version != 0 {
		return g.options.state, nil // restored, and no step since
	}
	return json.Marshal(s)
}

// checkState refuses a state that cannot be restored, before anything changes.
func (g *Guard) checkState(data []byte) error {
	var s guardState
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("WithState: this is not a guard's state: %w", err)
	}
	if s.Version != stateVersion {
		return fmt.Errorf("WithState: version %d of the state is not known, this gtg reads version %d", s.Version, stateVersion)
	}
	if s.Step < 0 || s.Skipped < 0 || s.Rollbacks < 0 {
		return fmt.Errorf("WithState: the state says step %d after %d skips and %d rollbacks, none can be below 0", s.Step, s.Skipped, s.Rollbacks)
	}
	if name := g.options.policy.Name(); s.Policy != name {
		g.complain("the clipping policy starts anew", fmt.Errorf("the state is of policy %q, this run's is %q", s.Policy, name))
	} else {
		if err := g.options.policy.Restore(s.Clip); err != nil {
			return fmt.Errorf("WithState: state of the clipping policy %s: %w", name, err)
		}
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

// restore gives the monitor its memory back. A state of other parameters or
// detectors is said and left: the run goes on with detectors that start anew.
func (g *Guard) restore(s guardState) {
	if s.Monitor == nil {
		return
	}
	if err := g.monitor.Restore(s.Monitor); err != nil {
		g.complain("the detectors start anew", err)
	}
}
