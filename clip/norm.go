package clip

import (
	"fmt"
	"math"
)

type norm struct {
	stateless
	max float64
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
func Norm(max float64) Policy { return norm{max: max} }

func (norm) Name() string { return "norm" }

func (p norm) Validate() error { return checkThreshold("Norm", "norm", p.max) }

func (p norm) Decide(g Gradient) Decision {
	if !(p.max > 0) {
		return Keep()
	}
	d := Decision{Factor: 1, Threshold: p.max}
	if g.NonFinite == 0 && g.Norm > p.max {
		d.Factor = shrink(g, p.max)
	}
	return d
}

// shrink is the factor that brings the norm of g, which is finite in all its
// elements and above limit, down to limit and never above it.
func shrink(g Gradient, limit float64) float64 {
	if math.IsInf(g.Norm, 1) {
		return limit / max(g.Max, math.MaxFloat64/(1<<32)) / (1 << 32)
	}
	f := limit / g.Norm
	if f*g.Norm > limit { // the quotient was rounded up
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
