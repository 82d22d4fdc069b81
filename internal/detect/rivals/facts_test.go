package rivals

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

var skipRules = []string{"OLMo-core skip step", "Levanter skip step", "MaxText skip step"}

// TestOneNaNSkips129Steps: the NaN's own, and as many as it stays in the window.
func TestOneNaNSkips129Steps(t *testing.T) {
	for _, name := range skipRules {
		r := rand.New(rand.NewPCG(1, 1))
		x := make([]float64, 2000)
		for i := range x {
			x[i] = 2 + 0.1*r.NormFloat64()
		}
		x[999] = math.NaN()
		held := losses(named(t, name, 2000), x...)
		require.Len(t, held, 129, name)
		require.Equal(t, 999, held[0])
		require.Equal(t, 1127, held[128])
	}
}

// TestLevelShiftIsAbsorbed: with k of n values on a new level the mean is k/n of the
// way there and the deviation √(k(n−k)/(n(n−1))) of it (√(k(n−k))/n of the
// population). The level passes once the rest of the way is at most six of those:
// k ≥ 3.43 (3.46) for n = 128, so four steps are skipped.
func TestLevelShiftIsAbsorbed(t *testing.T) {
	for _, name := range skipRules {
		held := losses(named(t, name, 1000), append(repeat(2, 500), repeat(4, 500)...)...)
		require.Equal(t, []int{500, 501, 502, 503}, held, name)
	}
}

// TestNothingBefore64Values: a spike in the first steps is not seen.
func TestNothingBefore64Values(t *testing.T) {
	for i, name := range skipRules {
		spike := func(at int) []int {
			x := repeat(1, 200)
			x[at] = 1e6
			return losses(named(t, name, 200), x...)
		}
		first := []int{64, 64, 63}[i]
		require.Empty(t, spike(first-1), name)
		require.Equal(t, []int{first}, spike(first), name)
	}
}

// TestFloor: Levanter's deviation is at least 1e-6, the others' may be 0.
func TestFloor(t *testing.T) {
	x := append(repeat(1, 100), 1+5e-6)
	require.Len(t, losses(named(t, "OLMo-core skip step", 200), x...), 1)
	require.Empty(t, losses(named(t, "Levanter skip step", 200), x...))
}

// TestHeavyTails: of healthy log-normal gradient norms about 0.16 % and 0.55 % are skipped,
// for deviations of the logarithm of 0.5 and 1.
func TestHeavyTails(t *testing.T) {
	for sigma, want := range map[float64]float64{0.5: 0.0016, 1: 0.0055} {
		r, n, skipped := rand.New(rand.NewPCG(2, 2)), 200_000, 0
		rule := named(t, "OLMo-core skip step", int64(n))
		for range n {
			if rule.Observe(&monitor.Step{GradNorm: monitor.Known(math.Exp(sigma * r.NormFloat64()))}) == monitor.Holding {
				skipped++
			}
		}
		require.InDelta(t, want, float64(skipped)/float64(n), 0.0005, "sigma %v", sigma)
	}
}

// blobs trains a linear classifier on three clouds of points, with
// stochastic gradient descent on one sample a step, and calls observe with each
// record. It returns the share of all points that it gets right in the end.
func blobs(batch, steps int, observe func(*monitor.Step)) float64 {
	r := rand.New(rand.NewPCG(3, 3))
	centres := [3][2]float64{{-9, 1}, {6, 7}, {5, -6}}
	var points [700][3]float64 // with a 1 for the bias
	for i := range points {
		c := centres[i%3]
		points[i] = [3]float64{c[0] + 2*r.NormFloat64(), c[1] + 2*r.NormFloat64(), 1}
	}
	var w [3][3]float64
	scores := func(x *[3]float64) (p [3]float64) {
		var sum float64
		for k := range w {
			p[k] = math.Exp(w[k][0]*x[0] + w[k][1]*x[1] + w[k][2]*x[2])
			sum += p[k]
		}
		for k := range p {
			p[k] /= sum
		}
		return p
	}
	for step := range steps {
		var g [3][3]float64
		var loss, squares float64
		for range batch {
			i := r.IntN(len(points))
			p := scores(&points[i])
			loss -= math.Log(p[i%3]) / float64(batch)
			p[i%3]--
			for k := range g {
				for j := range g[k] {
					g[k][j] += p[k] * points[i][j] / float64(batch)
				}
			}
		}
		for k := range g {
			for j := range g[k] {
				squares += g[k][j] * g[k][j]
				w[k][j] -= 0.05 * g[k][j]
			}
		}
		norm := monitor.Known(math.Sqrt(squares))
		observe(&monitor.Step{Step: int64(step + 1), Loss: monitor.Known(loss), GradNorm: norm, ParamGradNorms: []monitor.Number{norm}})
	}
	right := 0
	for i := range points {
		if p := scores(&points[i]); p[i%3] == max(p[0], p[1], p[2]) {
			right++
		}
	}
	return float64(right) / float64(len(points))
}

// fired is the share of the evaluations of a healthy run at which the rule held.
func fired(t *testing.T, name string, batch int) float64 {
	const steps = 20_000
	run := &monitor.Run{Params: []monitor.Param{{Name: "weight", Shape: []int64{3, 3}, Numel: 9}}}
	for _, rule := range Rules(run, &corpus.Label{Steps: steps}) {
		if rule.Name() != name {
			continue
		}
		var evaluated, held float64
		accuracy := blobs(batch, steps, func(s *monitor.Step) {
			switch rule.Observe(s) {
			case monitor.Holding:
				held++
				evaluated++
			case monitor.Clear:
				evaluated++
			}
		})
		require.Greater(t, accuracy, 0.9, "a healthy run")
		return held / evaluated
	}
	require.Fail(t, "no rule "+name)
	return 0
}

// TestVanishingGradientOnSingleSamples: a sample that is surely right has hardly any
// gradient, and the rule takes that for a fault of the run. On batches it is silent.
func TestVanishingGradientOnSingleSamples(t *testing.T) {
	require.Greater(t, fired(t, "SageMaker VanishingGradient", 1), 0.1)
	require.Zero(t, fired(t, "SageMaker VanishingGradient", 128))
}

// TestLossNotDecreasingOnNoise: on a healthy run it fires at nearly every other
// evaluation, as a coin would.
func TestLossNotDecreasingOnNoise(t *testing.T) {
	share := fired(t, "SageMaker LossNotDecreasing", 128)
	require.GreaterOrEqual(t, share, 0.43)
	require.LessOrEqual(t, share, 0.51)
}
