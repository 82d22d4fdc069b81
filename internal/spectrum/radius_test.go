package spectrum

import (
	"math"
	"math/cmplx"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
)

// radius is the largest magnitude of the eigenvalues that gonum finds.
func radius(m *mat.Dense) float64 {
	var e mat.Eigen
	if !e.Factorize(m, mat.EigenNone) {
		panic("no eigenvalues")
	}
	var r float64
	for _, v := range e.Values(nil) {
		r = max(r, cmplx.Abs(v))
	}
	return r
}

func estimate(t *testing.T, m mat.Matrix, o RadiusOptions) Radius {
	t.Helper()
	n, _ := m.Dims()
	s := newLedger(n)
	r, err := SpectralRadius(s, operator(m), o, nil)
	require.NoError(t, err)
	require.Empty(t, s.live)
	return r
}

// blocks puts matrices along a diagonal.
func blocks(parts ...mat.Matrix) *mat.Dense {
	n := 0
	for _, p := range parts {
		size, _ := p.Dims()
		n += size
	}
	m := mat.NewDense(n, n, nil)
	at := 0
	for _, p := range parts {
		size, _ := p.Dims()
		m.Slice(at, at+size, at, at+size).(*mat.Dense).Copy(p)
		at += size
	}
	return m
}

// disguised is s·m·s⁻¹ for a random s.
func disguised(m *mat.Dense, seed uint64) *mat.Dense {
	n, _ := m.Dims()
	s := gaussian(n, seed)
	for i := range n {
		s.Set(i, i, s.At(i, i)+2)
	}
	var inverse, out mat.Dense
	if err := inverse.Inverse(s); err != nil {
		panic(err)
	}
	out.Product(s, m, &inverse)
	return &out
}

func TestRadiusOfKnownMatrices(t *testing.T) {
	rotation := func(size, angle float64) *mat.Dense {
		c, s := size*math.Cos(angle), size*math.Sin(angle)
		return mat.NewDense(2, 2, []float64{c, -s, s, c})
	}
	small := mat.NewDiagDense(8, spaced(8, -0.6, 0.6))
	for name, c := range map[string]struct {
		m    *mat.Dense
		want float64
	}{
		"one":                    {mat.NewDense(1, 1, []float64{-3}), 3},
		"zero":                   {mat.NewDense(7, 7, nil), 0},
		"diagonal":               {blocks(small, mat.NewDiagDense(1, []float64{-1.1})), 1.1},
		"two signs":              {blocks(small, mat.NewDiagDense(2, []float64{0.9, -0.9})), 0.9},
		"rotation":               {rotation(0.95, 1), 0.95},
		"quarter turn":           {rotation(2, math.Pi/2), 2},
		"complex pair":           {blocks(small, rotation(0.9, 0.7)), 0.9},
		"slow complex pair":      {blocks(small, rotation(0.9, 0.01)), 0.9},
		"pair that is disguised": {disguised(blocks(small, rotation(1.3, 2)), 1), 1.3},
		"pair of uneven axes":    {blocks(small, mat.NewDense(2, 2, []float64{0, -4, 0.25, 0})), 1},
		"defective pair":         {mat.NewDense(2, 2, []float64{0.9, 1, 0, 0.9}), 0.9},
		"defective in disguise":  {disguised(blocks(small, mat.NewDense(2, 2, []float64{0.9, 1, 0, 0.9})), 2), 0.9},
	} {
		for seed := range uint64(10) {
			r := estimate(t, c.m, RadiusOptions{Tolerance: 1e-4, Products: 2000, Seed: seed})
			require.True(t, r.Converged, "%s: %+v", name, r)
			require.InDelta(t, c.want, r.Value, 1e-3*c.want, "%s: %+v", name, r)
			require.InDelta(t, c.want, radius(c.m), 1e-7)
		}
	}
}

// What multiplies a vector away in a bounded number of steps has radius 0, where
// the eigenvalues that rounding leaves are far from it.
func TestRadiusOfNilpotentMatrices(t *testing.T) {
	for _, n := range []int{2, 5, 64} {
		m := gaussian(n, 1)
		for i := range n {
			for j := range i + 1 {
				m.Set(i, j, 0)
			}
		}
		r := estimate(t, m, RadiusOptions{})
		require.True(t, r.Converged)
		require.Zero(t, r.Value)
		require.Zero(t, r.Error)
		require.LessOrEqual(t, r.Products, n)
	}
}

