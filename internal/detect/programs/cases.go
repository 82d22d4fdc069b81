package programs

import (
	"fmt"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// common are the healthy cases that all programs have, the plain one first.
func common() []Case {
	return []Case{
		{Name: Plain, Class: corpus.Healthy},
		easy("twice the width", func(r *Recipe) { r.Width *= 2 }),
		easy("half the learning rate", func(r *Recipe) { r.LR /= 2 }),
		easy("twice the batch", func(r *Recipe) { r.Batch *= 2 }),
		hard("uneven batches", func(r *Recipe) { r.Batch, r.Uneven = r.Batch+5, true }),
	}
}

// easy is a healthy case.
func easy(name string, change func(*Recipe)) Case {
	return Case{Name: "healthy, " + name, Class: corpus.Healthy, Least: 0.8, change: change}
}

// hard is a healthy case of a sort that fools published rules.
func hard(name string, change func(*Recipe)) Case {
	return Case{Name: "healthy, " + name, Class: corpus.Healthy, Hard: true, change: change}
}

// fault is a case with a cause.
func fault(class corpus.Class, name string, change func(*Recipe)) Case {
	return Case{Name: fmt.Sprintf("%s, %s", class, name), Class: class, change: change}
}

// least sets what part of the way to the reference the case has to go.
func (c Case) least(part float64) Case {
	c.Least = part
	return c
}

// most sets what part of the way to the reference the case may go.
func (c Case) most(part float64) Case {
	c.Most = part
	return c
}

// scheduled has a schedule of the learning rate.
func scheduled(name string) Case {
	return hard(name, func(r *Recipe) { r.Schedule = name })
}

// resized has another batch size from the middle of the run on.
func resized(to int) Case {
	return hard(fmt.Sprintf("batches of %d from the middle on", to), func(r *Recipe) { r.NextBatch = to })
}

// clipped has a threshold that nearly every step exceeds, and a learning rate
// that is factor times the usual one to suit it.
func clipped(norm, factor float64) Case {
	return hard("clipped at every step", func(r *Recipe) { r.Clip = norm; r.LR *= factor })
}

// clippedEarly has a threshold that nearly every step exceeds until the gradients
// have become small.
func clippedEarly(norm, factor float64) Case {
	c := clipped(norm, factor)
	c.Name = "healthy, clipped at every step until it has learnt"
	return c
}

// tuned goes on from weights that the plain program learns in so many steps, with
// a lower learning rate, on a task that is shifted a little or not at all.
func tuned(before int, factor, shift float64) Case {
	name := "fine-tuning"
	if shift != 0 {
		name += " on a shifted task"
	}
	return hard(name, func(r *Recipe) { r.Before = before; r.LR *= factor; r.Shift = shift })
}

// partly trains all but the first parameter tensors.
func partly(untrained int) Case {
	return hard("first layers frozen on purpose", func(r *Recipe) { r.Untrained = untrained })
}

// with has other hidden units.
func (c Case) with(activation string) Case {
	change := c.change
	c.Name += ", " + activation
	c.change = func(r *Recipe) {
		change(r)
		r.Activation = activation
	}
	return c
}

// tooSlow multiplies the learning rate by a factor far below 1.
func tooSlow(factor float64) Case {
	return fault(corpus.TooSlow, fmt.Sprintf("learning rate times %g", factor), func(r *Recipe) { r.LR *= factor })
}

// tooFast multiplies it by one far above.
func tooFast(factor float64) Case {
	return fault(corpus.Diverging, fmt.Sprintf("learning rate times %g", factor), func(r *Recipe) { r.LR *= factor })
}

// faster is a schedule's bug, in the middle of the run.
func faster(factor float64) Case {
	return fault(corpus.Diverging, fmt.Sprintf("learning rate times %g from the middle on", factor), func(r *Recipe) {
		r.Fault = Fault{Kind: LongSteps, At: 0.5, Size: factor}
	})
}

// injected does something at a known step.
func injected(class corpus.Class, name string, kind FaultKind, at, size float64, lasting bool) Case {
	return fault(class, name, func(r *Recipe) { r.Fault = Fault{kind, at, size, lasting} })
}

// poisoned has a batch whose inputs are too large.
func poisoned(size float64) Case {
	return injected(corpus.Poisoned, "inputs too large", BigInputs, 0.5, size, false)
}

// mislabelled has a batch of wrong targets, with a weight.
func mislabelled(weight float64) Case {
	return injected(corpus.Poisoned, "wrong labels with a large weight", BadLabels, 0.4, weight, false)
}

// nanOnce has one batch with a NaN.
func nanOnce() Case {
	return injected(corpus.NonFinite, "one NaN in one batch", InputNaN, 0.4, 0, false)
}

// infOnce has one batch with an infinity.
func infOnce() Case {
	return injected(corpus.NonFinite, "one infinity in one batch", InputInf, 0.6, 0, false)
}

// emptyMask has one loss of 0/0.
func emptyMask() Case {
	return injected(corpus.NonFinite, "0 divided by 0 in one loss", LossNaN, 0.5, 0, false)
}

// logOfZero has losses with the logarithm of 0 from a step on.
func logOfZero() Case {
	return injected(corpus.NonFinite, "logarithm of 0 in the loss from a step on", LogZero, 0.5, 0, true)
}

// steeper multiplies the weights of which the network is a product.
func steeper(size float64) Case {
	return injected(corpus.Cliffs, "next to a cliff", Steeper, 0.4, size, false)
}

// unthawed freezes all parameters but one.
func unthawed() Case {
	return injected(corpus.Frozen, "a validation that does not thaw", Requires, 0.3, 0, false)
}

// negatedLoss minimises the negative loss.
func negatedLoss() Case {
	return injected(corpus.SignError, "loss negated", NegatedLoss, 0, 0, false)
}

// negatedStep climbs the loss.
func negatedStep() Case {
	return injected(corpus.SignError, "gradient added", NegatedStep, 0, 0, false)
}

// killed has hidden biases far below 0 from a step on.
func killed(size float64) Case {
	return injected(corpus.Dying, "hidden biases far below 0 at a step", Kill, 0.35, size, false)
}

// bornDead has them from the beginning.
func bornDead(bias float64) Case {
	return fault(corpus.Dying, "hidden biases far below 0", func(r *Recipe) { r.Bias = -bias })
}

// leap has one step that is far too long.
func leap(size float64) Case {
	return injected(corpus.Dying, "one step far too long", Leap, 0.3, size, false)
}

// symmetric starts all units of a layer from the same weights, which stay the same.
func symmetric(gain float64) Case {
	name := "the same weights for all units"
	if gain == 0 {
		name = "all weights 0"
	}
	return fault(corpus.Saddle, name, func(r *Recipe) { r.Symmetric = true; r.Gain = gain; r.Recurrent = gain })
}

// bouncing has steps of a fixed length, that of the clipped gradient times the
// learning rate, far longer than what is left of the way.
func bouncing(clip, lr float64) Case {
	return fault(corpus.Oscillating, "clipped, the learning rate far too large", func(r *Recipe) {
		r.Clip, r.LR, r.Optimizer, r.Momentum = clip, lr, "sgd", 0
	})
}

// spread is the ratio of the features' scales.
func (r *Recipe) spread() float64 {
	if r.Spread == 0 {
		return 1
	}
	return r.Spread
}
