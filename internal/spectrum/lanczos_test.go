package spectrum

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// ends are those of a fresh Lanczos, and its vectors.
func ends(t *testing.T, h mat.Matrix, o Options) (e Ends, low, high []float64) {
	t.Helper()
	n, _ := h.Dims()
	s := newLedger(n)
	l, err := NewLanczos(s, o)
	require.NoError(t, err)
	e, err = l.Ends(operator(h), nil)
	require.NoError(t, err)
	low, high, _ = l.Vectors()
	low, high = slices.Clone(low), slices.Clone(high)
	l.Free()
	require.Empty(t, s.live)
	return e, low, high
}

// residual is ‖Hx − λx‖ as defined.
func residual(h mat.Matrix, value float64, x []float64) float64 {
	r := make([]float64, len(x))
	_ = operator(h)(r, x)
	floats.AddScaled(r, -value, x)
	return floats.Norm(r, 2)
}

// spaced are n values from a to b, evenly apart, or by equal factors.
func spaced(n int, a, b float64) []float64  { return floats.Span(make([]float64, n), a, b) }
func factors(n int, a, b float64) []float64 { return floats.LogSpan(make([]float64, n), a, b) }

var spectra = map[string][]float64{
	"one":                   {-3},
	"one zero":              {0},
	"two":                   {-3, 7},
	"two alike":             {2, 2},
	"three":                 {0.5, 1, 10},
	"evenly spaced":         spaced(60, 1, 10),
	"indefinite":            spaced(60, -7, 10),
	"negative":              spaced(60, -10, -1),
	"clustered":             append(append(spaced(25, 1, 1.001), spaced(20, 5, 5.001)...), spaced(5, -2, -1.999)...),
	"multiple":              append(append(slices.Repeat([]float64{1}, 20), slices.Repeat([]float64{-1}, 20)...), 3, 3),
	"condition 1e8":         factors(60, 1e-8, 1),
	"nearly singular":       append(spaced(40, 1, 2), 1e-13),
	"singular":              append(slices.Repeat([]float64{0}, 30), 1, 2, 3),
	"near the identity":     spaced(50, 1, 1+1e-6),
	"a Hessian of training": append(spaced(90, -0.02, 0.05), 0.3, 0.5, 1, 2, 10, -0.5),
	"both ends alike":       {5, -4.99, 0.1, 0.2, 0.3, -0.1, 0, 0, 1, 1},
	"low end dominates":     {5, -6, 0.1, 0.2, 0.3, -0.1, 0, 0, 1, 1},
}

// Against the eigenvalues of the whole matrix, with a basis of the whole space
// and with restarts.
func TestKnownSpectra(t *testing.T) {
	for name, values := range spectra {
		for _, basis := range []int{12, 200} {
			t.Run(fmt.Sprint(name, " ", basis), func(t *testing.T) {
				h := symmetric(values, 3)
				want := eigenvalues(h)
				last := len(want) - 1
				scale := max(math.Abs(want[0]), math.Abs(want[last]))
				e, low, high := ends(t, h, Options{Tolerance: 1e-9, Products: 3000, Basis: basis})
				require.True(t, e.High.Converged)
				if name == "condition 1e8" && basis < len(values) {
					// Beside 1 the small ones are one cluster, which a small basis takes
					// long to resolve, and says so.
					require.False(t, e.Low.Converged)
					require.InDelta(t, want[0], e.Low.Value, e.Low.Residual)
					require.InDelta(t, want[0], e.Low.Value, 1e-6)
				} else {
					require.True(t, e.Low.Converged)
					require.InDelta(t, want[0], e.Low.Value, 1e-8*scale)
				}
				require.InDelta(t, want[last], e.High.Value, 1e-8*scale)
				require.InDelta(t, residual(h, e.Low.Value, low), e.Low.Residual, 1e-12*scale)
				require.InDelta(t, residual(h, e.High.Value, high), e.High.Residual, 1e-12*scale)
				require.InDelta(t, 1, floats.Norm(low, 2), 1e-14)
				require.InDelta(t, 1, floats.Norm(high, 2), 1e-14)
				if basis >= len(values) {
					require.LessOrEqual(t, e.Products, len(values))
				}
			})
		}
	}
}

