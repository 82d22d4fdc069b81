package clip

type value struct {
	stateless
	max float64
}

// Value clips element-wise: every element of every gradient is bounded to
// [-max, max] (Goodfellow, Bengio and Courville, Deep Learning, section
// 10.11.1). The direction of the step may change. Nothing is written when no
// element exceeds max. With max = +Inf it measures only.
//
// A step with non-finite elements is left alone; skipping it is the caller's
// part.
func Value(max float64) Policy { return value{max: max} }

func (value) Name() string { return "value" }

func (p value) Validate() error { return checkThreshold("Value", "magnitude", p.max) }

func (p value) Decide(g Gradient) Decision {
	if !(p.max > 0) {
		return Keep()
	}
	d := Decision{Factor: 1, Threshold: p.max}
	if g.NonFinite == 0 && g.Max > p.max {
		d.Lower, d.Upper = -p.max, p.max
	}
	return d
}
