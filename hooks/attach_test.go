package hooks_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestAttachRefuses(t *testing.T) {
	vs, _ := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)

	_, err := hooks.Attach(nil)
	require.ErrorContains(t, err, "nil")
	_, err = hooks.Attach(&nn.Optimizer{})
	require.ErrorContains(t, err, "Build")
	_, err = hooks.Attach(build(t, nn.DefaultSGDConfig(), store(), 0.1))
	require.ErrorContains(t, err, "no parameters")

	for value, option := range map[string]hooks.Option{
		"-1":                      hooks.WithClip(clip.Norm(-1)),
		"NaN":                     hooks.WithClip(clip.Value(math.NaN())),
		"Norm(0)":                 hooks.WithClip(clip.Norm(0)),
		"clip.None()":             hooks.WithClip(nil),
		"WithMaxSkips(0)":         hooks.WithMaxSkips(0, hooks.StopRun),
		"not 7":                   hooks.WithMaxSkips(1, 7),
		"-1ns":                    hooks.WithCloseDeadline(-1),
		"WithName(\"\")":          hooks.WithName(""),
		"WithRunLog(\"\")":        hooks.WithRunLog(""),
		"WithLogger(nil)":         hooks.WithLogger(nil),
		"WithMetrics(nil)":        hooks.WithMetrics(nil),
		"WithDetectors(nil)":      hooks.WithDetectors(nil),
		"WithSink(\"\"":           hooks.WithSink("", nil),
		"an option is nil":        nil,
		"not a guard's state":     hooks.WithState([]byte("{")),
		"version 99 of the state": hooks.WithState([]byte(`{"version":99}`)),
		"no such":                 hooks.WithRunLog(filepath.Join(t.TempDir(), "none", "run.jsonl")),
	} {
		_, err := hooks.Attach(opt, option)
		require.ErrorContains(t, err, value)
	}

	// None of the refusals left anything behind.
	g := attach(t, opt)
	_, err = hooks.Attach(opt)
	require.ErrorIs(t, err, hooks.ErrAttached)
	require.NoError(t, g.Close())
	attach(t, opt)
}

// Weights that begin with one number everywhere are named; biases of 0 are usual.
func TestConstantWeightsAreNoted(t *testing.T) {
	vs := nn.NewVarStore(gotch.CPU)
	same := vs.Root().MustAdd("same", ts.MustOfSlice([]float32{0.5, 0.5, 0.5, 0.5}).MustView([]int64{2, 2}, true), true)
	vs.Root().MustAdd("other", ts.MustOfSlice([]float32{0.5, 0.5, 0.5, -0.5}).MustView([]int64{2, 2}, true), true)
	vs.Root().MustAdd("bias", ts.MustOfSlice([]float32{0, 0}), true)
	opt := build(t, nn.NewSGDConfig(0, 0, 0, false), vs, 0.1)
	w := &witness{}
	g := attach(t, opt, hooks.WithSink("witness", w))
	require.NoError(t, opt.BackwardStep(same.MustSum(gotch.Float, false)))
	require.NoError(t, g.Close())
	found := map[string]monitor.Number{}
	for _, p := range w.run.Params {
		found[p.Name] = p.Constant
	}
	require.Equal(t, map[string]monitor.Number{"same": monitor.Known(0.5), "other": {}, "bias": {}}, found)
}