func TestTinyDimensionsAreExact(t *testing.T) {
	for n := 1; n <= 5; n++ {
		for seed := range uint64(50) {
			g := gaussian(n, seed)
			h := mat.NewSymDense(n, nil)
			h.SymOuterK(1, g)
			for i := range n {
				h.SetSym(i, i, h.At(i, i)-1)
			}
			want := eigenvalues(h)
			e, _, _ := ends(t, h, Options{Seed: seed, Tolerance: 1e-12})
			scale := e.Scale()
			require.InDelta(t, want[0], e.Low.Value, 1e-13*scale)
			require.InDelta(t, want[n-1], e.High.Value, 1e-13*scale)
			require.True(t, e.Low.Converged && e.High.Converged)
			require.LessOrEqual(t, e.Products, n)
		}
	}
}

func TestZeroOperator(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 50, 1000} {
		e, _, _ := ends(t, mat.NewDiagDense(n, nil), Options{})
		require.Equal(t, End{Converged: true}, e.Low)
		require.Equal(t, End{Converged: true}, e.High)
		require.LessOrEqual(t, e.Products, 4)
	}
}

// From a basis that spans an invariant subspace the process goes on at random.
func TestInvariantSubspaceDoesNotHideAnEnd(t *testing.T) {
	e, _, _ := ends(t, mat.NewDiagDense(100, slices.Repeat([]float64{3}, 100)), Options{Tolerance: 1e-10})
	require.InDelta(t, 3, e.Low.Value, 1e-12)
	require.InDelta(t, 3, e.High.Value, 1e-12)
	require.True(t, e.Low.Converged && e.High.Converged)
	require.LessOrEqual(t, e.Products, 4)

	// One value among a million alike: the first residual is small by itself.
	n := 1_000_000
	l, err := NewLanczos[[]float64](Slices(n), Options{})
	require.NoError(t, err)
	spike := OperatorFunc[[]float64](func(out, in []float64) error {
		copy(out, in)
		out[n/2] *= 2
		return nil
	})
	e, err = l.Ends(spike, nil)
	require.NoError(t, err)
	require.InDelta(t, 1, e.Low.Value, 1e-3)
	require.InDelta(t, 2, e.High.Value, 1e-3)
}

// A warm start that knows nothing of the new ends, lies all but within a subspace
// that is invariant, and has small residuals there.
func TestWarmStartFindsNewEnds(t *testing.T) {
	const n = 100_000
	values := spaced(n, -0.01, 0.01)
	values[0], values[1], values[n/3], values[n/2] = -3, 4, -5, 6
	l, err := NewLanczos[[]float64](Slices(n), Options{})
	require.NoError(t, err)
	l.low, l.high, l.warm = make([]float64, n), make([]float64, n), true
	l.low[0], l.high[1] = 1, 1
	for i := 2; i < 30; i++ {
		l.low[i*1000], l.high[i*1000+1] = 1e-4, 1e-4
	}
	e, err := l.Ends(OperatorFunc[[]float64](func(out, in []float64) error {
		floats.MulTo(out, values, in)
		return nil
	}), nil)
	require.NoError(t, err)
	require.InDelta(t, -5, e.Low.Value, 1e-3)
	require.InDelta(t, 6, e.High.Value, 1e-3)
}

// What finds the largest magnitude answers −6 for the first, and for the second it
// does not settle.
func TestSignsAreKept(t *testing.T) {
	for _, low := range []float64{-6, -4.99} {
		for seed := range uint64(20) {
			h := symmetric(append(spaced(98, -0.5, 0.5), 5, low), seed)
			e, _, _ := ends(t, h, Options{Seed: seed})
			require.True(t, e.Low.Converged && e.High.Converged)
			require.InDelta(t, low, e.Low.Value, 1e-4)
			require.InDelta(t, 5, e.High.Value, 1e-4)
		}
	}
}

func TestScaleOfTheOperatorDoesNotMatter(t *testing.T) {
	for name, values := range spectra {
		h := symmetric(values, 7)
		whole, _, _ := ends(t, h, Options{Basis: 16})
		for _, c := range []float64{1e-7, 1e7, 1e-30, 0x1p-40} {
			small := mat.NewSymDense(len(values), nil)
			small.ScaleSym(c, h)
			e, _, _ := ends(t, small, Options{Basis: 16})
			if c == 0x1p-40 { // which rounds nothing
				require.Equal(t, whole.Low.Value, e.Low.Value/c, name)
				require.Equal(t, whole.High.Value, e.High.Value/c, name)
				require.Equal(t, whole.Products, e.Products, name)
			}
			scale := whole.Scale()
			require.InDelta(t, whole.Low.Value, e.Low.Value/c, 1e-9*scale, name)
			require.InDelta(t, whole.High.Value, e.High.Value/c, 1e-9*scale, name)
			require.Equal(t, whole.Low.Converged, e.Low.Converged, name)
			require.Equal(t, whole.High.Converged, e.High.Converged, name)
			require.InDelta(t, whole.Products, e.Products, 0, name)
		}
	}
}

