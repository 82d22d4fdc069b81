package hooks_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// scripted is a detector that fires at the steps that it is told.
type scripted struct {
	kind     monitor.Kind
	severity monitor.Severity
	at       map[int64]bool
}

func (d *scripted) Kind() monitor.Kind { return d.kind }

func (d *scripted) Observe(s *monitor.Step, _ *monitor.Course) monitor.Condition {
	if d.at[s.Step] {
		return monitor.Holding
	}
	return monitor.Clear
}

func (d *scripted) Explain(e *monitor.Event)   { e.Severity, e.Section = d.severity, "8.2.4" }
func (d *scripted) State() ([]byte, error)     { return []byte("{}"), nil }
func (d *scripted) Restore(state []byte) error { return nil }

// fires has an event of the kind at each of the steps, and the true detector of what is
// not finite.
func fires(kind monitor.Kind, severity monitor.Severity, at ...int64) hooks.Option {
	d := &scripted{kind: kind, severity: severity, at: map[int64]bool{}}
	for _, step := range at {
		d.at[step] = true
	}
	return hooks.WithDetectors(func(r *monitor.Run) []monitor.Detector { return []monitor.Detector{monitor.Detectors(r)[0], d} })
}

// trial is a training whose batches differ.
type trial struct {
	t    *testing.T
	vs   *nn.VarStore
	opt  *nn.Optimizer
	loss func() *ts.Tensor
}

func newTrial(t *testing.T, model string, config nn.OptimizerConfig) *trial {
	seed(t, 5)
	vs := store()
	loss := models[model](vs)
	return &trial{t: t, vs: vs, opt: build(t, config, vs, 1e-2), loss: loss}
}

// step takes a step with a multiple of the loss.
func (x *trial) step(factor float64) {
	require.NoError(x.t, x.opt.BackwardStep(times(x.loss(), factor)))
}

// batches takes a step with each of the batches from one to another.
func (x *trial) batches(from, to int) {
	for b := from; b <= to; b++ {
		x.step(1 + 0.3*math.Sin(float64(b)))
	}
}

// poison makes a parameter NaN.
func (x *trial) poison() {
	for _, v := range x.vs.TrainableVariables() {
		noGrad(func() { v.Copy_(times(v.MustDetach(false), math.NaN())) })
	}
}

var rollbackOptimizers = map[string]nn.OptimizerConfig{
	"sgd":      nn.DefaultSGDConfig(),
	"momentum": nn.NewSGDConfig(0.9, 0, 1e-3, false),
	"adam":     nn.DefaultAdamConfig(),
	"adamw":    nn.DefaultAdamWConfig(),
	"rmsprop":  nn.NewRMSPropConfig(0.9, 1e-8, 0, 0.5, true),
}

// actions are the steps at which something else was done than a step.
func actions(w *witness) map[int64]monitor.Action {
	out := map[int64]monitor.Action{}
	for _, s := range w.steps {
		if s.Action != monitor.ActionStep {
			out[s.Step] = s.Action
		}
	}
	return out
}

// A run that is rolled back goes on, bit for bit, as one without the incident would
// have gone on from that step: after batches that were poison, after gradients that
// were not finite, after parameters that were not, in the middle of the run and before
// the optimizer had any state.
func TestRollbackGoesOnBitForBit(t *testing.T) {
	incidents := map[string]struct {
		at   int // the steps before it
		to   int // where it is rolled back to
		do   func(x *trial)
		more []hooks.Option
	}{
		"large batches": {12, 5, func(x *trial) { x.step(1e5); x.step(1e4) }, []hooks.Option{fires(monitor.Diverging, monitor.Critical, 14)}},
		"its update is measured": {12, 5, func(x *trial) { x.step(1e5); x.step(1e4) },
			[]hooks.Option{fires(monitor.Diverging, monitor.Critical, 14), hooks.WithUpdateRatios(1)}},
		"gradients":        {12, 5, func(x *trial) { x.step(nan); x.step(inf) }, nil},
		"parameters":       {12, 5, func(x *trial) { x.poison(); x.step(1); x.step(1) }, nil},
		"anyway":           {12, 5, func(x *trial) { x.poison(); x.step(1) }, []hooks.Option{hooks.WithMaxSkips(1, hooks.StepAnyway)}},
		"fail":             {12, 5, func(x *trial) { x.step(nan) }, []hooks.Option{hooks.WithNonFinite(hooks.FailStep)}},
		"the initial ones": {7, 0, func(x *trial) { x.step(1e6) }, []hooks.Option{fires(monitor.Exploding, monitor.Critical, 8)}},
	}
	for incident, e := range incidents {
		for name, config := range rollbackOptimizers {
			t.Run(incident+"/"+name, func(t *testing.T) {
				x, w := newTrial(t, "linear", config), &witness{}
				g := attach(t, x.opt, append([]hooks.Option{hooks.WithRollback(5), hooks.WithMaxSkips(2, hooks.StopRun), hooks.WithSink("witness", w)}, e.more...)...)
				x.batches(1, e.at)
				e.do(x)
				x.batches(e.to+1, 30)
				require.NoError(t, g.Err())
				require.NoError(t, g.Close())
				got := snapshot(x.vs)

				x = newTrial(t, "linear", config)
				g = attach(t, x.opt)
				x.batches(1, 30)
				require.NoError(t, g.Close())
				require.Equal(t, snapshot(x.vs), got)

				rolled := int64(0)
				for step, action := range actions(w) {
					if action == monitor.ActionRollback {
						require.Zero(t, rolled, "once")
						rolled = step
					}
				}
				require.NotZero(t, rolled)
				for i, s := range w.steps {
					require.EqualValues(t, i+1, s.Step)
				}
				require.Nil(t, w.steps[rolled-1].UpdateNorms)
				said := 0
				for _, event := range w.events {
					if event.State == monitor.Instant {
						said++
						require.Equal(t, rolled, event.Step)
						require.Equal(t, map[string]float64{"to_step": float64(e.to), "rollbacks": 1, "limit": 3}, event.Values)
					}
				}
				require.Equal(t, 1, said)
			})
		}
	}
	require.Zero(t, torch.Alive())
}

// A run that never derails is left alone.
func TestRollbackLeavesAHealthyRunAlone(t *testing.T) {
	for _, model := range names(models) {
		train := func(guarded bool) map[string][]uint64 {
			x := newTrial(t, model, nn.DefaultAdamConfig())
			if guarded {
				g := attach(t, x.opt, hooks.WithRollback(4), hooks.WithUpdateRatios(3))
				defer func() { require.NoError(t, g.Close()) }()
			}
			x.batches(1, 40)
			return snapshot(x.vs)
		}
		require.Equal(t, train(false), train(true), model)
	}
}

// The policy's memory goes back too.
func TestRollbackTakesThePolicyBack(t *testing.T) {
	for _, policy := range names(policies) {
		t.Run(policy, func(t *testing.T) {
			train := func(derail bool) map[string][]uint64 {
				x := newTrial(t, "linear", nn.DefaultSGDConfig())
				g := attach(t, x.opt, hooks.WithClip(policies[policy]()), hooks.WithRollback(10), hooks.WithMaxSkips(2, hooks.StopRun))
				if derail {
					x.batches(1, 25)
					x.step(300)
					x.step(nan)
					x.step(nan)
					x.batches(11, 60)
				} else {
					x.batches(1, 60)
				}
				require.NoError(t, g.Close())
				return snapshot(x.vs)
			}
			if policy == "after" || policy == "scheduled" {
				t.Skip("steps are counted on, and these go by their number")
			}
			require.Equal(t, train(false), train(true))
		})
	}
}
