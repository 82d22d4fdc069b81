package clip

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// A parabola f = ½·h·x², at x: g = h·x, gᵀHg = h³x², so ρ = η·h. The step with the
// factor limit/ρ goes to the minimum for a limit of 1, and to the same height on
// the other side for 2.
func TestCurvatureLimitedOnAParabola(t *testing.T) {
	const h, x = 8.0, 3.0
	for _, rate := range []float64{0.01, 0.1, 0.2, 1, 100} {
		for _, limit := range []float64{0.5, 1, 2} {
			g := h * x
			d := CurvatureLimited(limit).Decide(Gradient{Norm: g, Max: g, LR: rate, GTHG: h * g * g})
			rho := rate * h
			require.InEpsilon(t, math.Min(1, limit/rho), d.Factor, 1e-14)
			next := x - rate*d.Factor*g
			if rho >= limit {
				require.InDelta(t, x*(1-limit), next, 1e-12)
			}
			if limit <= 2 {
				require.LessOrEqual(t, math.Abs(next), x*(1+1e-12), "no step climbs")
			}
		}
	}
}

func TestCurvatureLimitedLeavesAlone(t *testing.T) {
	for name, g := range map[string]Gradient{
		"not measured":        {Norm: 1, LR: 1, GTHG: nan},
		"no learning rate":    {Norm: 1, LR: nan, GTHG: 100},
		"negative curvature":  {Norm: 1, LR: 1, GTHG: -100},
		"no gradient":         {Norm: 0, LR: 1, GTHG: 100},
		"no gradient at all":  {Norm: 0, LR: 1, GTHG: 0},
		"infinite curvature":  {Norm: 1, LR: 1, GTHG: inf},
		"infinite norm":       {Norm: inf, LR: 1, GTHG: inf},
		"not finite":          {Norm: 1, LR: 1, GTHG: 100, NonFinite: 1},
		"zeroed, so not this": {Norm: 1, LR: 1, GTHG: 100, Zeroed: 1},
		"at the limit":        {Norm: 2, LR: 0.5, GTHG: 16},
	} {
		require.Equal(t, Decision{Factor: 1, Threshold: 2}, CurvatureLimited(2).Decide(g), name)
	}
	for _, bad := range []float64{0, -1, nan} {
		require.ErrorContains(t, CurvatureLimited(bad).Validate(), "as in CurvatureLimited(1)")
	}
}
