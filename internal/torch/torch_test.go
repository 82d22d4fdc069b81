package torch

import (
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

// Collecting garbage in the middle of one of gotch's operations can crash the
// tests that have nothing attached: nothing is collected.
func TestMain(m *testing.M) {
	debug.SetGCPercent(-1)
	if err := Seed(1); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// store is a new VarStore, and keeps the test to one thread of the operating system,
// which ends with it: to set a layer's weights gotch switches gradients off and on for
// one thread, and a goroutine that moves in between leaves a thread behind that cannot
// train.
func store() *nn.VarStore {
	runtime.LockOSThread()
	return nn.NewVarStore(gotch.CPU)
}

func linear(t testing.TB) (*nn.VarStore, func() *ts.Tensor) {
	t.Helper()
	vs := store()
	l := nn.NewLinear(vs.Root(), 4, 3, nn.DefaultLinearConfig())
	x := ts.MustRandn([]int64{5, 4}, gotch.Float, gotch.CPU)
	return vs, func() *ts.Tensor {
		y := l.Forward(x)
		defer y.MustDrop()
		sq := y.MustMul(y, false)
		return sq.MustMean(gotch.Float, true)
	}
}

func sgd(t testing.TB, vs *nn.VarStore, lr float64) *nn.Optimizer {
	t.Helper()
	opt, err := nn.DefaultSGDConfig().Build(vs, lr)
	require.NoError(t, err)
	return opt
}

func attach(t testing.TB, opt *nn.Optimizer, step func(*Report) bool) *Attachment {
	t.Helper()
	o, err := Find(opt)
	require.NoError(t, err)
	a, err := o.Attach(false, step)
	require.NoError(t, err)
	t.Cleanup(a.Detach)
	return a
}

func TestFindRefusesWhatIsNoOptimizer(t *testing.T) {
	_, err := Find(nil)
	require.ErrorContains(t, err, "nil")
	_, err = Find(&nn.Optimizer{})
	require.ErrorContains(t, err, "Build")
}

func TestAttachRefuses(t *testing.T) {
	empty, err := nn.DefaultSGDConfig().Build(store(), 1)
	require.NoError(t, err)
	o, err := Find(empty)
	require.NoError(t, err)
	_, err = o.Attach(false, func(*Report) bool { return true })
	require.ErrorContains(t, err, "no parameters")

	vs, _ := linear(t)
	opt := sgd(t, vs, 1)
	attach(t, opt, func(*Report) bool { return true })
	o, err = Find(opt)
	require.NoError(t, err)
	_, err = o.Attach(false, func(*Report) bool { return true })
	require.ErrorIs(t, err, ErrAttached)
}

func TestDescribe(t *testing.T) {
	vs, _ := linear(t)
	for _, c := range []struct {
		config nn.OptimizerConfig
		want   Hyper
	}{
		{nn.NewSGDConfig(0.9, 0, 0.01, true), Hyper{Kind: "sgd", Momentum: 0.9, WeightDecay: 0.01, Beta1: math.NaN(), Beta2: math.NaN()}},
		{nn.NewAdamConfig(0.8, 0.99, 0.1), Hyper{Kind: "adam", Momentum: math.NaN(), Beta1: 0.8, Beta2: 0.99, WeightDecay: 0.1}},
		{nn.NewAdamWConfig(0.7, 0.95, 0.2), Hyper{Kind: "adamw", Momentum: math.NaN(), Beta1: 0.7, Beta2: 0.95, WeightDecay: 0.2}},
		{nn.NewRMSPropConfig(0.9, 1e-8, 0.3, 0.4, false), Hyper{Kind: "rmsprop", Momentum: 0.4, Beta1: math.NaN(), Beta2: math.NaN(), WeightDecay: 0.3}},
	} {
		opt, err := c.config.Build(vs, 0.5)
		require.NoError(t, err)
		o, err := Find(opt)
		require.NoError(t, err)
		got, err := o.Describe()
		require.NoError(t, err)
		require.Equal(t, c.want.Kind, got.Kind)
		require.Equal(t, 0.5, got.LR)
		require.Equal(t, 2, got.Params)
		require.Equal(t, "cpu", got.Device)
		for _, p := range [][2]float64{{c.want.Momentum, got.Momentum}, {c.want.Beta1, got.Beta1}, {c.want.Beta2, got.Beta2}, {c.want.WeightDecay, got.WeightDecay}} {
			require.Equal(t, math.Float64bits(p[0])&^1, math.Float64bits(p[1])&^1, "%v", c.want.Kind)
		}
	}
}

// The loop's own way of stepping does not matter.
func TestEveryWayToStepIsSeen(t *testing.T) {
	vs, loss := linear(t)
	opt := sgd(t, vs, 0.1)
	var reports []Report
	attach(t, opt, func(r *Report) bool {
		reports = append(reports, *r)
		return true
	})
	value := func(l *ts.Tensor) float64 { return l.Float64Values()[0] }

	l := loss()
	require.NoError(t, opt.BackwardStep(l))
	require.Len(t, reports, 1)
	require.InDelta(t, value(l), reports[0].Loss, 1e-12)
	require.EqualValues(t, 1, reports[0].Backwards)
	require.True(t, reports[0].Changed)
	require.Equal(t, 0.1, reports[0].LR)

	l = loss()
	require.NoError(t, opt.BackwardStepClip(l, 0.5))
	require.Len(t, reports, 2)
	require.InDelta(t, value(l), reports[1].Loss, 1e-12)
	require.False(t, reports[1].Changed)

	require.NoError(t, opt.ZeroGrad())
	l = loss()
	require.NoError(t, l.Backward())
	require.NoError(t, opt.Step())
	require.Len(t, reports, 3)
	require.InDelta(t, value(l), reports[2].Loss, 1e-12)

	// Gradient accumulation: the loss is the sum of what was differentiated.
	require.NoError(t, opt.ZeroGrad())
	sum := 0.0
	for range 3 {
		l = loss()
		sum += value(l)
		require.NoError(t, l.Backward())
	}
	require.NoError(t, opt.Step())
	require.Len(t, reports, 4)
	require.EqualValues(t, 3, reports[3].Backwards)
	require.InDelta(t, sum, reports[3].Loss, 1e-9)

	// A step with no backward pass has no loss.
	require.NoError(t, opt.Step())
	require.Len(t, reports, 5)
	require.EqualValues(t, 0, reports[4].Backwards)
	require.True(t, math.IsNaN(reports[4].Loss))

	// A scheduler's learning rate.
	opt.SetLR(0.025)
	require.NoError(t, opt.BackwardStep(loss()))
	require.Equal(t, 0.025, reports[5].LR)

	// A loss of shape [1].
	l = loss().MustReshape([]int64{1}, true)
	require.NoError(t, opt.BackwardStep(l))
	require.InDelta(t, value(l), reports[6].Loss, 1e-12)
}

func TestSkippedStepChangesNothing(t *testing.T) {
	vs, loss := linear(t)
	opt := sgd(t, vs, 0.1)
	run := false
	attach(t, opt, func(*Report) bool { return run })
	before := values(vs)
	require.NoError(t, opt.BackwardStep(loss()))
	require.Equal(t, before, values(vs))
	run = true
	require.NoError(t, opt.BackwardStep(loss()))
	require.NotEqual(t, before, values(vs))
}

func values(vs *nn.VarStore) map[string][]float64 {
	out := map[string][]float64{}
	for name, v := range vs.Variables() {
		out[name] = v.Float64Values()
	}
	return out
}

// Two optimizers, as in a GAN: each gets the losses that reached its own
// parameters, whatever the order of the calls.
func TestTwoOptimizersGetTheirOwnLosses(t *testing.T) {
	vsG, vsD := store(), store()
	g := nn.NewLinear(vsG.Root(), 2, 3, nn.DefaultLinearConfig())
	d := nn.NewLinear(vsD.Root(), 3, 1, nn.DefaultLinearConfig())
	optG, optD := sgd(t, vsG, 0.1), sgd(t, vsD, 0.1)
	var inG, inD []float64
	attach(t, optG, func(r *Report) bool { inG = append(inG, r.Loss); return true })
	attach(t, optD, func(r *Report) bool { inD = append(inD, r.Loss); return true })
	x := ts.MustRandn([]int64{4, 2}, gotch.Float, gotch.CPU)
	real := ts.MustRandn([]int64{4, 3}, gotch.Float, gotch.CPU)
	var wantG, wantD []float64
	for range 3 {
		// The discriminator's loss does not reach the generator.
		lossD := d.Forward(real).MustMean(gotch.Float, true)
		wantD = append(wantD, lossD.Float64Values()[0])
		require.NoError(t, optD.ZeroGrad())
		require.NoError(t, lossD.Backward())
		require.NoError(t, optD.Step())
		// The generator's reaches both, and is zeroed for the discriminator.
		lossG := d.Forward(g.Forward(x)).MustMean(gotch.Float, true)
		wantG = append(wantG, lossG.Float64Values()[0])
		require.NoError(t, optG.ZeroGrad())
		require.NoError(t, lossG.Backward())
		require.NoError(t, optG.Step())
	}
	require.InDeltaSlice(t, wantG, inG, 1e-12)
	require.InDeltaSlice(t, wantD, inD, 1e-12)
}

func TestParamsAreInForwardOrder(t *testing.T) {
	// Names that sort against the order of the layers.
	vs := store()
	p := vs.Root()
	c := nn.NewLinear(p.Sub("c"), 4, 4, nn.DefaultLinearConfig())
	a := nn.NewLinear(p.Sub("a"), 4, 4, nn.DefaultLinearConfig())
	b := nn.NewLinear(p.Sub("b"), 4, 1, nn.DefaultLinearConfig())
	x := ts.MustRandn([]int64{5, 4}, gotch.Float, gotch.CPU)
	opt := sgd(t, vs, 0.1)
	o, err := Find(opt)
	require.NoError(t, err)
	var names []string
	attach(t, opt, func(*Report) bool {
		params, err := o.Params()
		require.NoError(t, err)
		for _, p := range params {
			names = append(names, p.Name)
		}
		return true
	})
	loss := b.Forward(a.Forward(c.Forward(x)).MustTanh(true)).MustMean(gotch.Float, true)
	require.NoError(t, opt.BackwardStep(loss))
	require.Equal(t, []string{"c.weight", "c.bias", "a.weight", "a.bias", "b.weight", "b.bias"}, names)
}

func TestAddedParameterIsSeen(t *testing.T) {
	vs, loss := linear(t)
	opt := sgd(t, vs, 0.1)
	var changed []bool
	var params []int
	attach(t, opt, func(r *Report) bool {
		changed = append(changed, r.Changed)
		params = append(params, len(r.Stats))
		return true
	})
	require.NoError(t, opt.BackwardStep(loss()))
	require.NoError(t, opt.BackwardStep(loss()))
	extra := ts.MustOnes([]int64{2}, gotch.Float, gotch.CPU).MustSetRequiresGrad(true, true)
	opt.AddParamGroup([]*ts.Tensor{extra})
	require.NoError(t, opt.BackwardStep(loss()))
	require.NoError(t, opt.BackwardStep(loss()))
	require.Equal(t, []bool{true, false, true, false}, changed)
	require.Equal(t, []int{2, 2, 3, 3}, params)
}

func TestDetachedOptimizerIsAlone(t *testing.T) {
	vs, loss := linear(t)
	opt := sgd(t, vs, 0.1)
	steps := 0
	a := attach(t, opt, func(*Report) bool { steps++; return false })
	require.NoError(t, opt.BackwardStep(loss()))
	a.Detach()
	a.Detach()
	before := values(vs)
	require.NoError(t, opt.BackwardStep(loss()))
	require.NotEqual(t, before, values(vs))
	require.Equal(t, 1, steps)
}

// What a tensor holds, in float64, by the definition.
func oracle(x []float64) Stat {
	s := Stat{Numel: int64(len(x)), defined: 1}
	largest, sum := 0.0, 0.0
	for _, v := range x {
		switch {
		case math.IsNaN(v):
			s.NaN++
		case math.IsInf(v, 1):
			s.PosInf++
		case math.IsInf(v, -1):
			s.NegInf++
		default:
			largest = max(largest, math.Abs(v))
			if v == 0 {
				s.Zeros++
			}
		}
	}
	s.Max = largest
	s.NonFinite = s.NaN + s.PosInf + s.NegInf
	for _, v := range x {
		if largest > 0 {
			sum += (v / largest) * (v / largest)
		}
	}
	s.Norm = largest * math.Sqrt(sum)
	if s.NaN > 0 {
		s.Norm = math.NaN()
	} else if s.NonFinite > 0 {
		s.Norm = math.Inf(1)
	}
	return s
}

func requireStat(t *testing.T, want, got Stat, tolerance float64, what string) {
	t.Helper()
	if math.IsNaN(want.Norm) {
		require.True(t, math.IsNaN(got.Norm), what)
	} else if math.IsInf(want.Norm, 0) {
		require.Equal(t, want.Norm, got.Norm, what)
	} else {
		require.InEpsilon(t, 1+want.Norm, 1+got.Norm, tolerance, what)
		if want.Norm > 0 {
			require.InEpsilon(t, want.Norm, got.Norm, tolerance, what)
		}
	}
	want.Norm, got.Norm = 0, 0
	require.Equal(t, want, got, what)
}

func TestMeasureAgainstTheDefinition(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	fill := func(n int, special bool) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = random.NormFloat64() * math.Exp(random.NormFloat64())
			if random.IntN(10) == 0 {
				x[i] = 0
			}
			if special && random.IntN(50) == 0 {
				x[i] = []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[random.IntN(3)]
			}
		}
		return x
	}
	for _, dtype := range []gotch.DType{gotch.Float, gotch.Double, gotch.Half, gotch.BFloat16} {
		for _, n := range []int{0, 1, 2, 15, 16, 17, 1000, 16384, 16385, 40000} {
			for _, special := range []bool{false, true} {
				source := ts.MustOfSlice(fill(n, special))
				x := source.MustTotype(dtype, false)
				// The values that the dtype really holds.
				var held []float64
				if n > 0 {
					held = x.MustTotype(gotch.Double, false).Float64Values()
				}
				want := oracle(held)
				for what, f := range map[string]func([]*ts.Tensor) ([]Stat, error){"scan": Values, "portable": valuesPortable} {
					got, err := f([]*ts.Tensor{x})
					require.NoError(t, err)
					requireStat(t, want, got[0], 1e-12, what)
				}
			}
		}
	}
}

