//go:build gtg_nowrap

package hooks_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch/nn"

	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/monitor"
)

// Where nothing is interposed, guard.Step does what an attached loop's
// BackwardStep does elsewhere, and other ways to step are not seen.
func TestDirectStep(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	w := &witness{}
	g := attach(t, opt, hooks.WithSink("witness", w))
	l := loss()
	require.NoError(t, g.Step(opt, l))
	before := snapshot(vs)
	require.NoError(t, g.Step(opt, times(loss(), math.NaN())))
	require.Equal(t, before, snapshot(vs))
	require.NoError(t, opt.BackwardStep(loss()))
	require.NotEqual(t, before, snapshot(vs))
	require.NoError(t, g.Close())
	require.Len(t, w.steps, 2)
	require.Equal(t, monitor.Known(l.Float64Values()[0]), w.steps[0].Loss)
	require.Equal(t, monitor.ActionSkip, w.steps[1].Action)
}

// There too the record of a measured step waits for the optimizer.
func TestDirectStepMeasuresUpdates(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	w := &witness{}
	g := attach(t, opt, hooks.WithUpdateRatios(2), hooks.WithSink("witness", w))
	at := []map[string][]uint64{snapshot(vs)}
	for range 4 {
		require.NoError(t, g.Step(opt, loss()))
		at = append(at, snapshot(vs))
	}
	require.NoError(t, g.Close())
	require.Equal(t, []int64{1, 2, 4}, measuredAt(w))
	norms, changes := moves(at[3], at[4])
	for k, p := range w.run.Params {
		require.InEpsilon(t, norms[p.Name], w.steps[3].ParamNorms[k].Or(-1), 1e-12)
		require.InEpsilon(t, changes[p.Name], w.steps[3].UpdateNorms[k].Or(-1), 1e-12)
	}
}
