package clip

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValue(t *testing.T) {
	for _, c := range []struct {
		max    float64
		g      Gradient
		clamps bool
	}{
		{4, Gradient{Norm: 14, Max: 8}, true},
		{4, Gradient{Norm: 100, Max: 4}, false},
		{4, Gradient{}, false},
		{4, Gradient{Norm: inf, Max: math.MaxFloat64}, true},
		{4, Gradient{Norm: nan, Max: 8, NonFinite: 1}, false},
		{inf, Gradient{Norm: inf, Max: math.MaxFloat64}, false},
	} {
		d := Value(c.max).Decide(c.g)
		require.Equal(t, c.clamps, d.Clamps(), "%+v", c)
		require.Equal(t, c.clamps, d.Changes(), "%+v", c)
		require.Equal(t, 1.0, d.Factor)
		require.Equal(t, c.max, d.Threshold)
		if c.clamps {
			require.Equal(t, -c.max, d.Lower)
			require.Equal(t, c.max, d.Upper)
			after := c.g
			after.Max = c.max
			require.False(t, Value(c.max).Decide(after).Changes(), "clipping again changes nothing")
		}
	}
}

func TestBounds(t *testing.T) {
	for _, c := range []struct {
		lower, upper float64
		want         []float64
	}{
		{-1, 0.5, []float64{-1, -0.4, 0, 0.3, 0.5}},
		{math.Inf(-1), 0.5, []float64{-3, -0.4, 0, 0.3, 0.5}},
		{-1, inf, []float64{-1, -0.4, 0, 0.3, 2}},
		{0, 1, []float64{0, 0, 0, 0.3, 1}},
		{-1, 0, []float64{-1, -0.4, 0, 0, 0}},
		{-3, 2, []float64{-3, -0.4, 0, 0.3, 2}},
	} {
		all := tensors{vector("a", -3, -0.4, 0), vector("b", 0.3, 2)}
		all.clip(t, Bounds(c.lower, c.upper))
		require.Equal(t, c.want, all.grads(), "%+v", c)
		all.clip(t, Bounds(c.lower, c.upper))
		require.Equal(t, c.want, all.grads(), "clipping again changes nothing")
	}
	require.False(t, tensors{vector("a", 0.4, -0.4)}.clip(t, Bounds(-1, 0.5))[0].Changes())
	require.Equal(t, "bounds", Bounds(-1, 1).Name())
}

func TestBoundsThatAreRefused(t *testing.T) {
	for _, c := range [][2]float64{{0, 0}, {1, 2}, {-2, -1}, {1, -1}, {nan, 1}, {-1, nan}, {inf, inf}, {math.Copysign(0, -1), 0}} {
		p := Bounds(c[0], c[1])
		require.ErrorContains(t, p.Validate(), "the lower bound has to be at most 0, the upper at least 0, and not both 0", "%v", c)
	}
	require.NoError(t, Bounds(math.Inf(-1), inf).Validate())
}

// The vector that tch-rs tests: [2 2], [8] and [-8 -8] with elements up to 4.
func TestValueOfAKnownVector(t *testing.T) {
	all := tensors{vector("a", 2, 2), vector("b", 8), vector("c", -8, -8)}
	all.clip(t, Value(4))
	require.Equal(t, []float64{2, 2, 4, -4, -4}, all.grads())
}
