package clip

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAfterWaits(t *testing.T) {
	p := After(2, Norm(1))
	for step := int64(1); step <= 2; step++ {
		require.Equal(t, Decision{Factor: 1, Threshold: 1}, p.Decide(Gradient{Step: step, Norm: 4}))
	}
	require.Equal(t, Decision{Factor: 0.25, Threshold: 1}, p.Decide(Gradient{Step: 3, Norm: 4}))
	require.Equal(t, 0.25, After(0, Norm(1)).Decide(Gradient{Step: 1, Norm: 4}).Factor)
}

func TestAfterLearnsMeanwhile(t *testing.T) {
	waiting, at := After(3, MeanRatio(1)), MeanRatio(1)
	for step, norm := range []float64{1, 2, 6, 12, 3} {
		g := Gradient{Step: int64(step + 1), Norm: norm}
		d := at.Decide(g)
		if step < 3 {
			d.Factor = 1
		}
		require.Equal(t, d, waiting.Decide(g))
		requireSameState(t, at, waiting)
	}
}

// What is learned behind a policy that waits too is learned from the gradients as
// they are.
func TestAfterAChainLearnsMeanwhile(t *testing.T) {
	p := After(1, Chain(Value(4), MeanRatio(1)))
	all := tensors{vector("a", 3, 40)}
	require.False(t, changed(all.step(t, p, Gradient{Step: 1})))
	require.Equal(t, []float64{3, 40}, all.grads())
	saved, err := p.State()
	require.NoError(t, err)
	require.Contains(t, string(saved), `"count":1`)

	all = tensors{vector("a", 3, 40)}
	require.Len(t, all.step(t, p, Gradient{Step: 2}), 2)
	require.Equal(t, []float64{3, 4}, all.grads(), "below the mean, 40.1")
}

func TestAfterGroupsRecordsTheirNorms(t *testing.T) {
	p := After(1, Groups(Group{"all", nil, Norm(1)}))
	d := tensors{vector("a", 3, 4)}.step(t, p, Gradient{Step: 1})
	require.False(t, changed(d))
	require.Equal(t, []GroupDecision{{Name: "all", Params: []int{0}, Norm: 5, Threshold: 1}}, d[0].Groups)
}

func TestAfterBinds(t *testing.T) {
	_, err := Bind(After(5, AGC(1, Except("nothing"))), model)
	require.ErrorContains(t, err, `"nothing" matches none`)
	needs, err := Bind(After(5, PNorm(1, 1)), model)
	require.NoError(t, err)
	require.Equal(t, []float64{1}, needs.PNorms)
}

func TestAfterRefuses(t *testing.T) {
	require.EqualError(t, After(-1, Norm(1)).Validate(), "clip: After(-1, …): a number of steps is at least 0")
	require.ErrorContains(t, After(1, nil).Validate(), "a policy is nil: use None()")
	require.ErrorContains(t, After(1, Norm(-2)).Validate(), "Norm(-2)")
}
