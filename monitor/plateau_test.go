package monitor

import (
	"math/rand/v2"
	"testing"
)

// unborn has weights of 0, with gradients of 0, up to a step.
func unborn(until int) func(int, *Step, *rand.Rand) {
	return func(t int, s *Step, _ *rand.Rand) {
		if t >= until {
			return
		}
		for i := range 3 {
			zero(s, i)
		}
		if t == 0 {
			s.ParamNorms = []Number{Known(0), Known(0), Known(0), Known(0.1)}
		}
	}
}

func plateauFaults() []fault {
	return []fault{
		{recipe{name: "symmetric start", steps: 3000, loss: learning(1.12, 1.0986, 30, 0.01), norm: fading(1, 0.01, 50, 0.2)},
			Plateau, 600, 1000, false, nil},
		{recipe{name: "and escape", steps: 6000, loss: logistic(0.69, 0.1, 3000, 0.005), norm: fading(1, 0.02, 50, 0.2)},
			Plateau, 600, 1000, true, nil},
		{recipe{name: "weights of 0", steps: 1500, layers: 2, loss: learning(1.12, 1.0986, 30, 0.3), norm: plainNorm, edit: unborn(1500)},
			Plateau, 100, 105, false, nil},
		{recipe{name: "weights of 0, until something moves them", steps: 1500, layers: 2, loss: plainLoss, norm: plainNorm, edit: unborn(500)},
			Plateau, 100, 105, true, nil},
	}
}

func TestPlateau(t *testing.T) {
	for _, f := range plateauFaults() {
		f.check(t)
	}
	recipe{name: "converged", steps: 10000, loss: learning(2.3, 1.5, 100, 0.01), norm: fading(1, 0.01, 50, 0.2)}.silent(t, Plateau)
}
