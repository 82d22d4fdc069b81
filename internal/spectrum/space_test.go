package spectrum

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
)

var errInjected = errors.New("injected")

// ledger is a [Slices] that counts the vectors which live, spoils those which were
// freed, rounds as float32 storage does if asked, and fails at one chosen call.
type ledger struct {
	Slices
	single bool
	live   map[*float64]bool
	most   int
	calls  int
	failAt int
}

func newLedger(n int) *ledger { return &ledger{Slices: Slices(n), live: map[*float64]bool{}} }

func (l *ledger) call(vectors ...[]float64) error {
	for _, x := range vectors {
		if !l.live[&x[0]] {
			panic("a vector is used that does not live")
		}
	}
	if l.calls++; l.calls == l.failAt {
		return errInjected
	}
	return nil
}

func (l *ledger) round(x []float64) error {
	if l.single {
		for i, v := range x {
			x[i] = float64(float32(v))
		}
	}
	return nil
}

func (l *ledger) Make() ([]float64, error) {
	if err := l.call(); err != nil {
		return nil, err
	}
	x := make([]float64, l.Slices)
	for i := range x {
		x[i] = math.NaN() // of any content
	}
	l.live[&x[0]] = true
	l.most = max(l.most, len(l.live))
	return x, nil
}

func (l *ledger) Free(x []float64) {
	if !l.live[&x[0]] {
		panic("a vector is freed that does not live")
	}
	delete(l.live, &x[0])
}

func (l *ledger) Dot(x, y []float64) (float64, error) {
	if err := l.call(x, y); err != nil {
		return 0, err
	}
	return l.Slices.Dot(x, y)
}

func (l *ledger) Axpy(a float64, x, y []float64) error {
	if err := l.call(x, y); err != nil {
		return err
	}
	_ = l.Slices.Axpy(a, x, y)
	return l.round(y)
}

func (l *ledger) Scale(a float64, x []float64) error {
	if err := l.call(x); err != nil {
		return err
	}
	_ = l.Slices.Scale(a, x)
	return l.round(x)
}

func (l *ledger) Copy(dst, src []float64) error {
	if err := l.call(dst, src); err != nil {
		return err
	}
	return l.Slices.Copy(dst, src)
}

func (l *ledger) Random(x []float64, d Distribution, seed uint64) error {
	if err := l.call(x); err != nil {
		return err
	}
	_ = l.Slices.Random(x, d, seed)
	return l.round(x)
}

// operator is that of a matrix.
func operator(m mat.Matrix) OperatorFunc[[]float64] {
	return func(out, in []float64) error {
		mat.NewVecDense(len(out), out).MulVec(m, mat.NewVecDense(len(in), in))
		return nil
	}
}

