package spectrum

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// Space makes vectors of one dimension and computes with them. Each vector that
// Make returned without an error is given to Free once, whatever happens.
type Space[V any] interface {
	// Dim is the number of elements of a vector.
	Dim() int
	// Make returns a new vector of any content.
	Make() (V, error)
	Free(x V)
	// Dot is xᵀy, summed in float64.
	Dot(x, y V) (float64, error)
	// Axpy adds a·x to y. The two are different vectors.
	Axpy(a float64, x, y V) error
	// Scale multiplies x by a.
	Scale(a float64, x V) error
	// Copy sets dst to src.
	Copy(dst, src V) error
	// Random draws the elements of x independently; the same seed gives the same
	// elements.
	Random(x V, d Distribution, seed uint64) error
}

// Distribution is what the elements of a random vector are drawn from.
type Distribution uint8

// The distributions.
const (
	Normal     Distribution = iota // mean 0, variance 1
	Rademacher                     // +1 or -1
)

// Operator is a linear operator on the vectors of a [Space].
type Operator[V any] interface {
	// Apply sets out to the product of the operator and in, which it leaves alone.
	// The two are different vectors.
	Apply(out, in V) error
}

// OperatorFunc is a function as an [Operator].
type OperatorFunc[V any] func(out, in V) error

// Apply calls f.
func (f OperatorFunc[V]) Apply(out, in V) error { return f(out, in) }

// ErrNonFinite is wrapped by the error for a product with a NaN or an infinite
// element, or one whose sum of squares exceeds float64.
var ErrNonFinite = errors.New("not finite")

// generator is the source of all random numbers for a seed.
func generator(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x67_54_67)) }

func norm[V any](s Space[V], x V) (float64, error) {
	d, err := s.Dot(x, x)
	if err != nil {
		return 0, err
	}
	return math.Sqrt(d), nil
}

// apply is op.Apply and the norm of the product, which is the n-th.
func apply[V any](s Space[V], op Operator[V], out, in V, n int) (float64, error) {
	if err := op.Apply(out, in); err != nil {
		return 0, fmt.Errorf("product %d: %w", n, err)
	}
	length, err := norm(s, out)
	if err != nil {
		return 0, err
	}
	if math.IsNaN(length) || math.IsInf(length, 0) {
		return 0, fmt.Errorf("product %d has norm %v: %w", n, length, ErrNonFinite)
	}
	return length, nil
}

// randomUnit sets x to a random direction, every one as likely as any other.
func randomUnit[V any](s Space[V], x V, seed uint64) error {
	for try := range uint64(8) {
		if err := s.Random(x, Normal, seed+try); err != nil {
			return err
		}
		length, err := norm(s, x)
		if err != nil {
			return err
		}
		if length > 0 {
			return s.Scale(1/length, x)
		}
	}
	return errNoDirection
}

// errNoDirection is for a Space whose arithmetic is faulty.
var errNoDirection = errors.New("random vectors have no direction: is Random or Dot of the Space at fault?")

// going tells whether there is time for one more product.
func going(more func() bool) bool { return more == nil || more() }
