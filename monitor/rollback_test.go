package monitor

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// derailed is a run that learns, and whose loss climbs away from a step on.
func derailed(from int) (run *Run, steps []Step) {
	p := recipe{name: "derailed", steps: 2000, norm: plainNorm, loss: after(from, plainLoss, func(t int, r *rand.Rand) float64 {
		return plainLoss(from, r) + 0.5*float64(t)
	})}
	return p.run(), p.make(3)
}

// After a rollback the detectors judge what comes as they would have without the
// incident, what was firing has ended, and what was counted stays counted.
func TestRollBack(t *testing.T) {
	run, steps := derailed(800)
	healthy := recipe{name: "derailed", steps: 2000, norm: plainNorm, loss: plainLoss}.make(3)
	m := New(run)
	var saved []byte
	var fired *Event
	at := 0
	for ; fired == nil; at++ {
		require.Less(t, at, len(steps), "it never diverges")
		if at == 700 {
			var err error
			saved, err = m.State()
			require.NoError(t, err)
			require.False(t, m.Firing(Kinds()...))
		}
		for _, e := range m.Observe(&steps[at]) {
			if e.Kind == Diverging && e.State == Firing {
				fired = &e
			}
		}
	}
	require.True(t, m.Firing(Kinds()...))
	s := &steps[at-1]
	events, err := m.RollBack(s, Rollback{Cause: Diverging, To: 700, Count: 1, Limit: 3, State: saved})
	require.NoError(t, err)
	require.Equal(t, ActionRollback, s.Action)
	require.False(t, m.Firing(Kinds()...))
	said, ended := 0, map[Kind]bool{}
	for _, e := range events {
		switch e.State {
		case Instant:
			said++
			require.Equal(t, Diverging, e.Kind)
			require.Equal(t, Warning, e.Severity)
			require.Equal(t, "8.2.4", e.Section)
			require.Equal(t, map[string]float64{"to_step": 700, "rollbacks": 1, "limit": 3}, e.Values)
			require.Contains(t, e.Summary, "after step 700: rollback 1 of at most 3")
		case Resolved:
			ended[e.Kind] = true
			require.Contains(t, e.Summary, "The rollback to step 700 ended what had begun")
		}
	}
	require.Equal(t, 1, said)
	require.True(t, ended[Diverging])

	// From here on as a run that was never derailed.
	never := New(run)
	require.NoError(t, never.Restore(saved))
	for i := 700; i < 2000; i++ {
		require.Equal(t, append([]Event{}, never.Observe(&healthy[i])...), append([]Event{}, m.Observe(&healthy[i])...), i)
	}
	want, err := never.detectorStates()
	require.NoError(t, err)
	got, err := m.detectorStates()
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.EqualValues(t, 1, m.seen(Diverging).Count, "the incident is not forgotten")
	f := m.Verdict()[3]
	require.Contains(t, f.Evidence, "The parameters were put back once.")
	require.Contains(t, f.Evidence, "Divergence was met once")
	require.Contains(t, f.Evidence, count(int64(at+1300), "record"), "all records count")
}

func TestLastRollBackStops(t *testing.T) {
	m := New(nil)
	saved, err := m.State()
	require.NoError(t, err)
	s := &Step{Step: 5, NonFinite: Known(3), Action: ActionSkip}
	require.Len(t, m.Observe(s), 1)
	events, err := m.RollBack(s, Rollback{Cause: NonFinite, To: 2, Count: 3, Limit: 2, State: saved})
	require.NoError(t, err)
	require.Equal(t, ActionStop, s.Action)
	require.Len(t, events, 3)
	require.Equal(t, []State{Firing, Instant, Resolved}, []State{events[0].State, events[1].State, events[2].State})
	require.Equal(t, Critical, events[1].Severity)
	require.Contains(t, events[1].Summary, "Going back does not help, after 2 rollbacks")
	require.EqualValues(t, 1, m.course.now.Skipped)
	// Finite steps that are not applied any more say nothing of skipping.
	require.Empty(t, m.Observe(&Step{Step: 6, Loss: Known(1), NonFinite: Known(0), Action: ActionStop}))
	require.EqualValues(t, 2, m.course.now.Skipped)
}

// A state that does not fit is an error, and the rollback is told all the same.
func TestRollBackToGarbage(t *testing.T) {
	m := New(nil)
	s := &Step{Step: 1, NonFinite: Known(3), Action: ActionSkip}
	m.Observe(s)
	events, err := m.RollBack(s, Rollback{Cause: NonFinite, Count: 1, Limit: 2, State: []byte("{")})
	require.ErrorContains(t, err, "cannot be read")
	require.Len(t, events, 2)
	require.Equal(t, Instant, events[1].State)
	require.True(t, m.Firing(Kinds()...), "what was firing goes on")
}
