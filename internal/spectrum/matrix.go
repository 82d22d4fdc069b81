package spectrum

import "fmt"

// Matrix is a square matrix, row by row, as an [Operator] on [Slices]: the weights
// of a recurrent layer, or of one gate of it. Products are summed in float64.
type Matrix[T float32 | float64] struct {
	n    int
	data []T
}

// NewMatrix is the n×n matrix with the rows one after another in data, which it
// keeps.
func NewMatrix[T float32 | float64](n int, data []T) (Matrix[T], error) {
	if n < 1 || len(data) != n*n {
		return Matrix[T]{}, fmt.Errorf("spectrum: a matrix of %d×%d cannot have %d elements: n from 1 on and n·n elements", n, n, len(data))
	}
	return Matrix[T]{n, data}, nil
}

// Space is that of the vectors which the matrix multiplies.
func (m Matrix[T]) Space() Slices { return Slices(m.n) }

// Apply sets out to the product of the matrix and in.
func (m Matrix[T]) Apply(out, in []float64) error {
	for i := range out {
		row := m.data[i*m.n:][:len(in)]
		x := in
		// Four sums, so that an addition need not wait for the one before it.
		var a, b, c, d float64
		for len(x) >= 4 && len(row) >= 4 {
			a += float64(row[0]) * x[0]
			b += float64(row[1]) * x[1]
			c += float64(row[2]) * x[2]
			d += float64(row[3]) * x[3]
			x, row = x[4:], row[4:]
		}
		for j, v := range x {
			a += float64(row[j]) * v
		}
		out[i] = a + b + c + d
	}
	return nil
}
