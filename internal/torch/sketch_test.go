package torch

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
)

// sketchOf returns the sketch of the tensors' gradients.
func sketchOf(t testing.TB, seed uint64, tensors ...*ts.Tensor) *Sketch {
	t.Helper()
	s := &Sketch{Seed: seed}
	_, err := grads(t, tensors...).Sketch(nil, s)
	require.NoError(t, err)
	return s
}

// flatParam has the gradient x.
func flatParam(t testing.TB, x []float64, dtype gotch.DType) *ts.Tensor {
	return param(t, x, []int64{int64(len(x))}, dtype, "contiguous")
}

// What a sketch is: each element with a sign in one bucket, each bucket once in a
// block.
func TestSketchOfOneElement(t *testing.T) {
	for _, dtype := range floats {
		elements, signs := 0, 0.0
		for _, n := range []int{1, 7, 300, 512, 1<<16 + 40} {
			last := (n - 1) / SketchSize * SketchSize // where the last block begins
			buckets := map[int]bool{}
			for i := last; i < n; i++ {
				x := make([]float64, n)
				x[i] = 3
				s := sketchOf(t, 1, flatParam(t, x, dtype))
				require.True(t, s.Known())
				for j, v := range s.Sums {
					if v != 0 {
						require.Equal(t, 3.0, math.Abs(v))
						buckets[j] = true
						signs += v / 3
					}
				}
			}
			require.Len(t, buckets, n-last)
			elements += n - last
		}
		require.Less(t, math.Abs(signs), 4*math.Sqrt(float64(elements)), "as many of one sign as of the other")
	}
}

// Whole numbers have exact sums: all types agree to the bit, whichever kernel sums
// them up.
func TestSketchOfAllTypesAndLayouts(t *testing.T) {
	r := generator(5)
	for _, n := range []int{0, 1, 8, 15, 17, 255, 256, 257, 4095, 4096, 4097, 4111, 8192, 8193, 65535, 65536, 65537, 200_003} {
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(r.IntN(17) - 8)
		}
		want := sketchOf(t, 7, flatParam(t, x, gotch.Float))
		require.True(t, want.Known())
		require.Zero(t, want.Layout)
		for _, dtype := range floats {
			require.Equal(t, want, sketchOf(t, 7, flatParam(t, x, dtype)), "%v, %d", dtype, n)
		}
		if n%3 != 0 {
			continue
		}
		shape := []int64{3, int64(n / 3)}
		for _, dtype := range floats {
			require.Equal(t, want, sketchOf(t, 7, param(t, x, shape, dtype, "strided")), "%v, %d", dtype, n)
		}
		if n > 0 {
			one := sketchOf(t, 7, param(t, x, shape, gotch.Float, "transposed"))
			require.True(t, one.Known())
			require.NotZero(t, one.Layout)
			none := ts.MustOnes([]int64{2}, gotch.Float, gotch.CPU)
			two := sketchOf(t, 7, none, param(t, x, shape, gotch.Float, "transposed"))
			require.NotEqual(t, one.Layout, two.Layout, "which tensor it is matters")
		}
	}
}

// Not whole numbers: the kernels round alike, and next to nothing.
func TestSketchRounding(t *testing.T) {
	r := generator(6)
	var x []float64
	for range 150_001 {
		x = append(x, r.NormFloat64()*math.Exp(4*r.NormFloat64()))
	}
	x = round(x, gotch.BFloat16)
	single, wide := sketchOf(t, 3, flatParam(t, x, gotch.Float)), sketchOf(t, 3, flatParam(t, x, gotch.Double))
	require.Equal(t, single, sketchOf(t, 3, flatParam(t, x, gotch.BFloat16)), "the kernel for float32 and the one for all others")
	norm, off := 0.0, 0.0
	for _, v := range x {
		norm = math.Hypot(norm, v)
	}
	for i, v := range wide.Sums {
		off = math.Hypot(off, v-single.Sums[i])
	}
	require.Less(t, off, 1e-6*norm)
	require.NotZero(t, off)
}

func TestSketchOnAnyNumberOfThreads(t *testing.T) {
	var all []*ts.Tensor
	for i := range 300 { // enough to be shared out
		for _, n := range []int64{3, 1000} {
			p := ts.MustZeros([]int64{n}, floats[i%4], gotch.CPU)
			require.NoError(t, SetGrad(p, ts.MustRandn([]int64{n}, floats[i%4], gotch.CPU)))
			all = append(all, p)
		}
	}
	for _, dtype := range []gotch.DType{gotch.Float, gotch.Double} {
		p := ts.MustZeros([]int64{300_007}, dtype, gotch.CPU)
		require.NoError(t, SetGrad(p, ts.MustRandn([]int64{300_007}, dtype, gotch.CPU)))
		all = append(all, p)
	}
	defer func() { require.NoError(t, SetThreads(2)) }()
	var first *Sketch
	for threads := 1; threads <= 4; threads++ {
		require.NoError(t, SetThreads(threads))
		got := sketchOf(t, 0, all...)
		if first == nil {
			first = got
		}
		require.True(t, got.Known())
		require.Equal(t, first, got, "%d threads", threads)
	}
}

func TestNoSketch(t *testing.T) {
	fine := flatParam(t, []float64{1, 2}, gotch.Float)
	none := ts.MustOnes([]int64{2}, gotch.Float, gotch.CPU)
	require.Equal(t, sketchOf(t, 1, none, fine).Sums, sketchOf(t, 1, flatParam(t, []float64{0}, gotch.Float), fine).Sums,
		"no gradient is as one of zeros")
	for what, p := range map[string]*ts.Tensor{
		"nan":         flatParam(t, []float64{1, math.NaN()}, gotch.Float),
		"infinite":    flatParam(t, append(make([]float64, 9000), math.Inf(-1)), gotch.Half),
		"sparse":      param(t, random(24), []int64{3, 8}, gotch.Float, "sparse"),
		"uncoalesced": param(t, random(24), []int64{3, 8}, gotch.Double, "uncoalesced"),
		"too large":   flatParam(t, fill(10_000, func(int) float64 { return 3e38 }), gotch.Float), // for sums in float32
	} {
		require.False(t, sketchOf(t, 1, fine, p).Known(), what)
	}
	complex := ts.MustZeros([]int64{2}, gotch.ComplexFloat, gotch.CPU)
	require.NoError(t, SetGrad(complex, ts.MustRandn([]int64{2}, gotch.ComplexFloat, gotch.CPU)))
	require.True(t, sketchOf(t, 1, complex).Known(), "two elements each")
	var s Sketch
	_, err := grads(t).Sketch(nil, &s)
	require.NoError(t, err)
	require.Zero(t, s.Sums)
}

// A step's report has the sketch.
func TestSketchOfAStep(t *testing.T) {
	vs, loss := linear(t)
	opt := sgd(t, vs, 0.01)
	var got, want []Sketch
	a := attach(t, opt, func(r *Report) bool {
		got = append(got, *r.Sketch)
		o, err := Find(opt)
		require.NoError(t, err)
		var s Sketch
		_, err = o.Grads().Sketch(r.Stats[:0:0], &s)
		require.NoError(t, err)
		want = append(want, s)
		return true
	})
	defer a.Detach()
	for range 3 {
		require.NoError(t, opt.BackwardStep(loss()))
	}
	require.Len(t, got, 3)
	require.Equal(t, want, got)
	require.NotZero(t, got[0].Dot(&got[1]))
}
