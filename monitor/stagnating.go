package monitor

import "fmt"

// stagnatingSignal is the share of gᵀg that is signal from which on longer steps are
// the first thing to try.
const stagnatingSignal = 0.3

// stagnating fires when the loss is [stuck] while gᵀg is still strong, at least
// 1 % of its first level: work is done in every step and no progress is made,
// which is the mark of ill-conditioning and of a step that is far too small or
// too long (Deep Learning, section 8.2.1), or when all steps together are too short for
// more, to first order. Without gradient norms a stuck loss
// is called stagnating too, and the summary says so.
type stagnating struct{ stuck }

func newStagnating() *stagnating { return &stagnating{} }

func (d *stagnating) Kind() Kind { return Stagnating }

func (d *stagnating) Observe(_ *Step, c *Course) Condition { return d.observe(c, false) }

func (d *stagnating) Explain(e *Event) {
	e.describe(Warning, "8.2.1", "Try learning rates 10 times higher and lower, look at the labels and the scale of the inputs, and consider an optimizer with momentum or adaptive steps.")
	e.Values = d.values(e.State)
	if e.State == Resolved && d.immobile {
		e.Summary = fmt.Sprintf("The steps are not too short any more: to first order all of them together can have changed the loss by %.2g of its size, and it is at %.4g; it was at %.4g at step %d.",
			d.bound, d.level, d.now.Level, e.Since)
		return
	}
	if e.State == Resolved {
		e.Summary = fmt.Sprintf("The loss has come down to a level of %.4g; it had not moved from about %.4g at step %d.", d.level, d.now.Level, e.Since)
		return
	}
	e.Values["fall"] = d.fall
	if d.immobile {
		e.Advice = "Raise the learning rate, by a factor of 10 at a time."
		e.Summary = fmt.Sprintf("The steps are too short: to first order all of them together can have changed the loss by %.2g of its size at most, and it is at %.4g and began at %.4g.",
			d.bound, d.level, d.start)
		return
	}
	if d.signal > stagnatingSignal {
		e.Advice = "Raise the learning rate, by a factor of 10 at a time: the gradient points the same way from step to step."
	}
	work := "the gradients were not measured"
	if d.hasNorm {
		work = fmt.Sprintf("gᵀg is at %.3g times its first level", d.ratio)
	}
	e.Summary = fmt.Sprintf("The loss is at %.4g, began at %.4g and came down by only %.2g over the last quarter of the run; %s.",
		d.level, d.start, d.fall, work)
}
