package torch

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
	"gonum.org/v1/gonum/mat"
)

// leaf returns a parameter of float64s.
func leaf(x []float64, shape ...int64) *ts.Tensor {
	if shape == nil {
		shape = []int64{int64(len(x))}
	}
	return ts.MustOfSlice(x).MustReshape(shape, true).MustDetach(true).MustSetRequiresGrad(true, true)
}

// matrix returns a constant.
func matrix(m mat.Matrix) *ts.Tensor {
	d := mat.DenseCopyOf(m)
	r, c := d.Dims()
	return ts.MustOfSlice(d.RawMatrix().Data).MustReshape([]int64{int64(r), int64(c)}, true)
}

// quadratic returns ½wᵀHw.
func quadratic(h mat.Matrix, w *ts.Tensor) *ts.Tensor {
	return w.MustMatmul(matrix(h), false).MustDot(w, true).MustMulScalar(ts.FloatScalar(0.5), true)
}

func open(t testing.TB, loss *ts.Tensor, params ...*ts.Tensor) *Graph {
	t.Helper()
	g, err := OpenGraph(loss, params)
	require.NoError(t, err)
	t.Cleanup(g.Close)
	return g
}

func vector(t testing.TB, g *Graph) *Vector {
	t.Helper()
	v, err := g.NewVector()
	require.NoError(t, err)
	t.Cleanup(v.Free)
	return v
}

func dot(t testing.TB, x, y *Vector) float64 {
	t.Helper()
	d, err := x.Dot(y, nil)
	require.NoError(t, err)
	return d
}

// gthg returns gᵀg and gᵀHg.
func gthg(t testing.TB, g *Graph) (gtg, gthg float64) {
	t.Helper()
	v, err := g.NewVector()
	require.NoError(t, err)
	defer v.Free()
	require.NoError(t, g.HVP(g.Gradient(), v))
	return dot(t, g.Gradient(), g.Gradient()), dot(t, g.Gradient(), v)
}

// elements returns all elements of v, one parameter after the other.
func elements(t testing.TB, v *Vector) []float64 {
	t.Helper()
	var all []float64
	for i := range v.Len() {
		x := make([]float64, v.Numel(i))
		require.NoError(t, v.Get(i, x))
		all = append(all, x...)
	}
	return all
}

// put is the opposite of elements.
func put(t testing.TB, v *Vector, all []float64) {
	t.Helper()
	for i := range v.Len() {
		n := v.Numel(i)
		require.NoError(t, v.Put(i, all[:n]))
		all = all[n:]
	}
	require.Empty(t, all)
}

// hessian returns the full Hessian, from its products with unit vectors.
func hessian(t testing.TB, g *Graph) *mat.Dense {
	t.Helper()
	v, product := vector(t, g), vector(t, g)
	n := 0
	for i := range v.Len() {
		n += int(v.Numel(i))
	}
	h := mat.NewDense(n, n, nil)
	unit := make([]float64, n)
	for j := range n {
		unit[j] = 1
		put(t, v, unit)
		unit[j] = 0
		require.NoError(t, g.HVP(v, product))
		h.SetCol(j, elements(t, product))
	}
	return h
}

// requireNear compares with a tolerance in units of the largest element wanted.
func requireNear(t testing.TB, want, got mat.Matrix, tolerance float64) {
	t.Helper()
	var off mat.Dense
	off.Sub(want, got)
	scale := mat.Norm(want, math.Inf(1))
	require.LessOrEqual(t, mat.Norm(&off, math.Inf(1)), tolerance*math.Max(scale, math.SmallestNonzeroFloat64), "want\n%.10v\ngot\n%.10v", mat.Formatted(want, mat.Excerpt(5)), mat.Formatted(got, mat.Excerpt(5)))
}

func gaussian(rows, columns int, seed uint64) *mat.Dense {
	r := generator(seed)
	m := mat.NewDense(rows, columns, nil)
	m.Apply(func(int, int, float64) float64 { return r.NormFloat64() }, m)
	return m
}