func TestRecordOfAStep(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.NewSGDConfig(0.9, 0, 0, false), vs, 0.1)
	w := &witness{}
	g := attach(t, opt, hooks.WithSink("witness", w), hooks.WithName("fit"), hooks.WithConfig(map[string]any{"batch": 32}))
	l := loss()
	require.NoError(t, opt.BackwardStep(l))
	norms, err := hooks.Norms([]*ts.Tensor{vs.Root().MustGet("weight"), vs.Root().MustGet("bias")})
	require.NoError(t, err)
	opt.SetLR(0.05)
	require.NoError(t, opt.BackwardStep(loss()))
	require.NoError(t, g.Close())

	require.Equal(t, "fit", w.run.Name)
	require.Equal(t, "cpu", w.run.Device)
	require.Contains(t, w.run.Framework, "gotch 0.9.1, libtorch ")
	require.Equal(t, &monitor.Optimizer{Kind: "sgd", LR: monitor.Known(0.1), Momentum: monitor.Known(0.9),
		WeightDecay: monitor.Known(0)}, w.run.Optimizer)
	require.Equal(t, map[string]any{"batch": 32}, w.run.Config)
	require.Equal(t, []monitor.Param{{Name: "weight", Shape: []int64{1, 4}, Numel: 4}, {Name: "bias", Shape: []int64{1}, Numel: 1}}, w.run.Params)

	require.Len(t, w.steps, 2)
	s := w.steps[0]
	require.EqualValues(t, 1, s.Step)
	require.Equal(t, monitor.Known(l.Float64Values()[0]), s.Loss)
	require.Equal(t, monitor.Known(0.1), s.LR)
	require.InEpsilon(t, norms.Total, s.GradNorm.Or(0), 1e-12)
	require.InEpsilon(t, norms.Each[0], s.ParamGradNorms[0].Or(0), 1e-12)
	require.InEpsilon(t, norms.Each[1], s.ParamGradNorms[1].Or(0), 1e-12)
	require.Equal(t, []int64{0, 0}, s.ZeroGrads)
	require.Equal(t, monitor.Known(0), s.NonFinite)
	require.Equal(t, monitor.ActionStep, s.Action)
	require.Equal(t, monitor.Clip{Policy: "outlier", Factor: monitor.Known(1), NormAfter: s.GradNorm}, s.Clip)
	require.Positive(t, s.GTGSeconds.Or(0))
	require.Equal(t, monitor.Known(0.05), w.steps[1].LR)

	require.EqualValues(t, 2, w.end.Step)
	require.Equal(t, monitor.Closed, w.end.Reason)
	require.Len(t, w.end.Verdict, 5)
}

func TestEveryWayToStep(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultAdamConfig(), vs, 0.01)
	w := &witness{}
	g := attach(t, opt, hooks.WithSink("witness", w))
	require.NoError(t, opt.BackwardStep(loss()))
	require.NoError(t, opt.BackwardStepClip(loss(), 0.5))
	require.NoError(t, opt.ZeroGrad())
	for range 2 {
		require.NoError(t, loss().Backward())
	}
	require.NoError(t, opt.Step())
	scheduler := nn.NewStepLR(opt, 1, 0.5).Build()
	scheduler.Step()
	lr := opt.GetLRs()[0]
	require.NoError(t, g.Step(opt, loss()))
	require.NoError(t, g.Close())
	require.NoError(t, opt.BackwardStep(loss()))

	require.Len(t, w.steps, 4)
	require.InEpsilon(t, 2*w.steps[1].Loss.Or(0), w.steps[2].Loss.Or(0), 0.2)
	require.Equal(t, monitor.Known(lr), w.steps[3].LR)
}

func TestNormPolicyClips(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 1)
	w := &witness{}
	attachAndStep := func(policy clip.Policy) (before, after float64) {
		g := attach(t, opt, hooks.WithSink("witness", w), hooks.WithClip(policy))
		defer func() { require.NoError(t, g.Close()) }()
		opt.SetLR(0) // the gradient is looked at, not used
		require.NoError(t, opt.BackwardStep(times(loss(), 100)))
		n, err := hooks.Norms([]*ts.Tensor{vs.Root().MustGet("weight"), vs.Root().MustGet("bias")})
		require.NoError(t, err)
		require.NoError(t, g.Close())
		return w.steps[len(w.steps)-1].GradNorm.Or(0), n.Total
	}
	before, after := attachAndStep(clip.Norm(1))
	require.Greater(t, before, 10.0)
	require.InDelta(t, 1, after, 1e-6)
	require.InEpsilon(t, 1/before, w.steps[0].Clip.Factor.Or(0), 1e-9)

	before, after = attachAndStep(clip.None())
	require.InEpsilon(t, before, after, 1e-12)

	_, after = attachAndStep(clip.Value(0.25))
	require.LessOrEqual(t, after, 0.25*math.Sqrt(5)+1e-6)

	before, after = attachAndStep(clip.Norm(math.Inf(1)))
	require.InEpsilon(t, before, after, 1e-12)
}

