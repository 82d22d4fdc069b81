package rivals

import (
	"math"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// sixSigma are the rules that skip a step whose loss or gradient norm is more than
// six standard deviations above the mean of the last 128, once there are 64. A
// skipped value enters the window like any other, and so does a NaN, with which
// nothing compares: it is skipped, and so is all that follows until it has left the
// window.
func sixSigma() []Rule {
	skip := func(name string, rule sixSigmaRule) Rule {
		rule.about = claim(name, corpus.Cliffs, corpus.Poisoned)
		rule.losses, rule.norms = newWindow(128), newWindow(128)
		return &rule
	}
	return []Rule{
		skip("OLMo-core skip step", sixSigmaRule{less: 1, needs: 64}),
		skip("Levanter skip step", sixSigmaRule{floor: 1e-6, needs: 64}),
		skip("MaxText skip step", sixSigmaRule{needs: 63}),
	}
}

type sixSigmaRule struct {
	about
	less          float64 // 1 for the unbiased standard deviation
	floor         float64 // of the standard deviation
	needs         int     // values
	losses, norms window
}

func (r *sixSigmaRule) Observe(s *monitor.Step) monitor.Condition {
	loss, lossKnown := s.Loss.Get()
	norm, normKnown := s.GradNorm.Get()
	if !lossKnown && !normKnown {
		return monitor.Undecided
	}
	spike := lossKnown && r.spike(&r.losses, loss)
	return holds(normKnown && r.spike(&r.norms, norm) || spike)
}

func (r *sixSigmaRule) spike(w *window, v float64) bool {
	enough := len(w.values) >= r.needs
	mean, std := w.spread(r.less)
	w.push(v)
	return enough && !(v-mean <= 6*math.Max(std, r.floor))
}