// The quadratic of the first figure of Schneider et al. 2021 ("Cockpit"): along
// the sharp direction, gradient descent at exactly 2/λ flips for ever.
func TestTurnedQuadratic(t *testing.T) {
	c, s := math.Cos(math.Pi/6), math.Sin(math.Pi/6)
	turn := mat.NewDense(2, 2, []float64{c, -s, s, c})
	var h mat.Dense
	h.Mul(turn, mat.NewDiagDense(2, []float64{0.5, 10}))
	h.Mul(&h, turn.T())
	at := mat.NewVecDense(2, []float64{1, 1})
	for step := range 20 {
		var want mat.VecDense
		want.MulVec(&h, at)
		w := leaf([]float64{at.AtVec(0), at.AtVec(1)})
		loss := quadratic(&h, w)
		g := open(t, loss, w)
		gtg, gthg := gthg(t, g)
		require.InEpsilon(t, mat.Dot(&want, &want), gtg, 1e-13)
		require.InEpsilon(t, mat.Inner(&want, &h, &want), gthg, 1e-13)
		if step == 0 {
			require.InDelta(t, 1.136379332, loss.Float64Values()[0], 1e-9)
			require.InDelta(t, 13.863965973, gtg, 1e-9)
			require.InDelta(t, 134.207849391, gthg, 1e-9)
			require.InDelta(t, 0.936067207, 0.2*gthg/gtg-1, 1e-9)
		}
		require.InDelta(t, 0, mat.Norm(sub(&h, hessian(t, g)), 2), 1e-14)
		at.AddScaledVec(at, -0.2, &want)
	}
}

func sub(a, b mat.Matrix) mat.Matrix {
	var d mat.Dense
	d.Sub(a, b)
	return &d
}

func TestIllConditionedQuadratic(t *testing.T) {
	for k, want := range map[float64][2]float64{5: {50, 150}, 100: {2e4, 1.01e6}, 1e8: {2e16, 1e16 * (1 + 1e8)}} {
		w := leaf([]float64{k, 1})
		gtg, gthg := gthg(t, open(t, quadratic(mat.NewDiagDense(2, []float64{1, k}), w), w))
		require.InEpsilon(t, want[0], gtg, 1e-14)
		require.InEpsilon(t, want[1], gthg, 1e-14)
	}
}

// x² − y², with one parameter and with two: at (s, s) the gradient sees no
// curvature, exactly.
func TestSaddle(t *testing.T) {
	for _, c := range []struct{ x, y, gtg, gthg float64 }{{1, 2, 20, -24}, {0, 1, 4, -8}, {3, 3, 72, 0}, {0.1, 0.1, 0.08, 0}} {
		w := leaf([]float64{c.x, c.y})
		gtg1, gthg1 := gthg(t, open(t, quadratic(mat.NewDiagDense(2, []float64{2, -2}), w), w))
		x, y := leaf([]float64{c.x}), leaf([]float64{c.y})
		loss := x.MustMul(x, false).MustSub(y.MustMul(y, false), true)
		gtg2, gthg2 := gthg(t, open(t, loss, x, y))
		for _, got := range [][2]float64{{gtg1, gthg1}, {gtg2, gthg2}} {
			require.InEpsilon(t, c.gtg, got[0], 1e-15)
			if c.gthg == 0 {
				require.Zero(t, got[1])
			} else {
				require.InEpsilon(t, c.gthg, got[1], 1e-15)
			}
		}
	}
}

// ½(w⁵⁰ − 1)², on both sides of the cliff at 1.
func TestCliff(t *testing.T) {
	for at, published := range map[float64][2]float64{1.02: {2.2319e2, 2.8130e4}, 1.1: {6.2106e5, 5.6138e7}, 1.2: {3.4504e9, 2.8467e11}, 0.9: {-0.28485, -15.426}} {
		w := leaf([]float64{at})
		loss := w.MustPowTensorScalar(ts.FloatScalar(50), false).MustSubScalar(ts.FloatScalar(1), true).MustSquare(true).MustMulScalar(ts.FloatScalar(0.5), true)
		g := open(t, loss, w)
		slope, curvature := elements(t, g.Gradient())[0], hessian(t, g).At(0, 0)
		require.InEpsilon(t, 50*math.Pow(at, 49)*(math.Pow(at, 50)-1), slope, 1e-12)
		require.InEpsilon(t, 50*(99*math.Pow(at, 98)-49*math.Pow(at, 48)), curvature, 1e-12)
		require.InEpsilon(t, published[0], slope, 5e-5)
		require.InEpsilon(t, published[1], curvature, 5e-5)
	}
}

