package monitor

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// alikeRun has weights that begin with one number, of which that many are not 0.
func alikeRun(p recipe, weights int) *Run {
	run := p.run()
	for i := range weights {
		run.Params[2*i].Constant = Known(0.125)
	}
	return run
}

func TestWeightsThatBeginAlike(t *testing.T) {
	stuck := recipe{steps: 1000, loss: learning(2.3, 1.9, 100, 0.02), norm: plainNorm}
	learns := recipe{steps: 3000, loss: plainLoss, norm: plainNorm}
	kinds := func(events []Event) (found []Event) {
		for _, e := range events {
			if e.Kind == Plateau {
				found = append(found, e)
			}
		}
		return found
	}
	events := kinds(observe(alikeRun(stuck, 3), stuck.make(1)))
	require.Len(t, events, 1)
	e := events[0]
	require.EqualValues(t, 1, e.Step)
	require.Equal(t, "layer1.weight", e.Param)
	require.Equal(t, map[string]float64{"weights": 3, "constant": 0.125}, e.Values)
	require.Contains(t, e.Summary, "begun with the same number")

	events = kinds(observe(alikeRun(learns, 4), learns.make(1)))
	require.Len(t, events, 2)
	require.Equal(t, Resolved, events[1].State)

	// A few that are meant to be alike, such as a mixture's, are left alone.
	require.Empty(t, kinds(observe(alikeRun(stuck, 1), stuck.make(1))))
}

// A restart keeps what was seen at the start: the weights are not alike any more.
func TestWeightsThatBeganAlikeAfterARestart(t *testing.T) {
	p := recipe{steps: 400, loss: learning(2.3, 1.9, 100, 0.02), norm: plainNorm}
	steps := p.make(1)
	m := New(alikeRun(p, 4))
	for i := range 200 {
		m.Observe(&steps[i])
	}
	state, err := m.State()
	require.NoError(t, err)
	again := New(p.run())
	require.NoError(t, again.Restore(state))
	for i := 200; i < len(steps); i++ {
		for _, e := range again.Observe(&steps[i]) {
			require.NotEqual(t, Plateau, e.Kind, e.Summary)
		}
	}
}

func silentNetwork(_ int, s *Step, _ *rand.Rand) {
	for i := range s.ParamGradNorms {
		zero(s, i)
	}
	s.GradNorm = Known(0)
}

func TestNetworkWithoutAnyGradient(t *testing.T) {
	fault{recipe{name: "dead as a whole", steps: 600, loss: learning(4.16, 4.158, 5, 1e-4), norm: plainNorm, edit: silentNetwork},
		Dead, 100, 110, false, []Kind{Stagnating, Plateau}}.check(t)
	recipe{name: "a hinge loss of 0", steps: 600, loss: func(int, *rand.Rand) float64 { return 0 }, norm: plainNorm, edit: silentNetwork}.silent(t, Dead)
	recipe{name: "the end of what could be learned", steps: 600, loss: after(200, plainLoss, func(int, *rand.Rand) float64 { return 0.2 }), norm: plainNorm,
		edit: func(k int, s *Step, r *rand.Rand) {
			if k >= 300 {
				silentNetwork(k, s, r)
			}
		}}.silent(t, Dead)
}

// A plateau that the run came down to is told by the curvature along the gradient.
func TestConcavePlateau(t *testing.T) {
	down := learning(1, 0.6, 20, 0.01)
	fault{recipe{name: "concave", steps: 1500, loss: down, norm: plainNorm, edit: curved(20, nil, gaussian(-0.1, 0.01))},
		Plateau, 500, 700, false, []Kind{Stagnating}}.check(t)
	recipe{name: "as often convex", steps: 1500, loss: down, norm: plainNorm, edit: curved(20, nil, gaussian(0, 0.1))}.silent(t, Plateau)
	recipe{name: "concave, and comes down", steps: 1500, loss: learning(1, 0.1, 800, 0.01), norm: plainNorm,
		edit: curved(20, nil, gaussian(-0.1, 0.01))}.silent(t, Plateau)
}

