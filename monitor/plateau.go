package monitor

import "fmt"

const (
	// plateauNegative is how many curvatures in a row must have been negative, and
	// plateauLosses how many losses there must be.
	plateauNegative = 15
	plateauLosses   = 500
)

// plateau fires when weights are all exactly 0 and get no gradient, or have begun with one
// number everywhere, the saddle point of a symmetric start, or when the loss is [stuck] and
// gᵀg has shrunk below 1 % of its first level, or when it is flat, wherever it began, and
// the curvature along the gradient is negative: a flat region, or a critical point such as a saddle, far from
// where a run should end (Deep Learning, section 8.2.3).
type plateau struct {
	stuck
	run              *Run
	symmetric, first int
	alike            bool // the weights have begun with one number, and are not 0
}

func newPlateau(run *Run) *plateau { return &plateau{run: run} }

func (d *plateau) Kind() Kind { return Plateau }

func (d *plateau) Observe(_ *Step, c *Course) Condition {
	condition := d.observe(c, true)
	if condition == Clear && !d.now.Latch.On && c.block && d.concave(c) {
		d.now.Level, d.fall = d.level, 0
		condition = d.now.Latch.observe(true, false, 1, stuckQuiet)
	}
	d.alike = false
	if d.symmetric, d.first = c.symmetric(); d.symmetric == 0 {
		d.symmetric, d.first = c.alike()
		d.alike = d.symmetric > 0
	}
	if d.symmetric > 0 {
		d.now.Symmetric, d.now.Level = true, d.level
		d.signal = 0
		return Holding
	}
	if d.now.Symmetric {
		d.now.Symmetric = false
		if condition == Undecided {
			return Clear
		}
	}
	return condition
}

// concave says whether the run lies flat near a saddle point, wherever it began: the loss is
// known not to fall, and nearly all of the last curvatures that were measured along the
// gradient are negative, as they never are near a minimum.
func (d *plateau) concave(c *Course) bool {
	return c.now.Curvature.Negative >= plateauNegative && c.now.LossCount >= plateauLosses && c.flat() && !c.progressed(vanishingLearned)
}

func (d *plateau) Explain(e *Event) {
	e.describe(Warning, "8.2.3", "Break the symmetry with a random initialisation of the usual scale, and try momentum or a higher learning rate to cross the flat region.")
	e.Values = d.values(e.State)
	if d.symmetric > 0 && e.State != Resolved {
		e.Advice = "Initialise the weights at random: units that begin alike stay alike."
		e.Param = d.run.Params[d.first].Name
		if d.alike { // which is seen before there is a level of anything
			e.Values = map[string]float64{"weights": float64(d.symmetric), "constant": d.run.Params[d.first].Constant.Or(0)}
			e.Summary = fmt.Sprintf("%s begun with the same number for all elements, %s with %.3g: a symmetric start, where units that are computed alike stay alike.",
				has(d.symmetric), e.Param, e.Values["constant"])
			return
		}
		e.Values["weights"] = float64(d.symmetric)
		e.Summary = fmt.Sprintf("%s been exactly 0 with a gradient of exactly 0 for %d records, the first of them %s: a symmetric start, where nothing breaks the tie between units.",
			has(d.symmetric), deadRecords, e.Param)
		return
	}
	if e.State == Resolved {
		e.Summary = fmt.Sprintf("The loss has left the plateau of about %.4g on which it was at step %d, and is at %.4g.", d.now.Level, e.Since, d.level)
		return
	}
	e.Values["fall"] = d.fall
	e.Summary = fmt.Sprintf("The loss is flat at %.4g, where it began (%.4g), and gᵀg has shrunk to %.3g of its first level.",
		d.level, d.start, d.ratio)
}

// has begins a sentence about so many weight tensors.
func has(n int) string {
	if n == 1 {
		return "1 weight tensor has"
	}
	return fmt.Sprintf("%d weight tensors have", n)
}
