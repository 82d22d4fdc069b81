package hooks_test

import (
	"fmt"
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

// At most so many times; then the good parameters stay.
func TestRollbackIsBounded(t *testing.T) {
	x, w := newTrial(t, "linear", nn.DefaultAdamConfig()), &witness{}
	g := attach(t, x.opt, hooks.WithRollback(5, hooks.RollbackLimit(2)), hooks.WithMaxSkips(1, hooks.StepAnyway), hooks.WithSink("witness", w))
	x.batches(1, 5)
	good := snapshot(x.vs)
	x.batches(6, 12)
	for range 2 {
		x.step(nan) // steps 13 and 14
		require.Equal(t, good, snapshot(x.vs))
		require.NoError(t, g.Err())
	}
	require.EqualValues(t, 2, torch.Alive())
	state, err := g.State()
	require.NoError(t, err)
	require.Contains(t, string(state), `"rollbacks":2`)
	x.batches(6, 7)
	x.step(nan) // step 17
	require.Equal(t, good, snapshot(x.vs))
	require.Zero(t, torch.Alive(), "snapshots are of no use any more")
	x.batches(6, 8)
	require.Equal(t, good, snapshot(x.vs))
	select {
	case <-g.Done():
	default:
		t.Fatal("Done is open")
	}
	var e *hooks.RollbackError
	require.ErrorAs(t, g.Err(), &e)
	require.Equal(t, 2, g.Rollbacks())
	require.Equal(t, hooks.RollbackError{Step: 17, To: 5, Rollbacks: 2, Cause: monitor.NonFinite}, *e)
	require.EqualError(t, e, "step 17: nonfinite after 2 rollbacks: the parameters are those after step 5, and the run does not learn any more")
	require.NoError(t, g.Close())
	require.Equal(t, map[int64]monitor.Action{13: monitor.ActionRollback, 14: monitor.ActionRollback,
		17: monitor.ActionStop, 18: monitor.ActionStop, 19: monitor.ActionStop, 20: monitor.ActionStop}, actions(w))
	require.Equal(t, monitor.Stopped, w.end.Reason)
	require.Contains(t, w.end.Verdict[3].Evidence, "In 20 records: 0 cliffs, 0 loss spikes, 3 non-finite steps, 4 skipped steps. The parameters were put back twice.")

	// In a process that goes on from there the count goes on.
	y := newTrial(t, "linear", nn.DefaultAdamConfig())
	g = attach(t, y.opt, hooks.WithRollback(5, hooks.RollbackLimit(2)), hooks.WithMaxSkips(1, hooks.StopRun), hooks.WithState(state))
	y.batches(1, 40)
	y.step(nan)
	require.ErrorAs(t, g.Err(), &e)
	require.Equal(t, 2, e.Rollbacks)
}

// A run that derails before a snapshot has proved good goes on as without.
func TestRollbackWithNothingToGoBackTo(t *testing.T) {
	x, w := newTrial(t, "linear", nn.DefaultSGDConfig()), &witness{}
	g := attach(t, x.opt, hooks.WithRollback(10), hooks.WithMaxSkips(2, hooks.StopRun), hooks.WithSink("witness", w))
	x.batches(1, 7)
	before := snapshot(x.vs)
	x.step(nan)
	x.step(nan)
	require.Equal(t, before, snapshot(x.vs))
	var e *hooks.SkipError
	require.ErrorAs(t, g.Err(), &e)
	require.NoError(t, g.Close())
	require.Equal(t, map[int64]monitor.Action{8: monitor.ActionSkip, 9: monitor.ActionStop}, actions(w))
}

// rolledBackTo is where each rollback went.
func rolledBackTo(w *witness) (to []float64) {
	for _, e := range w.events {
		if v, ok := e.Values["rollbacks"]; ok && v > 0 {
			to = append(to, e.Values["to_step"])
		}
	}
	return to
}

// No snapshot is taken while a loss spike fires, and one in whose interval a chosen kind
// fires is not gone back to; other conditions, which may last for ever, do no harm.
func TestRollbackGoesBackToGoodSnapshotsOnly(t *testing.T) {
	for _, c := range []struct {
		kind  monitor.Kind
		kinds []monitor.Kind
		at    []int64
		want  float64
	}{
		{monitor.LossSpike, []monitor.Kind{monitor.NonFinite}, []int64{5, 6, 7, 8}, 9}, // taken at 10 instead of at 6
		{monitor.Dead, []monitor.Kind{monitor.NonFinite}, []int64{5, 6, 7, 8}, 10},
		{monitor.LossSpike, []monitor.Kind{monitor.NonFinite}, nil, 10},
	} {
		x, w := newTrial(t, "linear", nn.DefaultSGDConfig()), &witness{}
		g := attach(t, x.opt, hooks.WithRollback(5, hooks.RollbackOn(c.kinds...)), hooks.WithMaxSkips(1, hooks.StopRun),
			fires(c.kind, monitor.Warning, c.at...), hooks.WithSink("witness", w))
		x.batches(1, 17)
		x.step(nan) // step 18: snapshots at 1, 6, 11, 16, or at 1, 10, 15
		require.NoError(t, g.Close())
		require.Equal(t, []float64{c.want}, rolledBackTo(w), c.kind)
	}
}

// A chosen kind that fires while nothing has proved good yet spoils the snapshot.
func TestRollbackSpoiltSnapshot(t *testing.T) {
	x, w := newTrial(t, "linear", nn.DefaultSGDConfig()), &witness{}
	g := attach(t, x.opt, hooks.WithRollback(5, hooks.RollbackOn(monitor.NonFinite, monitor.Cliff)), hooks.WithMaxSkips(1, hooks.StopRun),
		fires(monitor.Cliff, monitor.Warning, 3), hooks.WithSink("witness", w))
	x.batches(1, 12) // snapshots before step 1, which is spoilt, 6, 11
	x.step(nan)
	require.NoError(t, g.Close())
	require.Equal(t, []float64{5}, rolledBackTo(w))
}

// With an optimizer that was built anew, snapshots of the old one are of no use.
func TestReattachDropsSnapshots(t *testing.T) {
	x, w := newTrial(t, "linear", nn.DefaultSGDConfig()), &witness{}
	g := attach(t, x.opt, hooks.WithRollback(3), hooks.WithMaxSkips(1, hooks.StopRun), hooks.WithSink("witness", w))
	x.batches(1, 8)
	require.EqualValues(t, 2, torch.Alive())
	x.opt = build(t, nn.DefaultAdamConfig(), x.vs, 1e-3)
	require.NoError(t, g.Reattach(x.opt))
	require.Zero(t, torch.Alive())
	x.batches(9, 13)
	x.step(nan)
	require.NoError(t, g.Err())
	require.NoError(t, g.Close())
	require.Equal(t, []float64{8}, rolledBackTo(w), "the parameters that the new optimizer began with")
	require.Zero(t, torch.Alive())
}

// So are those of parameters to which others were added.
func TestAddedParametersDropSnapshots(t *testing.T) {
	x := newTrial(t, "linear", nn.DefaultSGDConfig())
	g := attach(t, x.opt, hooks.WithRollback(3), hooks.WithMaxSkips(1, hooks.StopRun))
	x.batches(1, 8)
	extra := ts.MustOnes([]int64{2}, gotch.Float, gotch.CPU).MustSetRequiresGrad(true, true)
	x.opt.AddParamGroup([]*ts.Tensor{extra})
	x.batches(9, 9)
	before := snapshot(x.vs)
	x.step(nan)
	require.Error(t, g.Err(), "nothing to go back to")
	require.Equal(t, before, snapshot(x.vs))
}

func TestRollbackRefuses(t *testing.T) {
	vs, _ := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	for want, option := range map[string]hooks.Option{
		"WithRollback(0): the interval of the snapshots is at least 1 step": hooks.WithRollback(0),
		"RollbackLimit(0): at least 1 rollback":                             hooks.WithRollback(1, hooks.RollbackLimit(0)),
		`RollbackOn("cliffs"): there is no such kind of event`:              hooks.WithRollback(1, hooks.RollbackOn("cliffs")),
		"RollbackOn(): name at least one kind":                              hooks.WithRollback(1, hooks.RollbackOn()),
		"WithRollback: an option is nil":                                    hooks.WithRollback(1, nil),
		"-1 rollbacks":                                                      hooks.WithState([]byte(`{"version":1,"rollbacks":-1}`)),
	} {
		_, err := hooks.Attach(opt, option)
		require.ErrorContains(t, err, want)
	}
}

// With the true detectors: a learning rate that is far too large makes the run explode,
// it is rolled back, and with the old learning rate it goes on to learn, without
// another event.
func TestRollbackOfARunThatExplodes(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.01)
	w := &witness{}
	g := attach(t, opt, hooks.WithRollback(100), hooks.WithClip(clip.None()), hooks.WithSink("witness", w))
	for range 250 {
		require.NoError(t, opt.BackwardStep(loss()))
	}
	opt.SetLR(3)
	steps := 250
	for g.Rollbacks() == 0 {
		steps++
		require.Less(t, steps, 2000, "it never explodes")
		require.NoError(t, opt.BackwardStep(loss()))
	}
	opt.SetLR(0.01)
	for range 400 {
		require.NoError(t, opt.BackwardStep(loss()))
	}
	require.NoError(t, g.Err())
	require.Equal(t, 1, g.Rollbacks())
	require.NoError(t, g.Close())
	last := w.steps[len(w.steps)-1]
	require.Less(t, last.Loss.Or(inf), w.steps[0].Loss.Or(0))
	open := map[monitor.Kind]bool{}
	for _, e := range w.events {
		if e.State != monitor.Instant {
			open[e.Kind] = e.State == monitor.Firing
		}
		if e.Severity != monitor.Info {
			require.LessOrEqual(t, e.Step, int64(steps), fmt.Sprintf("%+v", e))
		}
	}
	for _, kind := range hooks.DefaultRollbackKinds {
		require.False(t, open[kind], kind)
	}
}
