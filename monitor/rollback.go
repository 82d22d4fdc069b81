package monitor

import (
	"fmt"
	"slices"
)

// Rollback says that a run's parameters, and all that the optimizer remembers of
// them, were put back to what they had been.
type Rollback struct {
	// Cause is what it was done for.
	Cause Kind
	// To is the step after which the parameters were as they are again.
	To int64
	// Count is how many there have been with this one, Limit how many there may be.
	// One above the limit is the last: the optimizer is not called any more.
	Count, Limit int
	// State is that of the monitor after the step To.
	State []byte
}

// RollBack follows the parameters after the last Observe, which was of s: what the
// run's level, noise and baselines were comes back from the state, so that the
// detectors judge the parameters that are there now and do not fire again for what
// led here. What was counted stays counted: records, incidents, steps that were
// clipped, skipped or not finite. A condition that was firing and was not at the step
// To ends with an event; one that had ended since is not reported anew.
//
// It sets the action of s and returns all events of the step, those of Observe first; they belong to the
// monitor as those do. After an error the detectors go on from what they saw.
func (m *Monitor) RollBack(s *Step, r Rollback) ([]Event, error) {
	m.course.now.act(s.Action, -1) // it was observed before this was decided
	if s.Action = ActionRollback; r.Count > r.Limit {
		s.Action = ActionStop
	}
	m.course.now.act(s.Action, 1)
	m.events = append(m.events, m.rolledBack(s, r))
	lives := append([]life(nil), m.life...)
	ends := make([]Event, len(m.detectors))
	for i, d := range m.detectors {
		if lives[i].Phase == firing {
			e := Event{Step: s.Step, Kind: d.Kind(), State: Resolved, Since: lives[i].Since}
			d.Explain(&e)
			e.Summary = fmt.Sprintf("The rollback to step %d ended what had begun at step %d.", r.To, e.Since)
			e.Values = map[string]float64{"to_step": float64(r.To)}
			ends[i] = e
		}
	}
	counts, closer := m.course.now, m.closer
	err := m.Restore(r.State)
	m.action, m.closer = s.Action, closer
	if err != nil {
		return m.events, err
	}
	m.course.now.keepCounts(&counts)
	for i := range m.life {
		was, now := lives[i], &m.life[i]
		phase := now.Phase
		if *now = was; was.Phase == firing && phase != firing {
			m.events = append(m.events, ends[i])
		}
		if now.Phase = phase; was.Phase != firing && phase == firing {
			now.Phase = muted // its end was reported
		}
	}
	return m.events, nil
}

// keepCounts has what was counted go on, in a course that was put back.
func (now *courseState) keepCounts(was *courseState) {
	now.Undone = was.Undone + was.Records - now.Records
	now.FirstStep, now.LastStep = was.FirstStep, was.LastStep
	now.NonFinite, now.Clipped, now.Skipped, now.Rollbacks = was.NonFinite, was.Clipped, was.Skipped, was.Rollbacks
	now.ClipDecisions, now.Curvatures = was.ClipDecisions, was.Curvatures
	// The learning rate is the program's.
	now.Schedule = was.Schedule
	now.Curvature.Seconds, now.Curvature.Elapsed, now.Curvature.T = was.Curvature.Seconds, was.Curvature.Elapsed, was.Curvature.T
}

// rolledBack is the event that says so, beside that of the cause.
func (m *Monitor) rolledBack(s *Step, r Rollback) Event {
	e := Event{Step: s.Step, Kind: r.Cause, State: Instant}
	severity, section := Warning, "8.2.4"
	for i := range m.events {
		if cause := &m.events[i]; cause.Kind == r.Cause && cause.State == Firing {
			section, e.Param = cause.Section, cause.Param
		}
	}
	advice := "Lower the learning rate, or leave out the data that led here, if it comes again."
	e.Summary = fmt.Sprintf("Parameters and optimizer were put back to what they were after step %d: rollback %d of at most %d.", r.To, r.Count, r.Limit)
	if r.Count > r.Limit {
		severity, advice = Critical, "Stop, lower the learning rate and go on from here."
		e.Summary = fmt.Sprintf("Going back does not help, after %d rollbacks: parameters and optimizer are those after step %d, and the optimizer is not called any more.",
			r.Limit, r.To)
	}
	e.describe(severity, section, advice)
	e.Values = map[string]float64{"to_step": float64(r.To), "rollbacks": float64(min(r.Count, r.Limit)), "limit": float64(r.Limit)}
	return e
}

// Firing says whether one of the kinds is firing.
func (m *Monitor) Firing(kinds ...Kind) bool {
	for i, l := range m.life {
		if l.Phase == firing && slices.Contains(kinds, m.detectors[i].Kind()) {
			return true
		}
	}
	return false
}
