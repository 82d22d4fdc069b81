package torch

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
)

// space returns that of parameters of each dtype and some shapes, one of them frozen.
func space(t testing.TB) (*Space, []*ts.Tensor) {
	t.Helper()
	var params []*ts.Tensor
	for _, dtype := range floats {
		params = append(params, ts.MustRandn([]int64{3, 5}, gotch.Float, gotch.CPU).MustTotype(dtype, true).MustSetRequiresGrad(true, true))
	}
	params = append(params,
		ts.MustRandn([]int64{100_000}, gotch.Float, gotch.CPU).MustSetRequiresGrad(true, true),
		ts.MustRandn([]int64{4}, gotch.Float, gotch.CPU), // frozen
		ts.MustZeros([]int64{0, 3}, gotch.Float, gotch.CPU).MustSetRequiresGrad(true, true))
	s, err := NewSpace(params)
	require.NoError(t, err)
	return s, params
}

func fresh(t testing.TB, s *Space) *Vector {
	t.Helper()
	v, err := s.NewVector()
	require.NoError(t, err)
	t.Cleanup(v.Free)
	return v
}

func normal(t testing.TB, s *Space, seed uint64) *Vector {
	t.Helper()
	v := fresh(t, s)
	require.NoError(t, v.Random(Normal, seed))
	return v
}

// What the operations do, against the same in Go.
func TestVectorOperations(t *testing.T) {
	s, params := space(t)
	x, y := normal(t, s, 1), normal(t, s, 2)
	a, b := elements(t, x), elements(t, y)
	require.EqualValues(t, 4*15+100_000, x.Dim())

	var sum, magnitude float64
	for i := range a {
		sum += a[i] * b[i]
		magnitude += math.Abs(a[i] * b[i])
	}
	each := make([]float64, len(params))
	got, err := x.Dot(y, each)
	require.NoError(t, err)
	require.InDelta(t, sum, got, 1e-14*magnitude)
	total := 0.0
	for _, d := range each {
		total += d
	}
	require.Equal(t, got, total)
	portable := make([]float64, len(params))
	_, err = x.dot(y, portable, 1)
	require.NoError(t, err)
	require.InDeltaSlice(t, each, portable, 1e-14*magnitude)
	require.Zero(t, each[5])

	z := fresh(t, s)
	require.Zero(t, dot(t, z, x))
	require.NoError(t, z.Axpy(-0.5, x)) // a power of 2: exact in every dtype
	require.NoError(t, z.Scale(4))
	want := make([]float64, len(a))
	for i := range a {
		want[i] = -2 * a[i]
	}
	require.Equal(t, want, elements(t, z))
	require.Equal(t, a, elements(t, x))
	require.NoError(t, z.Axpy(1, z)) // itself
	require.NoError(t, z.Copy(y))
	require.Equal(t, b, elements(t, z))
	like, err := z.Like()
	require.NoError(t, err)
	defer like.Free()
	require.Zero(t, dot(t, like, like))
	require.NoError(t, z.Copy(like))
	require.Equal(t, make([]float64, len(a)), elements(t, z))

	put(t, z, want)
	require.Equal(t, want, elements(t, z))
}

// A sum in float64 has what one in float32 would have lost, and no bit of it
// depends on the number of threads.
func TestDotIsExactAndFixed(t *testing.T) {
	s, _ := space(t)
	x, y := normal(t, s, 3), normal(t, s, 4)
	require.NoError(t, SetThreads(1))
	defer func() { require.NoError(t, SetThreads(2)) }()
	one := dot(t, x, y)
	drawn := elements(t, x)
	for _, threads := range []int{2, 3, 7} {
		require.NoError(t, SetThreads(threads))
		require.Equal(t, math.Float64bits(one), math.Float64bits(dot(t, x, y)))
		require.Equal(t, drawn, elements(t, normal(t, s, 3)))
	}

	w := ts.MustOnes([]int64{3}, gotch.Float, gotch.CPU).MustSetRequiresGrad(true, true)
	one3, err := NewSpace([]*ts.Tensor{w})
	require.NoError(t, err)
	v := fresh(t, one3)
	require.NoError(t, v.Put(0, []float64{1 << 14, 1, 1 << 14}))
	u := fresh(t, one3)
	require.NoError(t, u.Put(0, []float64{1 << 14, 1, -(1 << 14)}))
	require.Equal(t, 1.0, dot(t, v, u))
}

