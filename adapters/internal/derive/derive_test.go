package derive_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/internal/derive"
	"github.com/seed-140d0f39/gtg/monitor"
)

var (
	known   = monitor.Known
	unknown = monitor.Number{}
)

func TestClipping(t *testing.T) {
	nan := known(math.NaN())
	for name, c := range map[string]struct{ norm, factor, after, ratio, clipped monitor.Number }{
		"one factor":              {known(4), known(0.5), unknown, known(0.5), known(2)},
		"apart":                   {known(4), unknown, known(1), known(0.25), known(1)},
		"both":                    {known(4), known(0.5), known(1), known(0.5), known(1)},
		"of nothing":              {known(0), unknown, known(0), unknown, unknown},
		"not clipped":             {known(4), unknown, unknown, unknown, unknown},
		"no norm":                 {unknown, known(0.5), unknown, known(0.5), unknown},
		"not finite":              {nan, known(0), unknown, known(0), unknown},
		"neither":                 {nan, nan, nan, unknown, unknown},
		"too large for a float64": {known(5e-324), unknown, known(1e308), unknown, unknown},
	} {
		d := derive.New(time.Time{}).Step(&monitor.Step{GradNorm: c.norm, Clip: monitor.Clip{Factor: c.factor, NormAfter: c.after}})
		require.Equal(t, c.ratio, d.ClipRatio, name)
		require.Equal(t, c.clipped, d.ClippedNorm, name)
	}
}

func TestTime(t *testing.T) {
	c := derive.New(time.Unix(1000, 0))
	step := func(n int64, at, curvature monitor.Number) derive.Step {
		s := &monitor.Step{Step: n, T: at}
		if curvature.Known() {
			s.Curvature = &monitor.Curvature{Seconds: curvature}
		}
		return c.Step(s)
	}
	d := step(1, known(2), known(1))
	require.Equal(t, 1002.0, d.Time)
	require.Equal(t, unknown, d.Duration)
	require.Equal(t, unknown, d.CurvatureTime, "of the time before the first step nothing is known")
	d = step(2, known(6), known(1))
	require.Equal(t, known(4), d.Duration)
	require.Equal(t, known(0.25), d.CurvatureTime)
	require.Equal(t, unknown, step(4, known(8), unknown).Duration, "a step is missing")
	require.Equal(t, unknown, step(5, known(7), unknown).Duration, "time does not go backwards")
	require.Equal(t, unknown, step(6, known(math.NaN()), unknown).Duration)
	require.Equal(t, unknown, step(7, known(9), unknown).Duration)
	require.Equal(t, known(1), step(8, known(10), unknown).Duration)
}

func TestWhatIsBad(t *testing.T) {
	c := derive.New(time.Time{})
	d := c.Step(&monitor.Step{Loss: known(1), GradNorm: known(1e200), NonFinite: known(0), Action: monitor.ActionSkip})
	require.False(t, d.BadGradient || d.BadLoss)
	require.Equal(t, derive.Policy, d.Skipped)
	require.Equal(t, unknown, d.Squared, "too large for a float64")
	d = c.Step(&monitor.Step{Loss: known(math.Inf(1)), NonFinite: known(3), Action: monitor.ActionSkip})
	require.True(t, d.BadGradient && d.BadLoss)
	require.Equal(t, derive.NonFinite, d.Skipped)
	for action, reason := range map[monitor.Action]string{"": "", monitor.ActionStep: "", monitor.ActionRollback: derive.Rollback, monitor.ActionStop: derive.Stop} {
		require.Equal(t, reason, c.Step(&monitor.Step{Action: action}).Skipped)
	}
}
