package torch

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	lib "github.com/sugarme/gotch/libtch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

// layers are trained with and without measuring.
var layers = map[string]func(vs *nn.VarStore) func() *ts.Tensor{
	"linear": func(vs *nn.VarStore) func() *ts.Tensor {
		a := nn.NewLinear(vs.Root().Sub("a"), 10, 16, nn.DefaultLinearConfig())
		b := nn.NewLinear(vs.Root().Sub("b"), 16, 3, nn.DefaultLinearConfig())
		x, y := labelled(20, 10)
		return func() *ts.Tensor { return b.Forward(a.Forward(x).MustTanh(true)).CrossEntropyForLogits(y) }
	},
	"convolution with batch norm": func(vs *nn.VarStore) func() *ts.Tensor {
		c := nn.NewConv2D(vs.Root().Sub("c"), 1, 4, 3, nn.DefaultConv2DConfig())
		n := nn.BatchNorm2D(vs.Root().Sub("n"), 4, nn.DefaultBatchNormConfig())
		l := nn.NewLinear(vs.Root().Sub("l"), 4*6*6, 3, nn.DefaultLinearConfig())
		x, y := labelled(8, 1, 8, 8)
		return func() *ts.Tensor {
			h := n.ForwardT(c.Forward(x), true).MustRelu(true)
			return l.Forward(h.MustReshape([]int64{8, 4 * 6 * 6}, true)).CrossEntropyForLogits(y)
		}
	},
	"lstm": func(vs *nn.VarStore) func() *ts.Tensor {
		r := nn.NewLSTM(vs.Root().Sub("r"), 5, 8, nn.DefaultRNNConfig())
		l := nn.NewLinear(vs.Root().Sub("l"), 8, 3, nn.DefaultLinearConfig())
		x, y := labelled(6, 7, 5)
		return func() *ts.Tensor {
			out, _ := r.Seq(x)
			return l.Forward(out.MustSelect(1, 6, true)).CrossEntropyForLogits(y)
		}
	},
	"embedding": func(vs *nn.VarStore) func() *ts.Tensor {
		e := nn.NewEmbedding(vs.Root().Sub("e"), 11, 6, nn.DefaultEmbeddingConfig())
		l := nn.NewLinear(vs.Root().Sub("l"), 6, 3, nn.DefaultLinearConfig())
		x := ts.MustRandint(11, []int64{20}, gotch.Int64, gotch.CPU)
		_, y := labelled(20, 1)
		return func() *ts.Tensor { return l.Forward(e.Forward(x)).CrossEntropyForLogits(y) }
	},
	"dropout": func(vs *nn.VarStore) func() *ts.Tensor {
		a := nn.NewLinear(vs.Root().Sub("a"), 10, 16, nn.DefaultLinearConfig())
		b := nn.NewLinear(vs.Root().Sub("b"), 16, 3, nn.DefaultLinearConfig())
		x, y := labelled(20, 10)
		return func() *ts.Tensor {
			return b.Forward(ts.MustDropout(a.Forward(x), 0.5, true)).CrossEntropyForLogits(y)
		}
	},
	"mixed dtypes": func(vs *nn.VarStore) func() *ts.Tensor {
		a := nn.NewLinear(vs.Root().Sub("a"), 10, 3, nn.DefaultLinearConfig())
		scale := vs.Root().MustNewVar("scale", []int64{3}, nn.NewConstInit(0.5)) // gotch makes it a Double
		x, y := labelled(20, 10)
		return func() *ts.Tensor {
			return a.Forward(x).MustTotype(gotch.Double, true).MustMul(scale, true).CrossEntropyForLogits(y)
		}
	},
	"no double backward": func(vs *nn.VarStore) func() *ts.Tensor {
		image := vs.Root().MustNewVar("image", []int64{1, 1, 4, 4}, nn.NewRandnInit(0, 1))
		grid := ts.MustRand([]int64{1, 3, 3, 2}, gotch.Float, gotch.CPU)
		return func() *ts.Tensor {
			return ts.MustGridSampler(image, grid, 0, 0, false).MustSquare(true).MustMean(gotch.Float, true)
		}
	},
}

func labelled(shape ...int64) (x, y *ts.Tensor) {
	return ts.MustRandn(shape, gotch.Float, gotch.CPU), ts.MustRandint(3, shape[:1], gotch.Int64, gotch.CPU)
}

