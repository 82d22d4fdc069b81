package hooks_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// The cases of this file are those that other libraries test their own clipping
// by, and those that their users have shown them to get wrong.

func numbers(n int, f func(i int) float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = f(i)
	}
	return out
}

// single is a float32 parameter vector with this gradient.
func single(t testing.TB, gradient ...float64) *ts.Tensor {
	return withGradient(t, gotch.Float, []int64{int64(len(gradient))}, gradient)
}

func double(t testing.TB, gradient ...float64) *ts.Tensor {
	return withGradient(t, gotch.Double, []int64{int64(len(gradient))}, gradient)
}

func clipBy(t testing.TB, policy clip.Policy, tensors ...*ts.Tensor) (float64, monitor.Clip, error) {
	t.Helper()
	c, err := hooks.NewClipper(policy, tensors)
	require.NoError(t, err)
	return c.Clip()
}

func clipNorm(p, max float64) clip.Policy {
	if p == 2 {
		return clip.Norm(max)
	}
	return clip.PNorm(p, max)
}

// pNorm is the definition, for numbers whose powers stay in range.
func pNorm(p float64, all ...[]float64) float64 {
	var sum, largest float64
	for _, values := range all {
		for _, v := range values {
			sum += math.Pow(math.Abs(v), p)
			largest = max(largest, math.Abs(v))
		}
	}
	if math.IsInf(p, 1) {
		return largest
	}
	return math.Pow(sum, 1/p)
}

var orders = []float64{0.5, 1.5, 2, 4, math.Inf(1)}

func TestPyTorchNormOfALinearLayer(t *testing.T) {
	for _, p := range orders {
		t.Run(fmt.Sprint(p), func(t *testing.T) {
			weight := numbers(100, func(i int) float64 { return float64(i + 1) })
			bias := numbers(10, func(int) float64 { return 0x1p-10 })
			w, b := withGradient(t, gotch.Float, []int64{10, 10}, weight), single(t, bias...)
			_, done, err := clipBy(t, clipNorm(p, 2), w, b)
			require.NoError(t, err)
			require.True(t, done.Clipped)
			require.InEpsilon(t, 2/pNorm(p, weight, bias), done.Factor.Or(0), 1e-12, "the factor is max over the norm")
			require.InEpsilon(t, 2, pNorm(p, gradientOf(w), gradientOf(b)), 1e-6, "the norm afterwards is max")
			for i, v := range gradientOf(w) {
				require.InEpsilon(t, done.Factor.Or(0), v/weight[i], 1e-7, "one factor for every element")
			}
		})
	}
}

func TestPyTorchSmallGradientsStayBitForBit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, p := range orders {
		w := withGradient(t, gotch.Float, []int64{10, 10}, numbers(100, func(int) float64 { return rng.Float64() / 10000 }))
		b := single(t, numbers(10, func(int) float64 { return 1.0 / 500000 })...)
		before, beforeB := gradientOf(w), gradientOf(b)
		_, done, err := clipBy(t, clipNorm(p, 2), w, b)
		require.NoError(t, err)
		require.False(t, done.Clipped)
		require.Equal(t, monitor.Known(1), done.Factor)
		require.Equal(t, before, gradientOf(w))
		require.Equal(t, beforeB, gradientOf(b))
	}
}

func TestPyTorchSingleElement(t *testing.T) {
	for _, p := range orders {
		x := single(t, -8)
		norm, _, err := clipBy(t, clipNorm(p, 2), x)
		require.NoError(t, err)
		require.Equal(t, 8.0, norm)
		require.Equal(t, []float64{-2}, gradientOf(x))
	}
}

func TestPyTorchUndefinedGradientsAreSkipped(t *testing.T) {
	weight := numbers(100, func(i int) float64 { return float64(i-50) / 5 })
	for _, policy := range []clip.Policy{clip.Value(2.5), clip.Norm(1), clip.PNorm(1, 1), clip.PerParam(1), clip.BlockRMS(1)} {
		w := withGradient(t, gotch.Float, []int64{10, 10}, weight)
		b := ts.MustZeros([]int64{10}, gotch.Float, gotch.CPU)
		require.NoError(t, b.RequiresGrad_(true))
		_, done, err := clipBy(t, policy, w, b)
		require.NoError(t, err, policy.Name())
		require.True(t, done.Clipped, policy.Name())
		g := b.MustGrad(false)
		require.False(t, g.MustDefined(), policy.Name())
	}
	_, _, err := clipBy(t, clip.Norm(1))
	require.NoError(t, err, "no tensors at all")
}

