package monitor

// StabilityLimit is the largest η·λ at which the optimizer is stable on a
// quadratic, with the learning rate η and the largest eigenvalue λ of the
// Hessian. Above it the parameters oscillate with growing amplitude; full-batch
// training of networks rises to it and hovers there, mini-batch training does so
// in the mean of ρ = η·gᵀHg/gᵀg. With preconditioned, λ is that of the Hessian
// P⁻¹H, where P is the diagonal matrix by which the optimizer divides its step,
// and the plain ρ cannot be held against it.
//
//	sgd            2
//	with momentum  2(1 + β), for PyTorch's form without dampening and Nesterov
//	adam, adamw    (2 + 2β₁)/(1 − β₁) preconditioned: 38 at β₁ = 0.9
//
// It is not ok for another or an unknown optimizer, for an Adam without β₁ and
// for a β outside [0, 1).
//
// Sources: Cohen, Kaur, Li, Kolter and Talwalkar, Gradient Descent on Neural
// Networks Typically Occurs at the Edge of Stability, 2021, arXiv 2103.00065;
// Cohen et al., Adaptive Gradient Methods at the Edge of Stability, 2022, arXiv
// 2207.14484.
func StabilityLimit(o *Optimizer) (limit float64, preconditioned, ok bool) {
	if o == nil {
		return 0, false, false
	}
	var beta float64
	switch o.Kind {
	case "sgd":
		beta = o.Momentum.Or(0) // one that does not apply is left out
		limit = 2 * (1 + beta)
	case "adam", "adamw":
		beta = o.Beta1.Or(-1)
		limit, preconditioned = (2+2*beta)/(1-beta), true
	default:
		return 0, false, false
	}
	if !(beta >= 0 && beta < 1) {
		return 0, false, false
	}
	return limit, preconditioned, true
}
