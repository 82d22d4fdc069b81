package clip

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPerParam(t *testing.T) {
	all := tensors{vector("a", 3, 4), vector("b", 0.6, 0.8), {Param: Param{Name: "undefined"}}, vector("c", 0, 8), vector("zero", 0)}
	d := all.clip(t, PerParam(2))
	require.InDeltaSlice(t, []float64{1.2, 1.6, 0.6, 0.8, 0, 2, 0}, all.grads(), 1e-15)
	require.Equal(t, 2.0, d[0].Threshold)
	require.Equal(t, []Change{{Factor: 0.4}, {Factor: 1}, {Factor: 1}, {Factor: 0.25}, {Factor: 1}}, d[0].Params)
	require.Nil(t, tensors{vector("a", 1, 1)}.clip(t, PerParam(2))[0].Params, "nothing to do, nothing to write")
}

// Each parameter's norm divided by the root of the number of its elements.
func TestBlockRMS(t *testing.T) {
	all := tensors{vector("a", 3, -3, 3, 3), vector("b", 6), vector("c", 1, 1, 1), newTensor("empty", 0)}
	d := all.clip(t, BlockRMS(1.5))
	require.Equal(t, []float64{1.5, -1.5, 1.5, 1.5, 1.5, 1, 1, 1}, all.grads())
	require.Equal(t, 1.5, d[0].Threshold)
	require.Equal(t, []Change{{Factor: 0.5}, {Factor: 0.25}, {Factor: 1}, {Factor: 1}}, d[0].Params)
}

func TestByParameterBeyondFloat64(t *testing.T) {
	for _, p := range []Policy{PerParam(1), BlockRMS(1)} {
		_, err := Bind(p, tensors{vector("a", 1), vector("b", 1), vector("c", 1)}.params())
		require.NoError(t, err)
		g := norms(inf, 1, 1e200)
		d := p.Decide(g)
		require.True(t, d.Params[0].Factor > 0 && 1e308*d.Params[0].Factor < 1e-6)
		require.Equal(t, Change{Factor: 1}, d.Params[1])
		require.InEpsilon(t, 1e-200, d.Params[2].Factor, 1e-12)
		g.NonFinite = 1
		require.False(t, p.Decide(g).Changes())
		require.False(t, p.Decide(norms(5, 5)).Changes(), "other parameters than were bound")
	}
}

func TestByParameterRefuse(t *testing.T) {
	for _, bad := range []float64{0, -1, nan} {
		require.ErrorContains(t, PerParam(bad).Validate(), "the largest norm allowed has to be above 0, as in PerParam(1)")
		require.ErrorContains(t, BlockRMS(bad).Validate(), "the largest root mean square allowed has to be above 0, as in BlockRMS(1)")
	}
	require.NoError(t, PerParam(inf).Validate())
	require.NoError(t, BlockRMS(inf).Validate())
}
