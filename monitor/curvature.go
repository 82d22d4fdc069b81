package monitor

// Curvature holds what one step measured to second order. g is the gradient of
// the loss before clipping, H its Hessian, η_eff the learning rate times what
// clipping left of the gradient's length, and u the change of the parameters
// that the optimizer made. Losses and derivatives are those of one batch.
//
// A step that follows a measured one may hold nothing but LossChange.
type Curvature struct {
	GTHG     Number // gᵀHg
	Rayleigh Number // gᵀHg / gᵀg
	// Rho is η_eff·gᵀHg/gᵀg, with its sign: below 0 the loss is concave along
	// the gradient, 1 is the step to the minimum of the parabola along it, and
	// above 2 the second-order model says that a plain gradient step raises the
	// loss. Above 1 is normal.
	Rho Number
	// RhoPreconditioned is η·(P⁻¹g)ᵀH(P⁻¹g) / gᵀP⁻¹g, with P the diagonal matrix by
	// which an optimizer such as Adam divides its step: what Rho is for the
	// preconditioned Hessian P⁻¹H.
	RhoPreconditioned Number
	// RhoLimit is what the optimizer tolerates for long of RhoPreconditioned where
	// that is known, and of Rho elsewhere, see [StabilityLimit].
	RhoLimit Number
	// PredictedChange is the change of the loss in this step to second order:
	// −η_eff·gᵀg + ½η_eff²·gᵀHg for plain gradient descent (Deep Learning,
	// equation 4.9), gᵀu + ½uᵀHu for any other optimizer.
	PredictedChange Number
	// LossChange is this step's loss minus that of the step before, where both
	// are of the same data: what came of the PredictedChange in the record before.
	LossChange Number
	GTU        Number // gᵀu
	UTHU       Number // uᵀHu
	// ParamGTHG has each parameter's part of gᵀHg, the product of its gradient and
	// its part of Hg, in the order of Run.Params; unknown where the gradient is
	// undefined. Their sum is GTHG.
	ParamGTHG []Number
	// LambdaMax and LambdaMin are the algebraically largest and smallest
	// eigenvalue of H, so that LambdaMin is negative where there is negative
	// curvature.
	LambdaMax, LambdaMin Number
	// The residuals ‖Hv − λv‖ of the two, with ‖v‖ = 1: an eigenvalue of H lies
	// that near.
	LambdaMaxResidual, LambdaMinResidual Number
	// Converged says that both eigenvalues are as accurate as was asked for.
	Converged bool
	// Trace estimates the trace of H, and TraceError is the estimate's standard
	// error.
	Trace, TraceError Number
	// SpectralRadii are those of square recurrent weights.
	SpectralRadii []SpectralRadius
	// Method says how it was measured, e.g. "hvp" or "secant".
	Method string
	// Seconds is what measuring cost; it is a part of Step.GTGSeconds.
	Seconds Number
}

// SpectralRadius is the largest magnitude of an eigenvalue of one square
// recurrent weight matrix. Repeated multiplication by the matrix, which is what
// a linear recurrence does, explodes where it is above 1 and vanishes where it
// is below (Deep Learning, sections 8.2.5 and 10.7).
type SpectralRadius struct {
	Name      string // the parameter and, where it holds several matrices, the gate
	Radius    Number
	Residual  Number // how far Radius may be off, as an estimate
	Converged bool
}

// copyFrom makes c a deep copy of o in the space that c has.
func (c *Curvature) copyFrom(o *Curvature) {
	parts, radii := c.ParamGTHG, c.SpectralRadii
	*c = *o
	c.ParamGTHG = copyInto(parts, o.ParamGTHG)
	c.SpectralRadii = copyInto(radii, o.SpectralRadii)
}
