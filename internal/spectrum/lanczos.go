package spectrum

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// Options of [NewLanczos]. A zero is the default.
type Options struct {
	// Tolerance is the residual, as a share of the spectrum's largest magnitude, at
	// which an end has converged: 1e-3. Float32 products end at about 1e-6.
	Tolerance float64
	// Products is how many of them one call may use: 100.
	Products int
	// Basis is how many vectors of the basis are held at once: 32, from 4 on. One
	// and a half times as many vectors exist for a moment when it is full.
	Basis int
	// Seed of the random vectors.
	Seed uint64
}

// End is one end of a spectrum. Value is a Rayleigh quotient and so lies within
// the spectrum: with or without convergence, a negative one proves that there is
// negative curvature.
type End struct {
	Value     float64
	Residual  float64 // ‖Hx − Value·x‖ with ‖x‖ = 1; an eigenvalue lies this near to Value
	Converged bool
}

// Ends are the smallest and the largest eigenvalue, with their signs.
type Ends struct {
	Low, High End
	Products  int
}

// Scale is the larger of the two magnitudes.
func (e Ends) Scale() float64 { return max(math.Abs(e.Low.Value), math.Abs(e.High.Value)) }

const (
	// A small residual shows that there is an eigenvalue, not that it is the last
	// one: on 1, …, 1, 2 in many dimensions the first residual is small already. So
	// there are at least that many products, and more after a warm start, whose
	// first two find again what was known.
	coldProducts = 4
	warmProducts = 6
	// warmNoise is the share of a random vector in a warm start, which finds what
	// has become an end since.
	warmNoise = 0.1
)

// Lanczos finds both ends of symmetric operators by the method of Lanczos (1950)
// with full reorthogonalisation. It keeps the eigenvectors of the last call, where
// the next one starts: few products are enough for an operator that changes
// slowly. One goroutine at a time may use it.
type Lanczos[V any] struct {
	space     Space[V]
	options   Options
	rng       *rand.Rand
	low, high V
	warm      bool
}

// NewLanczos checks the options.
func NewLanczos[V any](space Space[V], o Options) (*Lanczos[V], error) {
	if o.Tolerance == 0 {
		o.Tolerance = 1e-3
	}
	if o.Products == 0 {
		o.Products = 100
	}
	if o.Basis == 0 {
		o.Basis = 32
	}
	switch {
	case space.Dim() < 1:
		return nil, fmt.Errorf("spectrum: vectors of %d elements have no spectrum: it takes 1", space.Dim())
	case !(o.Tolerance > 0 && o.Tolerance < 1):
		return nil, fmt.Errorf("spectrum: Tolerance %v: it is a share of the spectrum, between 0 and 1", o.Tolerance)
	case o.Products < 0:
		return nil, fmt.Errorf("spectrum: Products %d: at least 1, or 0 for 100", o.Products)
	case o.Basis < 4:
		return nil, fmt.Errorf("spectrum: Basis %d: at least 4, or 0 for 32", o.Basis)
	}
	o.Basis = min(o.Basis, space.Dim())
	return &Lanczos[V]{space: space, options: o, rng: generator(o.Seed)}, nil
}

// Vectors are the unit eigenvectors of the last call's low and high end, which stay
// the property of l until the next call. There are none before the first one.
func (l *Lanczos[V]) Vectors() (low, high V, ok bool) { return l.low, l.high, l.warm }

// Free frees the eigenvectors. The next call starts anew.
func (l *Lanczos[V]) Free() {
	if l.warm {
		l.space.Free(l.low)
		l.space.Free(l.high)
		var none V
		l.low, l.high, l.warm = none, none, false
	}
}

// Ends multiplies op until both ends have converged, the products are used up or
// more, which may be nil, answers false; it is asked before each product but the
// first. What has not converged then says so. After an error the eigenvectors are
// those of the call before.
func (l *Lanczos[V]) Ends(op Operator[V], more func() bool) (Ends, error) {
	ends, err := l.ends(op, more)
	if err != nil {
		return Ends{}, fmt.Errorf("spectrum: Lanczos: %w", err)
	}
	return ends, nil
}

func (l *Lanczos[V]) ends(op Operator[V], more func() bool) (Ends, error) {
	k := &krylov[V]{space: l.space, op: op, rng: l.rng}
	defer k.free()
	if err := l.start(k); err != nil {
		return Ends{}, err
	}
	least := coldProducts
	if l.warm {
		least = warmProducts
	}
	for {
		if err := k.step(); err != nil {
			return Ends{}, err
		}
		values, vectors, ok := k.ritz()
		if !ok {
			return Ends{}, errors.New("the eigenvalues of the small matrix were not found")
		}
		last := len(values) - 1
		found := Ends{Products: k.products}
		found.Low = End{Value: values[0], Residual: k.residual(values[0], vectors.ColView(0))}
		found.High = End{Value: values[last], Residual: k.residual(values[last], vectors.ColView(last))}
		enough := k.products >= min(least, l.space.Dim())
		bound := l.options.Tolerance * found.Scale()
		found.Low.Converged = enough && found.Low.Residual <= bound
		found.High.Converged = enough && found.High.Residual <= bound
		if found.Low.Converged && found.High.Converged || len(values) == l.space.Dim() ||
			k.products == l.options.Products || !going(more) {
			return found, l.keep(k, vectors.ColView(0), vectors.ColView(last))
		}
		if len(values) == l.options.Basis {
			if err := k.compress(values, vectors, outer(len(values), len(values)/2)); err != nil {
				return Ends{}, err
			}
		}
		if err := k.open(); err != nil {
			return Ends{}, err
		}
	}
}

// outer are the numbers of the n outermost of m values, half of them at each end.
func outer(m, n int) []int {
	var numbers []int
	for i := range n {
		if i >= (n+1)/2 {
			i += m - n
		}
		numbers = append(numbers, i)
	}
	return numbers
}