func TestPyTorchClipByValue(t *testing.T) {
	weight := numbers(100, func(i int) float64 { return float64(i-50) / 5 })
	w, b := withGradient(t, gotch.Float, []int64{10, 10}, weight), single(t, numbers(10, func(int) float64 { return 2 })...)
	_, done, err := clipBy(t, clip.Value(2.5), w, b)
	require.NoError(t, err)
	require.Equal(t, monitor.Known(-2.5), done.Lower)
	require.Equal(t, monitor.Known(2.5), done.Upper)
	require.False(t, done.Factor.Known(), "no one factor says it")
	for i, v := range gradientOf(w) {
		require.InDelta(t, max(-2.5, min(2.5, weight[i])), v, 1e-6)
	}
	require.Equal(t, numbers(10, func(int) float64 { return 2 }), gradientOf(b))
}

func TestAsymmetricBounds(t *testing.T) {
	x := single(t, -8, -1, 0, 1, 8)
	_, _, err := clipBy(t, clip.Bounds(-4, 0.5), x)
	require.NoError(t, err)
	require.Equal(t, []float64{-4, -1, 0, 0.5, 0.5}, gradientOf(x))
	x = single(t, -8, 8)
	_, _, err = clipBy(t, clip.Bounds(math.Inf(-1), 1), x)
	require.NoError(t, err)
	require.Equal(t, []float64{-8, 1}, gradientOf(x))
}

// In every case of PyTorch's table in which the norm is not finite because an
// element is not, the error says so and nothing is written. PyTorch's norm also
// overflows at 2e200; ours is right.
func TestPyTorchNonFiniteTable(t *testing.T) {
	for _, bad := range []float64{math.Inf(1), math.Inf(-1), math.NaN()} {
		for _, everywhere := range []bool{true, false} {
			for _, prefix := range []bool{true, false} {
				for _, p := range []float64{0.1, 1, 2, 3.5, math.Inf(1)} {
					gradient := make([]float64, 10)
					for i := range gradient {
						if i == 7 || everywhere {
							gradient[i] = bad
						}
					}
					tensors := []*ts.Tensor{}
					if prefix {
						tensors = append(tensors, double(t, 1))
					}
					x := setGradient(t, gradient)
					tensors = append(tensors, x)
					_, done, err := clipBy(t, clipNorm(p, 1), tensors...)
					require.ErrorIs(t, err, hooks.ErrNonFinite)
					require.False(t, done.Clipped)
					require.Equal(t, fmt.Sprint(gradient), fmt.Sprint(gradientOf(x)), "nothing is written")
					if prefix {
						require.Equal(t, []float64{1}, gradientOf(tensors[0]))
					}
				}
			}
		}
	}
}

func TestPyTorchLargeFiniteGradients(t *testing.T) {
	for _, v := range []float64{2e22, -2e22, 2e200, -2e200} {
		for _, p := range []float64{0.1, 1, 2, 3.5, math.Inf(1)} {
			gradient := numbers(10, func(int) float64 { return v })
			x := setGradient(t, gradient)
			norm, _, err := clipBy(t, clipNorm(p, 1), x)
			require.NoError(t, err, "%v is finite", v)
			require.InEpsilon(t, math.Abs(v)*math.Sqrt(10), norm, 1e-14)
			require.InEpsilon(t, 1, pNorm(p, gradientOf(x)), 1e-12)
		}
	}
}

// setGradient is a float64 parameter with this gradient, also of values that no
// backward pass would give.
func setGradient(t testing.TB, gradient []float64) *ts.Tensor {
	t.Helper()
	x := double(t, make([]float64, len(gradient))...)
	g := x.MustGrad(false)
	noGrad(func() { g.Copy_(ts.MustOfSlice(gradient)) })
	g.MustDrop()
	return x
}

func TestOptaxClip(t *testing.T) {
	x, y := single(t, numbers(5, func(int) float64 { return 500 })...), single(t, -300, 3)
	_, done, err := clipBy(t, clip.Value(1e6), x, y)
	require.NoError(t, err)
	require.False(t, done.Clipped)
	require.Equal(t, []float64{-300, 3}, gradientOf(y))
	_, _, err = clipBy(t, clip.Value(1), x, y)
	require.NoError(t, err)
	require.Equal(t, []float64{1, 1, 1, 1, 1}, gradientOf(x))
	require.Equal(t, []float64{-1, 1}, gradientOf(y))
}

