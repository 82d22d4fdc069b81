package torch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
)

var floats = []gotch.DType{gotch.Float, gotch.Double, gotch.Half, gotch.BFloat16}

// param returns a parameter with the given gradient: the values of x in dtype,
// and the gradient in one of several layouts.
func param(t testing.TB, x []float64, shape []int64, dtype gotch.DType, layout string) *ts.Tensor {
	t.Helper()
	if len(shape) == 0 { // gotch has no list of no sizes
		p := ts.MustOnes([]int64{1}, dtype, gotch.CPU).MustSqueeze(true)
		require.NoError(t, SetGrad(p, ts.MustOfSlice(x).MustTotype(dtype, true).MustSqueeze(true)))
		return p
	}
	value := ts.MustOnes(shape, dtype, gotch.CPU).MustSetRequiresGrad(true, true)
	dense := ts.MustZeros([]int64{0}, gotch.Double, gotch.CPU)
	if len(x) > 0 {
		dense = ts.MustOfSlice(x)
	}
	dense = dense.MustTotype(dtype, true).MustReshape(shape, true)
	last := int64(len(shape) - 1)
	switch layout {
	case "contiguous":
	case "transposed": // dense, in another order
		dense = dense.MustTranspose(0, last, true).MustContiguous(true).MustTranspose(0, last, true)
	case "strided": // every second element of a larger tensor
		wide := ts.MustStack([]*ts.Tensor{dense, dense}, last+1)
		dense = wide.MustSelect(last+1, 0, true)
	case "sparse", "uncoalesced": // what an embedding leaves that is asked for sparse gradients
		rows := make([]int64, shape[0])
		for i := range rows {
			rows[i] = int64(i)
		}
		if layout == "uncoalesced" { // every element is the sum of two
			rows = append(rows, rows...)
			half := dense.MustMulScalar(ts.FloatScalar(0.5), false)
			dense = ts.MustCat([]*ts.Tensor{half, half}, 0)
		}
		looked := ts.MustEmbedding(value, ts.MustOfSlice(rows), -1, false, true)
		require.NoError(t, looked.MustMul(dense, false).MustSum(dtype, true).Backward())
		return value
	default:
		t.Fatal(layout)
	}
	require.NoError(t, SetGrad(value, dense))
	return value
}

func gradVersion(t testing.TB, p *ts.Tensor) int64 {
	t.Helper()
	return p.MustGrad(false).Must_Version(false)
}

func gradOf(p *ts.Tensor) []float64 {
	g := p.MustGrad(false)
	if g.MustIsSparse() {
		g = p.MustZerosLike(false).MustAdd(g, false) // to_dense is not in every libtorch
	}
	if g.Numel() == 0 {
		return []float64{}
	}
	return g.MustTotype(gotch.Double, false).MustContiguous(false).Float64Values()
}

func grads(t testing.TB, tensors ...*ts.Tensor) *Grads {
	t.Helper()
	g, err := NewGrads(tensors)
	require.NoError(t, err)
	return g
}

func random(n int) []float64 {
	r := rand.New(rand.NewPCG(3, uint64(n)))
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64() * 8
	}
	return x
}

// each runs f for every dtype and layout of a gradient of 24 elements.
func each(t *testing.T, f func(t *testing.T, p *ts.Tensor, dtype gotch.DType)) {
	for _, dtype := range floats {
		for _, layout := range []string{"contiguous", "transposed", "strided", "sparse", "uncoalesced"} {
			if dtype == gotch.Half && (layout == "uncoalesced" || layout == "sparse") {
				continue // libtorch adds no sparse tensors of halves on the CPU
			}
			shape := []int64{3, 4, 2}
			if layout == "uncoalesced" || layout == "sparse" {
				shape = []int64{3, 8}
			}
			t.Run(fmt.Sprintf("%v %s", dtype, layout), func(t *testing.T) {
				f(t, param(t, random(24), shape, dtype, layout), dtype)
			})
		}
	}
}

// round returns what dtype makes of each value.
func round(x []float64, dtype gotch.DType) []float64 {
	if len(x) == 0 {
		return x
	}
	return ts.MustOfSlice(x).MustTotype(dtype, true).MustTotype(gotch.Double, true).Float64Values()
}

