package spectrum

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// The quadratic of Cockpit's first figure: diag(0.5, 10) turned by 30 degrees.
func TestTurnedQuadratic(t *testing.T) {
	c, s := math.Cos(math.Pi/6), math.Sin(math.Pi/6)
	h := mat.NewSymDense(2, []float64{0.5*c*c + 10*s*s, -9.5 * c * s, -9.5 * c * s, 0.5*s*s + 10*c*c})
	e, low, high := ends(t, h, Options{Tolerance: 1e-12})
	require.InDelta(t, 0.5, e.Low.Value, 1e-13)
	require.InDelta(t, 10, e.High.Value, 1e-13)
	require.InDelta(t, 1, math.Abs(c*low[0]+s*low[1]), 1e-13)
	require.InDelta(t, 1, math.Abs(s*high[0]-c*high[1]), 1e-13)
	require.True(t, e.Low.Converged && e.High.Converged)
}

func TestIllConditionedQuadratic(t *testing.T) {
	for _, k := range []float64{5, 100, 1e8} {
		e, _, _ := ends(t, mat.NewDiagDense(2, []float64{1, k}), Options{Tolerance: 1e-12})
		require.InDelta(t, 1, e.Low.Value, 1e-15*k)
		require.InEpsilon(t, k, e.High.Value, 1e-14)
	}
}

// Along the gradient of x² − y² at (s, s) there is no curvature at all.
func TestSaddleThatTheGradientMisses(t *testing.T) {
	h := mat.NewDiagDense(2, []float64{2, -2})
	g := mat.NewVecDense(2, []float64{2, -2})
	require.Zero(t, mat.Inner(g, h, g))
	e, _, _ := ends(t, h, Options{})
	require.InDelta(t, -2, e.Low.Value, 1e-14)
	require.InDelta(t, 2, e.High.Value, 1e-14)
}

// 0.5(w⁵⁰ − 1)² has one dimension, so both ends are its second derivative.
func TestCliff(t *testing.T) {
	for w, published := range map[float64]float64{1.02: 2.8130e4, 1.1: 5.6138e7, 1.2: 2.8467e11, 0.9: -15.426} {
		h := 50 * (99*math.Pow(w, 98) - 49*math.Pow(w, 48))
		e, _, _ := ends(t, mat.NewDiagDense(1, []float64{h}), Options{})
		require.InEpsilon(t, published, e.Low.Value, 5e-5)
		require.Equal(t, e.Low, e.High)
		require.InEpsilon(t, h, e.Low.Value, 1e-15)
		require.Equal(t, 1, e.Products)
		require.True(t, e.Low.Converged)
	}
}

// The Hessians of linear, logistic and softmax regression as products of their
// factors, which never form them, against the whole matrices.
func TestRegressions(t *testing.T) {
	const n, d, classes = 50, 6, 4
	r := random(8)
	x := mat.NewDense(n, d, nil)
	x.Apply(func(_, j int, _ float64) float64 { return float64(j+1) * r.NormFloat64() }, x)
	check := func(t *testing.T, op OperatorFunc[[]float64], whole mat.Symmetric) {
		want := eigenvalues(whole)
		dim := len(want)
		l, err := NewLanczos[[]float64](Slices(dim), Options{Tolerance: 1e-10})
		require.NoError(t, err)
		e, err := l.Ends(op, nil)
		require.NoError(t, err)
		require.InDelta(t, want[0], e.Low.Value, 1e-10*want[dim-1])
		require.InDelta(t, want[dim-1], e.High.Value, 1e-10*want[dim-1])
		require.True(t, e.Low.Converged && e.High.Converged)

		const probes = 400
		trace, err := Hutchinson(Slices(dim), op, probes, 1, nil)
		require.NoError(t, err)
		require.InDelta(t, mat.Trace(whole), trace.Value, 4*trace.StandardError)
	}
	// weighted is (1/N)·Xᵀ·diag(w)·X.
	weighted := func(t *testing.T, w func(i int) float64) {
		op := func(out, in []float64) error {
			clear(out)
			for i := range n {
				floats.AddScaled(out, w(i)/n*floats.Dot(x.RawRowView(i), in), x.RawRowView(i))
			}
			return nil
		}
		whole := mat.NewSymDense(d, nil)
		for i := range n {
			whole.SymRankOne(whole, w(i)/n, x.RowView(i))
		}
		check(t, op, whole)
	}
	t.Run("linear", func(t *testing.T) { weighted(t, func(int) float64 { return 2 }) })
	t.Run("logistic", func(t *testing.T) {
		weighted(t, func(i int) float64 {
			s := 1 / (1 + math.Exp(-floats.Sum(x.RawRowView(i))/10))
			return s * (1 - s)
		})
	})
	t.Run("softmax", func(t *testing.T) {
		p := mat.NewDense(n, classes, nil)
		for i := range n {
			row := p.RawRowView(i)
			for c := range row {
				row[c] = math.Exp(r.NormFloat64())
			}
			floats.Scale(1/floats.Sum(row), row)
		}
		// The parameters are one row of d for each class; a sample's part is
		// (diag p − ppᵀ) ⊗ xxᵀ.
		op := func(out, in []float64) error {
			clear(out)
			for i := range n {
				z := make([]float64, classes)
				for c := range z {
					z[c] = floats.Dot(in[c*d:(c+1)*d], x.RawRowView(i))
				}
				inner := floats.Dot(p.RawRowView(i), z)
				for c := range z {
					floats.AddScaled(out[c*d:(c+1)*d], p.At(i, c)*(z[c]-inner)/n, x.RawRowView(i))
				}
			}
			return nil
		}
		whole := mat.NewSymDense(classes*d, nil)
		for i := range n {
			for a := range classes * d {
				for b := range a + 1 {
					v := -p.At(i, a/d) * p.At(i, b/d)
					if a/d == b/d {
						v += p.At(i, a/d)
					}
					whole.SetSym(a, b, whole.At(a, b)+v*x.At(i, a%d)*x.At(i, b%d)/n)
				}
			}
		}
		check(t, op, whole)
	})
}
