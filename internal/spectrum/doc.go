// Package spectrum measures the spectrum of an operator that is known by its
// products with vectors alone, such as the Hessian of a loss: both ends of a
// symmetric one ([Lanczos]), its trace ([Hutchinson]), and the spectral radius of
// one that need not be symmetric ([SpectralRadius]).
//
// It knows no tensors. A vector is whatever a [Space] makes, and only the Space
// and the [Operator] look inside. Nothing here depends on the scale of the
// operator: 1e-7 times the operator has 1e-7 times the eigenvalues, found by the
// same products. Norms are roots of sums of squares in float64, so operators whose
// products have norms outside of 1e-150 to 1e150 are out of reach.
package spectrum
