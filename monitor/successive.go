package monitor

// Successive relates a step's gradient gₜ, before clipping, to those of the steps
// before it. All are estimates from random sketches of the gradients (Charikar, Chen
// and Farach-Colton 2002, "Finding frequent items in data streams"). They are unknown
// where a gradient of the two, or of the step between them, was not measured or was
// not finite, and where the list of parameters changed.
type Successive struct {
	// Cosine is that of the angle between gₜ and gₜ₋₁, from −1 to 1: near −1 the
	// steps go to and fro, across a valley's floor; of gradients that are nothing but
	// the noise of their batches it is near 0.
	Cosine Number
	// Cosine2 is that between gₜ and gₜ₋₂: near 1 where the steps go to and fro.
	Cosine2 Number
	// Dot is gₜᵀgₜ₋₁, in the unit of gᵀg. The noise of different batches is not
	// correlated: while the parameters hardly change, the mean over steps estimates the
	// squared norm of the gradient of the true loss (McCandlish et al. 2018, "An
	// Empirical Model of Large-Batch Training", appendix A).
	Dot Number
	// Error is the standard error of the cosines, or what it is at most; times
	// ‖gₜ‖‖gₜ₋₁‖ it is that of Dot. One run has the same random signs at all its
	// steps, so that a mean over like gradients has no smaller one.
	Error Number
}
