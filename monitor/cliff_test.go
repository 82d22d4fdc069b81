package monitor

import (
	"math/rand/v2"
	"testing"
)

// magnify multiplies the gradients of a step.
func magnify(s *Step, k float64) {
	s.GradNorm = Known(s.GradNorm.value * k)
	for i := range s.ParamGradNorms {
		s.ParamGradNorms[i] = Known(s.ParamGradNorms[i].value * k)
	}
}

func cliffFaults() []fault {
	return []fault{
		{recipe{name: "one step", steps: 1000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t == 600 {
				magnify(s, 100)
			}
		}}, Cliff, 601, 601, true, nil},
		{recipe{name: "several in one incident", steps: 1000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t == 600 || t == 601 || t == 620 || t == 665 {
				magnify(s, 300)
			}
		}}, Cliff, 601, 601, true, nil},
		{recipe{name: "with the loss spike that it makes", steps: 1000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t == 600 {
				magnify(s, 1000)
			}
			if t > 600 && t < 610 {
				s.Loss = Known(s.Loss.value + 8)
			}
		}}, Cliff, 601, 601, true, nil},
		{recipe{name: "norm only", steps: 1000, noParams: true, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t == 600 {
				magnify(s, 100)
			}
		}}, Cliff, 601, 601, true, nil},
		{recipe{name: "without a total", steps: 1000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t == 600 {
				magnify(s, 100)
			}
			s.GradNorm = Number{}
		}}, Cliff, 601, 601, true, nil},
	}
}

func TestCliff(t *testing.T) {
	for _, f := range cliffFaults() {
		f.check(t)
	}
	// A trend is no cliff.
	recipe{name: "trend", steps: 3000, loss: plainLoss, norm: func(t int, r *rand.Rand) float64 {
		return (1 + float64(t)/50) * plainNorm(t, r)
	}}.silent(t, Cliff)
}