// Ways from a loss to a step.
var ways = map[string]func(t *testing.T, opt *nn.Optimizer, loss func() *ts.Tensor){
	"one loss": func(t *testing.T, opt *nn.Optimizer, loss func() *ts.Tensor) {
		require.NoError(t, opt.BackwardStep(loss()))
	},
	"two losses": func(t *testing.T, opt *nn.Optimizer, loss func() *ts.Tensor) {
		require.NoError(t, opt.ZeroGrad())
		require.NoError(t, loss().Backward())
		require.NoError(t, loss().Backward())
		require.NoError(t, opt.Step())
	},
	"one graph twice": func(t *testing.T, opt *nn.Optimizer, loss func() *ts.Tensor) {
		require.NoError(t, opt.ZeroGrad())
		l := loss()
		lib.AtBackward(lib.Ctensor(l.Ctensor()), 1, 0)
		lib.AtBackward(lib.Ctensor(l.Ctensor()), 0, 0)
		runtime.KeepAlive(l)
		require.NoError(t, ts.TorchErr())
		require.NoError(t, opt.Step())
	},
	"gradients with a graph": func(t *testing.T, opt *nn.Optimizer, loss func() *ts.Tensor) {
		require.NoError(t, opt.ZeroGrad())
		l := loss()
		lib.AtBackward(lib.Ctensor(l.Ctensor()), 1, 1)
		runtime.KeepAlive(l)
		require.NoError(t, ts.TorchErr())
		require.NoError(t, opt.Step())
	},
}

// bits returns the memory of tensors.
func bits(tensors ...*ts.Tensor) []byte {
	var b bytes.Buffer
	for _, x := range tensors {
		fmt.Fprintln(&b, x.MustTotype(gotch.Double, false).MustContiguous(true).Float64Values())
	}
	return b.Bytes()
}

// Measuring does not change a bit of a training: losses, gradients, parameters,
// running statistics, and the random numbers that come next.
func TestMeasuringChangesNothing(t *testing.T) {
	const steps = 12
	configs := map[string]nn.OptimizerConfig{"sgd": nn.NewSGDConfig(0.9, 0, 1e-4, false), "adam": nn.DefaultAdamConfig()}
	for layer, make := range layers {
		for way, step := range ways {
			for kind, config := range configs {
				t.Run(layer+"/"+way+"/"+kind, func(t *testing.T) {
					// gotch switches gradients off and on by thread.
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					train := func(measured bool) (out [][]byte) {
						require.NoError(t, Seed(5))
						vs := store()
						loss := make(vs)
						opt, err := config.Build(vs, 0.02)
						require.NoError(t, err)
						params := vs.TrainableVariables()
						if measured {
							a := attach(t, opt, func(*Report) bool { return true })
							defer a.Detach()
							var last *Vector
							defer func() { last.Free() }()
							a.OnBackward(func(l *Loss) { last = measureAll(t, l, last, layer == "no double backward") })
						}
						for range steps {
							step(t, opt, func() *ts.Tensor {
								l := loss()
								out = append(out, bits(l))
								return l
							})
							for _, name := range names(vs) {
								p := vs.Root().MustGet(name)
								out = append(out, bits(p))
								if g := p.MustGrad(false); g.MustDefined() {
									out = append(out, bits(g))
								}
							}
						}
						runtime.KeepAlive(params)
						return append(out, bits(ts.MustRand([]int64{4}, gotch.Double, gotch.CPU)))
					}
					plain := train(false)
					runtime.GC()
					require.Equal(t, plain, train(true))
					runtime.GC()
					require.Zero(t, Alive())
					require.NoError(t, ts.TorchErr())
				})
			}
		}
	}
}

