package rivals

import (
	"math"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// sageMaker are built-in rules of Amazon SageMaker Debugger with the parameters
// that its documentation and its configuration give. By default it saves every
// 500th step; here it sees every one, as with a save interval of 1.
func sageMaker(run *monitor.Run) []Rule {
	return []Rule{
		&vanishingGradient{claim("SageMaker VanishingGradient", corpus.Vanishing), newGradients(run)},
		&explodingTensor{claim("SageMaker ExplodingTensor", corpus.NonFinite)},
		&allZero{claim("SageMaker AllZero", corpus.Dying), newGradients(run)},
		&weightUpdateRatio{claim("SageMaker WeightUpdateRatio", corpus.Diverging, corpus.TooSlow), newGradients(run).kernels},
		&unchangedTensor{about: claim("SageMaker UnchangedTensor(loss)", corpus.TooSlow, corpus.Saddle, corpus.Escape), last: newWindow(3)},
		&lossNotDecreasing{about: claim("SageMaker LossNotDecreasing", noProgress...)},
	}
}

// vanishingGradient: the mean magnitude of any gradient is below 1e-7.
type vanishingGradient struct {
	about
	g gradients
}

func (r *vanishingGradient) Observe(s *monitor.Step) monitor.Condition {
	return r.g.any(s, func(mean float64) bool { return mean < 1e-7 })
}

// explodingTensor: a tensor has a NaN or an infinity. Large numbers do not matter.
type explodingTensor struct{ about }

func (r *explodingTensor) Observe(s *monitor.Step) monitor.Condition { return holds(notFinite(s)) }

// allZero: all elements of a gradient are 0.
type allZero struct {
	about
	g gradients
}

func (r *allZero) Observe(s *monitor.Step) monitor.Condition {
	return r.g.any(s, func(mean float64) bool { return mean == 0 })
}

// weightUpdateRatio: the update of a weight over the weight is above 10 or below
// 1e-8, of norms, where others take means: the ratio of both is the same where
// elements are spread alike. Biases, which begin at 0, are left out.
type weightUpdateRatio struct {
	about
	kernels []int
}

func (r *weightUpdateRatio) Observe(s *monitor.Step) monitor.Condition {
	out := monitor.Undecided
	for _, k := range r.kernels {
		ratio, known := updateRatio(s, k)
		switch {
		case known && (ratio > 10 || ratio < 1e-8):
			return monitor.Holding
		case known:
			out = monitor.Clear
		}
	}
	return out
}

// updateRatio is the norm of one parameter's update over the parameter's own.
func updateRatio(s *monitor.Step, param int) (ratio float64, known bool) {
	if param >= len(s.UpdateNorms) || param >= len(s.ParamNorms) {
		return 0, false
	}
	update, ok := s.UpdateNorms[param].Get()
	value, known := s.ParamNorms[param].Get()
	return update / (value + 1e-9), ok && known
}

// unchangedTensor: the last three losses are equal, within 1e-5 of each and 1e-8.
type unchangedTensor struct {
	about
	last window
}

func (r *unchangedTensor) Observe(s *monitor.Step) monitor.Condition {
	loss, known := s.Loss.Get()
	if !known {
		return monitor.Undecided
	}
	r.last.push(loss)
	return holds(r.last.full() && same(r.last.at(0), loss) && same(r.last.at(1), loss))
}

func same(a, b float64) bool { return math.Abs(a-b) <= 1e-8+1e-5*math.Abs(b) }

// lossNotDecreasing: every 10 steps, the loss is not 0.1 % below what it was 10
// steps before. (That it rose by 5 % is a case of this.)
type lossNotDecreasing struct {
	about
	before monitor.Number
	seen   int
}

func (r *lossNotDecreasing) Observe(s *monitor.Step) monitor.Condition {
	loss, known := s.Loss.Get()
	if !known {
		return monitor.Undecided
	}
	if r.seen++; r.seen%10 != 1 {
		return monitor.Undecided
	}
	before, known := r.before.Get()
	r.before = s.Loss
	return holds(known && !(before-loss >= 0.001*math.Abs(before)))
}
