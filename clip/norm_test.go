package clip

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNorm(t *testing.T) {
	for _, c := range []struct{ max, norm, factor float64 }{
		{1, 5, 0.2},
		{2, 4, 0.5},
		{1, 1, 1},
		{1, 0.5, 1},
		{1, 0, 1},
		{1e-300, 1e-300, 1},
		{1e-6, 1e-3, 1e-3}, // an epsilon of 1e-6 would show
		{1, 2e200, 5e-201},
		{math.MaxFloat64, math.MaxFloat64, 1},
		{inf, math.MaxFloat64, 1},
		{inf, inf, 1},
		{inf, nan, 1},
		{1, nan, 1},
	} {
		d := Norm(c.max).Decide(Gradient{Norm: c.norm, Max: c.norm})
		require.InEpsilon(t, c.factor, d.Factor, 1e-15, "%+v", c)
		require.Equal(t, c.factor != 1, d.Changes(), "%+v", c)
		require.Equal(t, c.max, d.Threshold, "%+v", c)
	}
}

// The vector of four equal pairs that other implementations test: [2 2], [8]
// and [-8 -8] clipped to norm 1.
func TestNormOfAKnownVector(t *testing.T) {
	g := []float64{2, 2, 8, -8, -8}
	sum := 0.0
	for _, v := range g {
		sum += v * v
	}
	d := Norm(1).Decide(Gradient{Norm: math.Sqrt(sum), Max: 8})
	require.InDelta(t, 0.1414, g[0]*d.Factor, 5e-5)
	require.InDelta(t, 0.5657, g[2]*d.Factor, 5e-5)
	require.InDelta(t, -0.5657, g[3]*d.Factor, 5e-5)
}

func TestNormIsNeverExceededAndClippingAgainChangesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 0))
	for range 200_000 {
		limit := math.Exp(20 * rng.NormFloat64())
		g := Gradient{Norm: math.Exp(20 * rng.NormFloat64())}
		p := Norm(limit)
		d := p.Decide(g)
		require.Greater(t, d.Factor, 0.0)
		after := Gradient{Norm: g.Norm * d.Factor}
		require.LessOrEqual(t, after.Norm, limit)
		require.InEpsilon(t, math.Min(g.Norm, limit), after.Norm, 1e-12)
		require.False(t, p.Decide(after).Changes())
	}
}

// Finite elements whose norm is beyond float64 are brought below the maximum,
// and stay apart from 0.
func TestNormBeyondFloat64(t *testing.T) {
	const elements = 1e6
	largest := math.MaxFloat64 / 2
	d := Norm(10).Decide(Gradient{Norm: inf, Max: largest})
	each := largest * d.Factor
	require.Greater(t, each, 0.0)
	require.LessOrEqual(t, each*math.Sqrt(elements), 10.0)

	require.Equal(t, 1.0, Norm(10).Decide(Gradient{Norm: inf, Max: largest, NonFinite: 1}).Factor)
}

func TestThresholdsThatAreRefused(t *testing.T) {
	for _, bad := range []float64{0, -1, math.Inf(-1), nan, math.Copysign(0, -1)} {
		for _, p := range []Policy{Norm(bad), Value(bad)} {
			require.Error(t, p.Validate(), "%s %v", p.Name(), bad)
			require.Equal(t, Keep(), p.Decide(Gradient{Norm: 5, Max: 5}), "a refused policy changes nothing")
		}
	}
	require.EqualError(t, Norm(-1).Validate(),
		"clip: Norm(-1): the largest norm allowed has to be above 0, as in Norm(1); +Inf measures only")
	require.EqualError(t, Value(nan).Validate(),
		"clip: Value(NaN): the largest magnitude allowed has to be above 0, as in Value(1); +Inf measures only")
	require.NoError(t, Norm(inf).Validate())
	require.NoError(t, Value(inf).Validate())
}