// Quadratics of known spectra, over two parameters.
func TestRandomQuadratics(t *testing.T) {
	const n = 20
	for name, eigenvalue := range map[string]func(i int) float64{
		"clustered":       func(i int) float64 { return 1 + float64(i/5) + 1e-9*float64(i) },
		"indefinite":      func(i int) float64 { return float64(i) - 9.5 },
		"ill-conditioned": func(i int) float64 { return math.Pow(1e8, float64(i)/(n-1)) },
		"nearly singular": func(i int) float64 { return math.Max(1e-12, float64(i-15)) },
		"tiny":            func(i int) float64 { return 1e-7 * float64(i-3) },
	} {
		t.Run(name, func(t *testing.T) {
			var qr mat.QR
			qr.Factorize(gaussian(n, n, 1))
			var q, h mat.Dense
			qr.QTo(&q)
			d := mat.NewDiagDense(n, nil)
			for i := range n {
				d.SetDiag(i, eigenvalue(i))
			}
			h.Mul(&q, d)
			h.Mul(&h, q.T())
			at := gaussian(n, 1, 2)
			a, b := leaf(at.RawMatrix().Data[:7]), leaf(at.RawMatrix().Data[7:])
			g := open(t, quadratic(&h, ts.MustCat([]*ts.Tensor{a, b}, 0)), a, b)
			requireNear(t, &h, hessian(t, g), 1e-13)
			var want mat.Dense
			want.Mul(&h, at)
			gtg, gthg := gthg(t, g)
			require.InEpsilon(t, mat.Dot(want.ColView(0), want.ColView(0)), gtg, 1e-10)
			require.InDelta(t, mat.Inner(want.ColView(0), &h, want.ColView(0)), gthg, 1e-12*mat.Norm(&h, 2)*gtg)
		})
	}
}

// The Hessians of linear, logistic and softmax regression.
func TestRegressions(t *testing.T) {
	const n, d, classes = 30, 4, 3
	x := gaussian(n, d, 3)
	input := matrix(x)
	r := generator(4)

	t.Run("linear", func(t *testing.T) {
		w := leaf(gaussian(d, 1, 5).RawMatrix().Data)
		loss := input.MustMatmul(w, false).MustMseLoss(ts.MustOfSlice(gaussian(n, 1, 6).RawMatrix().Data), 1, true)
		var want mat.Dense
		want.Mul(x.T(), x)
		want.Scale(2.0/n, &want)
		requireNear(t, &want, hessian(t, open(t, loss, w)), 1e-13)
	})

	t.Run("logistic", func(t *testing.T) {
		values := gaussian(d, 1, 7)
		w := leaf(values.RawMatrix().Data)
		y := make([]float64, n)
		for i := range y {
			y[i] = float64(r.IntN(2))
		}
		loss := input.MustMatmul(w, false).MustBinaryCrossEntropyWithLogits(ts.MustOfSlice(y), ts.NewTensor(), ts.NewTensor(), 1, true)
		var z, weighted, want mat.Dense
		z.Mul(x, values)
		weighted.Apply(func(i, _ int, v float64) float64 {
			s := 1 / (1 + math.Exp(-z.At(i, 0)))
			return v * s * (1 - s) / n
		}, x)
		want.Mul(x.T(), &weighted)
		requireNear(t, &want, hessian(t, open(t, loss, w)), 1e-12)
	})

	t.Run("softmax", func(t *testing.T) {
		values := gaussian(classes, d, 8)
		w := leaf(values.RawMatrix().Data, classes, d)
		y := make([]int64, n)
		for i := range y {
			y[i] = int64(r.IntN(classes))
		}
		loss := input.MustMatmul(w.MustT(false), false).CrossEntropyForLogits(ts.MustOfSlice(y))
		var logits mat.Dense
		logits.Mul(x, values.T())
		want := mat.NewDense(classes*d, classes*d, nil)
		for i := range n {
			p := make([]float64, classes)
			sum := 0.0
			for c := range p {
				p[c] = math.Exp(logits.At(i, c))
				sum += p[c]
			}
			for a := range classes {
				for b := range classes {
					f := -p[a] / sum * p[b] / sum
					if a == b {
						f += p[a] / sum
					}
					for j := range d {
						for k := range d {
							at := want.At(a*d+j, b*d+k)
							want.Set(a*d+j, b*d+k, at+f*x.At(i, j)*x.At(i, k)/n)
						}
					}
				}
			}
		}
		requireNear(t, want, hessian(t, open(t, loss, w)), 1e-12)
	})
}

func TestLinearLossHasNoCurvature(t *testing.T) {
	w := leaf([]float64{1, 2})
	g := open(t, w.MustSum(gotch.Double, false), w)
	gtg, gthg := gthg(t, g)
	require.Equal(t, []float64{2, 0}, []float64{gtg, gthg})
	require.Zero(t, mat.Norm(hessian(t, g), 2))
}

