package clip

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The norm of the parts' norms is the norm of all elements, however they are split.
func TestTotalNormHoweverSplit(t *testing.T) {
	rng := rand.New(rand.NewPCG(80, 0))
	for _, p := range []float64{0.5, 1, 1.5, 2, 3, 4, 10, inf} {
		var all, parts []float64
		for range 20 {
			var part []float64
			for range 1 + rng.IntN(9) {
				part = append(part, rng.NormFloat64())
			}
			all = append(all, part...)
			parts = append(parts, normOf(p, part))
		}
		require.InEpsilon(t, normOf(p, all), TotalNorm(p, parts...), 1e-13, "p = %v", p)
	}
}

func TestTotalNormClosedForm(t *testing.T) {
	for _, c := range []struct {
		p     float64
		parts []float64
		want  float64
	}{
		{2, nil, 0},
		{2, []float64{0, 0}, 0},
		{0.5, []float64{0}, 0},
		{2, []float64{3, 4}, 5},
		{2, []float64{-1, 3, -1, 4}, 5},
		{2, []float64{-1}, 0},
		{1, []float64{3, 4}, 7},
		{inf, []float64{3, 4, -1}, 4},
		{0.5, []float64{4, 9}, 25},
		{3, []float64{3, 4, 5}, 6},
		{2, []float64{3e200, 4e200}, 5e200},
		{2, []float64{3e-200, 4e-200}, 5e-200},
		{4, []float64{1e-100, 1e-100}, 1e-100 * math.Sqrt(math.Sqrt2)},
		{2, []float64{1, inf}, inf},
		{1, []float64{1e308, 1e308}, inf},
		{2, []float64{5e-324}, 5e-324},
	} {
		got := TotalNorm(c.p, c.parts...)
		if c.want == 0 || math.IsInf(c.want, 1) {
			require.Equal(t, c.want, got, "%+v", c)
		} else {
			require.InEpsilon(t, c.want, got, 1e-14, "%+v", c)
		}
	}
	for _, p := range []float64{0.5, 2, inf} {
		require.True(t, math.IsNaN(TotalNorm(p, 1, nan, inf)), "p = %v", p)
		require.True(t, math.IsNaN(TotalNorm(p, inf, nan)), "p = %v", p)
	}
}

// float32's largest powers, which squaring in float32 would lose, and the norms
// ±2e22 and ±2e200 of PyTorch's tests.
func TestTotalNormOfLargeElements(t *testing.T) {
	for _, v := range []float64{1e19, 2e22, math.MaxFloat32, 2e200} {
		parts := make([]float64, 128)
		for i := range parts {
			parts[i] = v
		}
		require.InEpsilon(t, v*math.Sqrt(128), TotalNorm(2, parts...), 1e-13)
		require.InEpsilon(t, v*math.Pow(128, 1/3.5), TotalNorm(3.5, parts...), 1e-13)
	}
}
