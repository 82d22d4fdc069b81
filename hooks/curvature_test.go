package hooks_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// quadratic is the loss ½xᵀdiag(d)x in float64 and its parameter x.
func quadratic(t testing.TB, d, start []float64) (*nn.VarStore, *ts.Tensor, func() *ts.Tensor) {
	t.Helper()
	vs := store()
	n := []int64{int64(len(start))}
	x := variable(t, vs, "x", tensorOf(t, gotch.Double, n, start))
	scale := tensorOf(t, gotch.Double, n, d)
	return vs, x, func() *ts.Tensor {
		return x.MustMul(x, false).MustMul(scale, true).MustSum(gotch.Double, true).MustMulScalar(ts.FloatScalar(0.5), true)
	}
}

// On a quadratic all is known: g = Dx, gᵀHg = xᵀD³x, and the second-order
// prediction of the loss's change is exact.
func TestCurvatureOfAQuadratic(t *testing.T) {
	vs, _, loss := quadratic(t, []float64{1, 5}, []float64{5, 1})
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	w := &witness{}
	g := attach(t, opt, hooks.WithCurvatureEvery(1), hooks.WithSameData(), hooks.WithSink("witness", w), hooks.WithClip(clip.None()))
	for range 3 {
		require.NoError(t, opt.BackwardStep(loss()))
	}
	require.NoError(t, g.Close())
	c := w.steps[0].Curvature
	require.NotNil(t, c)
	require.InDelta(t, 150, c.GTHG.Or(0), 1e-8)
	require.InDelta(t, 3, c.Rayleigh.Or(0), 1e-8)
	require.InDelta(t, 0.3, c.Rho.Or(0), 1e-8)
	require.InDelta(t, 2, c.RhoLimit.Or(0), 1e-8)
	require.InDelta(t, -5+0.75, c.PredictedChange.Or(0), 1e-8)
	require.Equal(t, []monitor.Number{c.GTHG}, c.ParamGTHG)
	require.Equal(t, "hvp", c.Method)
	require.Positive(t, c.Seconds.Or(0))
	require.False(t, c.LossChange.Known())
	for i, s := range w.steps[1:] {
		require.InDelta(t, w.steps[i].Curvature.PredictedChange.Or(0), s.Curvature.LossChange.Or(0), 1e-8, "the prediction comes true")
	}
}

func TestCurvatureKnowsOfClipping(t *testing.T) {
	vs, _, loss := quadratic(t, []float64{1, 5}, []float64{5, 1})
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	w := &witness{}
	g := attach(t, opt, hooks.WithCurvatureEvery(1), hooks.WithSink("witness", w), hooks.WithClip(clip.Norm(math.Sqrt(50)/2)))
	require.NoError(t, opt.BackwardStep(loss()))
	require.NoError(t, g.Close())
	require.InDelta(t, 0.15, w.steps[0].Curvature.Rho.Or(0), 1e-8, "half of the step")
}

// The step that overshoots is cut back to the line's minimum.
func TestCurvatureLimitedClips(t *testing.T) {
	vs, x, loss := quadratic(t, []float64{4}, []float64{1})
	opt := build(t, nn.DefaultSGDConfig(), vs, 10)
	g := attach(t, opt, hooks.WithCurvatureEvery(1), hooks.WithClip(clip.CurvatureLimited(1)))
	require.NoError(t, opt.BackwardStep(loss()))
	require.NoError(t, g.Close())
	require.InDelta(t, 0, x.Float64Values()[0], 1e-12)
}

// With curvature every network trains to the same bits as without.
func TestCurvatureChangesNothing(t *testing.T) {
	for _, model := range names(models) {
		train := func(options ...hooks.Option) map[string][]uint64 {
			seed(t, 9)
			vs := store()
			loss := models[model](vs)
			opt := build(t, nn.DefaultAdamConfig(), vs, 1e-3)
			if options != nil {
				g := attach(t, opt, options...)
				defer g.Close()
			}
			for range 20 {
				l := loss()
				require.NoError(t, opt.BackwardStep(l))
				l.MustDrop()
			}
			return snapshot(vs)
		}
		require.Equal(t, train(), train(hooks.WithCurvatureEvery(1)), model)
	}
	require.Zero(t, torch.Alive(), "nothing is left over")
}

