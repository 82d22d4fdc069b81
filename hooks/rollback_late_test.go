package hooks

import (
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
	"go.uber.org/zap"

	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// derails is a detector that fires at step 5.
type derails struct{ monitor.Detector }

func (derails) Kind() monitor.Kind       { return monitor.Diverging }
func (derails) Explain(e *monitor.Event) { e.Severity = monitor.Critical }
func (derails) State() ([]byte, error)   { return []byte("{}"), nil }
func (derails) Restore([]byte) error     { return nil }

func (derails) Observe(s *monitor.Step, _ *monitor.Course) monitor.Condition {
	if s.Step == 5 {
		return monitor.Holding
	}
	return monitor.Clear
}

// A guard that is asked while the optimizer is at work on the parameters does not put
// them back under its hands: the next step is rolled back.
func TestRollbackWaitsForTheOptimizer(t *testing.T) {
	runtime.LockOSThread()
	vs := nn.NewVarStore(gotch.CPU)
	layer := nn.NewLinear(vs.Root(), 2, 1, nn.DefaultLinearConfig())
	x := ts.MustOnes([]int64{3, 2}, gotch.Float, gotch.CPU)
	opt, err := nn.DefaultSGDConfig().Build(vs, 0.1)
	require.NoError(t, err)
	g, err := Attach(opt, WithLogger(zap.NewNop()), WithRollback(2), WithUpdateRatios(1),
		WithDetectors(func(*monitor.Run) []monitor.Detector { return []monitor.Detector{derails{}} }))
	require.NoError(t, err)
	defer g.Close()
	values := func() []float64 { return layer.Ws.Float64Values() }
	loss := func() *ts.Tensor { return layer.Forward(x).MustSquare(true).MustMean(gotch.Float, true) }
	var at [][]float64
	for range 4 {
		at = append(at, values())
		require.NoError(t, opt.BackwardStep(loss()))
	}
	before := values()
	step := func() (*torch.Report, bool) {
		stats, err := g.grads.Measure(nil)
		require.NoError(t, err)
		r := &torch.Report{Stats: stats, Backwards: 1, Loss: 1, LR: 0.1}
		return r, g.onStep(r)
	}
	r, run := step()
	require.True(t, run)
	require.NotNil(t, r.Stepped, "the record waits for the optimizer")
	_, err = g.State() // from another goroutine, say
	require.NoError(t, err)
	require.Equal(t, before, values())
	r.Stepped()
	require.Equal(t, before, values())
	_, run = step()
	require.False(t, run)
	require.Equal(t, at[2], values(), "the snapshot before step 3")
	require.Equal(t, monitor.ActionRollback, g.step.Action)
	require.Equal(t, 1, g.rollback.count)
}

// Once the run was stopped the optimizer is not called again, not for a step that could
// not be measured either.
func TestAfterTheLastRollbackNoStepIsMade(t *testing.T) {
	runtime.LockOSThread()
	vs := nn.NewVarStore(gotch.CPU)
	layer := nn.NewLinear(vs.Root(), 2, 1, nn.DefaultLinearConfig())
	x := ts.MustOnes([]int64{3, 2}, gotch.Float, gotch.CPU)
	opt, err := nn.DefaultSGDConfig().Build(vs, 0.1)
	require.NoError(t, err)
	g, err := Attach(opt, WithLogger(zap.NewNop()), WithRollback(2))
	require.NoError(t, err)
	defer g.Close()
	require.NoError(t, opt.BackwardStep(layer.Forward(x).MustSquare(true).MustMean(gotch.Float, true)))
	require.True(t, g.onStep(&torch.Report{Err: errors.New("not measured")}))
	g.rollback.over = true
	require.False(t, g.onStep(&torch.Report{Err: errors.New("not measured")}))
	require.Equal(t, monitor.ActionStop, g.step.Action)
}

func TestRollbackKnowsTheOptimizer(t *testing.T) {
	require.NoError(t, canRollback("adamw"))
	require.EqualError(t, canRollback("unknown"),
		`WithRollback: the state of an optimizer of kind "unknown" is not known: it has to be SGD, Adam, AdamW or RMSprop`)
}