func TestMeasureLayouts(t *testing.T) {
	x := ts.MustRandn([]int64{6, 8}, gotch.Float, gotch.CPU)
	views := map[string]*ts.Tensor{
		"transposed":  x.MustT(false),
		"every other": x.MustSlice(1, []int64{0}, []int64{8}, 2, false),
		"expanded":    ts.MustOfSlice([]float32{3}).MustExpand([]int64{4, 1}, true, true),
	}
	for what, v := range views {
		want := oracle(v.MustContiguous(false).Float64Values())
		for _, f := range []func([]*ts.Tensor) ([]Stat, error){Values, valuesPortable} {
			got, err := f([]*ts.Tensor{v})
			require.NoError(t, err)
			requireStat(t, want, got[0], 1e-12, what)
		}
	}
}

// The gradient of an embedding that asks for sparse ones is not coalesced: rows
// that were looked up twice are there twice, and are summands of one row.
func TestSparseGradients(t *testing.T) {
	for _, sparse := range []bool{false, true} {
		weight := ts.MustOnes([]int64{5, 2}, gotch.Float, gotch.CPU).MustSetRequiresGrad(true, true)
		loss := ts.MustEmbedding(weight, ts.MustOfSlice([]int64{0, 2, 2}), -1, false, sparse).MustSum(gotch.Float, true)
		require.NoError(t, loss.Backward())
		require.Equal(t, sparse, weight.MustGrad(false).MustIsSparse())
		measured := func(want []float64) {
			t.Helper()
			got, err := Gradients([]*ts.Tensor{weight})
			require.NoError(t, err)
			requireStat(t, oracle(want), got[0], 1e-12, "")
		}
		measured([]float64{1, 1, 0, 0, 2, 2, 0, 0, 0, 0})
		require.NoError(t, Apply([]*ts.Tensor{weight}, 2, 0, 0))
		measured([]float64{2, 2, 0, 0, 4, 4, 0, 0, 0, 0})
		require.NoError(t, Apply([]*ts.Tensor{weight}, 1, -1, 3))
		measured([]float64{2, 2, 0, 0, 3, 3, 0, 0, 0, 0})
	}
}