// The default policy takes a cliff back to where the run has been.
func TestCliffIsClipped(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 1e-4)
	w := &witness{}
	g := attach(t, opt, hooks.WithSink("witness", w))
	for range 60 {
		require.NoError(t, opt.BackwardStep(loss()))
	}
	require.NoError(t, opt.BackwardStep(times(loss(), 1000)))
	require.NoError(t, g.Close())
	cliff := w.steps[60]
	require.InEpsilon(t, 1000, cliff.GradNorm.Or(0)/w.steps[59].GradNorm.Or(0), 0.01)
	require.Less(t, cliff.Clip.Factor.Or(1), 0.02)
	require.Equal(t, monitor.ActionStep, cliff.Action)
	var kinds []monitor.Kind
	for _, e := range w.events {
		kinds = append(kinds, e.Kind)
		require.EqualValues(t, 61, e.Step)
	}
	require.Contains(t, kinds, monitor.Cliff)
}

func TestNonFiniteStepIsSkipped(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		vs, loss := regression(t)
		opt := build(t, nn.DefaultAdamConfig(), vs, 0.01)
		w := &witness{}
		g := attach(t, opt, hooks.WithSink("witness", w))
		require.NoError(t, opt.BackwardStep(loss()))
		before := snapshot(vs)
		require.NoError(t, opt.BackwardStep(times(loss(), bad)))
		require.Equal(t, before, snapshot(vs))
		require.NoError(t, opt.BackwardStep(loss()))
		require.NotEqual(t, before, snapshot(vs))
		require.NoError(t, g.Err())
		require.NoError(t, g.Close())
		require.Equal(t, []monitor.Action{monitor.ActionStep, monitor.ActionSkip, monitor.ActionStep},
			[]monitor.Action{w.steps[0].Action, w.steps[1].Action, w.steps[2].Action})
		require.Equal(t, monitor.Known(5), w.steps[1].NonFinite)
		require.NotEmpty(t, w.events)
		require.Equal(t, monitor.NonFinite, w.events[0].Kind)
		require.Equal(t, monitor.Critical, w.events[0].Severity)
		require.EqualValues(t, 2, w.events[0].Step)
	}
}

func TestSkippingIsBounded(t *testing.T) {
	for _, then := range []hooks.SkipLimit{hooks.StopRun, hooks.StepAnyway} {
		vs, loss := regression(t)
		opt := build(t, nn.DefaultSGDConfig(), vs, 0.01)
		w := &witness{}
		g := attach(t, opt, hooks.WithSink("witness", w), hooks.WithMaxSkips(3, then))
		before := snapshot(vs)
		for i := range 5 {
			select {
			case <-g.Done():
				require.GreaterOrEqual(t, i, 3)
			default:
				require.Less(t, i, 3)
			}
			require.NoError(t, opt.BackwardStep(times(loss(), math.NaN())))
		}
		var skips *hooks.SkipError
		require.ErrorAs(t, g.Err(), &skips)
		require.Equal(t, hooks.SkipError{Step: 3, Skipped: 3, Param: "weight", NaN: 5, Then: then}, *skips)
		require.NoError(t, g.Close())
		if then == hooks.StopRun {
			require.Equal(t, before, snapshot(vs))
			require.Equal(t, monitor.ActionSkip, w.steps[1].Action)
			require.Equal(t, monitor.ActionStop, w.steps[2].Action)
			require.Equal(t, monitor.Stopped, w.end.Reason)
		} else {
			require.NotEqual(t, before, snapshot(vs))
			require.Equal(t, monitor.ActionSkip, w.steps[2].Action)
			require.Equal(t, monitor.ActionStep, w.steps[3].Action)
			require.NotContains(t, skips.Error(), "intact")
		}
		critical := 0
		for _, e := range w.events {
			if e.State == monitor.Instant && e.Severity == monitor.Critical {
				critical++
			}
		}
		require.Equal(t, 1, critical)
	}
}

