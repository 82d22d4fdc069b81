package monitor

// Successive relates a step's gradient, before clipping, to those of the steps
// before it. What it holds are estimates from sketches, a few hundred signed sums of
// each gradient (Alon, Matias and Szegedy 1996).
type Successive struct {
	// Cosine is that of the angle to the gradient of the step before, and Cosine2
	// to that of the step before the last. A step that jumps from one wall of a
	// valley to the other has the first near -1 and the second near 1.
	Cosine, Cosine2 Number
	// Dot is the inner product with the gradient of the step before. Its mean over
	// steps whose batches are independent estimates the squared norm of the true
	// gradient, gᵀg without the noise of mini-batches (McCandlish et al. 2018,
	// appendix A).
	Dot Number
	// Error is the standard error of both cosines.
	Error Number
}
