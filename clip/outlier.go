package clip

import "math"

type outlier struct{ recent Range }

// Outlier leaves every gradient alone whose norm is within the recent range of
// the run's own norms and scales a cliff back to the upper limit of that range
// (see [Range] for what that is and for what is not caught). It has no
// threshold to choose, clips nothing in its first [RangeWarmUp] steps, and
// multiplying the loss by a constant changes none of its factors.
//
// A step with non-finite elements is left alone, and what is remembered stays
// exactly as it was; skipping such a step is the caller's part. A norm that
// exceeds float64 while all elements are finite is clipped as [Norm] does.
func Outlier() Policy { return &outlier{} }

func (*outlier) Name() string { return "outlier" }

func (*outlier) Validate() error { return nil }

func (p *outlier) Decide(g Gradient) Decision {
	d, limit := Keep(), p.recent.Limit()
	if p.recent.Ready() {
		d.Threshold = limit
	}
	if g.NonFinite != 0 || math.IsNaN(g.Norm) {
		return d
	}
	if _, above := p.recent.Observe(g.Norm); above || g.Norm > limit {
		d.Factor = shrink(g, limit)
	}
	return d
}

func (p *outlier) State() ([]byte, error) { return p.recent.MarshalJSON() }

func (p *outlier) Restore(state []byte) error { return p.recent.UnmarshalJSON(state) }