// cifar-style programs build a new optimizer every epoch.
func TestReattach(t *testing.T) {
	vs, loss := regression(t)
	w := &witness{}
	first := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	g := attach(t, first, hooks.WithSink("witness", w))
	for epoch := range 3 {
		opt := build(t, nn.DefaultSGDConfig(), vs, 0.1/float64(epoch+1))
		require.NoError(t, g.Reattach(opt))
		for range 2 {
			require.NoError(t, opt.BackwardStep(loss()))
		}
	}
	require.NoError(t, first.BackwardStep(loss())) // not watched any more
	require.Error(t, g.Reattach(nil))
	require.NoError(t, g.Close())
	require.Error(t, g.Reattach(first))
	require.Len(t, w.steps, 6)
	require.EqualValues(t, 6, w.steps[5].Step)
}

// Parameters that are frozen have no gradient; the others are measured.
func TestFrozenParameter(t *testing.T) {
	vs, loss := regression(t)
	require.NoError(t, vs.Root().MustGet("bias").RequiresGrad_(false))
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	w := &witness{}
	g := attach(t, opt, hooks.WithSink("witness", w))
	require.NoError(t, opt.BackwardStep(loss()))
	require.NoError(t, g.Close())
	undefined := 0
	for i, n := range w.steps[0].ParamGradNorms {
		if !n.Known() {
			undefined++
			require.EqualValues(t, -1, w.steps[0].ZeroGrads[i])
		}
	}
	require.Equal(t, 1, undefined)
}

// sick is a sink that fails in every way but one.
type sick struct {
	witness
	how  string
	free chan struct{}
}

func (s *sick) Step(*monitor.Step) error {
	switch s.how {
	case "panics":
		panic("sick")
	case "hangs":
		<-s.free
	case "fails":
		return errors.New("no space left")
	}
	return nil
}

func (s *sick) Close(context.Context, *monitor.End) error { return nil }

func TestSickSinkDoesNotHurtTheRun(t *testing.T) {
	for _, how := range []string{"panics", "hangs", "fails"} {
		vs, loss := regression(t)
		opt := build(t, nn.DefaultSGDConfig(), vs, 0.01)
		bad, w := &sick{how: how, free: make(chan struct{})}, &witness{}
		g := attach(t, opt, hooks.WithSink("bad", bad), hooks.WithSink("witness", w), hooks.WithCloseDeadline(200*time.Millisecond))
		for range 20 {
			require.NoError(t, opt.BackwardStep(loss()))
		}
		err := g.Close()
		require.ErrorContains(t, err, "bad", how)
		require.NotContains(t, err.Error(), "witness")
		require.Equal(t, err, g.Close())
		require.Len(t, w.steps, 20)
		close(bad.free)
	}
}