// With or without convergence: values lie within the spectrum, an eigenvalue as
// near as the residual says, shifts shift and a change of sign changes ends.
func TestPropertiesOfRandomOperators(t *testing.T) {
	for seed := range uint64(60) {
		r := random(seed)
		n := 1 + r.IntN(60)
		values := make([]float64, n)
		for i := range values {
			values[i] = r.NormFloat64() * math.Exp(3*r.NormFloat64())
		}
		h := symmetric(values, seed)
		all := eigenvalues(h)
		o := Options{Seed: seed, Products: 1 + r.IntN(40), Basis: 4 + r.IntN(20), Tolerance: math.Pow(10, -1-8*r.Float64())}
		e, low, high := ends(t, h, o)
		scale := max(math.Abs(all[0]), math.Abs(all[n-1]))
		slack := 1e-12 * scale

		require.LessOrEqual(t, e.Products, o.Products)
		require.LessOrEqual(t, e.Low.Value, e.High.Value)
		require.GreaterOrEqual(t, e.Low.Value, all[0]-slack)
		require.LessOrEqual(t, e.High.Value, all[n-1]+slack)
		for _, end := range []End{e.Low, e.High} {
			nearest := math.Inf(1)
			for _, v := range all {
				nearest = min(nearest, math.Abs(v-end.Value))
			}
			require.LessOrEqual(t, nearest, end.Residual+slack)
			if end.Converged {
				require.LessOrEqual(t, end.Residual, o.Tolerance*e.Scale())
			}
		}
		require.InDelta(t, residual(h, e.Low.Value, low), e.Low.Residual, slack)
		require.InDelta(t, residual(h, e.High.Value, high), e.High.Residual, slack)
		if e.Products > 1 {
			require.InDelta(t, 0, floats.Dot(low, high), 1e-10)
		}

		again, _, _ := ends(t, h, o)
		require.Equal(t, e, again, "a seed is all there is of chance")

		o.Products, o.Tolerance = 1000, 1e-10
		e, _, _ = ends(t, h, o)
		negative := mat.NewSymDense(n, nil)
		negative.ScaleSym(-1, h)
		f, _, _ := ends(t, negative, o)
		require.InDelta(t, e.Low.Value, -f.High.Value, 1e-9*scale)
		require.InDelta(t, e.High.Value, -f.Low.Value, 1e-9*scale)
		shifted := mat.NewSymDense(n, nil)
		shifted.CopySym(h)
		for i := range n {
			shifted.SetSym(i, i, h.At(i, i)+2*scale)
		}
		f, _, _ = ends(t, shifted, o)
		require.InDelta(t, e.Low.Value+2*scale, f.Low.Value, 1e-9*scale)
		require.InDelta(t, e.High.Value+2*scale, f.High.Value, 1e-9*scale)
	}
}

// The residual is that of the operator as it is, so one that is not symmetric or
// not the same from product to product does not pass for converged.
func TestResidualTellsOfAnOperatorThatIsNotSymmetric(t *testing.T) {
	h := mat.NewDense(30, 30, nil)
	h.Scale(0.05, gaussian(30, 1))
	h.Add(h, symmetric(spaced(30, -1, 1), 2))
	for _, basis := range []int{30, 8} {
		e, low, high := ends(t, h, Options{Basis: basis, Products: 60, Tolerance: 1e-6})
		require.False(t, e.Low.Converged || e.High.Converged)
		require.GreaterOrEqual(t, e.Low.Residual, residual(h, e.Low.Value, low)-1e-12)
		require.GreaterOrEqual(t, e.High.Residual, residual(h, e.High.Value, high)-1e-12)
	}
	e, low, _ := ends(t, h, Options{Tolerance: 1e-6})
	require.InDelta(t, residual(h, e.Low.Value, low), e.Low.Residual, 1e-12)

	r := random(1)
	clean := operator(symmetric(spaced(30, -1, 1), 2))
	noisy := OperatorFunc[[]float64](func(out, in []float64) error {
		_ = clean(out, in)
		for i := range out {
			out[i] += 0.01 * r.NormFloat64()
		}
		return nil
	})
	l, err := NewLanczos[[]float64](Slices(30), Options{})
	require.NoError(t, err)
	e, err = l.Ends(noisy, nil)
	require.NoError(t, err)
	require.False(t, e.Low.Converged && e.High.Converged)
}

