package spectrum

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

const epsilon = 0x1p-52 // of float64

// krylov is an orthonormal basis that grows by one vector a product, and what the
// products were in it. Were the products exact, its matrix would be tridiagonal
// until the first compression. What they really were is kept, so that a residual
// is the true one, even for an operator that is not quite symmetric or whose
// products are noisy.
type krylov[V any] struct {
	space    Space[V]
	op       Operator[V]
	rng      *rand.Rand
	products int
	scale    float64 // the largest norm of a product
	// q is the basis, and after step one vector more: what the last product has
	// outside of the basis, of norm beta.
	q    []V
	beta float64
	// columns[j][i] is the part along q[i] of the product with q[j], 0 beyond the
	// column's end; lost[j] is the norm of what lies outside of q.
	columns [][]float64
	lost    []float64
}

func (k *krylov[V]) free() {
	for _, x := range k.q {
		k.space.Free(x)
	}
	k.q = nil
}

// grow appends a new vector to the basis.
func (k *krylov[V]) grow() (V, error) {
	x, err := k.space.Make()
	if err == nil {
		k.q = append(k.q, x)
	}
	return x, err
}

func (k *krylov[V]) at(i, j int) float64 {
	if i < len(k.columns[j]) {
		return k.columns[j][i]
	}
	return 0
}

// step multiplies the newest vector of the basis.
func (k *krylov[V]) step() error {
	j := len(k.q) - 1
	w, err := k.grow()
	if err != nil {
		return err
	}
	k.products++
	length, err := apply(k.space, k.op, w, k.q[j], k.products)
	if err != nil {
		return err
	}
	k.scale = max(k.scale, length)
	column, beta, err := k.orthogonalise(w, length)
	if err != nil {
		return err
	}
	lost := 0.0
	if beta <= 4*epsilon*k.scale { // rounding: the basis spans an invariant subspace
		lost, beta = beta, 0
	}
	k.beta = beta
	k.columns = append(k.columns, append(column, beta))
	k.lost = append(k.lost, lost)
	return nil
}

// orthogonalise takes the parts along the basis, which it returns, out of w, which
// is the last of q and has the given norm. It repeats that while much of w goes
// (Daniel, Gragg, Kaufman and Stewart 1976), and returns the norm that is left.
func (k *krylov[V]) orthogonalise(w V, length float64) ([]float64, float64, error) {
	basis := k.q[:len(k.q)-1]
	parts := make([]float64, len(basis), len(basis)+1)
	for range 4 {
		if length == 0 {
			break
		}
		for i, x := range basis {
			d, err := k.space.Dot(x, w)
			if err != nil {
				return nil, 0, err
			}
			if err := k.space.Axpy(-d, x, w); err != nil {
				return nil, 0, err
			}
			parts[i] += d
		}
		before := length
		var err error
		if length, err = norm(k.space, w); err != nil {
			return nil, 0, err
		}
		if length > before/math.Sqrt2 {
			return parts, length, nil
		}
	}
	return parts, 0, nil // nothing but rounding was left
}

// open makes the last of q a vector of the basis: the direction of what the last
// product has outside of it, and where it has nothing a random one.
func (k *krylov[V]) open() error {
	x := k.q[len(k.q)-1]
	if k.beta > 0 {
		return k.space.Scale(1/k.beta, x)
	}
	for range 8 {
		if err := randomUnit(k.space, x, k.rng.Uint64()); err != nil {
			return err
		}
		_, length, err := k.orthogonalise(x, 1)
		if err != nil {
			return err
		}
		if length > 0 {
			return k.space.Scale(1/length, x)
		}
	}
	return errNoDirection
}

// ritz are the eigenvalues of the operator within the basis, in ascending order,
// and their vectors as columns in terms of the basis.
func (k *krylov[V]) ritz() (values []float64, vectors *mat.Dense, ok bool) {
	m := len(k.columns)
	h := mat.NewSymDense(m, nil)
	for j := range m {
		for i := range j + 1 {
			h.SetSym(i, j, (k.at(i, j)+k.at(j, i))/2)
		}
	}
	var e mat.EigenSym
	if !e.Factorize(h, true) {
		return nil, nil, false
	}
	vectors = new(mat.Dense)
	e.VectorsTo(vectors)
	return e.Values(nil), vectors, true
}

// residual is ‖Hx − λx‖ for x given in terms of the basis, an upper bound where
// something was lost.
func (k *krylov[V]) residual(value float64, x mat.Vector) float64 {
	along, rest := k.residuals(value, x)
	return math.Hypot(along, rest)
}

// residuals are the part of Hx − λx along the last of q and the norm of the rest,
// which would be 0 were the operator exactly symmetric.
func (k *krylov[V]) residuals(value float64, x mat.Vector) (along, rest float64) {
	m := len(k.columns)
	for i := range m + 1 {
		var r float64
		for j := range m {
			r += k.at(i, j) * x.AtVec(j)
		}
		if i == m {
			along = r
		} else {
			rest = math.Hypot(rest, r-value*x.AtVec(i))
		}
	}
	for j := range m {
		rest += k.lost[j] * math.Abs(x.AtVec(j))
	}
	return along, rest
}

// combine sets out to the unit vector that x is in terms of the basis.
func (k *krylov[V]) combine(out V, x mat.Vector) error {
	for j := range len(k.columns) {
		var err error
		if j == 0 {
			if err = k.space.Copy(out, k.q[0]); err == nil {
				err = k.space.Scale(x.AtVec(0), out)
			}
		} else {
			err = k.space.Axpy(x.AtVec(j), k.q[j], out)
		}
		if err != nil {
			return err
		}
	}
	length, err := norm(k.space, out)
	if err != nil {
		return err
	}
	return k.space.Scale(1/length, out)
}

// compress leaves of the basis the Ritz vectors with those numbers: the thick
// restart of Wu and Simon (2000), Thick-Restart Lanczos Method for Large Symmetric
// Eigenvalue Problems.
func (k *krylov[V]) compress(values []float64, vectors *mat.Dense, keep []int) error {
	m := len(k.columns)
	small := krylov[V]{space: k.space}
	columns := make([][]float64, len(keep))
	lost := make([]float64, len(keep))
	for i, number := range keep {
		y, err := small.grow()
		if err == nil {
			err = k.combine(y, vectors.ColView(number))
		}
		if err != nil {
			small.free()
			return err
		}
		var along float64
		along, lost[i] = k.residuals(values[number], vectors.ColView(number))
		columns[i] = make([]float64, len(keep)+1)
		columns[i][i] = values[number]
		columns[i][len(keep)] = along
	}
	for _, x := range k.q[:m] {
		k.space.Free(x)
	}
	k.q = append(small.q, k.q[m])
	k.columns, k.lost = columns, lost
	return nil
}
