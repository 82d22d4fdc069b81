package score

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"github.com/seed-140d0f39/gtg/monitor"
)

// A Check is what came of one invariance in one run.
type Check struct {
	Name string
	// Step is the first step at which the events differed; 0 where none did.
	Step int64
	// Err is why it could not be looked into.
	Err error
}

// A trial is a monitor that must say what the first one says.
type trial struct {
	check  Check
	m      *monitor.Monitor
	before func(*trial, *monitor.Step) *monitor.Step
}

// killEvery is how many steps lie between two restarts, on average.
const killEvery = 500

// trials are the invariances: other units of the loss, with all that follows from
// it and alone, other units of the gradient, and restarts at random steps.
func trials(run *monitor.Run, seed string) []*trial {
	scale := func(name string, loss, grad float64) *trial {
		var space monitor.Step
		return &trial{check: Check{Name: name}, m: monitor.New(run), before: func(_ *trial, s *monitor.Step) *monitor.Step {
			space.CopyFrom(s)
			scale(&space, loss, grad)
			return &space
		}}
	}
	h := fnv.New64a()
	h.Write([]byte(seed))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	restart := func(t *trial, s *monitor.Step) *monitor.Step {
		if t.check.Err != nil || r.IntN(killEvery) != 0 {
			return s
		}
		state, err := t.m.State()
		if err == nil {
			t.m = monitor.New(run)
			err = t.m.Restore(state)
		}
		if err != nil {
			t.check.Err = fmt.Errorf("step %d: %w", s.Step, err)
		}
		return s
	}
	return []*trial{
		scale("loss and gradients × 1000", 1e3, 1e3),
		scale("loss × 1000", 1e3, 1),
		scale("gradients × 1e-6", 1, 1e-6),
		{check: Check{Name: "restarts"}, m: monitor.New(run), before: restart},
	}
}

func (t *trial) observe(s *monitor.Step, want []monitor.Event) {
	got := t.m.Observe(t.before(t, s))
	if t.check.Step == 0 && !slices.EqualFunc(got, want, alike) {
		t.check.Step = s.Step
	}
}

// alike says whether two events are the same but for their numbers, which have
// units.
func alike(a, b monitor.Event) bool {
	return a.Step == b.Step && a.Kind == b.Kind && a.State == b.State && a.Severity == b.Severity &&
		a.Since == b.Since && a.Param == b.Param && a.Class == b.Class
}

// scale changes the units of the loss and of the gradients. Learning rates go the
// other way, so that steps and η·H stay what they were.
func scale(s *monitor.Step, loss, grad float64) {
	times := func(k float64, numbers ...*monitor.Number) {
		for _, n := range numbers {
			if v, known := n.Get(); known {
				*n = monitor.Known(v * k)
			}
		}
	}
	all := func(k float64, numbers []monitor.Number) {
		for i := range numbers {
			times(k, &numbers[i])
		}
	}
	times(loss, &s.Loss)
	times(grad, &s.GradNorm, &s.Clip.Threshold, &s.Clip.NormAfter, &s.Clip.Lower, &s.Clip.Upper)
	times(1/grad, &s.LR)
	all(grad, s.ParamGradNorms)
	for i := range s.Clip.Groups {
		g := &s.Clip.Groups[i]
		times(grad, &g.Norm, &g.NormAfter, &g.Threshold)
	}
	if c := s.Curvature; c != nil {
		times(grad*grad*grad, &c.GTHG)
		all(grad*grad*grad, c.ParamGTHG)
		times(grad, &c.Rayleigh, &c.LambdaMax, &c.LambdaMin, &c.LambdaMaxResidual, &c.LambdaMinResidual,
			&c.Trace, &c.TraceError, &c.GTU, &c.UTHU)
		times(loss, &c.PredictedChange, &c.LossChange)
	}
}
