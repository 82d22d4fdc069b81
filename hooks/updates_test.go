package hooks_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/monitor"
)

// moves are the norms of each variable and of its change, by direct computation.
func moves(before, after map[string][]uint64) (norms, changes map[string]float64) {
	norms, changes = map[string]float64{}, map[string]float64{}
	for name, x := range before {
		for i, bits := range x {
			v := math.Float64frombits(bits)
			norms[name] = math.Hypot(norms[name], v)
			changes[name] = math.Hypot(changes[name], math.Float64frombits(after[name][i])-v)
		}
	}
	return norms, changes
}

func TestUpdateNormsAreThoseOfTheStep(t *testing.T) {
	for name, config := range map[string]nn.OptimizerConfig{
		"sgd with momentum": nn.NewSGDConfig(0.9, 0, 1e-3, false),
		"adam":              nn.DefaultAdamConfig(),
		"rmsprop":           nn.DefaultRMSPropConfig(),
	} {
		t.Run(name, func(t *testing.T) {
			seed(t, 8)
			vs := store()
			loss := models["linear"](vs)
			opt := build(t, config, vs, 1e-2)
			w := &witness{}
			g := attach(t, opt, hooks.WithUpdateRatios(1), hooks.WithSink("witness", w))
			const steps = 6
			at := []map[string][]uint64{snapshot(vs)}
			for i := range steps {
				if i == 3 { // a step of two backward passes
					require.NoError(t, opt.ZeroGrad())
					require.NoError(t, loss().Backward())
					require.NoError(t, loss().Backward())
					require.NoError(t, opt.Step())
				} else {
					require.NoError(t, opt.BackwardStep(loss()))
				}
				at = append(at, snapshot(vs))
			}
			require.NoError(t, g.Close())
			require.Len(t, w.steps, steps)
			for i, s := range w.steps {
				require.EqualValues(t, i+1, s.Step)
				norms, changes := moves(at[i], at[i+1])
				require.Len(t, s.ParamNorms, len(w.run.Params))
				for k, p := range w.run.Params {
					require.InEpsilon(t, norms[p.Name], s.ParamNorms[k].Or(-1), 1e-12, p.Name)
					require.InEpsilon(t, changes[p.Name], s.UpdateNorms[k].Or(-1), 1e-12, p.Name)
					want := s.ParamGradNorms[k].Or(-1) * norms[p.Name] / math.Abs(s.Loss.Or(0))
					require.InEpsilon(t, want, s.ParamElasticities[k].Or(-1), 1e-12, p.Name)
				}
			}
		})
	}
}

// measuredAt are the steps whose updates were measured.
func measuredAt(w *witness) (steps []int64) {
	for _, s := range w.steps {
		if s.UpdateNorms != nil {
			steps = append(steps, s.Step)
		}
	}
	return steps
}

