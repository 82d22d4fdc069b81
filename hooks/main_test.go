package hooks_test

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// gotch's operations do not keep their tensors alive, so a garbage collection
// inside one can crash the tests: collect between steps only.
func TestMain(m *testing.M) {
	debug.SetGCPercent(-1)
	goleak.VerifyTestMain(m)
}

// witness is a sink that keeps what it is given.
type witness struct {
	mu     sync.Mutex
	run    *monitor.Run
	steps  []monitor.Step
	events []monitor.Event
	end    *monitor.End
}

func (w *witness) Start(r *monitor.Run) error { w.run = r; return nil }

func (w *witness) Step(s *monitor.Step) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.steps = append(w.steps, monitor.Step{})
	w.steps[len(w.steps)-1].CopyFrom(s)
	return nil
}

func (w *witness) Event(e *monitor.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, *e)
	return nil
}

// fired are the steps at which a kind of event began.
func (w *witness) fired(kind monitor.Kind) (steps []int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Kind == kind && e.State == monitor.Firing {
			steps = append(steps, e.Step)
		}
	}
	return steps
}

func (w *witness) Close(_ context.Context, e *monitor.End) error { w.end = e; return nil }

// quiet keeps events out of the tests' output.
func quiet() hooks.Option { return hooks.WithLogger(zap.NewNop()) }

func attach(t testing.TB, opt *nn.Optimizer, options ...hooks.Option) *hooks.Guard {
	t.Helper()
	g, err := hooks.Attach(opt, append([]hooks.Option{quiet()}, options...)...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = g.Close() })
	return g
}

func build(t testing.TB, config nn.OptimizerConfig, vs *nn.VarStore, lr float64) *nn.Optimizer {
	t.Helper()
	opt, err := config.Build(vs, lr)
	require.NoError(t, err)
	return opt
}

func seed(t testing.TB, n int64) {
	t.Helper()
	require.NoError(t, torch.Seed(n))
}

// regression is a small problem: bring a linear layer's output to 0.
func regression(t testing.TB) (*nn.VarStore, func() *ts.Tensor) {
	t.Helper()
	seed(t, 11)
	vs := store()
	layer := nn.NewLinear(vs.Root(), 4, 1, nn.DefaultLinearConfig())
	x := ts.MustRandn([]int64{32, 4}, gotch.Float, gotch.CPU)
	return vs, func() *ts.Tensor {
		out := layer.Forward(x)
		defer out.MustDrop()
		return out.MustMul(out, false).MustMean(gotch.Float, true)
	}
}

// snapshot has the bits of every variable of the store.
func snapshot(vs *nn.VarStore) map[string][]uint64 {
	runtime.GC()
	out := map[string][]uint64{}
	for name, v := range vs.Variables() {
		for _, x := range v.Float64Values() {
			out[name] = append(out[name], math.Float64bits(x))
		}
	}
	return out
}

func times(x *ts.Tensor, f float64) *ts.Tensor { return x.MustMulScalar(ts.FloatScalar(f), true) }

// store is a new VarStore, and keeps the test to one thread of the operating system,
// which ends with it: to set a layer's weights gotch switches gradients off and on for
// one thread, and a goroutine that moves in between leaves a thread behind that cannot
// train.
func store() *nn.VarStore {
	runtime.LockOSThread()
	return nn.NewVarStore(gotch.CPU)
}

// noGrad runs f without gradients, on one thread (see store).
func noGrad(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ts.NoGrad(f)
}
