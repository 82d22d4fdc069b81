package clip

import (
	"fmt"
	"math"
	"strconv"
)

type norm struct {
	stateless
	scaled
	p, max   float64
	elements float64 // of all parameters
}

// Norm clips by global norm: when the L2 norm over all gradients is above max,
// all of them are multiplied by max/norm, so that the direction stays and the
// length is max (Pascanu, Mikolov and Bengio 2013, algorithm 1; Goodfellow,
// Bengio and Courville, Deep Learning, equation 10.48). There is no epsilon in
// the quotient: the norm is max afterwards, and clipping again changes nothing.
// With max = +Inf it measures only.
//
// A step with non-finite elements is left alone, because no factor mends it;
// skipping such a step is the caller's part. A norm that exceeds float64 while
// all elements are finite is replaced by an upper bound, 2³² times the largest
// magnitude (enough for 2⁶⁴ elements): the step becomes far smaller than max
// allows, but keeps its direction and the promise that max is not exceeded.
func Norm(max float64) Policy { return &norm{p: 2, max: max} }

// PNorm is [Norm] for the p-norm, (Σ|x|^p)^(1/p), of all gradients as one vector:
// p above 0, where 1 is the sum of magnitudes and +Inf the largest of them. Below
// 1 it is no norm in the strict sense, but scales as one.
func PNorm(p, max float64) Policy { return &norm{p: p, max: max} }

func (p *norm) Name() string {
	if p.p == 2 {
		return "norm"
	}
	return "norm_p" + strconv.FormatFloat(p.p, 'g', -1, 64)
}

func (p *norm) Validate() error {
	if p.p == 2 {
		return checkThreshold("Norm", "norm", p.max)
	}
	if !(p.p > 0) {
		return fmt.Errorf("clip: PNorm(%v, %v): the norm's order p has to be above 0, as in PNorm(1, 10); +Inf is the largest magnitude",
			p.p, p.max)
	}
	return checkThreshold(fmt.Sprintf("PNorm(%v, max): PNorm", p.p), "norm", p.max)
}

func (p *norm) Bind(params []Param) (Needs, error) {
	p.elements = 0
	for _, x := range params {
		p.elements += float64(x.Numel)
	}
	if p.p == 2 || math.IsInf(p.p, 1) {
		return Needs{}, nil
	}
	return Needs{PNorms: []float64{p.p}}, nil
}

func (p *norm) Decide(g Gradient) Decision {
	switch {
	case math.IsInf(p.p, 1):
		g.Norm = g.Max
	case p.p != 2 && len(g.PNorms) == 0: // not measured
		g.Norm = 0
	case p.p != 2:
		g.Norm = TotalNorm(p.p, g.PNorms[0]...)
		if math.IsInf(g.Norm, 1) && p.p < 2 {
			return p.far(g)
		}
	}
	return clipTo(g, p.of(p.max))
}

// far is Decide for a norm beyond float64 of order below 2, for which shrink's
// bound is too low: with n elements it is at most n^(1/p) times the largest of them.
func (p *norm) far(g Gradient) Decision {
	d := clipTo(g, p.of(p.max))
	if d.Changes() {
		bound := min(math.Pow(max(1, p.elements), 1/p.p), math.MaxFloat64)
		f := d.Threshold / max(g.Max, math.MaxFloat64/bound) / bound
		d.Factor = min(d.Factor, math.Nextafter(f, 0)) // which may be subnormal, with few digits
	}
	return d
}

// clipTo is the decision to bring the norm of g, where it is above limit, down
// to limit. A limit that is not above 0 is none yet.
func clipTo(g Gradient, limit float64) Decision {
	if !(limit > 0) {
		return Keep()
	}
	d := Decision{Factor: 1, Threshold: limit}
	if g.finite() && g.Norm > limit {
		d.Factor = shrink(g, limit)
	}
	return d
}

// shrink is the factor that brings the norm of g, which is finite in all its
// elements and above limit, down to limit and never above it.
func shrink(g Gradient, limit float64) float64 { return shrinkNorm(g.Norm, g.Max, limit) }

// shrinkNorm is shrink for that norm and largest magnitude.
func shrinkNorm(norm, largest, limit float64) float64 {
	if math.IsInf(norm, 1) {
		return limit / max(largest, math.MaxFloat64/(1<<32)) / (1 << 32)
	}
	return ratio(limit, norm)
}

// ratio is limit/norm, rounded so that norm times it is not above limit.
func ratio(limit, norm float64) float64 {
	f := limit / norm
	if f*norm > limit { // the quotient was rounded up
		f = math.Nextafter(f, 0)
	}
	return f
}

// checkThreshold says what is wrong with the threshold of the policy that
// constructor makes.
func checkThreshold(constructor, of string, v float64) error {
	if v > 0 {
		return nil
	}
	return fmt.Errorf("clip: %s(%v): the largest %s allowed has to be above 0, as in %s(1); +Inf measures only",
		constructor, v, of, constructor)
}