func TestGradsApply(t *testing.T) {
	each(t, func(t *testing.T, p *ts.Tensor, dtype gotch.DType) {
		g := grads(t, p)
		before := gradOf(p)
		version := gradVersion(t, p)
		require.NoError(t, g.Apply(1, 0, 0))
		require.Equal(t, before, gradOf(p))
		require.Equal(t, version, gradVersion(t, p), "a factor of 1 writes nothing")

		require.NoError(t, g.Apply(1.0/3, 0, 0))
		want := make([]float64, len(before))
		for i := range want {
			want[i] = before[i] * (1.0 / 3)
		}
		if p.MustGrad(false).MustIsSparse() { // its summands were rounded one by one
			require.InEpsilonSlice(t, want, gradOf(p), 1e-2)
		} else {
			require.Equal(t, round(want, dtype), gradOf(p))
		}
		require.Greater(t, gradVersion(t, p), version)

		version = gradVersion(t, p)
		before = gradOf(p)
		require.NoError(t, g.Apply(1, -0.25, 1.5))
		for i := range want {
			want[i] = min(max(before[i], -0.25), 1.5)
		}
		require.Equal(t, round(want, dtype), gradOf(p))
		require.Greater(t, gradVersion(t, p), version)

		require.NoError(t, g.Apply(0, 0, 0))
		require.Equal(t, make([]float64, len(before)), gradOf(p))
	})
}

func TestGradsApplyEach(t *testing.T) {
	all := []*ts.Tensor{
		param(t, []float64{1, -2, 3}, []int64{3}, gotch.Float, "contiguous"),
		param(t, []float64{math.NaN(), math.Inf(1), 2, -4}, []int64{2, 2}, gotch.Double, "transposed"),
		ts.MustOnes([]int64{2}, gotch.Float, gotch.CPU).MustSetRequiresGrad(true, true),
		param(t, []float64{5}, nil, gotch.Double, "contiguous"),
		param(t, nil, []int64{0, 3}, gotch.Float, "contiguous"),
		param(t, []float64{300}, []int64{1}, gotch.Half, "contiguous"),
	}
	g := grads(t, all...)
	require.NoError(t, g.ApplyEach([]float64{1, 0, 0.5, 2, 0.5, 1.0 / 300}, []float64{-1, 0, 0, 0, -1, 0}, []float64{2, 0, 1, 0, 1, 0}))
	require.Equal(t, []float64{1, -1, 2}, gradOf(all[0]))
	require.Equal(t, []float64{0, 0, 0, 0}, gradOf(all[1]))
	require.Equal(t, []float64{10}, gradOf(all[3]))
	require.Equal(t, []float64{1}, gradOf(all[5]))
	require.NoError(t, g.ApplyEach([]float64{2, 1, 1, 1, 1, 1}, nil, nil))
	require.Equal(t, []float64{2, -2, 4}, gradOf(all[0]))
	require.Equal(t, []float64{10}, gradOf(all[3]))

	require.ErrorContains(t, g.ApplyEach([]float64{1}, nil, nil), "1 entries for 6 parameters")
	require.ErrorContains(t, g.ApplyEach(make([]float64, 6), make([]float64, 5), nil), "5 lower")
}

// A half has so few numbers that the order of rounding shows.
func TestSmallFactorOfHalves(t *testing.T) {
	for _, layout := range []string{"contiguous", "strided"} {
		p := param(t, []float64{300, 6e4, -6e4, 1}, []int64{2, 2}, gotch.Half, layout)
		require.NoError(t, grads(t, p).Apply(1e-9, 0, 0))
		require.Equal(t, round([]float64{3e-7, 6e-5, -6e-5, 0}, gotch.Half), gradOf(p))
	}
}