func TestUpdatesAreMeasuredAtTheirInterval(t *testing.T) {
	for every, want := range map[int64][]int64{
		0: nil, 1: {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 4: {1, 2, 4, 8, 12}, 10: {1, 2, 5, 10}, hooks.DefaultUpdateRatios: {1, 2, 5, 10},
	} {
		vs, loss := regression(t)
		opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
		w := &witness{}
		options := []hooks.Option{hooks.WithSink("witness", w)}
		if every != hooks.DefaultUpdateRatios {
			options = append(options, hooks.WithUpdateRatios(every))
		}
		g := attach(t, opt, options...)
		for range 12 {
			require.NoError(t, opt.BackwardStep(loss()))
		}
		require.NoError(t, g.Close())
		require.Len(t, w.steps, 12)
		require.Equal(t, want, measuredAt(w), every)
		for _, s := range w.steps {
			require.Equal(t, s.UpdateNorms == nil, s.ParamNorms == nil)
			require.Equal(t, s.UpdateNorms == nil, s.ParamElasticities == nil)
			require.Greater(t, s.GTGSeconds.Or(0), 0.0)
		}
	}
	vs, _ := regression(t)
	_, err := hooks.Attach(build(t, nn.DefaultSGDConfig(), vs, 0.1), hooks.WithUpdateRatios(-3))
	require.ErrorContains(t, err, "WithUpdateRatios(-3): the interval is at least 1 step, or 0 for none")
}

// Of a loss of 0 nothing is a share.
func TestNoElasticityOfALossOfZero(t *testing.T) {
	vs := store()
	weight := vs.Root().MustAdd("weight", ts.MustOfSlice([]float64{3, 4}), true)
	opt := build(t, nn.NewSGDConfig(0, 0, 0, false), vs, 0.1)
	w := &witness{}
	g := attach(t, opt, hooks.WithUpdateRatios(1), hooks.WithSink("witness", w))
	for _, scale := range []float64{0, 2} {
		loss := weight.MustSum(gotch.Double, false).MustMulScalar(ts.FloatScalar(scale), true)
		require.NoError(t, opt.BackwardStep(loss))
		loss.MustDrop()
	}
	require.NoError(t, g.Close())
	require.NotNil(t, w.steps[0].ParamNorms)
	require.Nil(t, w.steps[0].ParamElasticities)
	// 2·√2 · 5 / 14
	require.InEpsilon(t, 10*math.Sqrt2/14, w.steps[1].ParamElasticities[0].Or(-1), 1e-12)
}

// A step that is skipped has no update, and a parameter that the optimizer does not
// touch one of 0.
func TestUpdatesOfSkippedAndFrozenParameters(t *testing.T) {
	opt, _, step := twoParams(t)
	w := &witness{}
	g := attach(t, opt, hooks.WithUpdateRatios(1), hooks.WithSink("witness", w))
	step([]float64{3, 0, 4}, 2)
	step([]float64{1, nan, 1}, 1)
	step([]float64{0, 0, 0}, 1)
	require.NoError(t, g.Close())
	known := func(x ...float64) (out []monitor.Number) {
		for _, v := range x {
			out = append(out, monitor.Known(v))
		}
		return out
	}
	require.Equal(t, []int64{1, 3}, measuredAt(w))
	require.Equal(t, monitor.ActionSkip, w.steps[1].Action)
	require.Nil(t, w.steps[1].ParamNorms)
	require.Equal(t, known(0, 0), w.steps[0].ParamNorms)
	require.Equal(t, known(5, 2), w.steps[0].UpdateNorms)
	require.Equal(t, known(5, 2), w.steps[2].ParamNorms)
	require.Equal(t, known(0, 1), w.steps[2].UpdateNorms)
}

// counting is a detector of the caller's that sees the update norms.
type counting struct {
	monitor.Detector
	seen int
}

func (c *counting) Observe(s *monitor.Step, course *monitor.Course) monitor.Condition {
	if s.UpdateNorms != nil {
		c.seen++
	}
	return c.Detector.Observe(s, course)
}

func TestDetectorsSeeTheUpdates(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	c := &counting{}
	g := attach(t, opt, hooks.WithUpdateRatios(3), hooks.WithDetectors(func(r *monitor.Run) []monitor.Detector {
		c.Detector = monitor.Detectors(r)[0]
		return []monitor.Detector{c}
	}))
	for range 9 {
		require.NoError(t, opt.BackwardStep(loss()))
	}
	require.NoError(t, g.Close())
	require.Equal(t, 5, c.seen, "steps 1, 2, 3, 6 and 9")
}

// Measured at every step, what is trained is bit for bit what it would have been.
func TestUpdatesLeaveTheRunAlone(t *testing.T) {
	for name, config := range map[string]nn.OptimizerConfig{"momentum": nn.NewSGDConfig(0.9, 0, 0, false), "adamw": nn.DefaultAdamWConfig()} {
		train := func(options ...hooks.Option) map[string][]uint64 {
			seed(t, 5)
			vs := store()
			loss := models["lstm"](vs)
			opt := build(t, config, vs, 2e-3)
			if options != nil {
				g := attach(t, opt, options...)
				defer func() { require.NoError(t, g.Close()) }()
			}
			for range 60 {
				require.NoError(t, opt.BackwardStep(loss()))
			}
			return snapshot(vs)
		}
		require.Equal(t, train(), train(hooks.WithUpdateRatios(1)), name)
	}
}

// A record that waits for the optimizer is delivered once, whoever asks meanwhile.
func TestStateIsThatOfWholeSteps(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	w := &witness{}
	g := attach(t, opt, hooks.WithUpdateRatios(1), hooks.WithSink("witness", w))
	done := make(chan error)
	go func() {
		for range 200 {
			if _, err := g.State(); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 200 {
		require.NoError(t, opt.BackwardStep(loss()))
	}
	require.NoError(t, <-done)
	require.NoError(t, g.Close())
	for i, s := range w.steps {
		require.EqualValues(t, i+1, s.Step, "each record once, in order")
	}
	require.Len(t, w.steps, 200)
}