// For 50 thresholds: the result is at the threshold, and clipping what is clipped
// changes nothing.
func TestOptaxRepeatedClippingChangesNothing(t *testing.T) {
	for i := 1; i <= 50; i++ {
		limit := 1 / float64(i)
		for _, policy := range []clip.Policy{clip.Norm(limit), clip.BlockRMS(limit), clip.PerParam(limit), clip.PNorm(1, limit), clip.Value(limit)} {
			x, y := double(t, 500, 5), double(t, 300, 3)
			_, done, err := clipBy(t, policy, x, y)
			require.NoError(t, err)
			require.True(t, done.Clipped)
			once := append(gradientOf(x), gradientOf(y)...)
			switch policy.Name() {
			case "norm":
				require.InDelta(t, limit, pNorm(2, once), 1e-12)
			case "block_rms":
				require.InDelta(t, limit, pNorm(2, once[:2])/math.Sqrt2, 1e-12)
				require.InDelta(t, limit, pNorm(2, once[2:])/math.Sqrt2, 1e-12)
			case "per_param":
				require.InDelta(t, limit, pNorm(2, once[:2]), 1e-12)
			}
			_, _, err = clipBy(t, policy, x, y)
			require.NoError(t, err)
			for j, v := range append(gradientOf(x), gradientOf(y)...) {
				require.InEpsilon(t, once[j], v, 1e-15, "%s(%v)", policy.Name(), limit)
			}
		}
	}
}

// optax: with apply_if_finite(2) the third NaN in a row is accepted; with
// finite steps between, the count begins anew.
func TestOptaxApplyIfFinite(t *testing.T) {
	vs, x := scalar(t)
	w := &witness{}
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.5)
	step := func(gradient float64) { stepWith(t, opt, x, gradient) }
	g := attach(t, opt, hooks.WithMaxSkips(2, hooks.StepAnyway), hooks.WithSink("witness", w))
	value := func() float64 { return x.Float64Values()[0] }
	nan := math.NaN()
	step(2)
	require.Equal(t, 0.0, value(), "1 - 0.5·2")
	step(nan)
	step(nan)
	require.Equal(t, 0.0, value())
	require.Error(t, g.Err())
	step(-2)
	require.Equal(t, 1.0, value())
	step(nan)
	step(nan)
	require.Equal(t, 1.0, value())
	step(nan)
	require.True(t, math.IsNaN(value()), "the third is applied as it is")
	require.NoError(t, g.Close())
	var actions []monitor.Action
	for _, s := range w.steps {
		actions = append(actions, s.Action)
	}
	require.Equal(t, []monitor.Action{"step", "skip", "skip", "step", "skip", "skip", "step"}, actions)
}

// scalar is one parameter x that starts at 1.
func scalar(t testing.TB) (*nn.VarStore, *ts.Tensor) {
	t.Helper()
	vs := store()
	return vs, variable(t, vs, "x", tensorOf(t, gotch.Float, []int64{1}, []float64{1}))
}

// stepWith is a step whose gradient is chosen.
func stepWith(t testing.TB, opt *nn.Optimizer, x *ts.Tensor, gradient float64) {
	t.Helper()
	loss := x.MustMulScalar(ts.FloatScalar(gradient), false).MustSum(gotch.Float, true)
	defer loss.MustDrop()
	require.NoError(t, opt.BackwardStep(loss))
}

func TestHalfPrecisionIsNotRoundedAway(t *testing.T) {
	x := withGradient(t, gotch.Half, []int64{1}, []float64{300})
	norm, _, err := clipBy(t, clip.Norm(1), x)
	require.NoError(t, err)
	require.Equal(t, 300.0, norm)
	require.Equal(t, []float64{1}, gradientOf(x))
}

func TestSquaresThatOverflowFloat32(t *testing.T) {
	x := single(t, numbers(128, func(int) float64 { return float64(float32(1e19)) })...)
	norm, _, err := clipBy(t, clip.Norm(1), x)
	require.NoError(t, err)
	require.InEpsilon(t, math.Sqrt(128)*float64(float32(1e19)), norm, 1e-15)
	require.InEpsilon(t, 1, pNorm(2, gradientOf(x)), 1e-6)
}

