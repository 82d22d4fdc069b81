package monitor

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// magnify multiplies the gradients of a step.
func magnify(s *Step, k float64) {
	s.GradNorm = Known(s.GradNorm.value * k)
	for i := range s.ParamGradNorms {
		s.ParamGradNorms[i] = Known(s.ParamGradNorms[i].value * k)
	}
}

func cliffFaults() []fault {
	return []fault{
		{recipe{name: "one step", steps: 1000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t == 600 {
				magnify(s, 100)
			}
		}}, Cliff, 601, 601, true, nil},
		{recipe{name: "several in one incident", steps: 1000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t == 600 || t == 601 || t == 620 || t == 665 {
				magnify(s, 300)
			}
		}}, Cliff, 601, 601, true, nil},
		{recipe{name: "with the loss spike that it makes", steps: 1000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t == 600 {
				magnify(s, 1000)
			}
			if t > 600 && t < 610 {
				s.Loss = Known(s.Loss.value + 8)
			}
		}}, Cliff, 601, 601, true, nil},
		{recipe{name: "norm only", steps: 1000, noParams: true, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t == 600 {
				magnify(s, 100)
			}
		}}, Cliff, 601, 601, true, nil},
		{recipe{name: "without a total", steps: 1000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t == 600 {
				magnify(s, 100)
			}
			s.GradNorm = Number{}
		}}, Cliff, 601, 601, true, nil},
	}
}

func TestCliff(t *testing.T) {
	for _, f := range cliffFaults() {
		f.check(t)
	}
	recipe{name: "higher learning rate", steps: 1000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
		if s.LR = Known(0.1); t >= 600 {
			s.LR = Known(1)
			magnify(s, 100)
		}
	}}.silent(t, Cliff)
	// Gradients without a variance: two incidents are said, and then only higher ones.
	pareto := recipe{name: "no variance", steps: 4000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
		if t >= 500 && t%200 == 0 {
			magnify(s, []float64{100, 60, 40, 80}[t/200%4])
		}
		if t == 3100 {
			magnify(s, 1000)
		}
	}}
	var at []int64
	for _, e := range observe(pareto.run(), pareto.make(1)) {
		if e.Kind == Cliff && e.State == Firing {
			at = append(at, e.Step)
		}
	}
	require.Equal(t, []int64{601, 801, 3101}, at)
	// A trend is no cliff.
	recipe{name: "trend", steps: 3000, loss: plainLoss, norm: func(t int, r *rand.Rand) float64 {
		return (1 + float64(t)/50) * plainNorm(t, r)
	}}.silent(t, Cliff)
}

// Norms that take a new level are one incident, and its end says so.
func TestCliffSaysThatTheLevelIsNew(t *testing.T) {
	p := recipe{name: "new level", steps: 1000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
		s.LR = Known(0.1)
		if t >= 600 {
			magnify(s, 100)
		}
		if t >= 600 {
			s.LR = Known(0.01)
		}
	}}
	events := observe(p.run(), p.make(1))
	require.Len(t, events, 3) // the last one says that the gradient has risen, which is healthy
	require.Equal(t, int64(601), events[0].Step)
	end := events[1]
	require.Equal(t, Resolved, end.State)
	require.Equal(t, 616.0, end.Values["rebased"])
	require.Contains(t, end.Summary, "At step 616 so many had come that they were taken for a new level, "+
		"the range from then on, after the learning rate had gone from 0.1 to 0.01 at step 601.")
}

// A leap of the norm that would be within its range is a cliff where the loss leaps too.
func TestCliffOfNormAndLossTogether(t *testing.T) {
	small := learning(2, 0.1, 100, 0.1)
	wide := lognormal(1, 0.7)
	leap := func(norm, loss float64) recipe {
		return recipe{name: "together", steps: 1000, loss: small, norm: wide, edit: func(k int, s *Step, _ *rand.Rand) {
			if k == 600 {
				magnify(s, norm/s.GradNorm.value)
				s.Loss = Known(loss)
			}
		}}
	}
	cliffs := func(p recipe) (steps []int64) {
		for _, e := range observe(p.run(), p.make(3)) {
			if e.Kind == Cliff && e.State == Firing {
				steps = append(steps, e.Step)
			}
		}
		return steps
	}
	require.Equal(t, []int64{601}, cliffs(leap(12, 2)))
	require.Empty(t, cliffs(leap(12, 0.1)), "the norm alone")
	require.Empty(t, cliffs(leap(3, 2)), "a norm that hardly leaps")
	require.Empty(t, cliffs(leap(12, 1)), "a loss that is not back where it began")

	// A loss that climbs in several steps is the optimizer's doing, and one that has leapt
	// before is the run's own nature.
	climbs := leap(12, 2)
	edit := climbs.edit
	climbs.edit = func(k int, s *Step, r *rand.Rand) {
		if edit(k, s, r); k == 599 {
			s.Loss = Known(1)
		}
	}
	require.Empty(t, cliffs(climbs))
	before := leap(12, 2)
	before.edit = func(k int, s *Step, r *rand.Rand) {
		if edit(k, s, r); k == 300 {
			s.Loss = Known(1.5)
		}
	}
	require.Empty(t, cliffs(before))
}
