package monitor

import (
	"math/rand/v2"
	"testing"
)

func spikeFaults() []fault {
	leap := func(by float64, steps ...int) func(int, *Step, *rand.Rand) {
		return func(t int, s *Step, _ *rand.Rand) {
			for _, at := range steps {
				if t == at {
					s.Loss = Known(s.Loss.value + by)
				}
			}
		}
	}
	return []fault{
		{recipe{name: "poisoned batch", steps: 2000, loss: plainLoss, norm: plainNorm, edit: leap(8, 1200)},
			LossSpike, 1201, 1201, true, nil},
		{recipe{name: "catapult", steps: 2000, loss: plainLoss, norm: plainNorm, edit: leap(5, 1200, 1201, 1202, 1205, 1210, 1230)},
			LossSpike, 1201, 1201, true, nil},
		{recipe{name: "loss only", steps: 2000, loss: plainLoss, noParams: true, edit: leap(8, 1200)},
			LossSpike, 1201, 1201, true, nil},
		{recipe{name: "negative losses", steps: 2000, loss: func(t int, r *rand.Rand) float64 {
			return plainLoss(t, r) - 10
		}, norm: plainNorm, edit: leap(15, 1200)},
			LossSpike, 1201, 1201, true, nil},
		{recipe{name: "near 0", steps: 2000, loss: learning(1, 1e-6, 50, 0.1), norm: plainNorm, edit: leap(0.5, 1800)},
			LossSpike, 1801, 1801, true, nil},
		{recipe{name: "language model", steps: 2000, loss: learning(4.6, 1.5, 200, 0.03), norm: plainNorm, edit: leap(2.5, 1500)},
			LossSpike, 1501, 1501, true, nil},
	}
}

func TestLossSpike(t *testing.T) {
	for _, f := range spikeFaults() {
		f.check(t)
	}
}