func TestNormZero(t *testing.T) {
	require.Error(t, clip.Norm(0).Validate(), "a threshold of 0 is refused")
	for _, policy := range []clip.Policy{clip.Norm(5e-324), clip.PNorm(1, 1), clip.PerParam(1), clip.BlockRMS(1), clip.Value(1), clip.Outlier()} {
		x := single(t, 0, 0, 0)
		norm, done, err := clipBy(t, policy, x)
		require.NoError(t, err)
		require.Zero(t, norm)
		require.False(t, done.Clipped)
		require.Equal(t, []float64{0, 0, 0}, gradientOf(x))
	}
}

func TestAnInfiniteThresholdNeverWrites(t *testing.T) {
	inf := math.Inf(1)
	for _, policy := range []clip.Policy{clip.Norm(inf), clip.PNorm(1, inf), clip.PerParam(inf), clip.BlockRMS(inf), clip.Value(inf)} {
		for _, gradient := range [][]float64{{inf, 1}, {1e300, 1e300}, {math.NaN(), 1}, {math.MaxFloat64, math.MaxFloat64, math.MaxFloat64}} {
			x := setGradient(t, gradient)
			_, done, err := clipBy(t, policy, x)
			if err != nil {
				require.ErrorIs(t, err, hooks.ErrNonFinite)
			}
			require.False(t, done.Clipped)
			require.Equal(t, fmt.Sprint(gradient), fmt.Sprint(gradientOf(x)), policy.Name())
		}
	}
}

// bfloat16 sums of squares that are rounded to bfloat16 depend on how the
// parameters are cut; sums in float64 do not.
func TestBFloat16DoesNotDependOnThePartition(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	values := numbers(4096, func(int) float64 { return float64(int(256*rng.NormFloat64())) / 256 / 32 })
	rounded := tensorOf(t, gotch.BFloat16, []int64{4096}, values).MustTotype(gotch.Double, true).Float64Values(true)
	for _, parts := range []int{1, 2, 8, 64, 512} {
		var tensors []*ts.Tensor
		size := len(rounded) / parts
		for i := range parts {
			tensors = append(tensors, withGradient(t, gotch.BFloat16, []int64{int64(size)}, rounded[i*size:(i+1)*size]))
		}
		n, err := hooks.Norms(tensors)
		require.NoError(t, err)
		require.InEpsilon(t, pNorm(2, rounded), n.Total, 1e-14, "%d parts", parts)
	}
}

func TestNormAgainstFloat64(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var tensors []*ts.Tensor
	var sum float64
	for range 200 {
		values := numbers(5120, func(int) float64 { return float64(float32(rng.NormFloat64())) })
		for _, v := range values {
			sum += v * v
		}
		tensors = append(tensors, single(t, values...))
	}
	n, err := hooks.Norms(tensors)
	require.NoError(t, err)
	require.InEpsilon(t, math.Sqrt(sum), n.Total, 1e-12)
}

// gotch hands parameters to libtorch in the order of a Go map, which differs
// from run to run; norms and clipping do not.
func TestOrderAndThreadsDoNotChangeABit(t *testing.T) {
	var first []float64
	for trial := range 6 {
		require.NoError(t, torch.SetThreads(1+trial%3))
		seed(t, 7)
		vs := store()
		var params []*ts.Tensor
		for i := range 12 {
			params = append(params, variable(t, vs, fmt.Sprintf("p%d", i), ts.MustRandn([]int64{3000 + 7*int64(i)}, gotch.Float, gotch.CPU)))
		}
		w := &witness{}
		opt := build(t, nn.DefaultSGDConfig(), vs, 1e-3)
		g := attach(t, opt, hooks.WithClip(clip.Norm(1)), hooks.WithSink("witness", w))
		for range 3 {
			loss := ts.MustOfSlice([]float32{0})
			for _, p := range params {
				loss = loss.MustAdd(p.MustMul(p, false).MustSum(gotch.Float, true), true)
			}
			require.NoError(t, opt.BackwardStep(loss))
			loss.MustDrop()
		}
		require.NoError(t, g.Close())
		var bits []float64
		for _, s := range w.steps {
			bits = append(bits, s.GradNorm.Or(0), s.Clip.Factor.Or(0), s.Clip.NormAfter.Or(0))
		}
		if trial == 0 {
			first = bits
		}
		require.Equal(t, first, bits)
	}
	require.NoError(t, torch.SetThreads(2))
}