func TestMeasureExtremes(t *testing.T) {
	for _, x := range [][]float64{
		{2e200, -2e200, 1e200}, {1e-200, 3e-200}, {math.MaxFloat64}, {5e-324}, {math.MaxFloat64, math.MaxFloat64},
	} {
		for what, f := range map[string]func([]*ts.Tensor) ([]Stat, error){"scan": Values, "portable": valuesPortable} {
			got, err := f([]*ts.Tensor{ts.MustOfSlice(x)})
			require.NoError(t, err)
			require.Zero(t, got[0].NonFinite, what)
			if want := oracle(x).Norm; math.IsInf(want, 0) {
				require.Equal(t, want, got[0].Norm, what)
			} else {
				require.InEpsilon(t, want, got[0].Norm, 1e-12, "%s %v", what, x)
			}
		}
	}
}

func TestUndefinedAndDroppedTensors(t *testing.T) {
	x := ts.MustOnes([]int64{3}, gotch.Float, gotch.CPU).MustSetRequiresGrad(true, true)
	got, err := Gradients([]*ts.Tensor{x})
	require.NoError(t, err)
	require.False(t, got[0].Defined())
	require.NoError(t, Apply([]*ts.Tensor{x}, 0.5, -1, 1))
	_, err = Gradients([]*ts.Tensor{nil})
	require.Error(t, err)
	got, err = Gradients(nil)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestApply(t *testing.T) {
	x := ts.MustOfSlice([]float32{1, -2, 3, 0}).MustSetRequiresGrad(true, true)
	grad := func() []float64 {
		g := x.MustGrad(false)
		return g.Float64Values()
	}
	square := func() {
		x.ZeroGrad()
		loss := x.MustMul(x, false).MustSum(gotch.Float, true)
		require.NoError(t, loss.Backward())
	}
	square()
	require.Equal(t, []float64{2, -4, 6, 0}, grad())
	require.NoError(t, Apply([]*ts.Tensor{x}, 0.5, 0, 0))
	require.Equal(t, []float64{1, -2, 3, 0}, grad())
	require.NoError(t, Apply([]*ts.Tensor{x}, 1, -1, 2))
	require.Equal(t, []float64{1, -1, 2, 0}, grad())
	require.NoError(t, Apply([]*ts.Tensor{x}, 1, 0, 0))
	require.Equal(t, []float64{1, -1, 2, 0}, grad())
}

// The result is the same bits whatever the number of threads.
func TestThreadsDoNotChangeABit(t *testing.T) {
	x := ts.MustRandn([]int64{300_000}, gotch.Float, gotch.CPU)
	var first []Stat
	for threads := 1; threads <= 4; threads++ {
		require.NoError(t, SetThreads(threads))
		got, err := Values([]*ts.Tensor{x})
		require.NoError(t, err)
		if first == nil {
			first = got
		}
		require.Equal(t, first, got)
	}
	require.NoError(t, SetThreads(2))
}

// Attaching and detaching while other goroutines train.
func TestConcurrentOptimizers(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		vs, loss := linear(t)
		opt := sgd(t, vs, 0.01)
		wg.Go(func() {
			thread := LockThread()
			defer thread.Unlock()
			for range 20 {
				o, err := Find(opt)
				if err != nil {
					t.Error(err)
					return
				}
				var got []float64
				a, err := o.Attach(false, func(r *Report) bool {
					if r.Backwards != 1 {
						t.Errorf("%d backward passes in a step, not 1", r.Backwards)
					}
					got = append(got, r.Loss)
					return true
				})
				if err != nil {
					t.Error(err)
					return
				}
				var want []float64
				for range 5 {
					l := loss()
					want = append(want, l.Float64Values()[0])
					if err := opt.BackwardStep(l); err != nil {
						t.Error(err)
					}
					l.MustDrop()
				}
				a.Detach()
				if !slices.Equal(want, got) {
					t.Errorf("losses of this goroutine's model %v, recorded %v", want, got)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkMeasure(b *testing.B) {
	for name, n := range map[string]int64{"4KiB": 1 << 10, "256KiB": 1 << 16, "16MiB": 1 << 22} {
		x := ts.MustRandn([]int64{n}, gotch.Float, gotch.CPU)
		b.Run(name, func(b *testing.B) {
			tensors := []*ts.Tensor{x}
			b.SetBytes(n * 4)
			for b.Loop() {
				if _, err := Values(tensors); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