func names(vs *nn.VarStore) []string {
	var out []string
	for name := range vs.Variables() {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// measureAll makes use of everything there is, and returns a vector to be kept
// until the next time.
func measureAll(t *testing.T, l *Loss, last *Vector, unsupported bool) *Vector {
	g, err := l.Graph()
	require.NoError(t, err)
	defer last.Free()
	v, err := g.NewVector()
	require.NoError(t, err)
	err = g.HVP(g.Gradient(), v)
	if unsupported {
		require.ErrorIs(t, err, ErrNoDoubleBackward)
		require.ErrorContains(t, err, "grid_sampler")
		return v
	}
	require.NoError(t, err)
	require.NoError(t, v.Random(Rademacher, 1))
	if last != nil {
		require.NoError(t, v.Axpy(0.5, last))
	}
	require.NoError(t, g.HVP(v, v))
	second, err := l.Graph() // left for gtg to close
	require.NoError(t, err)
	require.NoError(t, second.HVP(v, v))
	g.Close()
	return v
}

// The time of the callback is in the next report, and the losses in it are those
// of the real backward passes only.
func TestOnBackward(t *testing.T) {
	vs, loss := linear(t)
	opt := sgd(t, vs, 0.1)
	var reports []Report
	a := attach(t, opt, func(r *Report) bool { reports = append(reports, *r); return true })
	seen := 0
	var kept *Loss
	const pause = 20 * time.Millisecond
	a.OnBackward(func(l *Loss) {
		seen++
		kept = l
		g, err := l.Graph()
		require.NoError(t, err)
		_, gthg := gthg(t, g)
		require.Positive(t, gthg)
		time.Sleep(pause)
	})
	l := loss()
	require.NoError(t, opt.BackwardStep(l))
	require.Equal(t, 1, seen)
	require.Equal(t, l.Float64Values()[0], kept.Value)
	require.EqualValues(t, 1, reports[0].Backwards)
	require.Equal(t, kept.Value, reports[0].Loss)
	require.GreaterOrEqual(t, reports[0].Nanoseconds, int64(pause))
	require.Zero(t, Alive())
	_, err := kept.Graph()
	require.ErrorIs(t, err, ErrClosed)

	a.OnBackward(nil)
	require.NoError(t, opt.BackwardStep(loss()))
	require.Equal(t, 1, seen)
	require.Less(t, reports[1].Nanoseconds, int64(pause))

	// gotch's own error for a loss of many elements, and no callback.
	a.OnBackward(func(*Loss) { seen++ })
	x := ts.MustOnes([]int64{2}, gotch.Float, gotch.CPU).MustSetRequiresGrad(true, true)
	require.ErrorContains(t, x.MustMul(x, false).Backward(), "scalar outputs")
	require.Equal(t, 1, seen)

	// A panic in the callback leaves nothing behind.
	a.OnBackward(func(l *Loss) {
		_, err := l.Graph()
		require.NoError(t, err)
		panic("here")
	})
	require.PanicsWithValue(t, "here", func() { _ = opt.BackwardStep(loss()) })
	require.Zero(t, Alive())
	a.Detach()
	require.NoError(t, opt.BackwardStep(loss()))
}

// A loop that calls Step, as builds do that do not interpose, is measured too.
func TestDirectStepIsMeasured(t *testing.T) {
	vs, loss := linear(t)
	opt := sgd(t, vs, 0.1)
	steps, measured := 0, 0
	a := attach(t, opt, func(*Report) bool { steps++; return true })
	a.OnBackward(func(l *Loss) {
		g, err := l.Graph()
		require.NoError(t, err)
		_, gthg := gthg(t, g)
		require.Positive(t, gthg)
		measured++
	})
	for range 3 {
		require.NoError(t, opt.ZeroGrad())
		require.NoError(t, a.Step(loss(), opt.Step))
	}
	require.Equal(t, []int{3, 3}, []int{steps, measured})
}

// resident returns this process' resident memory in bytes.
func resident(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	pages, err := strconv.Atoi(string(bytes.Fields(statm)[1]))
	require.NoError(t, err)
	return pages * os.Getpagesize()
}

// 10,000 measured steps leave nothing behind: every one makes tensors of 64 kB,
// and whatever it kept would be 640 MB.
func TestMeasuringKeepsNoMemory(t *testing.T) {
	runtime.LockOSThread() // backward passes are looked for on the thread that steps
	defer runtime.UnlockOSThread()
	steps := 10_000
	if testing.Short() {
		steps = 1000
	}
	vs := store()
	a := nn.NewLinear(vs.Root().Sub("a"), 128, 128, nn.DefaultLinearConfig())
	x := ts.MustRandn([]int64{4, 128}, gotch.Float, gotch.CPU)
	opt := sgd(t, vs, 1e-3)
	guard := attach(t, opt, func(*Report) bool { return true })
	measured := 0
	guard.OnBackward(func(l *Loss) {
		g, err := l.Graph()
		require.NoError(t, err)
		gthg(t, g)
		measured++
	})
	train := func(n int) {
		for i := range n {
			h := a.Forward(x)
			l := h.MustTanh(true).MustSquare(true).MustMean(gotch.Float, true)
			require.NoError(t, opt.BackwardStep(l))
			l.MustDrop()
			if i%20 == 0 {
				runtime.GC()
			}
		}
	}
	train(steps / 10)
	before := resident(t)
	train(steps)
	after := resident(t)
	require.Equal(t, steps+steps/10, measured)
	require.Zero(t, Alive())
	t.Logf("%d bytes more than before %d steps", after-before, steps)
	require.Less(t, after-before, 24<<20, "from %d to %d", before, after)
}

// The same with nothing of gotch's in the loop: 10,000 graphs of one loss.
func TestGraphsKeepNoMemory(t *testing.T) {
	n := readGolden(t)[0]
	params, loss := n.build(gotch.Float)
	l := loss()
	measure := func(times int) {
		for i := range times {
			g, err := OpenGraph(l, params)
			require.NoError(t, err)
			gthg(t, g)
			g.Close()
			if i%200 == 0 {
				runtime.GC()
			}
		}
	}
	times := 10_000
	if testing.Short() {
		times = 1000
	}
	measure(times / 5)
	before := resident(t)
	measure(times)
	after := resident(t)
	require.Zero(t, Alive())
	t.Logf("%d bytes more than before %d graphs", after-before, times)
	require.Less(t, after-before, 4<<20, "from %d to %d", before, after)
	require.NoError(t, l.Backward())
}
