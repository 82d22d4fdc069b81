package monitor

import (
	"math/rand/v2"
	"testing"
)

func risingFaults() []fault {
	return []fault{
		{recipe{name: "figure 8.1", steps: 3000, loss: learning(2.3, 0.05, 500, 0.05), norm: func(t int, r *rand.Rand) float64 {
			return (1 + float64(t)/300) * plainNorm(t, r)
		}}, RisingGradient, 150, 600, false, nil},
	}
}

func TestRisingGradient(t *testing.T) {
	for _, f := range risingFaults() {
		f.check(t)
	}
	recipe{name: "steady norm", steps: 3000, loss: plainLoss, norm: plainNorm}.silent(t, RisingGradient)
	recipe{name: "no progress", steps: 500, loss: learning(2.3, 2.29, 50, 0.01), norm: func(t int, r *rand.Rand) float64 {
		return (1 + float64(t)/100) * plainNorm(t, r)
	}}.silent(t, RisingGradient)
}