func TestStateGoesOn(t *testing.T) {
	train := func(cut int) []monitor.Event {
		vs, loss := regression(t)
		opt := build(t, nn.DefaultSGDConfig(), vs, 1e-3)
		w := &witness{}
		var options []hooks.Option
		g := attach(t, opt, hooks.WithSink("witness", w))
		for i := range 200 {
			if i == cut {
				state, err := g.State()
				require.NoError(t, err)
				require.NoError(t, g.Close())
				options = append(options, hooks.WithSink("witness", w), hooks.WithState(state))
				g = attach(t, opt, options...)
				again, err := g.State()
				require.NoError(t, err)
				require.JSONEq(t, string(state), string(again))
			}
			f := 1.0
			if i == 70 || i == 150 {
				f = 5000
			}
			require.NoError(t, opt.BackwardStep(times(loss(), f)))
		}
		require.NoError(t, g.Close())
		require.Len(t, w.steps, 200)
		require.EqualValues(t, 200, w.steps[199].Step)
		return w.events
	}
	whole := train(-1)
	require.NotEmpty(t, whole)
	for _, cut := range []int{1, 65, 71, 100} {
		require.Equal(t, whole, train(cut), "cut at %d", cut)
	}
}

// What a step costs Go's heap does not depend on the number of parameters.
func TestHeapPerStepDoesNotGrowWithParameters(t *testing.T) {
	perStep := func(layers int) uint64 {
		seed(t, 1)
		vs := store()
		var all []*nn.Linear
		for range layers {
			all = append(all, nn.NewLinear(vs.Root(), 2, 2, nn.DefaultLinearConfig()))
		}
		x := ts.MustRandn([]int64{1, 2}, gotch.Float, gotch.CPU)
		h := x
		for _, l := range all {
			h = l.Forward(h)
		}
		opt := build(t, nn.DefaultSGDConfig(), vs, 0)
		g := attach(t, opt, hooks.WithUpdateRatios(1))
		require.NoError(t, opt.BackwardStep(h.MustMean(gotch.Float, false)))
		const steps = 200
		least := uint64(math.MaxUint64)
		for range 5 { // on a busy machine the sinks' pool of records may grow in one of them
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range steps {
				require.NoError(t, opt.Step())
			}
			runtime.ReadMemStats(&after)
			least = min(least, (after.TotalAlloc-before.TotalAlloc)/steps)
		}
		require.NoError(t, g.Close())
		return least
	}
	few, many := perStep(5), perStep(250)
	require.Less(t, many, few+256, "bytes a step with 10 and with 500 parameters: %d, %d", few, many)
}

func TestGCFence(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(250))
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.01)
	g := attach(t, opt, hooks.WithGCFence())
	require.Equal(t, -1, debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	// Twice what was in use, and more than the least growth that is waited for.
	for after.TotalAlloc < before.TotalAlloc+2*before.HeapAlloc+64<<20 {
		require.NoError(t, opt.BackwardStep(loss()))
		runtime.ReadMemStats(&after)
	}
	require.Greater(t, after.NumGC, before.NumGC)

	// A loop that takes no steps is collected as well, a while later.
	require.Eventually(t, func() bool {
		for range 100 {
			loss()
		}
		runtime.ReadMemStats(&before)
		return before.NumGC > after.NumGC
	}, time.Minute, 50*time.Millisecond)

	// Go's own pacing comes back with the last guard that wanted the fence.
	second := attach(t, build(t, nn.DefaultSGDConfig(), vs, 0.01), hooks.WithGCFence())
	require.NoError(t, g.Close())
	require.Equal(t, -1, debug.SetGCPercent(-1))
	require.NoError(t, second.Close())
	require.Equal(t, 250, debug.SetGCPercent(-1))
}

// rogue is a policy of the caller's that misbehaves from step 2 on.
type rogue struct {
	clip.Policy
	how string
}

func (r *rogue) Decide(g clip.Gradient) clip.Decision {
	if g.Step < 2 {
		return clip.Keep()
	}
	switch r.how {
	case "panics":
		panic("rogue")
	case "NaN":
		return clip.Decision{Factor: math.NaN()}
	}
	return clip.Decision{Factor: -1}
}

