package monitor

import "fmt"

// plateau fires when the loss is [stuck] and gᵀg has shrunk below 1 % of its
// first level: a flat region, or a critical point such as a saddle, far from
// where a run should end (Deep Learning, section 8.2.3).
type plateau struct{ stuck }

func newPlateau() *plateau { return &plateau{} }

func (d *plateau) Kind() Kind { return Plateau }

func (d *plateau) Observe(_ *Step, c *Course) Condition { return d.observe(c, true) }

func (d *plateau) Explain(e *Event) {
	e.describe(Warning, "8.2.3", "Break the symmetry with a random initialisation of the usual scale, and try momentum or a higher learning rate to cross the flat region.")
	e.Values = d.values()
	if e.State == Resolved {
		e.Summary = fmt.Sprintf("The loss has left the plateau of about %.4g on which it was at step %d, and is at %.4g.", d.now.Level, e.Since, d.level)
		return
	}
	e.Values["fall"] = d.fall
	e.Summary = fmt.Sprintf("The loss is flat at %.4g, where it began (%.4g), and gᵀg has shrunk to %.3g of its first level.",
		d.level, d.start, d.ratio)
}
