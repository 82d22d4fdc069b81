package spectrum

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// One probe is enough for a diagonal operator: (±1)² = 1.
func TestTraceOfADiagonalIsExact(t *testing.T) {
	s := newLedger(4)
	trace, err := Hutchinson(s, operator(mat.NewDiagDense(4, []float64{1, -2, 0.5, 8})), 5, 3, nil)
	require.NoError(t, err)
	require.Equal(t, Trace{Value: 7.5, Probes: 5}, trace)
	require.Empty(t, s.live)
}

// The share of the seeds whose interval of 95 % covers the truth, and the standard
// error against the variance of a probe, 2·Σ of the squares off the diagonal.
func TestStandardErrorCoversTheTrace(t *testing.T) {
	const seeds, probes, n = 3000, 25, 20
	h := symmetric(spaced(n, -1, 3), 2)
	var variance float64
	for i := range n {
		for j := range n {
			if i != j {
				variance += 2 * h.At(i, j) * h.At(i, j)
			}
		}
	}
	quantile := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: probes - 1}.Quantile(0.975)
	truth := mat.Trace(h)
	covered, meanSquare, bias := 0, 0.0, 0.0
	for seed := range uint64(seeds) {
		trace, err := Hutchinson(Slices(n), operator(h), probes, seed, nil)
		require.NoError(t, err)
		if math.Abs(trace.Value-truth) <= quantile*trace.StandardError {
			covered++
		}
		meanSquare += trace.StandardError * trace.StandardError / seeds
		bias += (trace.Value - truth) / seeds
	}
	// Three standard deviations of a share of 0.95 among 3000 are 0.012.
	require.InDelta(t, 0.95, float64(covered)/seeds, 0.012)
	require.InEpsilon(t, variance/probes, meanSquare, 0.03)
	require.InDelta(t, 0, bias, 4*math.Sqrt(variance/probes/seeds))
}

func TestTraceIsReproducibleAndScales(t *testing.T) {
	h := symmetric(spaced(9, -1, 3), 2)
	a, err := Hutchinson(Slices(9), operator(h), 12, 5, nil)
	require.NoError(t, err)
	b, err := Hutchinson(Slices(9), operator(h), 12, 5, nil)
	require.NoError(t, err)
	require.Equal(t, a, b)
	c, err := Hutchinson(Slices(9), operator(h), 12, 6, nil)
	require.NoError(t, err)
	require.NotEqual(t, a.Value, c.Value)

	h.ScaleSym(1e-7, h)
	d, err := Hutchinson(Slices(9), operator(h), 12, 5, nil)
	require.NoError(t, err)
	require.InEpsilon(t, a.Value*1e-7, d.Value, 1e-12)
	require.InEpsilon(t, a.StandardError*1e-7, d.StandardError, 1e-12)
}

func TestTraceStops(t *testing.T) {
	h := symmetric(spaced(9, -1, 3), 2)
	trace, err := Hutchinson(Slices(9), operator(h), 100, 5, func() bool { return false })
	require.NoError(t, err)
	require.Equal(t, 2, trace.Probes)
	require.Positive(t, trace.StandardError)
	for _, probes := range []int{-1, 0, 1} {
		_, err := Hutchinson(Slices(9), operator(h), probes, 5, nil)
		require.ErrorContains(t, err, "it takes 2")
	}
}

func TestSigns(t *testing.T) {
	next := signs(random(1))
	const n = 100_000
	var sum, lag float64
	last := next()
	for range n {
		s := next()
		require.InDelta(t, 1, s*s, 0)
		sum += s
		lag += s * last
		last = s
	}
	require.InDelta(t, 0, sum/math.Sqrt(n), 4)
	require.InDelta(t, 0, lag/math.Sqrt(n), 4)
}