// A Jordan block of 3 approaches its growth like 1/k; the error says how far it is.
func TestRadiusOfADefectiveMatrix(t *testing.T) {
	m := mat.NewDense(3, 3, []float64{0.9, 1, 0, 0, 0.9, 1, 0, 0, 0.9})
	var last float64
	for _, products := range []int{20, 100, 400, 2000} {
		r := estimate(t, m, RadiusOptions{Products: products, Tolerance: 1e-9})
		require.False(t, r.Converged)
		require.InDelta(t, 0.9, r.Value, 2*r.Error)
		if last > 0 {
			require.Less(t, r.Error, last)
		}
		last = r.Error
	}
	require.Less(t, last, 0.01)
}

// All eigenvalues have the same magnitude and no subspace of two is invariant.
func TestRadiusOfAnOrthogonalMatrix(t *testing.T) {
	for seed := range uint64(5) {
		m := orthogonal(50, seed)
		m.Scale(0.7, m)
		r := estimate(t, m, RadiusOptions{Seed: seed})
		require.True(t, r.Converged)
		require.InDelta(t, 0.7, r.Value, 1e-10)
		require.Equal(t, radiusProducts, r.Products)
	}
}

func TestRadiusOfRandomMatrices(t *testing.T) {
	for seed := range uint64(60) {
		n := 1 + random(seed).IntN(64)
		m := gaussian(n, seed)
		want := radius(m)
		r := estimate(t, m, RadiusOptions{Seed: seed})
		require.InDelta(t, want, r.Value, 0.03*want, "%d: %+v", n, r)
		r = estimate(t, m, RadiusOptions{Seed: seed, Tolerance: 1e-4, Products: 4000})
		require.InDelta(t, want, r.Value, max(1e-3*want, 2*r.Error), "%d: %+v", n, r)

		again := estimate(t, m, RadiusOptions{Seed: seed, Tolerance: 1e-4, Products: 4000})
		require.Equal(t, r, again)
		m.Scale(0x1p-30, m)
		small := estimate(t, m, RadiusOptions{Seed: seed, Tolerance: 1e-4, Products: 4000})
		require.InEpsilon(t, r.Value*0x1p-30, small.Value, 1e-9)
		require.Equal(t, r.Products, small.Products)
	}
}

func TestRadiusBudget(t *testing.T) {
	m := gaussian(64, 1)
	asked := 0
	r, err := SpectralRadius(Slices(64), operator(m), RadiusOptions{}, func() bool { asked++; return asked < 3 })
	require.NoError(t, err)
	require.Equal(t, 3, r.Products)
	require.False(t, r.Converged)
	require.Positive(t, r.Error)

	for _, o := range []RadiusOptions{{Tolerance: -1}, {Tolerance: math.NaN()}, {Tolerance: 1}, {Products: -3}} {
		_, err := SpectralRadius(Slices(64), operator(m), o, nil)
		require.ErrorContains(t, err, "spectrum: ")
	}
	_, err = SpectralRadius(Slices(0), operator(m), RadiusOptions{}, nil)
	require.ErrorContains(t, err, "size 0")
}

func TestMatrix(t *testing.T) {
	for n := 1; n <= 9; n++ {
		m := gaussian(n, uint64(n))
		var single []float32
		for _, v := range m.RawMatrix().Data {
			single = append(single, float32(v))
		}
		wide, err := NewMatrix(n, m.RawMatrix().Data)
		require.NoError(t, err)
		narrow, err := NewMatrix(n, single)
		require.NoError(t, err)
		require.Equal(t, n, narrow.Space().Dim())

		in := gaussian(n, 99).RawRowView(0)
		want, out := make([]float64, n), make([]float64, n)
		_ = operator(m)(want, in)
		require.NoError(t, wide.Apply(out, in))
		require.InDeltaSlice(t, want, out, 1e-14)
		require.NoError(t, narrow.Apply(out, in))
		require.InDeltaSlice(t, want, out, 1e-6)
	}
	for _, n := range []int{-2, 0, 1, 3} {
		_, err := NewMatrix(n, make([]float32, 4))
		require.ErrorContains(t, err, "spectrum: a matrix of")
	}
}
