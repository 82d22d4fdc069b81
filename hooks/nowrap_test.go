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
