package monitor

import (
	"math"
	"math/rand/v2"
	"testing"
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
