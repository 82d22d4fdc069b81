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
