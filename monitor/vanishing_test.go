package monitor

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func vanishingFaults() []fault {
	chance := learning(0.75, 0.6931, 30, 0.003)
	return []fault{
		{recipe{name: "deep sigmoid network", steps: 1800, layers: 9, loss: chance, norm: plainNorm,
			depth: func(int) float64 { return math.Log(2e-4) }}, Vanishing, 300, 600, false, nil},
		{recipe{name: "after a bad first guess", steps: 1800, layers: 9, loss: learning(1.2, 0.6931, 30, 0.003), norm: plainNorm,
			depth: func(int) float64 { return math.Log(2e-5) }}, Vanishing, 300, 900, false, nil},
		{recipe{name: "very deep, though the last layers learn", steps: 1800, layers: 14, loss: learning(2.3, 0.8, 200, 0.05), norm: plainNorm,
			depth: func(int) float64 { return math.Log(1e-9) }}, Vanishing, 300, 600, false, nil},
		{recipe{name: "escapes", steps: 3000, layers: 9, loss: func(t int, r *rand.Rand) float64 {
			return 0.1 + 0.59/(1+math.Exp(float64(t-1500)/50)) + 0.003*r.NormFloat64()
		}, norm: plainNorm, depth: func(t int) float64 {
			return math.Log(2e-4) * (1 - 1/(1+math.Exp(-float64(t-1400)/50)))
		}}, Vanishing, 300, 600, true, nil},
		{recipe{name: "activations and gradients alike", steps: 1500, layers: 9, loss: chance, norm: plainNorm, edit: func(_ int, s *Step, _ *rand.Rand) {
			for i := range len(s.ParamGradNorms) - 1 {
				s.ParamGradNorms[i] = Known(s.ParamGradNorms[i].value * 1e-4)
			}
		}}, Vanishing, 300, 600, false, nil},
		{recipe{name: "everywhere", steps: 1500, loss: learning(2.3, 2.28, 50, 0.01), norm: fading(1, 1e-7, 20, 0.2)},
			Vanishing, 300, 600, false, nil},
		{recipe{name: "through time", steps: 1500, loss: chance, norm: plainNorm, edit: recurring(always(0.02, 0.1))},
			Vanishing, 499, 600, false, nil},
		{recipe{name: "through time, and mended", steps: 2000, loss: after(900, chance, learning(0.69, 0.1, 200, 0.02)), norm: plainNorm, edit: recurring(func(t int) []float64 {
			if t < 900 {
				return []float64{0.1}
			}
			return []float64{0.95}
		})}, Vanishing, 499, 600, true, nil},
	}
}

func TestVanishing(t *testing.T) {
	for _, f := range vanishingFaults() {
		f.check(t)
	}
	recipe{name: "learns all the same", steps: 3000, layers: 9, loss: learning(2.3, 0.2, 100, 0.05), norm: plainNorm,
		depth: func(int) float64 { return math.Log(1e-4) }}.silent(t, Vanishing)
	recipe{name: "healthy convergence", steps: 3000, loss: learning(2.3, 0.01, 100, 0.05), norm: fading(1, 1e-7, 100, 0.2)}.silent(t, Vanishing)
	recipe{name: "one layer with a small gradient is no trend", steps: 3000, layers: 9, loss: learning(2.3, 2.2, 100, 0.05), norm: plainNorm,
		edit: func(_ int, s *Step, _ *rand.Rand) {
			s.ParamGradNorms[0] = Known(s.ParamGradNorms[0].value * 1e-5)
		}}.silent(t, Vanishing)
}

func TestVanishingThroughTimeNearMisses(t *testing.T) {
	chance := learning(0.75, 0.6931, 30, 0.003)
	recipe{name: "a spectral radius below 1", steps: 1500, loss: chance, norm: plainNorm, edit: recurring(always(0.5))}.silent(t, Vanishing)
	recipe{name: "one matrix remembers", steps: 1500, loss: chance, norm: plainNorm, edit: recurring(always(0.1, 0.9))}.silent(t, Vanishing)
	recipe{name: "learns without a memory", steps: 1500, loss: plainLoss, norm: plainNorm, edit: recurring(always(0.1))}.silent(t, Vanishing)
	recipe{name: "begins to learn", steps: 1500, loss: logistic(0.7, 0.1, 420, 0.003), norm: plainNorm, edit: recurring(always(0.1))}.silent(t, Vanishing)
	recipe{name: "no loss", steps: 1500, norm: plainNorm, edit: recurring(always(0.1))}.silent(t, Vanishing)
	recipe{name: "no recurrence", steps: 1500, loss: chance, norm: plainNorm, edit: curved(20, nil, nil)}.silent(t, Vanishing)
}

func TestVanishingThroughTimeSaysTheNumbers(t *testing.T) {
	p := recipe{steps: 600, loss: learning(0.75, 0.6931, 30, 0.003), norm: plainNorm, edit: recurring(always(0.02, 0.1))}
	events := observe(p.run(), p.make(1))
	require.Len(t, events, 1)
	e := events[0]
	require.Equal(t, Vanishing, e.Kind)
	require.InDelta(t, 0.1, e.Values["radius"], 0)
	require.Equal(t, "rnn.weight_hh_l1", e.Param)
	require.Contains(t, e.Summary, "The recurrent weights rnn.weight_hh_l1 have a spectral radius of 0.1,")
	require.Contains(t, e.Summary, "vanish through time")
	require.Contains(t, e.Advice, "orthogonal")
}