// A product shares no memory with what went into it, and no two of its parts share any.
func TestProductsAreApart(t *testing.T) {
	a, b := leaf([]float64{1, 2}), leaf([]float64{3, 4})
	// libtorch gives a and b one tensor as their gradient, and as their product.
	sum := open(t, a.MustAdd(b, false).MustSquare(true).MustSum(gotch.Double, true), a, b)
	both := vector(t, sum)
	put(t, both, []float64{1, 2, 3, 4})
	require.NoError(t, sum.HVP(both, both))
	require.NoError(t, both.Scale(10))
	require.Equal(t, []float64{80, 120, 80, 120}, elements(t, both))

	g := open(t, a.MustDot(b, false), a, b)
	in, out := vector(t, g), vector(t, g)
	put(t, in, []float64{5, 6, 7, 8})
	require.NoError(t, g.HVP(in, out))
	require.Equal(t, []float64{7, 8, 5, 6}, elements(t, out))
	require.NoError(t, out.Scale(2))
	require.Equal(t, []float64{5, 6, 7, 8}, elements(t, in))
	require.NoError(t, g.HVP(in, in))
	require.Equal(t, []float64{7, 8, 5, 6}, elements(t, in))
	require.NoError(t, in.Scale(0.5))
	require.Equal(t, []float64{3, 4, 1, 2}, elements(t, g.Gradient()))
}

// Frozen parameters and those that the loss does not depend on take no part, a
// tensor that is there twice takes part once, and one of no elements is harmless.
func TestWhoTakesPart(t *testing.T) {
	w, frozen, unused, empty := leaf([]float64{2}), leaf([]float64{3}), leaf([]float64{5}), ts.MustZeros([]int64{0}, gotch.Double, gotch.CPU).MustSetRequiresGrad(true, true)
	frozen = frozen.MustDetach(true)
	loss := w.MustPowTensorScalar(ts.FloatScalar(3), false).MustMul(frozen, true).MustSum(gotch.Double, true).MustAdd(empty.MustSum(gotch.Double, false), true)
	g := open(t, loss, frozen, w, unused, w, empty)
	v := vector(t, g)
	require.Equal(t, 5, v.Len())
	require.EqualValues(t, 1, v.Dim())
	for i, has := range []bool{false, true, false, false, true} {
		require.Equal(t, has, v.Has(i), i)
	}
	require.Equal(t, []float64{0, 36, 0, 0}, elements(t, g.Gradient()))
	require.NoError(t, v.Random(Rademacher, 1))
	require.NoError(t, v.Copy(g.Gradient()))
	require.NoError(t, g.HVP(v, v))
	require.Equal(t, []float64{0, 36 * 36, 0, 0}, elements(t, v))
	each := make([]float64, 5)
	total, err := v.Dot(g.Gradient(), each)
	require.NoError(t, err)
	require.Equal(t, 36.0*36*36, total)
	require.Equal(t, []float64{0, total, 0, 0, 0}, each)
}

// An embedding that leaves sparse gradients has the Hessian of one that does not.
func TestSparseEmbeddingHessian(t *testing.T) {
	x := ts.MustOfSlice([]int64{1, 3, 1})
	var all [2]*mat.Dense
	for i, sparse := range []bool{false, true} {
		w := leaf(gaussian(4, 2, 1).RawMatrix().Data, 4, 2)
		loss := ts.MustEmbedding(w, x, -1, false, sparse).MustTanh(true).MustSquare(true).MustSum(gotch.Double, true)
		g, err := OpenGraph(loss, []*ts.Tensor{w})
		require.NoError(t, err)
		defer g.Close()
		all[i] = hessian(t, g)
	}
	requireNear(t, all[0], all[1], 1e-15)
}

func TestMixedDtypes(t *testing.T) {
	a := ts.MustOfSlice([]float32{2}).MustSetRequiresGrad(true, true)
	b := leaf([]float64{3})
	loss := a.MustTotype(gotch.Double, false).MustMul(b, true).MustSquare(true) // (ab)²
	g := open(t, loss, a, b)
	require.Equal(t, []float64{36, 24}, elements(t, g.Gradient()))
	requireNear(t, mat.NewDense(2, 2, []float64{18, 24, 24, 8}), hessian(t, g), 0)
}

// A loss of any shape with one element, and a parameter that is no leaf.
func TestShapesOfLosses(t *testing.T) {
	w := leaf([]float64{2})
	for _, shape := range [][]int64{{1}, {1, 1, 1}} {
		require.Equal(t, 12.0, hessian(t, open(t, w.MustPowTensorScalar(ts.FloatScalar(3), false).MustReshape(shape, true), w)).At(0, 0))
	}
	inner := w.MustSquare(false)
	g := open(t, inner.MustSquare(false), inner, w)
	requireNear(t, mat.NewDense(2, 2, []float64{2, 8, 8, 48}), hessian(t, g), 0)
}
