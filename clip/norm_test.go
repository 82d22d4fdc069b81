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

// The linear layer that PyTorch tests: its weight's gradient is 1 to 100, its
// bias's 0.001 each, the largest norm 2.
func TestPNormOfAKnownLayer(t *testing.T) {
	for _, p := range []float64{0.5, 1, 1.5, 2, 4, inf} {
		all := tensors{newTensor("weight", 10, 10), newTensor("bias", 10)}
		for i := range all[0].grad {
			all[0].grad[i] = float64(i + 1)
		}
		for i := range all[1].grad {
			all[1].grad[i] = 1e-3
		}
		before := all.clone()
		d := all.clip(t, PNorm(p, 2))
		require.Len(t, d, 1)
		require.Nil(t, d[0].Params, "one factor for all")
		require.InEpsilon(t, 2, normOf(p, all.grads()), 1e-12, "p = %v", p)
		require.InEpsilon(t, 2/normOf(p, before.grads()), d[0].Factor, 1e-12)
		require.Equal(t, 2.0, d[0].Threshold)
		require.False(t, changed(all.clip(t, PNorm(p, 2*(1+1e-12)))), "clipping again changes nothing")

		small := tensors{newTensor("weight", 10, 10), newTensor("bias", 10)}
		for i := range small[0].grad {
			small[0].grad[i] = float64(i) / 10000
		}
		for i := range small[1].grad {
			small[1].grad[i] = 1.0 / 500
		}
		before = small.clone()
		if normOf(p, small.grads()) > 2 {
			continue // 110 elements of that size at p = 0.5 and 1.5 are no small gradient
		}
		require.False(t, changed(small.clip(t, PNorm(p, 2))), "p = %v", p)
		require.Equal(t, before.grads(), small.grads())
	}
}

// 3 and 4 in two tensors: 7 for p = 1, 5 for 2, 4 for infinity, (√3+√4)² for 1/2.
func TestPNormClosedForm(t *testing.T) {
	for p, want := range map[float64]float64{1: 7, 2: 5, inf: 4, 0.5: 7 + 4*math.Sqrt(3), 3: math.Cbrt(91)} {
		for _, all := range []tensors{
			{vector("a", 3), vector("b", -4)}, {vector("ab", -3, 4)}, {vector("a", 3), {Param: Param{Name: "u"}}, vector("b", 4, 0)},
		} {
			d := all.clip(t, PNorm(p, want/4))
			require.InEpsilon(t, 0.25, d[0].Factor, 1e-14, "p = %v", p)
			require.LessOrEqual(t, 4*d[0].Factor, 1.0000001)
		}
	}
}

func TestPNormIsNormWhereItIs(t *testing.T) {
	require.Equal(t, Norm(3), PNorm(2, 3))
	require.Equal(t, "norm", PNorm(2, 3).Name())
	for _, g := range gradients(22, 500, true) {
		require.Equal(t, Norm(1).Decide(g), PNorm(2, 1).Decide(g))
	}
}

// Finite elements whose p-norm is beyond float64: never above the maximum, as
// many as there are, and for p below 1 that is more than their sum.
func TestPNormBeyondFloat64(t *testing.T) {
	const n = 1_000_000
	for _, p := range []float64{0.5, 0.9, 1, 1.5, 3} {
		c := PNorm(p, 10)
		_, err := Bind(c, []Param{{Name: "a", Shape: []int64{n}, Numel: n}})
		require.NoError(t, err)
		largest := math.MaxFloat64 / 2
		d := c.Decide(Gradient{Norm: inf, Max: largest, PNorms: [][]float64{{inf}}})
		each := largest * d.Factor
		require.Greater(t, each, 0.0, "p = %v", p)
		require.LessOrEqual(t, each*math.Pow(n, 1/p), 10*(1+1e-9), "p = %v", p)
	}
	require.False(t, PNorm(1, 1).Decide(Gradient{Norm: 5, Max: 5}).Changes(), "not measured")
	require.False(t, PNorm(1, inf).Decide(Gradient{Norm: inf, Max: 1e308, PNorms: [][]float64{{inf}}}).Changes())
}

func TestPNormRefuses(t *testing.T) {
	for _, p := range []float64{0, -1, nan, math.Inf(-1)} {
		require.ErrorContains(t, PNorm(p, 1).Validate(), "the norm's order p has to be above 0")
	}
	for _, bad := range []float64{0, -1, nan} {
		require.ErrorContains(t, PNorm(1, bad).Validate(), "the largest norm allowed has to be above 0")
		require.ErrorContains(t, PNorm(inf, bad).Validate(), "the largest norm allowed has to be above 0")
	}
	require.NoError(t, PNorm(0.01, inf).Validate())
}

// Thresholds 1, 1/2, … 1/50 on the updates that optax tests, clipped to the last
// digit, and clipping again changes nothing.
func TestFiftyThresholds(t *testing.T) {
	all := tensors{vector("a", 500, 5), vector("b", 300, 3)}
	for i := 1; i <= 50; i++ {
		limit := 1 / float64(i)
		for name, c := range map[string]struct {
			p    Policy
			norm func(all tensors) float64
		}{
			"norm":  {Norm(limit), func(x tensors) float64 { return normOf(2, x.grads()) }},
			"sum":   {PNorm(1, limit), func(x tensors) float64 { return normOf(1, x.grads()) }},
			"max":   {PNorm(inf, limit), func(x tensors) float64 { return normOf(inf, x.grads()) }},
			"value": {Value(limit), func(x tensors) float64 { return normOf(inf, x.grads()) }},
			"param": {PerParam(limit), func(x tensors) float64 { return max(normOf(2, x[0].grad), normOf(2, x[1].grad)) }},
			"rms":   {BlockRMS(limit), func(x tensors) float64 { return max(normOf(2, x[0].grad), normOf(2, x[1].grad)) / math.Sqrt2 }},
			"group": {Groups(Group{"all", nil, Norm(limit)}), func(x tensors) float64 { return normOf(2, x.grads()) }},
			"chain": {Chain(Value(2*limit), Norm(limit)), func(x tensors) float64 { return normOf(2, x.grads()) }},
		} {
			x := all.clone()
			x.clip(t, c.p)
			require.InEpsilon(t, limit, c.norm(x), 1e-12, "%s to %v", name, limit)
			once := x.clone()
			x.clip(t, c.p)
			require.InEpsilonSlice(t, once.grads(), x.grads(), 1e-15, "%s to %v", name, limit)
		}
	}
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