func TestRandomVectors(t *testing.T) {
	var state = ts.MustRand([]int64{1}, gotch.Double, gotch.CPU)
	require.NoError(t, Seed(9))
	want := ts.MustRand([]int64{3}, gotch.Double, gotch.CPU).Float64Values()
	s, params := space(t)
	require.NoError(t, Seed(9))

	for d, moments := range map[Distribution][2]float64{Rademacher: {1, 1}, Normal: {1, 3}} {
		v := fresh(t, s)
		require.NoError(t, v.Random(d, 5))
		x := make([]float64, 100_000)
		require.NoError(t, v.Get(4, x))
		var mean, square, fourth, neighbours float64
		for i, e := range x {
			mean += e / 1e5
			square += e * e / 1e5
			fourth += e * e * e * e / 1e5
			neighbours += e * x[(i+1)%len(x)] / 1e5
		}
		require.InDelta(t, 0, mean, 0.015)
		require.InDelta(t, 0, neighbours, 0.015)
		require.InDelta(t, moments[0], square, 0.025)
		require.InDelta(t, moments[1], fourth, 0.2)
		if d == Rademacher {
			require.EqualValues(t, v.Dim(), dot(t, v, v))
		}

		again, other := fresh(t, s), fresh(t, s)
		require.NoError(t, again.Random(d, 5))
		require.NoError(t, other.Random(d, 6))
		require.Equal(t, elements(t, v), elements(t, again))
		// Of independent vectors, some 5 standard deviations at most.
		require.InDelta(t, 0, dot(t, v, other), 5*math.Sqrt(float64(v.Dim())))
		// Every parameter has its own numbers.
		require.NotEqual(t, elements(t, v)[:15], elements(t, v)[15:30])
		// A seed for each parameter: the same for the same seed, in any place.
		seeds := make([]uint64, len(params))
		seeds[0], seeds[1] = 7, 7
		require.NoError(t, v.RandomEach(d, seeds))
		require.InDeltaSlice(t, elements(t, v)[:15], elements(t, v)[15:30], 1e-6)
	}
	require.Equal(t, want, ts.MustRand([]int64{3}, gotch.Double, gotch.CPU).Float64Values())
	state.MustDrop()
}

// Snapshots tell an optimizer's update, in the directions that are not frozen.
func TestSince(t *testing.T) {
	vs, loss := linear(t)
	opt := sgd(t, vs, 0.25)
	o, err := Find(opt)
	require.NoError(t, err)
	s := o.Space()
	before, err := s.Snapshot()
	require.NoError(t, err)
	defer before.Free()
	was := elements(t, before)
	require.NoError(t, opt.BackwardStep(loss()))
	g, u := fresh(t, s), fresh(t, s)
	require.NoError(t, s.Grad(g))
	require.NoError(t, s.Since(before, u))
	require.Equal(t, was, elements(t, before))
	require.NoError(t, g.Scale(-0.25))
	require.InDeltaSlice(t, elements(t, g), elements(t, u), 1e-7)
	now := fresh(t, s)
	require.NoError(t, s.Values(now))
	require.NoError(t, now.Axpy(-1, before))
	require.Equal(t, elements(t, now), elements(t, u))

	// The secant of two gradients, where it is exact: ½wᵀHw.
	w := leaf([]float64{1, 2})
	diag := ts.MustOfSlice([]float64{3, -1})
	half := func() *ts.Tensor {
		return w.MustSquare(false).MustMul(diag, true).MustSum(gotch.Double, true).MustMulScalar(ts.FloatScalar(0.5), true)
	}
	line, err := NewSpace([]*ts.Tensor{w})
	require.NoError(t, err)
	first, second, from := fresh(t, line), fresh(t, line), fresh(t, line)
	require.NoError(t, line.Values(from))
	require.NoError(t, half().Backward())
	require.NoError(t, line.Grad(first))
	view(w)[0], view(w)[1] = 1.5, 1
	view(w.MustGrad(false))[0], view(w.MustGrad(false))[1] = 0, 0
	require.NoError(t, half().Backward())
	require.NoError(t, line.Grad(second))
	require.NoError(t, second.Axpy(-1, first))
	require.NoError(t, line.Since(from, first))
	require.Equal(t, []float64{0.5, -1}, elements(t, first))
	require.Equal(t, []float64{1.5, 1}, elements(t, second))
}