func TestRoguePolicyDoesNotHurtTheRun(t *testing.T) {
	for _, how := range []string{"panics", "NaN", "negative"} {
		train := func(options ...hooks.Option) (map[string][]uint64, *hooks.Guard) {
			vs, loss := regression(t)
			opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
			g := attach(t, opt, options...)
			for range 5 {
				require.NoError(t, opt.BackwardStep(loss()))
			}
			return snapshot(vs), g
		}
		plain, _ := train(hooks.WithClip(clip.None()))
		w := &witness{}
		got, g := train(hooks.WithClip(&rogue{clip.None(), how}), hooks.WithSink("witness", w))
		require.Equal(t, plain, got)
		if how == "panics" {
			require.ErrorContains(t, g.Err(), "rogue")
			require.ErrorContains(t, g.Close(), "at step 2")
			require.Len(t, w.steps, 1)
		} else {
			require.NoError(t, g.Err())
			require.NoError(t, g.Close())
			require.Len(t, w.steps, 5)
		}
	}
}

// curious is a sink that asks the guard while it is closed.
type curious struct {
	witness
	ask func()
}

func (c *curious) Close(context.Context, *monitor.End) error { c.ask(); return nil }

func TestSinkMayAskTheGuard(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	c := &curious{}
	g := attach(t, opt, hooks.WithSink("curious", c))
	verdicts := 0
	c.ask = func() { verdicts = len(g.Verdict()) }
	require.NoError(t, opt.BackwardStep(loss()))
	require.NoError(t, g.Close())
	require.Equal(t, 5, verdicts)
}

// A run that was told to stop is told so again after a resume.
func TestResumeStaysStopped(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	g := attach(t, opt, hooks.WithMaxSkips(2, hooks.StopRun))
	for range 3 {
		require.NoError(t, opt.BackwardStep(times(loss(), math.NaN())))
	}
	state, err := g.State()
	require.NoError(t, err)
	require.NoError(t, g.Close())
	g = attach(t, opt, hooks.WithMaxSkips(2, hooks.StopRun), hooks.WithState(state))
	require.NoError(t, g.Err())
	require.NoError(t, opt.BackwardStep(times(loss(), math.NaN())))
	require.Error(t, g.Err())
}

func TestDirectStepWantsItsOwnOptimizer(t *testing.T) {
	vs, loss := regression(t)
	g := attach(t, build(t, nn.DefaultSGDConfig(), vs, 0.1))
	require.ErrorContains(t, g.Step(build(t, nn.DefaultSGDConfig(), vs, 0.1), loss()), "Reattach")
}

// panicky is a registerer that does not survive being used.
type panicky struct{ prometheus.Registerer }

func TestPanickingOptionIsAnError(t *testing.T) {
	vs, _ := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	_, err := hooks.Attach(opt, hooks.WithMetrics(panicky{}))
	require.ErrorContains(t, err, "panicked")
	var none *prometheus.Registry
	_, err = hooks.Attach(opt, hooks.WithMetrics(none))
	require.ErrorContains(t, err, "WithMetrics(nil)")
	attach(t, opt) // nothing was left behind
}

// Metrics, a detector of the caller's and a goroutine that is not locked.
func TestOptionsReachTheRun(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	registry := prometheus.NewRegistry()
	var judged []monitor.Param
	w := &witness{}
	g := attach(t, opt, hooks.WithName("optional"), hooks.WithMetrics(registry), hooks.WithSink("witness", w), hooks.WithoutThreadLock(),
		hooks.WithDetectors(func(run *monitor.Run) []monitor.Detector {
			judged = run.Params
			return monitor.Detectors(run)
		}))
	done := make(chan error)
	go func() { done <- opt.BackwardStep(loss()) }()
	require.NoError(t, <-done)
	require.NoError(t, g.Close())
	require.Len(t, judged, 2)
	require.True(t, w.steps[0].Loss.Known())
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "gtg_steps_total" {
			require.Equal(t, 1.0, f.GetMetric()[0].GetCounter().GetValue())
			return
		}
	}
	require.Fail(t, "no gtg_steps_total")
}
