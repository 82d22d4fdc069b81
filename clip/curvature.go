package clip

import "math"

type curvatureLimited struct {
	stateless
	scaled
	limit float64
}

// CurvatureLimited clips where the curvature says that the step overshoots. Along
// the gradient g, with the learning rate η and the Hessian H of the loss, a step
// of gradient descent changes the loss by -η·gᵀg + ½η²·gᵀHg to second order
// (Goodfellow, Bengio and Courville, Deep Learning, equation 4.9), which is a
// descent only while
//
//	ρ = η·gᵀHg / gᵀg
//
// is below 2, and the steepest at 1. Where a step's ρ is above limit, the
// gradients are multiplied by limit/ρ, so that ρ becomes limit. limit is above 0:
// 2 forbids an increase of the loss in this model, 1 goes no further than the
// line's minimum.
//
// A step without a measured curvature, or whose learning rate is not known, is
// left alone, and so is one with negative curvature, of which the model says
// nothing.
func CurvatureLimited(limit float64) Policy { return &curvatureLimited{limit: limit} }

func (*curvatureLimited) Name() string { return "curvature_limited" }

func (p *curvatureLimited) Validate() error {
	return checkThreshold("CurvatureLimited", "ρ = η·gᵀHg/gᵀg", p.limit)
}

func (p *curvatureLimited) Decide(g Gradient) Decision {
	limit := p.of(p.limit)
	if !(limit > 0) {
		return Keep()
	}
	d := Decision{Factor: 1, Threshold: limit}
	if rho := g.LR * g.GTHG / g.Norm / g.Norm; g.ordinary() && rho > limit && !math.IsInf(rho, 1) {
		d.Factor = ratio(limit, rho)
	}
	return d
}
