package monitor

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// clippedBy clips the norm of each step to the threshold.
func clippedBy(threshold func(t int) float64) func(int, *Step, *rand.Rand) {
	return func(t int, s *Step, _ *rand.Rand) {
		limit := threshold(t)
		norm := s.GradNorm.Or(0)
		s.Clip = Clip{Policy: "norm", Factor: Known(1), Threshold: Known(limit), NormAfter: Known(norm)}
		if norm > limit {
			s.Clip.Clipped, s.Clip.Factor, s.Clip.NormAfter = true, Known(limit/norm), Known(limit)
		}
	}
}

func constant(v float64) func(int) float64 { return func(int) float64 { return v } }

func clipFaults() []fault {
	relaxed := func(t int) float64 {
		if t < 5000 {
			return 0.1
		}
		return 10
	}
	tightened := func(t int) float64 {
		if t < 15_000 {
			return 1000
		}
		return 3
	}
	return []fault{
		{recipe{name: "threshold far below the norms", steps: 3000, loss: plainLoss, norm: lognormal(1, 0.3), edit: clippedBy(constant(0.1))},
			ClipSaturated, 1000, 1000, false, nil},
		{recipe{name: "threshold raised later", steps: 9000, loss: plainLoss, norm: lognormal(1, 0.3), edit: clippedBy(relaxed)},
			ClipSaturated, 1000, 1000, true, nil},
		{recipe{name: "threshold never reached", steps: 12_000, loss: plainLoss, norm: lognormal(1, 0.3), edit: clippedBy(constant(1000))},
			ClipIdle, 10_001, 10_001, false, nil},
		{recipe{name: "threshold lowered later", steps: 17_000, loss: plainLoss, norm: lognormal(1, 0.3), edit: clippedBy(tightened)},
			ClipIdle, 10_001, 10_001, true, nil},
	}
}

func TestClipEvents(t *testing.T) {
	for _, f := range clipFaults() {
		f.check(t)
	}
	recipe{name: "half of the steps", steps: 5000, loss: plainLoss, norm: lognormal(1, 0.3), edit: clippedBy(constant(1))}.silent(t, ClipSaturated)
	recipe{name: "a threshold near to the norms", steps: 15_000, loss: plainLoss, norm: lognormal(1, 0.05), edit: clippedBy(constant(1.5))}.silent(t, ClipIdle)
	following := func(t int) float64 { return 1000 + float64(t) }
	recipe{name: "a threshold that moves", steps: 15_000, loss: plainLoss, norm: lognormal(1, 0.3), edit: clippedBy(following)}.silent(t, ClipIdle)
	recipe{name: "no clipping", steps: 15_000, loss: plainLoss, norm: lognormal(1, 0.3)}.silent(t, ClipIdle)
}

func TestClipSaturatedSaysTheNumbers(t *testing.T) {
	p := recipe{name: "numbers", steps: 1000, loss: plainLoss, norm: func(int, *rand.Rand) float64 { return 4 }, edit: clippedBy(constant(1))}
	events := observe(p.run(), p.make(1))
	require.Len(t, events, 1)
	e := events[0]
	require.Equal(t, Info, e.Severity)
	require.Equal(t, map[string]float64{"share": 1, "window": 1000, "mean_factor": 0.25, "threshold": 1}, e.Values)
	require.Contains(t, e.Summary, "100.0 % of the last 1000 steps")
}

// The event names the parameters and counts what their gradients hold.
func TestNonFiniteNamesTheParameters(t *testing.T) {
	run := &Run{Params: []Param{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	m := New(run)
	events := m.Observe(&Step{Step: 1, NonFinite: Known(9), NonFiniteParams: []NonFiniteParam{{Param: 1, NaN: 3, NegInf: 1}, {Param: 2, PosInf: 5}}})
	require.Len(t, events, 1)
	e := events[0]
	require.Equal(t, "b", e.Param)
	require.Equal(t, "At step 1 9 gradient elements are NaN or infinite: b (3 NaN, 0 +Inf, 1 -Inf), c (0 NaN, 5 +Inf, 0 -Inf).", e.Summary)
	require.Equal(t, map[string]float64{"steps": 1, "nonfinite": 9, "params": 2, "nan": 3, "pos_inf": 5, "neg_inf": 1}, e.Values)
}

func TestNonFiniteNamesAFewParameters(t *testing.T) {
	run, step := &Run{}, &Step{Step: 1, NonFinite: Known(8)}
	for i := range 8 {
		run.Params = append(run.Params, Param{Name: string(rune('a' + i))})
		step.NonFiniteParams = append(step.NonFiniteParams, NonFiniteParam{Param: i, NaN: 1})
	}
	step.NonFiniteParams = append(step.NonFiniteParams, NonFiniteParam{Param: 99, NaN: 1})
	e := New(run).Observe(step)[0]
	require.Contains(t, e.Summary, "e (1 NaN, 0 +Inf, 0 -Inf) and 4 more parameters.")
}