// What is given for a vector: any layout and dtype, and nil for 0.
func TestSet(t *testing.T) {
	a, b := leaf([]float64{1, 2, 3, 4, 5, 6}, 2, 3), leaf([]float64{7})
	s, err := NewSpace([]*ts.Tensor{a, b})
	require.NoError(t, err)
	v := fresh(t, s)
	require.NoError(t, v.Set([]*ts.Tensor{ts.MustOfSlice([]float32{1, 2, 3, 4, 5, 6}).MustReshape([]int64{3, 2}, true).MustTranspose(0, 1, true), b}))
	require.Equal(t, []float64{1, 3, 5, 2, 4, 6, 7}, elements(t, v))
	require.NoError(t, v.Set([]*ts.Tensor{nil, b}))
	require.Equal(t, []float64{0, 0, 0, 0, 0, 0, 7}, elements(t, v))
	require.ErrorContains(t, v.Set([]*ts.Tensor{b, b}), "shape")
	require.ErrorContains(t, v.Set([]*ts.Tensor{b}), "1 tensors for a vector of 2 parameters")
}

func TestVectorsRefuse(t *testing.T) {
	s, params := space(t)
	v := normal(t, s, 1)
	other, err := NewSpace(params[1:])
	require.NoError(t, err)
	w := fresh(t, other)
	_, err = v.Dot(w, nil)
	require.ErrorContains(t, err, "7 parameters with one of 6")
	swapped, err := NewSpace([]*ts.Tensor{params[1], params[0], params[2], params[3], params[4], params[5], params[6]})
	require.NoError(t, err)
	w = fresh(t, swapped)
	require.ErrorContains(t, v.Axpy(1, w), "different parameters: they differ at index 0")
	require.ErrorContains(t, v.Copy(w), "different parameters")
	require.ErrorContains(t, swapped.Values(v), "parameter 0 is not the one")
	require.ErrorContains(t, other.Grad(v), "there are 6")
	require.ErrorContains(t, s.Since(w, v), "different parameters")
	_, err = v.Dot(v, make([]float64, 3))
	require.ErrorContains(t, err, "room for 3 of 7")
	require.ErrorContains(t, v.Get(7, nil), "part 7 of a vector of 7")
	require.ErrorContains(t, v.Get(0, make([]float64, 2)), "2 elements for a parameter of 15")
	require.ErrorContains(t, v.Put(-1, nil), "part -1")
	require.ErrorContains(t, v.RandomEach(Normal, []uint64{1}), "1 seeds")
	require.Zero(t, v.Numel(99))
	require.False(t, v.Has(99))

	_, err = NewSpace([]*ts.Tensor{params[0], nil})
	require.ErrorContains(t, err, "nil")
	z := ts.MustZeros([]int64{2}, gotch.ComplexFloat, gotch.CPU).MustSetRequiresGrad(true, true)
	s, err = NewSpace([]*ts.Tensor{z})
	require.NoError(t, err)
	_, err = s.NewVector()
	require.ErrorContains(t, err, "complex")

	for _, freed := range []*Vector{nil, {}} {
		require.ErrorIs(t, freed.Scale(1), ErrClosed)
		require.ErrorIs(t, v.Copy(freed), ErrClosed)
		require.ErrorIs(t, v.Axpy(1, freed), ErrClosed)
		require.ErrorIs(t, s.Values(freed), ErrClosed)
		require.ErrorIs(t, s.Since(freed, v), ErrClosed)
		_, err = freed.Dot(v, nil)
		require.ErrorIs(t, err, ErrClosed)
		_, err = freed.Like()
		require.ErrorIs(t, err, ErrClosed)
		require.Zero(t, freed.Len())
		require.Zero(t, freed.Dim())
		freed.Free()
	}
	require.NoError(t, ts.TorchErr())
}
