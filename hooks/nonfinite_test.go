package hooks_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/monitor"
)

var nan, inf = math.NaN(), math.Inf(1)

// twoParams are parameters a (of three elements) and b (of one) that start at 0,
// an optimizer with learning rate 1, and a step with gradients of choice.
func twoParams(t *testing.T) (opt *nn.Optimizer, values func() []float64, step func(a []float64, b float64)) {
	t.Helper()
	vs := store()
	a := variable(t, vs, "a", tensorOf(t, gotch.Double, []int64{3}, []float64{0, 0, 0}))
	b := variable(t, vs, "b", tensorOf(t, gotch.Double, []int64{1}, []float64{0}))
	opt = build(t, nn.DefaultSGDConfig(), vs, 1)
	values = func() []float64 { return append(a.Float64Values(), b.Float64Values()...) }
	step = func(ga []float64, gb float64) {
		opt.ZeroGrad()
		loss := a.MustSum(gotch.Double, false).MustAdd(b.MustSum(gotch.Double, false), true)
		require.NoError(t, loss.Backward())
		loss.MustDrop()
		for x, g := range map[*ts.Tensor][]float64{a: ga, b: {gb}} {
			grad := x.MustGrad(false)
			noGrad(func() { grad.Copy_(ts.MustOfSlice(g)) })
			grad.MustDrop()
		}
		require.NoError(t, opt.Step())
	}
	return opt, values, step
}

func TestZeroElements(t *testing.T) {
	opt, values, step := twoParams(t)
	w := &witness{}
	g := attach(t, opt, hooks.WithNonFinite(hooks.ZeroElements), hooks.WithClip(clip.Norm(2.5)), hooks.WithSink("witness", w))
	step([]float64{nan, 3, math.Inf(-1)}, 4)
	require.InDeltaSlice(t, []float64{0, -1.5, 0, -2}, values(), 1e-12, "what is left is clipped as ever")
	require.NoError(t, g.Close())
	s := w.steps[0]
	require.Equal(t, monitor.ActionStep, s.Action)
	require.EqualValues(t, 2, s.Zeroed)
	require.Equal(t, 2.0, s.NonFinite.Or(0))
	require.Equal(t, []monitor.NonFiniteParam{{Param: 0, NaN: 1, NegInf: 1}}, s.NonFiniteParams)
	require.True(t, math.IsNaN(s.GradNorm.Or(0)), "the norm is the one from before")
	require.Equal(t, monitor.Known(0.5), s.Clip.Factor)
	require.Equal(t, monitor.Known(2.5), s.Clip.NormAfter)
	require.Equal(t, monitor.NonFinite, w.events[0].Kind)
	require.Equal(t, "a", w.events[0].Param)
	require.Contains(t, w.events[0].Summary, "a (1 NaN, 0 +Inf, 1 -Inf)")
}

func TestZeroParams(t *testing.T) {
	opt, values, step := twoParams(t)
	w := &witness{}
	g := attach(t, opt, hooks.WithNonFinite(hooks.ZeroParams), hooks.WithClip(clip.None()), hooks.WithSink("witness", w))
	step([]float64{nan, 3, 1}, 4)
	require.Equal(t, []float64{0, 0, 0, -4}, values(), "the whole gradient of a is 0")
	step([]float64{1, 1, 1}, inf)
	require.Equal(t, []float64{-1, -1, -1, -4}, values())
	require.NoError(t, g.Close())
	require.EqualValues(t, 3, w.steps[0].Zeroed)
	require.EqualValues(t, 1, w.steps[1].Zeroed)
}

func TestMendingIsBounded(t *testing.T) {
	opt, values, step := twoParams(t)
	w := &witness{}
	g := attach(t, opt, hooks.WithNonFinite(hooks.ZeroElements), hooks.WithMaxSkips(3, hooks.StopRun), hooks.WithSink("witness", w))
	for range 5 {
		step([]float64{nan, 1, inf}, 1)
	}
	require.Equal(t, []float64{0, -2, 0, -2}, values(), "the third is not applied")
	var e *hooks.SkipError
	require.ErrorAs(t, g.Err(), &e)
	require.EqualValues(t, 3, e.Step)
	require.Equal(t, "a", e.Param)
	require.EqualValues(t, 1, e.NaN)
	require.EqualValues(t, 1, e.PosInf)
	require.NoError(t, g.Close())
	require.Equal(t, monitor.ActionStop, w.steps[2].Action)
	require.Zero(t, w.steps[2].Zeroed)
}

