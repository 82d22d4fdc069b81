package monitor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// on is a detector whose condition holds in those steps.
type on struct {
	kind  Kind
	holds func(step int64) bool
}

func (d *on) Kind() Kind { return d.kind }
func (d *on) Observe(s *Step, _ *Course) Condition {
	if d.holds(s.Step) {
		return Holding
	}
	return Clear
}
func (d *on) Explain(e *Event)       { e.describe(Warning, "8.2.1", "") }
func (d *on) State() ([]byte, error) { return []byte("{}"), nil }
func (d *on) Restore([]byte) error   { return nil }

// What describes the state of a run and comes back soon is the same incident, and is reported
// again where it stays; a moment is reported each time.
func TestRelapse(t *testing.T) {
	twice := func(second int64) func(int64) bool {
		return func(step int64) bool { return step >= 100 && step < 200 || step >= 300 && step < second }
	}
	for _, c := range []struct {
		kind   Kind
		second int64
		want   []int64 // the steps of the events
	}{
		{Vanishing, 600, []int64{100, 200}},
		{Vanishing, 900, []int64{100, 200, 700, 900}},
		{Dead, 600, []int64{100, 200}},
		{Cliff, 600, []int64{100, 200, 300, 600}},
	} {
		m := New(nil, &on{c.kind, twice(c.second)})
		var got []int64
		for step := int64(1); step <= 1000; step++ {
			if step%150 == 0 {
				state, err := m.State()
				require.NoError(t, err)
				m = New(nil, &on{c.kind, twice(c.second)})
				require.NoError(t, m.Restore(state))
			}
			for _, e := range m.Observe(&Step{Step: step, Loss: Known(1)}) {
				got = append(got, e.Step)
			}
		}
		require.Equal(t, c.want, got, "%s until %d", c.kind, c.second)
	}
}
