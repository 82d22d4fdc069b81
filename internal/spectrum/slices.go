package spectrum

import "gonum.org/v1/gonum/floats"

// Slices is the [Space] of the float64 slices of so many elements.
type Slices int

var _ Space[[]float64] = Slices(0)

// Dim is n.
func (n Slices) Dim() int { return int(n) }

// Make returns a new slice.
func (n Slices) Make() ([]float64, error) { return make([]float64, n), nil }

// Free does nothing.
func (Slices) Free([]float64) {}

// Dot is xᵀy.
func (Slices) Dot(x, y []float64) (float64, error) { return floats.Dot(x, y), nil }

// Axpy adds a·x to y.
func (Slices) Axpy(a float64, x, y []float64) error {
	floats.AddScaled(y, a, x)
	return nil
}

// Scale multiplies x by a.
func (Slices) Scale(a float64, x []float64) error {
	floats.Scale(a, x)
	return nil
}

// Copy sets dst to src.
func (Slices) Copy(dst, src []float64) error {
	copy(dst, src)
	return nil
}

// Random draws the elements of x.
func (Slices) Random(x []float64, d Distribution, seed uint64) error {
	rng := generator(seed)
	next := rng.NormFloat64
	if d == Rademacher {
		next = signs(rng)
	}
	for i := range x {
		x[i] = next()
	}
	return nil
}