func TestFailStep(t *testing.T) {
	opt, values, step := twoParams(t)
	g := attach(t, opt, hooks.WithNonFinite(hooks.FailStep))
	step([]float64{1, 1, 1}, 1)
	require.NoError(t, g.Err())
	step([]float64{1, nan, 1}, 1)
	require.Equal(t, []float64{-1, -1, -1, -1}, values())
	require.ErrorContains(t, g.Err(), "step 2: the gradients are not finite (1 NaN, 0 +Inf, 0 -Inf), in this one first in a")
	select {
	case <-g.Done():
	default:
		t.Fatal("Done is open")
	}
}

func TestNonFiniteChoiceIsChecked(t *testing.T) {
	opt, _, _ := twoParams(t)
	_, err := hooks.Attach(opt, hooks.WithNonFinite(9))
	require.ErrorContains(t, err, "WithNonFinite(9)")
}

// A policy learns nothing from gradients that were mended.
func TestMendedStepsAreNotLearned(t *testing.T) {
	run := func(bad bool) string {
		opt, _, step := twoParams(t)
		policy := clip.Outlier()
		g := attach(t, opt, hooks.WithNonFinite(hooks.ZeroElements), hooks.WithClip(policy))
		for i := range 100 {
			if bad && i == 50 {
				step([]float64{nan, 1, 1}, 1)
			}
			step([]float64{1, float64(i), 1}, 1)
		}
		require.NoError(t, g.Close())
		state, err := policy.State()
		require.NoError(t, err)
		return string(state)
	}
	require.Equal(t, run(false), run(true))
}

func TestPoliciesThatDoNotFitAreRefused(t *testing.T) {
	opt, _, step := twoParams(t)
	_, err := hooks.Attach(opt, hooks.WithClip(clip.Groups(clip.Group{Name: "g", Match: []string{"c*"}, Policy: clip.Norm(1)})))
	require.ErrorContains(t, err, `"c*"`)
	require.ErrorContains(t, err, "a, b")
	g := attach(t, opt) // nothing was left behind
	step([]float64{1, 1, 1}, 1)
	require.NoError(t, g.Close())
}

func TestGroupsInTheRecord(t *testing.T) {
	opt, values, step := twoParams(t)
	w := &witness{}
	g := attach(t, opt, hooks.WithSink("witness", w), hooks.WithClip(clip.Groups(
		clip.Group{Name: "first", Match: []string{"a"}, Policy: clip.Norm(1)},
		clip.Group{Name: "rest", Policy: clip.Value(10)},
	)))
	step([]float64{3, 0, 4}, 8)
	require.InDeltaSlice(t, []float64{-0.6, 0, -0.8, -8}, values(), 1e-12)
	step([]float64{3, 0, 4}, 80)
	require.NoError(t, g.Close())
	c := w.steps[0].Clip
	require.Equal(t, "groups", c.Policy)
	require.True(t, c.Clipped)
	require.False(t, c.Factor.Known())
	require.InDelta(t, math.Hypot(1, 8), c.NormAfter.Or(0), 1e-12)
	require.Equal(t, []monitor.ClipGroup{
		{Name: "first", Clipped: true, Norm: monitor.Known(5), NormAfter: monitor.Known(1), Threshold: monitor.Known(1)},
		{Name: "rest", Norm: monitor.Known(8), NormAfter: monitor.Known(8), Threshold: monitor.Known(10)},
	}, c.Groups)
	require.Equal(t, []monitor.Number{monitor.Known(0.2), monitor.Known(1)}, c.ParamFactors)
	require.Equal(t, 10.0, w.steps[1].Clip.Groups[1].NormAfter.Or(0))
}

func TestChainInTheRecord(t *testing.T) {
	opt, values, step := twoParams(t)
	w := &witness{}
	g := attach(t, opt, hooks.WithSink("witness", w), hooks.WithClip(clip.Chain(clip.Value(3), clip.Norm(2.5))))
	step([]float64{30, 0, -40}, 0)
	step([]float64{0.3, 0, -0.4}, 0)
	require.NoError(t, g.Close())
	k := 2.5 / math.Sqrt(18)
	require.InDeltaSlice(t, []float64{-3*k - 0.3, 0, 3*k + 0.4, 0}, values(), 1e-12)
	c := w.steps[0].Clip
	require.Equal(t, "value+norm", c.Policy)
	require.Equal(t, monitor.Known(50), w.steps[0].GradNorm)
	require.InDelta(t, 2.5, c.NormAfter.Or(0), 1e-12)
	require.Equal(t, monitor.Known(3), c.Upper)
	require.False(t, w.steps[1].Clip.Clipped)
	require.Equal(t, monitor.Known(1), w.steps[1].Clip.Factor)
}
