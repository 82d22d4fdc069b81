package monitor

import (
	"math"
	"math/rand/v2"
	"testing"
)

// logistic stays at one level up to step at and then learns.
func logistic(high, low, at, noise float64) func(int, *rand.Rand) float64 {
	return func(t int, r *rand.Rand) float64 {
		return low + (high-low)/(1+math.Exp((float64(t)-at)/50)) + noise*r.NormFloat64()
	}
}

func stagnatingFaults() []fault {
	return []fault{
		{recipe{name: "at chance", steps: 3000, loss: learning(2.33, 2.303, 30, 0.01), norm: plainNorm}, Stagnating, 600, 1000, false, nil},
		{recipe{name: "too slow", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
			return 0.72 - 2e-6*float64(t) + 0.005*r.NormFloat64()
		}, norm: plainNorm}, Stagnating, 600, 1000, false, nil},
		{recipe{name: "noisy", steps: 10000, loss: learning(1, 1, 30, 0.03), norm: plainNorm}, Stagnating, 600, 9000, false, nil},
		{recipe{name: "loss only", steps: 3000, noParams: true, loss: learning(2.33, 2.303, 30, 0.01)}, Stagnating, 600, 1000, false, nil},
		{recipe{name: "a very long flat start", steps: 6000, loss: logistic(0.69, 0.1, 3000, 0.005), norm: plainNorm}, Stagnating, 600, 1000, true, nil},
	}
}

func TestStagnating(t *testing.T) {
	for _, f := range stagnatingFaults() {
		f.check(t)
	}
	for _, f := range plateauFaults() {
		f.recipe.silent(t, Stagnating)
	}
	recipe{name: "converged", steps: 10000, loss: learning(2.3, 1.5, 100, 0.01), norm: plainNorm}.silent(t, Stagnating)
}