// Inputs of a large size are said to be why the curvature limits the step.
func TestInputsOfALargeSize(t *testing.T) {
	slow := learning(2, 1, 400, 0.02)
	inputs := func(size, rho float64) func(int, *Step, *rand.Rand) {
		measured := curved(10, gaussian(rho, 0.05), nil)
		return func(k int, s *Step, r *rand.Rand) {
			for i := 0; i+1 < len(s.ParamGradNorms); i += 2 { // a weight has width times as many elements as its bias
				s.ParamGradNorms[i+1] = Known(s.ParamGradNorms[i].value / 4)
			}
			s.ParamGradNorms[1] = Known(s.ParamGradNorms[0].value / 4 / size)
			measured(k, s, r)
		}
	}
	p := recipe{steps: 1500, loss: slow, norm: plainNorm, edit: inputs(100, 1)}
	var fired []Event
	for _, e := range observe(p.run(), p.make(1)) {
		if e.Kind == IllConditioned {
			fired = append(fired, e)
		}
	}
	require.NotEmpty(t, fired)
	require.Equal(t, "layer1.weight", fired[0].Param)
	require.Greater(t, fired[0].Values["input"], 6.0)
	require.Contains(t, fired[0].Advice, "Normalise the inputs")
	recipe{name: "of unit size", steps: 1500, loss: slow, norm: plainNorm, edit: inputs(1, 1)}.silent(t, IllConditioned)
	recipe{name: "short steps", steps: 1500, loss: slow, norm: plainNorm, edit: inputs(100, 0.05)}.silent(t, IllConditioned)
	recipe{name: "learns", steps: 1500, loss: plainLoss, norm: plainNorm, edit: inputs(8, 1)}.silent(t, IllConditioned)
	recipe{name: "learns all there is", steps: 1500, loss: learning(2, 0.02, 100, 0.02), norm: plainNorm, edit: inputs(100, 1)}.silent(t, IllConditioned)
}

// A restart at a record without a loss forgets nothing.
func TestInputsOfALargeSizeAfterARestart(t *testing.T) {
	const cut = 560
	p := recipe{steps: 1200, loss: learning(2, 1, 400, 0.02), norm: plainNorm}
	steps, r := p.make(1), rand.New(rand.NewPCG(1, 1))
	for i := range steps {
		s := &steps[i]
		for j := 0; j+1 < len(s.ParamGradNorms); j += 2 {
			s.ParamGradNorms[j+1] = Known(s.ParamGradNorms[j].value / 4)
		}
		s.ParamGradNorms[1] = Known(s.ParamGradNorms[0].value / 400)
		curved(10, gaussian(1, 0.01), nil)(i, s, r)
	}
	steps[cut].Loss = Number{}
	whole, before := New(p.run()), New(p.run())
	var want, got []Event
	for i := range steps {
		want = append(want, whole.Observe(&steps[i])...)
		if i == cut {
			state, err := before.State()
			require.NoError(t, err)
			before = New(p.run())
			require.NoError(t, before.Restore(state))
		}
		got = append(got, before.Observe(&steps[i])...)
	}
	require.NotEmpty(t, want)
	require.Equal(t, summaries(want), summaries(got))
}

// What comes back soon is one incident.
func TestNonFiniteThatComesBack(t *testing.T) {
	p := recipe{steps: 3100, loss: plainLoss, norm: plainNorm, edit: func(k int, s *Step, _ *rand.Rand) {
		if k >= 500 && k < 1000 && k%50 == 0 || k == 2900 {
			s.NonFinite = Known(3)
		}
	}}
	var ends []int64
	for _, e := range observe(p.run(), p.make(1)) {
		if e.Kind == NonFinite && e.State == Resolved {
			ends = append(ends, e.Step)
		}
	}
	require.Equal(t, []int64{951 + nonfiniteQuiet, 2901 + nonfiniteQuiet}, ends)
}

// The event names the run's parameter, whichever of its gates it is about, and the leap of
// the learning rate that lifted the loss.
func TestWhatLiftedIt(t *testing.T) {
	run := &Run{Params: []Param{{Name: "gru.weight_h"}, {Name: "gru.weight_hh"}}}
	for name, want := range map[string]string{"gru.weight_hh/new": "gru.weight_hh", "gru.weight_hh": "gru.weight_hh", "other": "other"} {
		r := radius{Name: name}
		require.Equal(t, want, r.param(run))
	}

	p := recipe{steps: 2000, loss: after(1000, plainLoss, func(_ int, r *rand.Rand) float64 { return 0.6 + 0.02*r.NormFloat64() }), norm: plainNorm,
		edit: func(k int, s *Step, _ *rand.Rand) {
			if s.LR = Known(1e-3); k >= 1000 {
				s.LR = Known(0.1)
			}
		}}
	var fired []Event
	for _, e := range observe(p.run(), p.make(1)) {
		if e.Kind == Diverging && e.State == Firing {
			fired = append(fired, e)
		}
	}
	require.Len(t, fired, 1)
	require.Contains(t, fired[0].Summary, "At step 1001 the learning rate leapt to 0.1, which had never been above 0.001.")
	require.InDelta(t, 0.1, fired[0].Values["lr"], 0)
}
