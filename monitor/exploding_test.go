package monitor

import (
	"math"
	"math/rand/v2"
	"testing"
)

func explodingFaults() []fault {
	flat := learning(2.3, 2.25, 50, 0.02)
	return []fault{
		{recipe{name: "in time", steps: 500, loss: flat, norm: func(t int, r *rand.Rand) float64 {
			return math.Exp(math.Min(math.Max(float64(t-200)/10, 0), 12)) * plainNorm(t, r)
		}}, Exploding, 240, 350, false, []Kind{Cliff}},
		{recipe{name: "in time and back", steps: 1500, loss: flat, norm: func(t int, r *rand.Rand) float64 {
			return math.Exp(12*math.Exp(-math.Pow(float64(t-500)/150, 2))) * plainNorm(t, r)
		}}, Exploding, 350, 550, true, []Kind{Cliff, Stagnating}},
		{recipe{name: "norm only", steps: 500, noParams: true, norm: func(t int, r *rand.Rand) float64 {
			return math.Exp(math.Min(math.Max(float64(t-200)/10, 0), 12)) * plainNorm(t, r)
		}}, Exploding, 292, 360, false, []Kind{Cliff}},
		{recipe{name: "through depth", steps: 500, layers: 12, loss: flat, norm: plainNorm,
			depth: func(int) float64 { return math.Log(1e6) }}, Exploding, 100, 160, false, nil},
		{recipe{name: "runaway into NaN", steps: 200, loss: func(t int, r *rand.Rand) float64 {
			return 2.3 * math.Exp(3*float64(t))
		}, norm: func(t int, _ *rand.Rand) float64 { return math.Exp(3 * float64(t)) }, edit: func(t int, s *Step, _ *rand.Rand) {
			if t >= 15 {
				s.Loss, s.GradNorm, s.NonFinite = Known(math.NaN()), Known(math.NaN()), Known(100)
			}
		}}, Exploding, 5, 8, false, []Kind{NonFinite}},
	}
}

func TestExploding(t *testing.T) {
	for _, f := range explodingFaults() {
		f.check(t)
	}
	// The same growth while the loss goes down is healthy.
	recipe{name: "rising with progress", steps: 3000, loss: learning(2.3, 0.1, 2000, 0.02), norm: func(t int, r *rand.Rand) float64 {
		return math.Exp(float64(t)/400) * plainNorm(t, r)
	}}.silent(t, Exploding)
}
