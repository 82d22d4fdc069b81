package monitor

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStopIsReportedOnce(t *testing.T) {
	m := New(nil)
	var instants []Event
	observe := func(step int64, action Action) {
		for _, e := range m.Observe(&Step{Step: step, Loss: Known(math.NaN()), Action: action}) {
			if e.State == Instant {
				instants = append(instants, e)
			}
		}
	}
	observe(1, ActionSkip)
	require.Empty(t, instants)
	observe(2, ActionStop)
	require.Len(t, instants, 1)
	require.Equal(t, Critical, instants[0].Severity)
	require.EqualValues(t, 2, instants[0].Step)

	// Not again in a process that goes on from here.
	state, err := m.State()
	require.NoError(t, err)
	m = New(nil)
	require.NoError(t, m.Restore(state))
	observe(3, ActionStop)
	require.Len(t, instants, 1)
	// A new attempt that ends the same way is said again.
	observe(4, ActionStep)
	observe(5, ActionStop)
	require.Len(t, instants, 2)
}