// Every number that a half or a bfloat16 has, times some factors, is rounded as
// libtorch rounds.
func TestRoundingOfAllHalves(t *testing.T) {
	x := make([]float64, 0, 1<<16)
	for e := -24; e < 16; e++ {
		for m := range 1024 {
			v := math.Ldexp(1+float64(m)/1024, e)
			x = append(x, v, -v)
		}
	}
	for _, dtype := range []gotch.DType{gotch.Half, gotch.BFloat16} {
		for _, factor := range []float64{1e-4, 0.3, 0.5, 1.5, 1e5} {
			p := param(t, x, []int64{int64(len(x))}, dtype, "contiguous")
			before := gradOf(p)
			require.NoError(t, grads(t, p).Apply(factor, 0, 0))
			for i := range before {
				before[i] *= factor
			}
			require.Equal(t, round(before, dtype), gradOf(p))
		}
	}
}

func TestBoundsBeyondTheType(t *testing.T) {
	for _, dtype := range floats {
		for _, layout := range []string{"contiguous", "strided"} {
			p := param(t, []float64{math.Inf(-1), -3, math.NaN(), 2}, []int64{4}, dtype, layout)
			require.NoError(t, grads(t, p).Apply(1, -1e300, 1))
			got := gradOf(p)
			require.True(t, math.IsNaN(got[2]))
			if dtype == gotch.Double {
				require.Equal(t, -1e300, got[0])
			} else {
				require.True(t, math.IsInf(got[0], -1))
			}
			require.Equal(t, []float64{-3, 1}, []float64{got[1], got[3]})
		}
	}
}

func TestZeroNonFinite(t *testing.T) {
	bad := []float64{1, math.NaN(), math.Inf(1), math.Inf(-1), -2, 3}
	for _, dtype := range floats {
		for _, layout := range []string{"contiguous", "transposed", "strided", "sparse", "uncoalesced"} {
			if dtype == gotch.Half && (layout == "uncoalesced" || layout == "sparse") {
				continue
			}
			for _, elements := range []bool{false, true} {
				p := param(t, bad, []int64{3, 2}, dtype, layout)
				fine := param(t, []float64{1, 2}, []int64{2}, dtype, "contiguous")
				none := ts.MustOnes([]int64{2}, dtype, gotch.CPU)
				version := gradVersion(t, fine)
				require.NoError(t, grads(t, p, none, fine).ZeroNonFinite(elements))
				want := []float64{0, 0, 0, 0, 0, 0}
				if elements {
					want = []float64{1, 0, 0, 0, -2, 3}
				}
				require.Equal(t, want, gradOf(p), "%v %s", dtype, layout)
				require.Equal(t, []float64{1, 2}, gradOf(fine))
				require.Equal(t, version, gradVersion(t, fine))
			}
		}
	}
}

func TestPNorms(t *testing.T) {
	each(t, func(t *testing.T, p *ts.Tensor, _ gotch.DType) {
		none := ts.MustOnes([]int64{2}, gotch.Float, gotch.CPU)
		empty := param(t, nil, []int64{0}, gotch.Float, "contiguous")
		zero := param(t, []float64{0, 0}, []int64{2}, gotch.Float, "contiguous")
		g := grads(t, none, p, empty, zero)
		out := make([]float64, 4)
		x := gradOf(p)
		for _, power := range []float64{0.5, 1, 1.5, 2, 3, 3.14, 4, 8, 8.5, 50} {
			sum := 0.0
			for _, v := range x {
				sum += math.Pow(math.Abs(v), power)
			}
			require.NoError(t, g.PNorms(power, out))
			require.InEpsilon(t, math.Pow(sum, 1/power), out[1], 1e-12, "p = %v", power)
			require.Equal(t, []float64{-1, 0, 0}, []float64{out[0], out[2], out[3]})
		}
		largest := 0.0
		for _, v := range x {
			largest = max(largest, math.Abs(v))
		}
		require.NoError(t, g.PNorms(math.Inf(1), out))
		require.Equal(t, largest, out[1])
	})
}

