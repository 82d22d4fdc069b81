package spectrum

import (
	"fmt"
	"math"
)

// Radius is a spectral radius: the largest magnitude of a matrix's eigenvalues,
// complex ones too.
type Radius struct {
	Value float64
	// Error is how far the value may be off, as an estimate and no bound, from the
	// residual of an invariant subspace and from how much the value still changes.
	Error     float64
	Products  int
	Converged bool
}

// RadiusOptions are those of [SpectralRadius]. A zero is the default.
type RadiusOptions struct {
	Tolerance float64 // of the error, as a share of the value: 1e-2
	Products  int     // the most of them: 400
	Seed      uint64  // of the first vector
}

// radiusProducts are the least products, before which a small error may be chance.
const radiusProducts = 16

// SpectralRadius estimates the spectral radius of op, which need not be symmetric,
// by power iteration: what is multiplied by the recurrent weights again and again
// grows or fades with their spectral radius to the power of the number of times
// (Deep Learning, section 8.2.5). It takes products until the value has converged, the
// products are used up or more, which may be nil, answers false; it is asked before
// each product but the first.
//
// The value is the growth of ‖Aᵏv‖ per product over the later half of the products,
// which holds for any number of dominant eigenvalues, such as an orthogonal matrix
// has. As soon as two successive iterates span an invariant subspace it is the
// magnitude of the larger eigenvalue there, which is far more precise: the dominant
// eigenvalue, real or one of a complex pair, or of a positive and a negative one.
func SpectralRadius[V any](space Space[V], op Operator[V], o RadiusOptions, more func() bool) (Radius, error) {
	if o.Tolerance == 0 {
		o.Tolerance = 1e-2
	}
	if o.Products == 0 {
		o.Products = 400
	}
	switch {
	case space.Dim() < 1:
		return Radius{}, fmt.Errorf("spectrum: a matrix of size %d has no spectral radius: it takes 1", space.Dim())
	case !(o.Tolerance > 0 && o.Tolerance < 1):
		return Radius{}, fmt.Errorf("spectrum: Tolerance %v: it is a share of the value, between 0 and 1", o.Tolerance)
	case o.Products < 0:
		return Radius{}, fmt.Errorf("spectrum: Products %d: at least 1, or 0 for 400", o.Products)
	}
	p := &power[V]{space: space, op: op}
	defer p.free()
	r, err := p.run(o, more)
	if err != nil {
		return Radius{}, fmt.Errorf("spectrum: spectral radius: %w", err)
	}
	return r, nil
}

// power is a power iteration. The last three iterates are x, y and z, each the unit
// vector of the product with the one before.
type power[V any] struct {
	space   Space[V]
	op      Operator[V]
	x, y, z V
	held    []V       // what there is to free
	growth  []float64 // log of the norm of each product
	values  []float64 // by subspace, after each product
}

func (p *power[V]) free() {
	for _, x := range p.held {
		p.space.Free(x)
	}
}

func (p *power[V]) run(o RadiusOptions, more func() bool) (Radius, error) {
	for _, x := range []*V{&p.x, &p.y, &p.z} {
		var err error
		if *x, err = p.space.Make(); err != nil {
			return Radius{}, err
		}
		p.held = append(p.held, *x)
	}
	if err := randomUnit(p.space, p.z, o.Seed); err != nil {
		return Radius{}, err
	}
	for {
		p.x, p.y, p.z = p.y, p.z, p.x
		n := len(p.growth) + 1
		length, err := apply(p.space, p.op, p.z, p.y, n)
		if err != nil {
			return Radius{}, err
		}
		if length == 0 { // Aⁿv = 0 for a random v: nilpotent
			return Radius{Products: n, Converged: true}, nil
		}
		if err := p.space.Scale(1/length, p.z); err != nil {
			return Radius{}, err
		}
		p.growth = append(p.growth, math.Log(length))

		r, err := p.estimate()
		if err != nil {
			return Radius{}, err
		}
		exact := p.space.Dim() <= 2 && n >= p.space.Dim()
		r.Products = n
		r.Converged = (exact || n >= radiusProducts) && r.Error <= o.Tolerance*r.Value
		if r.Converged || n == o.Products || !going(more) {
			return r, nil
		}
	}
}

// estimate is the better of both estimates.
func (p *power[V]) estimate() (Radius, error) {
	best := p.byGrowth()
	r, err := p.bySubspace()
	if err != nil {
		return r, err
	}
	p.values = append(p.values, r.Value)
	if p.space.Dim() > 2 {
		// The residual bounds no error unless the matrix is normal, and near a
		// defective one the error falls like 1/k. Then what the last quarter changed
		// is a third of what is left.
		for _, v := range p.values[len(p.values)*3/4:] {
			r.Error = max(r.Error, 3*math.Abs(v-r.Value))
		}
	}
	if r.Error <= best.Error {
		best = r
	}
	return best, nil
}

// byGrowth is the geometric mean of the growth over the later half. Its error is
// twice the spread of the means over each of the last six eighths, of which so many
// seldom agree by chance.
func (p *power[V]) byGrowth() Radius {
	n := len(p.growth)
	value := math.Exp(mean(p.growth[n/2:]))
	if n < 8 {
		return Radius{Value: value, Error: value}
	}
	low, high := math.Inf(1), math.Inf(-1)
	for i := 2; i < 8; i++ {
		m := mean(p.growth[i*n/8 : (i+1)*n/8])
		low, high = min(low, m), max(high, m)
	}
	return Radius{Value: value, Error: 2 * value * (high - low)}
}

// bySubspace is the larger magnitude of the eigenvalues of A on the span of x and
// y, or of y alone, and the residual of that subspace.
func (p *power[V]) bySubspace() (Radius, error) {
	n := len(p.growth)
	h := math.Exp(p.growth[n-1]) // Ay = h·z
	d, err := p.space.Dot(p.y, p.z)
	if err != nil {
		return Radius{}, err
	}
	alone := Radius{Value: math.Abs(d) * h, Error: h * math.Sqrt(max(0, 1-d*d))}
	if n < 2 || alone.Error <= 1e-6*alone.Value {
		return alone, nil
	}
	g := math.Exp(p.growth[n-2]) // Ax = g·y
	// With an orthonormal basis of x and u = (y − cx)/s the matrix is
	//	[ gc  (hxᵀz − cgc)/s ]
	//	[ gs  (huᵀz − cgs)/s ]
	// and Au, which is (hz − cgy)/s, has outside of it h/s times what z has.
	c, err := p.space.Dot(p.x, p.y)
	if err != nil {
		return Radius{}, err
	}
	square := 1 - c*c
	if square < 1e-12 {
		return alone, nil
	}
	s := math.Sqrt(square)
	xz, err := p.space.Dot(p.x, p.z)
	if err != nil {
		return Radius{}, err
	}
	uz := (d - c*xz) / s
	outside := math.Sqrt(max(0, 1-xz*xz-uz*uz))
	pair := Radius{
		Value: largest(g*c, (h*xz-c*g*c)/s, g*s, (h*uz-c*g*s)/s),
		Error: h * outside / s,
	}
	if alone.Error < pair.Error {
		return alone, nil
	}
	return pair, nil
}

// largest is the spectral radius of the matrix [a b; c d].
func largest(a, b, c, d float64) float64 {
	mid, half := (a+d)/2, (a-d)/2
	if square := half*half + b*c; square >= 0 {
		return math.Abs(mid) + math.Sqrt(square)
	}
	return math.Sqrt(max(0, a*d-b*c)) // of a complex pair
}

func mean(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
