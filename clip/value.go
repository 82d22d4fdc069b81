package clip

import (
	"fmt"
	"math"
)

type value struct {
	stateless
	scaled
	lower, upper float64
	symmetric    bool
}

// Value clips element-wise: every element of every gradient is bounded to
// [-max, max] (Goodfellow, Bengio and Courville, Deep Learning, section
// 10.11.1). The direction of the step may change. Nothing is written when no
// element exceeds max. With max = +Inf it measures only.
//
// A step with non-finite elements is left alone; skipping it is the caller's
// part.
func Value(max float64) Policy { return &value{lower: -max, upper: max, symmetric: true} }

// Bounds is [Value] with different bounds for negative and positive elements,
// lower at most 0 and upper at least 0, not both 0; -Inf and +Inf do not bound.
// 0 lets no element of that sign pass. Elements within the bounds are kept.
func Bounds(lower, upper float64) Policy { return &value{lower: lower, upper: upper} }

func (p *value) Name() string {
	if p.symmetric {
		return "value"
	}
	return "bounds"
}

func (p *value) Validate() error {
	if p.symmetric {
		return checkThreshold("Value", "magnitude", p.upper)
	}
	if !(p.lower <= 0 && p.upper >= 0 && p.lower < p.upper) {
		return fmt.Errorf("clip: Bounds(%v, %v): the lower bound has to be at most 0, the upper at least 0, and not both 0, as in Bounds(-1, 0.5)",
			p.lower, p.upper)
	}
	return nil
}

func (p *value) Decide(g Gradient) Decision {
	lower, upper := p.of(p.lower), p.of(p.upper)
	if !(lower < upper) {
		return Keep()
	}
	d := Decision{Factor: 1, Threshold: max(-lower, upper)}
	if math.IsInf(d.Threshold, 1) {
		d.Threshold = min(-lower, upper)
	}
	// The magnitudes do not say which sign they have.
	if g.finite() && g.Max > min(-lower, upper) {
		d.Lower, d.Upper = lower, upper
	}
	return d
}
