package monitor

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func nonfiniteFaults() []fault {
	at := func(what func(*Step), steps ...int) func(int, *Step, *rand.Rand) {
		return func(t int, s *Step, _ *rand.Rand) {
			for _, bad := range steps {
				if t == bad {
					what(s)
				}
			}
		}
	}
	nan := func(s *Step) { s.Loss = Known(math.NaN()) }
	inf := func(s *Step) { s.GradNorm, s.NonFinite = Known(math.Inf(1)), Known(12) }
	return []fault{
		{recipe{name: "one NaN loss", steps: 1000, loss: plainLoss, norm: plainNorm, edit: at(nan, 500)},
			NonFinite, 501, 501, true, nil},
		{recipe{name: "infinite gradients in the first step", steps: 1000, loss: plainLoss, norm: plainNorm, edit: at(inf, 0)},
			NonFinite, 1, 1, true, nil},
		{recipe{name: "several in one incident", steps: 1000, loss: plainLoss, norm: plainNorm, edit: at(inf, 500, 503, 515, 530)},
			NonFinite, 501, 501, true, nil},
		{recipe{name: "NaN for good", steps: 1000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t >= 300 {
				nan(s)
				inf(s)
			}
		}}, NonFinite, 301, 301, false, nil},
		{recipe{name: "a parameter's norm alone", steps: 1000, loss: plainLoss, norm: plainNorm,
			edit: at(func(s *Step) { s.ParamGradNorms[3] = Known(math.NaN()) }, 400)},
			NonFinite, 401, 401, true, nil},
	}
}

func TestNonFinite(t *testing.T) {
	for _, f := range nonfiniteFaults() {
		f.check(t)
	}
}

func TestNonFiniteSaysWhat(t *testing.T) {
	m := New(nil)
	e := m.Observe(&Step{Step: 7, Loss: Known(math.NaN()), NonFinite: Known(120)})
	require.Len(t, e, 1)
	require.Equal(t, Critical, e[0].Severity)
	require.Equal(t, "8.2.4", e[0].Section)
	require.Equal(t, 120.0, e[0].Values["nonfinite"])
	require.Equal(t, "At step 7 the loss is NaN and 120 gradient elements are NaN or infinite.", e[0].Summary)
	require.Equal(t, []Kind{NonFinite}, m.Active())

	// Steps that measured nothing do not end it, finite ones do.
	for range 2 * nonfiniteQuiet {
		require.Empty(t, m.Observe(&Step{Step: 8}))
	}
	for i := range nonfiniteQuiet {
		got := m.Observe(&Step{Step: int64(9 + i), Loss: Known(1)})
		require.Equal(t, i == nonfiniteQuiet-1, len(got) == 1)
	}
	require.Empty(t, m.Active())
}

// What comes long after a NaN is not its consequence, while its incident is not over yet.
func TestNonFiniteSilencesWhatComesWithIt(t *testing.T) {
	for after, want := range map[int][]Kind{5: {NonFinite}, nonfiniteWake + 5: {NonFinite, Cliff}} {
		p := recipe{name: "a cliff after a NaN", steps: 520 + after, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			switch t {
			case 500:
				s.Loss = Known(math.NaN())
			case 500 + after:
				s.GradNorm = Known(1e6)
			}
		}}
		var got []Kind
		for _, e := range observe(p.run(), p.make(1)) {
			require.Equal(t, Firing, e.State)
			got = append(got, e.Kind)
		}
		require.Equal(t, want, got, after)
	}
}