// rounded is that of a matrix with products in float32.
func (l *ledger) rounded(m mat.Matrix) OperatorFunc[[]float64] {
	return func(out, in []float64) error {
		_ = operator(m)(out, in)
		return l.round(out)
	}
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// gaussian is an n×n matrix of independent normal elements of variance 1/n.
func gaussian(n int, seed uint64) *mat.Dense {
	r := random(seed)
	m := mat.NewDense(n, n, nil)
	m.Apply(func(int, int, float64) float64 { return r.NormFloat64() / math.Sqrt(float64(n)) }, m)
	return m
}

// orthogonal is a random rotation or reflection.
func orthogonal(n int, seed uint64) *mat.Dense {
	var qr mat.QR
	qr.Factorize(gaussian(n, seed))
	q := new(mat.Dense)
	qr.QTo(q)
	return q
}

// symmetric has a known spectrum and random eigenvectors.
func symmetric(values []float64, seed uint64) *mat.SymDense {
	n := len(values)
	q := orthogonal(n, seed)
	h := mat.NewSymDense(n, nil)
	for i, v := range values {
		h.SymRankOne(h, v, q.ColView(i))
	}
	return h
}

// eigenvalues are those that gonum finds, in ascending order.
func eigenvalues(h mat.Symmetric) []float64 {
	var e mat.EigenSym
	if !e.Factorize(h, false) {
		panic("no eigenvalues")
	}
	return e.Values(nil)
}

// everyFailure runs what it is given once for each call of the space that can fail.
func everyFailure(t *testing.T, n int, run func(*ledger) error) {
	t.Helper()
	for failAt := 1; ; failAt++ {
		l := newLedger(n)
		l.failAt = failAt
		err := run(l)
		require.Empty(t, l.live, "call %d failed", failAt)
		if l.calls < failAt {
			require.NoError(t, err)
			require.Greater(t, failAt, 10)
			return
		}
		require.ErrorIs(t, err, errInjected, "call %d failed", failAt)
		require.ErrorContains(t, err, "spectrum: ")
	}
}

func TestEveryVectorIsFreed(t *testing.T) {
	h := symmetric([]float64{-1, 0, 0, 0.1, 0.2, 0.3, 0.5, 0.8, 1, 2, 3, 5}, 1)
	t.Run("Lanczos", func(t *testing.T) {
		everyFailure(t, 12, func(s *ledger) error {
			l, err := NewLanczos(s, Options{Basis: 4, Products: 12, Tolerance: 1e-9})
			require.NoError(t, err)
			defer l.Free()
			for range 2 {
				if _, err := l.Ends(operator(h), nil); err != nil {
					return err
				}
				require.Len(t, s.live, 2)
			}
			return nil
		})
	})
	t.Run("invariant subspace", func(t *testing.T) {
		everyFailure(t, 12, func(s *ledger) error {
			l, err := NewLanczos(s, Options{Basis: 4, Products: 12})
			require.NoError(t, err)
			defer l.Free()
			_, err = l.Ends(operator(mat.NewDiagDense(12, nil)), nil)
			return err
		})
	})
	t.Run("Hutchinson", func(t *testing.T) {
		everyFailure(t, 12, func(s *ledger) error {
			_, err := Hutchinson(s, operator(h), 5, 1, nil)
			return err
		})
	})
	t.Run("SpectralRadius", func(t *testing.T) {
		everyFailure(t, 12, func(s *ledger) error {
			_, err := SpectralRadius(s, operator(h), RadiusOptions{}, nil)
			return err
		})
	})
}

func TestFailedCallKeepsTheEigenvectors(t *testing.T) {
	s := newLedger(3)
	l, err := NewLanczos(s, Options{})
	require.NoError(t, err)
	_, err = l.Ends(operator(mat.NewDiagDense(3, []float64{1, 2, 3})), nil)
	require.NoError(t, err)
	low, high, ok := l.Vectors()
	require.True(t, ok)

	refusal := errors.New("out of memory")
	_, err = l.Ends(OperatorFunc[[]float64](func(out, in []float64) error { return refusal }), nil)
	require.ErrorIs(t, err, refusal)
	require.EqualError(t, err, "spectrum: Lanczos: product 1: out of memory")
	again, other, ok := l.Vectors()
	require.True(t, ok)
	require.Same(t, &low[0], &again[0])
	require.Same(t, &high[0], &other[0])

	l.Free()
	l.Free()
	require.Empty(t, s.live)
	_, _, ok = l.Vectors()
	require.False(t, ok)
}

func TestNonFiniteProducts(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		s := newLedger(5)
		n := 0
		op := OperatorFunc[[]float64](func(out, in []float64) error {
			copy(out, in)
			out[0] *= 2
			if n++; n == 2 {
				out[3] = bad
			}
			return nil
		})
		check := func(err error) {
			require.ErrorIs(t, err, ErrNonFinite)
			require.ErrorContains(t, err, "product 2 has norm")
			require.Empty(t, s.live)
			n = 0
		}
		l, err := NewLanczos(s, Options{})
		require.NoError(t, err)
		_, err = l.Ends(op, nil)
		check(err)
		_, err = Hutchinson(s, op, 4, 0, nil)
		check(err)
		_, err = SpectralRadius(s, op, RadiusOptions{}, nil)
		check(err)
	}
}

// A Space whose arithmetic is faulty gets an error and no endless loop.
func TestFaultyRandom(t *testing.T) {
	l, err := NewLanczos[[]float64](emptyRandom{3}, Options{})
	require.NoError(t, err)
	_, err = l.Ends(operator(mat.NewDiagDense(3, nil)), nil)
	require.ErrorContains(t, err, "no direction")
}

type emptyRandom struct{ Slices }

func (emptyRandom) Random([]float64, Distribution, uint64) error { return nil }
