package monitor

import "testing"

func plateauFaults() []fault {
	return []fault{
		{recipe{name: "symmetric start", steps: 3000, loss: learning(1.12, 1.0986, 30, 0.01), norm: fading(1, 0.01, 50, 0.2)},
			Plateau, 600, 1000, false, nil},
		{recipe{name: "and escape", steps: 6000, loss: logistic(0.69, 0.1, 3000, 0.005), norm: fading(1, 0.02, 50, 0.2)},
			Plateau, 600, 1000, true, nil},
	}
}

func TestPlateau(t *testing.T) {
	for _, f := range plateauFaults() {
		f.check(t)
	}
	recipe{name: "converged", steps: 10000, loss: learning(2.3, 1.5, 100, 0.01), norm: fading(1, 0.01, 50, 0.2)}.silent(t, Plateau)
}
