package monitor

import (
	"fmt"
	"math"
)

const (
	// risingFactor is how many times its baseline the gradient norm's level is
	// at least, and risingCalm at most when it has ended.
	risingFactor = 1.5
	risingCalm   = 1.2
	// risingDeep is how many times its start the loss may lie below 0.
	risingDeep = 4
	// risingStay is for how many records, both ways.
	risingStay = 100
)

// risingGradient fires when the gradient norm is well above the level of its
// first 32 while the loss has come down and is near its best. It is what a
// healthy run often does and no critical point, which is why it is said: the
// norm tells nothing about how far the training is (Deep Learning, section
// 8.2.1 and figure 8.1).
type risingGradient struct {
	memory[latch]
	growth, level, start float64
}

func newRisingGradient() *risingGradient { return &risingGradient{} }

func (d *risingGradient) Kind() Kind { return RisingGradient }

func (d *risingGradient) Observe(_ *Step, c *Course) Condition {
	_, hasNorm := c.Norm()
	_, hasLoss := c.Loss()
	norm, ok := c.NormLevel()
	if !hasNorm || !hasLoss || !ok {
		return Undecided
	}
	d.growth, d.start = norm-c.Baseline(), c.Start()
	d.level, _ = c.Level()
	// A loss that falls far below 0 is no healthy one, see diverging.
	improving := c.improving() && d.level > -risingDeep*math.Abs(d.start)
	return d.now.observe(d.growth > math.Log(risingFactor) && improving,
		d.growth < math.Log(risingCalm) || !improving, risingStay, risingStay)
}

func (d *risingGradient) Explain(e *Event) {
	e.describe(Info, "8.2.1", "Nothing needs to be done: judge the run by its loss.")
	growth := math.Exp(min(d.growth, 400))
	e.Values = map[string]float64{"growth": growth, "level": d.level, "start": d.start}
	if e.State == Resolved {
		e.Summary = fmt.Sprintf("The gradient norm no longer rises while the loss goes down: it is at %.3g times its first level.", growth)
		return
	}
	e.Summary = fmt.Sprintf("The gradient norm has risen to %.3g times its first level while the loss went down from %.4g to %.4g, which is healthy.",
		growth, d.start, d.level)
}
