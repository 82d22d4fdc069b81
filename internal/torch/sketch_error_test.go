package torch

import (
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
)

// A structure is two gradients of several tensors each.
type structure struct {
	name string
	a, b [][]float64
	// Hardly any elements: the estimate is better than its standard error says.
	few bool
}

func fill(n int, f func(i int) float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = f(i)
	}
	return x
}

// structures are what could go wrong: all elements alike, few that are not 0, and
// those at equal distances.
func structures() []structure {
	r := generator(11)
	normal := func(n int) []float64 { return fill(n, func(int) float64 { return r.NormFloat64() }) }
	times := func(x []float64, f float64) []float64 { return fill(len(x), func(i int) float64 { return f * x[i] }) }
	plus := func(x, y []float64) []float64 { return fill(len(x), func(i int) float64 { return x[i] + y[i] }) }
	one := func(n, at int) []float64 {
		x := make([]float64, n)
		x[at] = 2
		return x
	}
	every := func(n, step, from int, f func() float64) []float64 {
		return fill(n, func(i int) float64 {
			if i%step == from {
				return f()
			}
			return 0
		})
	}
	ones := func(n int) []float64 { return fill(n, func(int) float64 { return 1 }) }
	const n = 20_011
	x := normal(n)
	all := []structure{
		{"independent", [][]float64{normal(n), normal(1000)}, [][]float64{normal(n), normal(1000)}, false},
		{"equal", [][]float64{x}, [][]float64{x}, false},
		{"opposite", [][]float64{x}, [][]float64{times(x, -3)}, false},
		{"alike", [][]float64{x}, [][]float64{plus(x, normal(n))}, false},
		{"constant", [][]float64{ones(n)}, [][]float64{ones(n)}, false},
		{"constant and random", [][]float64{ones(n)}, [][]float64{plus(x, times(ones(n), -0.3))}, false},
		{"long constant", [][]float64{ones(70_000)}, [][]float64{times(ones(70_000), -1)}, false},
		{"constant, orthogonal by tensors", [][]float64{ones(5000), ones(5000)}, [][]float64{ones(5000), times(ones(5000), -1)}, false},
		{"one element", [][]float64{one(n, 77)}, [][]float64{one(n, 77)}, true},
		{"two elements", [][]float64{one(n, 77)}, [][]float64{one(n, 78)}, true},
		{"two far elements", [][]float64{one(n, 77)}, [][]float64{one(n, 77+4*SketchSize)}, true},
		{"one block", [][]float64{normal(200)}, [][]float64{normal(200)}, true},
		{"many small", nil, nil, false},
		{"rising", [][]float64{fill(n, func(i int) float64 { return float64(i) })}, [][]float64{fill(n, func(i int) float64 { return float64(n - i) })}, false},
		{"a hot row", [][]float64{append(make([]float64, 9*768), append(normal(768), make([]float64, 9*768)...)...)}, [][]float64{append(make([]float64, 9*768), append(normal(768), make([]float64, 9*768)...)...)}, true},
	}
	small := &all[12]
	for range 500 {
		v := normal(20)
		small.a, small.b = append(small.a, v), append(small.b, plus(v, normal(20)))
	}
	for _, step := range []int{7, 64, 256, 768} {
		m := 40_000
		a := every(m, step, step/3, r.NormFloat64)
		all = append(all,
			structure{"random at equal distances", [][]float64{a}, [][]float64{plus(a, every(m, step, step/3, r.NormFloat64))}, m/step < SketchSize},
			structure{"constant at equal distances", [][]float64{every(m, step, 1, func() float64 { return 1 })}, [][]float64{every(m, step, 1, func() float64 { return 1 })}, m/step < SketchSize})
	}
	return all
}

// exact returns cosine and norms, by libtorch.
func exact(a, b [][]float64) (cosine, na, nb float64) {
	x, y := ts.MustOfSlice(flat(a)), ts.MustOfSlice(flat(b))
	dot := func(x, y *ts.Tensor) float64 { return x.MustDot(y, false).Float64Values()[0] }
	na, nb = math.Sqrt(dot(x, x)), math.Sqrt(dot(y, y))
	return dot(x, y) / na / nb, na, nb
}

// requireHonest sketches both with many seeds: the mean of the estimated cosines is
// the cosine, and they scatter by no more than the standard error.
func requireHonest(t *testing.T, s structure, dtype gotch.DType) {
	t.Helper()
	var a, b []*ts.Tensor
	for i := range s.a {
		a, b = append(a, flatParam(t, s.a[i], dtype)), append(b, flatParam(t, s.b[i], dtype))
	}
	seeds := 400.0
	if testing.Short() {
		seeds = 60
	}
	cosine, na, nb := exact(s.a, s.b)
	sigma := math.Sqrt((1 + cosine*cosine) / SketchSize)
	mean, square := 0.0, 0.0
	for seed := range uint64(seeds) {
		z := (sketchOf(t, seed, a...).Dot(sketchOf(t, seed, b...))/(na*nb) - cosine) / sigma
		mean, square = mean+z/seeds, square+z*z/seeds
	}
	require.Less(t, math.Abs(mean), 4/math.Sqrt(seeds), "%s: biased", s.name)
	bound := 4 * math.Sqrt(2/seeds)
	if s.few { // most of the estimates are exact, and the others far off
		bound = 1
	} else {
		require.Greater(t, square, 1-bound, "%s: the standard error says too much", s.name)
	}
	require.Less(t, square, 1+bound, "%s: the standard error says too little", s.name)
}

func TestSketchEstimates(t *testing.T) {
	for _, s := range structures() {
		requireHonest(t, s, gotch.Float)
	}
	requireHonest(t, structures()[3], gotch.Double)
}

// Gradients of successive steps of real networks.
func TestSketchOfRealGradients(t *testing.T) {
	for _, n := range readGolden(t) {
		t.Run(n.Name, func(t *testing.T) {
			runtime.LockOSThread() // gradients are switched off for one thread
			defer runtime.UnlockOSThread()
			params, loss := n.build(gotch.Double)
			gradients := func() (out [][]float64) {
				for _, p := range params {
					p.ZeroGrad()
				}
				require.NoError(t, loss().Backward())
				for _, p := range params {
					out = append(out, gradOf(p))
				}
				return out
			}
			a := gradients()
			for i, p := range params {
				ts.NoGrad(func() {
					step := ts.MustOfSlice(a[i]).MustReshape(p.MustSize(), true).MustMulScalar(ts.FloatScalar(-0.5), true)
					p.MustAdd_(step)
				})
			}
			requireHonest(t, structure{n.Name, a, gradients(), true}, gotch.Double)
		})
	}
}