func TestPNormsAtTheEnds(t *testing.T) {
	for _, x := range [][]float64{{2e200, -2e200}, {2e-200, -2e-200}, {2e22, -2e22}, {5e-324, 5e-324}} {
		p := param(t, x, []int64{2}, gotch.Double, "contiguous")
		out := make([]float64, 1)
		for _, power := range []float64{0.5, 1, 2, 3.5, 4} {
			require.NoError(t, grads(t, p).PNorms(power, out))
			require.InEpsilon(t, math.Abs(x[0])*math.Pow(2, 1/power), out[0], 1e-12, "%v, p = %v", x, power)
		}
	}
	out := make([]float64, 2)
	g := grads(t, param(t, []float64{1, math.NaN(), math.Inf(1)}, []int64{3}, gotch.Float, "contiguous"),
		param(t, []float64{1, math.Inf(-1)}, []int64{2}, gotch.Float, "contiguous"))
	for _, power := range []float64{0.5, 1, 2, 3.5, math.Inf(1)} {
		require.NoError(t, g.PNorms(power, out))
		require.True(t, math.IsNaN(out[0]))
		require.True(t, math.IsInf(out[1], 1))
	}
	for _, power := range []float64{0, -1, math.NaN(), math.Inf(-1)} {
		require.ErrorContains(t, g.PNorms(power, out), "above 0")
	}
	require.ErrorContains(t, g.PNorms(2, out[:1]), "1 entries for 2 parameters")
}

func TestParamNorms(t *testing.T) {
	for _, dtype := range floats {
		value := ts.MustOfSlice([]float64{3, -4}).MustTotype(dtype, true)
		out := make([]float64, 1)
		require.NoError(t, grads(t, value).ParamNorms(out))
		require.Equal(t, []float64{5}, out)
	}
}

func TestConstants(t *testing.T) {
	for _, dtype := range floats {
		of := func(values []float64, shape ...int64) *ts.Tensor {
			return ts.MustOfSlice(values).MustTotype(dtype, true).MustView(shape, true)
		}
		late := make([]float64, 40)
		late[39] = 1
		out := make([]float64, 7)
		require.NoError(t, grads(t,
			of([]float64{0.5, 0.5, 0.5, 0.5, 0.5, 0.5}, 2, 3), of([]float64{0.5, 0.5, 0.5, -0.5}, 2, 2), of(late, 2, 20), of(make([]float64, 4), 4, 1),
			of([]float64{2, 2}, 2),                                      // a bias
			of([]float64{1, 2, 1, 2}, 2, 2).MustT(true),                 // not contiguous
			of([]float64{math.NaN(), math.NaN()}, 2, 1)).Constants(out)) // NaN is the same as nothing
		for i, want := range []float64{0.5, math.NaN(), math.NaN(), 0, math.NaN(), math.NaN(), math.NaN()} {
			if math.IsNaN(want) {
				require.True(t, math.IsNaN(out[i]), "%d: %g", i, out[i])
			} else {
				require.Equal(t, want, out[i], i)
			}
		}
		require.ErrorContains(t, grads(t, of([]float64{1}, 1)).Constants(out), "7 entries for 1 parameters")
	}
}

// unitOf says in which slice along axis the i-th element is.
func unitOf(i, axis int, shape []int64) int {
	if axis < 0 {
		return 0
	}
	for d := len(shape) - 1; d > axis; d-- {
		i /= int(shape[d])
	}
	return i % int(shape[axis])
}

func TestUnits(t *testing.T) {
	each(t, func(t *testing.T, p *ts.Tensor, dtype gotch.DType) {
		g := grads(t, p)
		shape := p.MustSize()
		for axis := -1; axis < len(shape); axis++ {
			x := gradOf(p)
			want := make([]float64, 1)
			if axis >= 0 {
				want = make([]float64, shape[axis])
			}
			for i, v := range x {
				unit := unitOf(i, axis, shape)
				want[unit] = math.Hypot(want[unit], v)
			}
			norms, values := make([]float64, len(want)), make([]float64, len(want))
			require.NoError(t, g.UnitNorms(0, axis, norms, values))
			require.InEpsilonSlice(t, want, norms, 1e-12, "axis %d", axis)
			require.InEpsilon(t, math.Sqrt(24/float64(len(want))), values[len(want)-1], 1e-12)

			factors := make([]float64, len(want))
			for i := range factors {
				factors[i] = 1 / float64(len(want)-i)
			}
			for i := range x {
				x[i] *= factors[unitOf(i, axis, shape)]
			}
			version := gradVersion(t, p)
			require.NoError(t, g.ApplyUnits(0, axis, factors))
			if axis >= 0 {
				require.Greater(t, gradVersion(t, p), version)
			}
			if p.MustGrad(false).MustIsSparse() {
				require.InEpsilonSlice(t, x, gradOf(p), 1e-2)
			} else {
				require.Equal(t, round(x, dtype), gradOf(p), "axis %d", axis)
			}
		}
	})
}