// When the gradient has become insignificant, the spectrum says of what kind the
// point is.
func TestCriticalPointIsNamed(t *testing.T) {
	for name, d := range map[string][]float64{"minimum": {1, 3, 2}, "saddle": {1, 3, -2}} {
		t.Run(name, func(t *testing.T) {
			start := []float64{1, 1, 1}
			if name == "saddle" {
				start[2] = 0 // on the ridge
			}
			vs, _, loss := quadratic(t, d, start)
			opt := build(t, nn.DefaultSGDConfig(), vs, 0.05)
			w := &witness{}
			g := attach(t, opt, hooks.WithCurvatureEvery(1), hooks.WithSink("witness", w))
			for range 400 {
				l := loss()
				require.NoError(t, opt.BackwardStep(l))
				l.MustDrop()
			}
			verdict := g.Verdict()
			require.NoError(t, g.Close())
			var found *monitor.Event
			for i, e := range w.events {
				if e.Kind == monitor.CriticalPoint && e.State == monitor.Firing {
					found = &w.events[i]
				}
			}
			require.NotNil(t, found, "%+v", verdict)
			require.Contains(t, found.Summary, name)
			for _, s := range w.steps {
				if c := s.Curvature; c != nil && c.LambdaMax.Known() {
					require.InDelta(t, 3, c.LambdaMax.Or(0), 1e-6)
					return
				}
			}
			t.Fatal("no step has eigenvalues")
		})
	}
	require.Zero(t, torch.Alive())
}

// The eigenvectors that one look at the spectrum leaves are where the next begins,
// on another graph.
func TestASecondLookAtTheSpectrum(t *testing.T) {
	vs, x, loss := quadratic(t, []float64{1, 3, 2}, []float64{1, 1, 1})
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.05)
	w := &witness{}
	g := attach(t, opt, hooks.WithCurvatureEvery(1), hooks.WithSink("witness", w))
	for range 3 {
		for range 400 {
			l := loss()
			require.NoError(t, opt.BackwardStep(l))
			l.MustDrop()
		}
		noGrad(func() { x.Fill_(ts.FloatScalar(1)) }) // far away again
	}
	require.NoError(t, g.Close())
	var looks []float64
	for _, s := range w.steps {
		if c := s.Curvature; c != nil && c.LambdaMax.Known() {
			looks = append(looks, c.LambdaMax.Or(0))
		}
	}
	require.GreaterOrEqual(t, len(looks), 2, "%v", looks)
	require.InDeltaSlice(t, []float64{3, 3}, looks[:2], 1e-6)
	require.Zero(t, torch.Alive())
}

func TestCurvatureOfSeveralBackwardPassesIsNotMeasured(t *testing.T) {
	vs, _, loss := quadratic(t, []float64{1, 5}, []float64{5, 1})
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	w := &witness{}
	g := attach(t, opt, hooks.WithCurvatureEvery(1), hooks.WithSink("witness", w))
	opt.ZeroGrad()
	require.NoError(t, loss().Backward())
	require.NoError(t, loss().Backward())
	require.NoError(t, opt.Step())
	require.NoError(t, g.Close())
	require.Nil(t, w.steps[0].Curvature)
}

// An operation without a second derivative ends the measuring, not the run; full-
// batch gradient descent goes on by the secant.
func TestSecantWhereThereIsNoSecondDerivative(t *testing.T) {
	run := func(options ...hooks.Option) *witness {
		vs := store()
		x := variable(t, vs, "x", tensorOf(t, gotch.Double, []int64{1, 1, 2, 2}, []float64{0.1, 0.2, 0.3, 0.5}))
		opt := build(t, nn.DefaultSGDConfig(), vs, 0.01)
		w := &witness{}
		g := attach(t, opt, append(options, hooks.WithCurvatureEvery(1), hooks.WithSink("witness", w))...)
		for range 5 {
			l := notTwice(x)
			require.NoError(t, opt.BackwardStep(l))
			l.MustDrop()
		}
		require.NoError(t, g.Close())
		return w
	}
	require.NotPanics(t, func() {
		for _, s := range run().steps {
			require.Nil(t, s.Curvature)
		}
	})
	w := run(hooks.WithSameData())
	secants := 0
	for _, s := range w.steps {
		if c := s.Curvature; c != nil && c.Method == "secant" {
			secants++
			require.Positive(t, c.GTHG.Or(0))
		}
	}
	require.NotZero(t, secants)
	require.Zero(t, torch.Alive())
}

// notTwice is a loss of bilinear samples of x, which libtorch differentiates once.
func notTwice(x *ts.Tensor) *ts.Tensor {
	grid := ts.MustOfSlice([]float64{-0.5, -0.5, 0.5, -0.3, -0.2, 0.4, 0.6, 0.7}).MustView([]int64{1, 2, 2, 2}, true)
	defer grid.MustDrop()
	y := ts.MustGridSampler(x, grid, 0, 0, false)
	return y.MustMul(y, false).MustSum(gotch.Double, true)
}

func TestCurvatureOptionsAreChecked(t *testing.T) {
	vs, _, _ := quadratic(t, []float64{1}, []float64{1})
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	for want, option := range map[string]hooks.Option{
		"WithCurvature(0)":       hooks.WithCurvature(0),
		"WithCurvature(1)":       hooks.WithCurvature(1),
		"WithCurvature(NaN)":     hooks.WithCurvature(math.NaN()),
		"WithCurvatureEvery(0)":  hooks.WithCurvatureEvery(0),
		"WithCurvatureEvery(-3)": hooks.WithCurvatureEvery(-3),
	} {
		_, err := hooks.Attach(opt, option)
		require.ErrorContains(t, err, want)
	}
}