// Vectors and products in float32, as most networks have them.
func TestSinglePrecision(t *testing.T) {
	for name, values := range spectra {
		for _, basis := range []int{8, 32} {
			h := symmetric(values, 5)
			all := eigenvalues(h)
			last := len(all) - 1
			s := newLedger(len(values))
			s.single = true
			l, err := NewLanczos(s, Options{Basis: basis, Tolerance: 1e-4, Products: 400})
			require.NoError(t, err)
			for range 2 {
				e, err := l.Ends(s.rounded(h), nil)
				require.NoError(t, err)
				scale := max(math.Abs(all[0]), math.Abs(all[last]))
				require.True(t, e.Low.Converged && e.High.Converged, name)
				require.InDelta(t, all[0], e.Low.Value, 1e-4*scale, name)
				require.InDelta(t, all[last], e.High.Value, 1e-4*scale, name)
			}
			held := min(basis, len(values))
			require.LessOrEqual(t, s.most, 2+held+1+max(2, held/2))
			l.Free()
			require.Empty(t, s.live)
		}
	}
}

// A Hessian that moves a little from call to call.
func TestWarmStart(t *testing.T) {
	const n = 300
	r := random(4)
	bulk := symmetric(spaced(n, -0.1, 0.1), 1)
	spikes := gaussian(n, 2)
	l, err := NewLanczos[[]float64](Slices(n), Options{})
	require.NoError(t, err)
	var warm, cold int
	for call := range 10 {
		h := mat.NewSymDense(n, nil)
		h.CopySym(bulk)
		for i, weight := range []float64{-2, 3, 4.5, 6, 9, 12} {
			h.SymRankOne(h, weight, spikes.ColView(i))
		}
		all := eigenvalues(h)
		w, err := l.Ends(operator(h), nil)
		require.NoError(t, err)
		require.True(t, w.Low.Converged && w.High.Converged)
		require.InDelta(t, all[0], w.Low.Value, 1e-3*w.Scale())
		require.InDelta(t, all[n-1], w.High.Value, 1e-3*w.Scale())
		c, _, _ := ends(t, h, Options{Seed: uint64(call)})
		if call > 0 {
			warm += w.Products
			cold += c.Products
		}
		spikes.Apply(func(_, _ int, v float64) float64 { return v + 0.01*r.NormFloat64()/math.Sqrt(n) }, spikes)
	}
	require.Less(t, 4*warm, 3*cold)
}

func TestBudgetAndDeadline(t *testing.T) {
	h := symmetric(spaced(200, -1, 1), 1)
	for _, products := range []int{1, 2, 3, 7} {
		e, _, _ := ends(t, h, Options{Products: products, Tolerance: 1e-9})
		require.Equal(t, products, e.Products)
		require.False(t, e.Low.Converged || e.High.Converged)
	}
	asked := 0
	l, err := NewLanczos[[]float64](Slices(200), Options{Tolerance: 1e-9})
	require.NoError(t, err)
	e, err := l.Ends(operator(h), func() bool { asked++; return asked <= 4 })
	require.NoError(t, err)
	require.Equal(t, 5, e.Products)
	require.False(t, e.Low.Converged || e.High.Converged)

	// The next call goes on where this one ended.
	narrower, err := l.Ends(operator(h), func() bool { asked++; return asked <= 9 })
	require.NoError(t, err)
	require.Less(t, narrower.Low.Value, e.Low.Value)
	require.Greater(t, narrower.High.Value, e.High.Value)

	// Too few to tell an end of the spectrum from an eigenvalue.
	e, _, _ = ends(t, mat.NewDiagDense(50, nil), Options{Products: 2})
	require.False(t, e.Low.Converged || e.High.Converged)
}

func TestLanczosOptions(t *testing.T) {
	for _, o := range []Options{
		{Tolerance: -1}, {Tolerance: 1}, {Tolerance: math.NaN()}, {Products: -1}, {Basis: 3}, {Basis: -1},
	} {
		_, err := NewLanczos[[]float64](Slices(9), o)
		require.ErrorContains(t, err, "spectrum: ", "%+v", o)
	}
	_, err := NewLanczos[[]float64](Slices(0), Options{})
	require.ErrorContains(t, err, "0 elements")
}