// The rows of an embedding's sparse gradient, with rows that were looked up twice
// and rows that were not.
func TestUnitsOfSparseRows(t *testing.T) {
	weight := ts.MustOnes([]int64{4, 2}, gotch.Float, gotch.CPU).MustSetRequiresGrad(true, true)
	loss := ts.MustEmbedding(weight, ts.MustOfSlice([]int64{0, 2, 2}), -1, false, true).MustSum(gotch.Float, true)
	require.NoError(t, loss.Backward())
	g := grads(t, weight)
	norms, values := make([]float64, 4), make([]float64, 4)
	require.NoError(t, g.UnitNorms(0, 0, norms, values))
	require.InDeltaSlice(t, []float64{math.Sqrt2, 0, 2 * math.Sqrt2, 0}, norms, 1e-12)
	require.InDeltaSlice(t, []float64{math.Sqrt2, math.Sqrt2, math.Sqrt2, math.Sqrt2}, values, 1e-12)
	require.NoError(t, g.ApplyUnits(0, 0, []float64{2, 3, 0.5, 4}))
	require.Equal(t, []float64{2, 2, 0, 0, 1, 1, 0, 0}, gradOf(weight))
	require.NoError(t, g.ApplyUnits(0, 1, []float64{1, 0}))
	require.Equal(t, []float64{2, 0, 0, 0, 1, 0, 0, 0}, gradOf(weight))
	require.True(t, weight.MustGrad(false).MustIsSparse())
}

func TestUnitsAtTheEnds(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	x := []float64{2e200, -2e200, 3e-200, 4e-200, 0, 0, inf, 1, nan, inf, 5e-324, 0}
	for _, layout := range []string{"contiguous", "strided"} {
		p := param(t, x, []int64{6, 2}, gotch.Double, layout)
		got, values := make([]float64, 6), make([]float64, 6)
		require.NoError(t, grads(t, p).UnitNorms(0, 0, got, values))
		require.InEpsilon(t, 2e200*math.Sqrt2, got[0], 1e-12)
		require.InEpsilon(t, 5e-200, got[1], 1e-12)
		require.Zero(t, got[2])
		require.True(t, math.IsInf(got[3], 1))
		require.True(t, math.IsNaN(got[4]))
		require.Equal(t, 5e-324, got[5])
		require.NoError(t, grads(t, p).ApplyUnits(0, 0, []float64{1, 1, 1, 0, 0, 1}))
		require.Equal(t, []float64{2e200, -2e200, 3e-200, 4e-200, 0, 0, 0, 0, 0, 0, 5e-324, 0}, gradOf(p))
	}
}

func TestUnitsRefuse(t *testing.T) {
	p := param(t, random(6), []int64{2, 3}, gotch.Float, "contiguous")
	none := ts.MustOnes([]int64{2}, gotch.Float, gotch.CPU)
	g := grads(t, p, none)
	x, y := make([]float64, 2), make([]float64, 2)
	require.ErrorContains(t, g.UnitNorms(0, 1, x, y), "3 units, not 2")
	require.ErrorContains(t, g.UnitNorms(0, 2, x, y), "axis 2")
	require.ErrorContains(t, g.UnitNorms(2, 0, x, y), "no parameter 2 among 2")
	require.ErrorContains(t, g.UnitNorms(-1, 0, x, y), "no parameter -1")
	require.ErrorContains(t, g.UnitNorms(0, 0, x, y[:1]), "room for")
	require.ErrorContains(t, g.ApplyUnits(0, 1, x), "3 units, not 2")
	require.NoError(t, g.UnitNorms(1, 0, x, y))
	require.Equal(t, []float64{-1, -1}, x)
	require.NoError(t, g.ApplyUnits(1, 0, x))
}