// The share of the time that was really spent is what was asked for, at most.
func TestCurvatureKeepsItsBudget(t *testing.T) {
	seed(t, 3)
	vs := store()
	loss := models["linear"](vs)
	opt := build(t, nn.DefaultAdamConfig(), vs, 1e-3)
	w := &witness{}
	started := time.Now()
	g := attach(t, opt, hooks.WithCurvature(0.2), hooks.WithSink("witness", w))
	for range 2000 {
		l := loss()
		require.NoError(t, opt.BackwardStep(l))
		l.MustDrop()
	}
	elapsed := time.Since(started).Seconds()
	require.NoError(t, g.Close())
	var spent, worst float64
	n := 0
	for _, s := range w.steps {
		if s.Curvature != nil {
			n++
			spent += s.Curvature.Seconds.Or(0)
			worst = max(worst, s.Curvature.Seconds.Or(0))
		}
	}
	require.Greater(t, n, 3)
	require.LessOrEqual(t, spent, 0.2*elapsed+worst, "but for the last one")
}

// What Adam and momentum really do is predicted before they do it: on a quadratic
// the change of the loss to second order is the change that comes.
func TestCurvatureAlongTheUpdate(t *testing.T) {
	for name, config := range map[string]nn.OptimizerConfig{
		"momentum": nn.NewSGDConfig(0.9, 0, 0, false), "adam": nn.DefaultAdamConfig(), "rmsprop": nn.DefaultRMSPropConfig(),
	} {
		t.Run(name, func(t *testing.T) {
			vs, _, loss := quadratic(t, []float64{1, 5}, []float64{5, 1})
			opt := build(t, config, vs, 0.05)
			w := &witness{}
			g := attach(t, opt, hooks.WithCurvatureEvery(1), hooks.WithSameData(), hooks.WithSink("witness", w), hooks.WithClip(clip.None()))
			for range 6 {
				require.NoError(t, opt.BackwardStep(loss()))
			}
			require.NoError(t, g.Close())
			for i, s := range w.steps[1:] {
				c := w.steps[i].Curvature
				require.True(t, c.GTU.Known() && c.UTHU.Known())
				require.InDelta(t, c.PredictedChange.Or(0), s.Curvature.LossChange.Or(0), 1e-7)
			}
			c := w.steps[3].Curvature
			switch name {
			case "momentum":
				require.InDelta(t, 3.8, c.RhoLimit.Or(0), 1e-12)
				require.False(t, c.RhoPreconditioned.Known())
			case "adam":
				require.InDelta(t, 38, c.RhoLimit.Or(0), 1e-9)
				require.Positive(t, c.RhoPreconditioned.Or(0))
			}
		})
	}
}

// In the first step Adam divides by |g|, so that the preconditioned quotient is
// (g/|g|)ᵀH(g/|g|)/Σ|g|: on ½(x² + 5y²) at (5, 1), 6/10.
func TestPreconditionedRhoInClosedForm(t *testing.T) {
	vs, _, loss := quadratic(t, []float64{1, 5}, []float64{5, 1})
	opt := build(t, nn.DefaultAdamConfig(), vs, 0.1)
	w := &witness{}
	g := attach(t, opt, hooks.WithCurvatureEvery(1), hooks.WithSink("witness", w))
	require.NoError(t, opt.BackwardStep(loss()))
	require.NoError(t, g.Close())
	require.InDelta(t, 0.1*6/10, w.steps[0].Curvature.RhoPreconditioned.Or(0), 1e-6)
}

func TestSpectralRadiiOfRecurrentWeights(t *testing.T) {
	seed(t, 2)
	vs := store()
	loss := models["lstm"](vs)
	w := variable(t, vs, "own", tensorOf(t, gotch.Float, []int64{2, 2}, []float64{0, -2, 0.5, 0})) // radius 1
	opt := build(t, nn.DefaultSGDConfig(), vs, 1e-3)
	sink := &witness{}
	g := attach(t, opt, hooks.WithCurvatureEvery(1), hooks.WithRecurrent("own", "*weight_hh*"), hooks.WithSink("witness", sink))
	for range 8 {
		l := loss().MustAdd(w.MustSum(gotch.Float, false).MustMulScalar(ts.FloatScalar(0), true), true)
		require.NoError(t, opt.BackwardStep(l))
		l.MustDrop()
	}
	require.NoError(t, g.Close())
	found := map[string]monitor.SpectralRadius{}
	for _, s := range sink.steps {
		if s.Curvature != nil {
			for _, r := range s.Curvature.SpectralRadii {
				found[r.Name] = r
			}
		}
	}
	require.Len(t, found, 5, "four gates and one of our own: %v", found)
	require.InDelta(t, 1, found["own"].Radius.Or(0), 1e-3)
	for name, r := range found {
		require.Positive(t, r.Radius.Or(0), name)
	}
	_, err := hooks.Attach(opt, hooks.WithRecurrent("["))
	require.ErrorContains(t, err, "WithRecurrent")
}