func TestComplexGradients(t *testing.T) {
	complexOf := func(parts ...float64) *ts.Tensor {
		p := ts.MustZeros([]int64{2}, gotch.ComplexDouble, gotch.CPU)
		g := ts.MustOfSlice(parts).MustReshape([]int64{2, 2}, true).MustViewAsComplex(true)
		require.NoError(t, SetGrad(p, g))
		return p
	}
	parts := func(p *ts.Tensor) []float64 {
		return p.MustGrad(false).MustResolveConj(false).MustViewAsReal(false).MustContiguous(false).Float64Values()
	}
	p := complexOf(3, 4, 0, math.Inf(1))
	g := grads(t, p)
	require.NoError(t, g.ZeroNonFinite(true))
	require.Equal(t, []float64{3, 4, 0, 0}, parts(p))
	stats, err := g.Measure(nil)
	require.NoError(t, err)
	requireStat(t, oracle([]float64{3, 4, 0, 0}), stats[0], 1e-12, "complex")
	out := make([]float64, 1)
	require.NoError(t, g.PNorms(1, out))
	require.Equal(t, 7.0, out[0])
	units, values := make([]float64, 2), make([]float64, 2)
	require.NoError(t, g.UnitNorms(0, 0, units, values))
	require.Equal(t, []float64{5, 0}, units)
	require.NoError(t, g.ApplyUnits(0, 0, []float64{2, 1}))
	require.Equal(t, []float64{6, 8, 0, 0}, parts(p))
	require.NoError(t, g.Apply(0.5, -1, 3.5))
	require.Equal(t, []float64{3, 3.5, 0, 0}, parts(p))

	conj := complexOf(3, 4, 0, 0)
	require.NoError(t, SetGrad(conj, conj.MustGrad(false).MustConj(false)))
	require.NoError(t, grads(t, conj).Apply(2, -7, 7))
	require.Equal(t, []float64{6, -7, 0, 0}, parts(conj))
}

func TestGradsOfAnOptimizer(t *testing.T) {
	vs, loss := linear(t)
	opt := sgd(t, vs, 0.1)
	o, err := Find(opt)
	require.NoError(t, err)
	g := o.Grads()
	n, err := g.Len()
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.NoError(t, loss().Backward())
	stats, err := g.Measure(nil)
	require.NoError(t, err)
	require.Len(t, stats, 2)
	params, err := o.Params()
	require.NoError(t, err)
	for _, p := range params {
		variable := vs.Variables()[p.Name]
		want := oracle(gradOf(&variable))
		requireStat(t, want, stats[p.Index], 1e-12, p.Name)
	}
	require.NoError(t, g.ApplyEach([]float64{0, 1}, nil, nil))
	after, err := g.Measure(nil)
	require.NoError(t, err)
	require.Zero(t, after[0].Norm)
	require.Equal(t, stats[1], after[1])

	opt.AddParamGroup([]*ts.Tensor{ts.MustOnes([]int64{2}, gotch.Float, gotch.CPU).MustSetRequiresGrad(true, true)})
	after, err = g.Measure(after)
	require.NoError(t, err)
	require.Len(t, after, 3)
	require.False(t, after[2].Defined())
}

func TestGradsRefuse(t *testing.T) {
	_, err := NewGrads([]*ts.Tensor{nil})
	require.Error(t, err)
	x := ts.MustOnes([]int64{2}, gotch.Float, gotch.CPU)
	g := grads(t, x)
	x.MustDrop()
	_, err = g.Measure(nil)
	require.ErrorIs(t, err, errNil)
	require.ErrorIs(t, g.Apply(0.5, 0, 0), errNil)

	empty := grads(t)
	stats, err := empty.Measure(nil)
	require.NoError(t, err)
	require.Empty(t, stats)
	require.NoError(t, empty.Apply(0.5, 0, 0))
	require.NoError(t, empty.ApplyEach(nil, nil, nil))
	require.NoError(t, empty.PNorms(2, nil))
	require.NoError(t, empty.ZeroNonFinite(true))

	// What libtorch refuses is an error, and gotch does not hear of it.
	overlapping := ts.MustZeros([]int64{3}, gotch.Float, gotch.CPU)
	require.NoError(t, SetGrad(overlapping, ts.MustOnes([]int64{1}, gotch.Float, gotch.CPU).MustExpand([]int64{3}, true, true)))
	require.ErrorContains(t, grads(t, overlapping).Apply(0.5, 0, 0), "libtorch")
	require.NoError(t, ts.TorchErr())
}

func TestMeasureAllocatesNothing(t *testing.T) {
	g := grads(t, param(t, random(24), []int64{3, 4, 2}, gotch.Float, "contiguous"))
	out, err := g.Measure(nil)
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(10, func() {
		out, err = g.Measure(out)
		if err == nil {
			err = g.Apply(0.5, 0, 0)
		}
	}))
	require.NoError(t, err)
}

// A float32 or smaller is exact in float64, and so is its square: however the
// kernel for its type goes about it, the norm has the bits of the same numbers in
// float64.
func TestNormsHaveTheSameBitsInEveryType(t *testing.T) {
	for _, n := range []int{1, 15, 16, 17, 31, 1000, 8191, 8192, 8193, 1 << 16, 1<<16 + 5, 200_003} {
		for _, dtype := range []gotch.DType{gotch.Float, gotch.Half, gotch.BFloat16} {
			x := ts.MustOfSlice(random(n)).MustTotype(dtype, true)
			wide := x.MustTotype(gotch.Double, false)
			stats, err := Values([]*ts.Tensor{x, wide})
			require.NoError(t, err)
			require.Equal(t, stats[1], stats[0], "%d elements of %v", n, dtype)
		}
	}
}

// Float32 gradients of a matrix, as accurate as float64 allows.
func TestNormOfAMatrix(t *testing.T) {
	x := random(2000 * 512)
	for i := range x {
		x[i] = float64(float32(x[i]))
	}
	// Kahan's sum
	sum, low := 0.0, 0.0
	for _, v := range x {
		y := v*v - low
		next := sum + y
		low = (next - sum) - y
		sum = next
	}
	stats, err := Values([]*ts.Tensor{ts.MustOfSlice(x).MustTotype(gotch.Float, true).MustReshape([]int64{2000, 512}, true)})
	require.NoError(t, err)
	require.InEpsilon(t, math.Sqrt(sum), stats[0].Norm, 1e-14)
}

// Whatever is measured or changed has the same bits for every number of threads.
func TestThreadsDoNotChangeABitOfGrads(t *testing.T) {
	t.Cleanup(func() { require.NoError(t, SetThreads(2)) })
	type result struct {
		stats          []Stat
		norms          []float64
		units, values  []float64
		after, clipped []Stat
	}
	var first *result
	for _, threads := range []int{1, 2, 3, 8} {
		require.NoError(t, SetThreads(threads))
		var all []*ts.Tensor
		for i := range 600 { // more than one thread looks at
			all = append(all, param(t, random(i+1), []int64{int64(i + 1)}, floats[i%4], "contiguous"))
		}
		for i, dtype := range floats {
			all = append(all, param(t, random(300_000+i), []int64{int64(300_000 + i)}, dtype, "contiguous"))
		}
		matrix := param(t, random(400_000), []int64{500, 800}, gotch.Float, "contiguous")
		all = append(all, matrix)
		g := grads(t, all...)
		r := &result{norms: make([]float64, len(all)), units: make([]float64, 800), values: make([]float64, 800)}
		var err error
		r.stats, err = g.Measure(nil)
		require.NoError(t, err)
		require.NoError(t, g.PNorms(3.14, r.norms))
		require.NoError(t, g.UnitNorms(len(all)-1, 1, r.units, r.values))
		require.NoError(t, g.Apply(0.3, 0, 0))
		r.after, err = g.Measure(nil)
		require.NoError(t, err)
		require.NoError(t, g.Apply(1.0/3, -2, 1))
		r.clipped, err = g.Measure(nil)
		require.NoError(t, err)
		if first == nil {
			first = r
		}
		require.Equal(t, first, r, "%d threads", threads)
	}
}
