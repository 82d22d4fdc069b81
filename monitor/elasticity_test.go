package monitor

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// depends has the loss depend on the weights, the first to the last, by these elasticities
// in every nth step, and on the biases by far more.
func depends(every int, weights ...float64) func(int, *Step, *rand.Rand) {
	return func(t int, s *Step, r *rand.Rand) {
		if t%every > 0 {
			return
		}
		for _, e := range weights {
			s.ParamElasticities = append(s.ParamElasticities, Known(e*math.Exp(0.1*r.NormFloat64())), Known(10))
		}
	}
}

// both does one edit and then the other.
func both(a, b func(int, *Step, *rand.Rand)) func(int, *Step, *rand.Rand) {
	return func(t int, s *Step, r *rand.Rand) {
		a(t, s, r)
		b(t, s, r)
	}
}

// weighing has weights of that size each, measured in every nth step.
func weighing(every int, size float64) func(int, *Step, *rand.Rand) {
	return func(t int, s *Step, _ *rand.Rand) {
		for range s.ParamGradNorms {
			if t%every == 0 {
				s.ParamNorms = append(s.ParamNorms, Known(size))
			}
		}
	}
}

// flatly is curvature that is small beside gradients of norm 1, steeply one that is large.
func flatly(int, *rand.Rand) float64  { return 0.5 }
func steeply(int, *rand.Rand) float64 { return 50 }

func muteFaults() []fault {
	chance := learning(0.75, 0.6931, 30, 0.003)
	flat := both(curved(20, nil, flatly), weighing(100, 3))
	return []fault{
		// In whatever order, and whether the loss moves or not: the other weights may fit a constant.
		{recipe{name: "two of five weights are mute", steps: 1500, layers: 5, loss: learning(2, 1.2, 100, 0.01), norm: plainNorm,
			edit: depends(100, 0.5, 1e-4, 0.8, 2e-4, 0.3)}, Vanishing, 500, 500, false, nil},
		{recipe{name: "all weights alike", steps: 1500, loss: chance, norm: plainNorm, edit: both(flat, depends(100, 3e-3, 3e-3, 3e-3, 3e-3))},
			Vanishing, 500, 500, false, nil},
		{recipe{name: "they come to matter", steps: 2000, loss: after(900, chance, learning(0.69, 0.1, 200, 0.02)), norm: plainNorm,
			edit: both(flat, func(t int, s *Step, r *rand.Rand) {
				e := 3e-3
				if t >= 900 {
					e = 0.5
				}
				depends(100, e, e, e, e)(t, s, r)
			})}, Vanishing, 500, 500, true, nil},
	}
}

func TestVanishingOfWeightsThatTheLossNeverDependedOn(t *testing.T) {
	for _, f := range muteFaults() {
		f.check(t)
	}
	chance := learning(0.75, 0.6931, 30, 0.003)
	flat := both(curved(20, nil, flatly), weighing(100, 3))
	for _, p := range []recipe{
		{name: "one weight of five is mute", layers: 5, edit: depends(100, 1e-4, 0.5, 0.8, 0.2, 0.3)},
		{name: "learned around them", layers: 5, loss: learning(2, 0.5, 100, 0.01), edit: depends(100, 0.5, 1e-4, 0.8, 2e-4, 0.3)},
		{name: "they mattered once", edit: both(flat, func(t int, s *Step, r *rand.Rand) {
			e := 1e-4
			if t == 100 {
				e = 0.1
			}
			depends(100, e, e, e, e)(t, s, r)
		})},
		{name: "all alike, at a minimum", edit: both(both(curved(20, nil, steeply), weighing(100, 3)), depends(100, 1e-3, 1e-3, 1e-3, 1e-3))},
		{name: "all alike, and nothing says that it is none", edit: depends(100, 1e-3, 1e-3, 1e-3, 1e-3)},
		{name: "the rest have no elasticity at all", layers: 5, edit: depends(100, 0, 0, 0, 0.2, 0.3)},
		{name: "hardly ever measured", layers: 5, edit: depends(400, 0.5, 1e-4, 0.8, 2e-4, 0.3)},
		{name: "the learning rate is being raised still", layers: 5, edit: both(depends(100, 0.5, 1e-4, 0.8, 2e-4, 0.3), func(t int, s *Step, _ *rand.Rand) {
			s.LR = Known(float64(t+1) * 1e-5)
		})},
	} {
		if p.steps = 1500; p.loss == nil {
			p.loss = chance
		}
		p.norm = plainNorm
		p.silent(t, Vanishing)
	}
}

func TestVanishingSaysTheElasticity(t *testing.T) {
	f := muteFaults()[0]
	events := observe(f.run(), f.make(1))
	require.Len(t, events, 1)
	e := events[0]
	require.Greater(t, e.Values["elasticity"], 1e-4)
	require.Less(t, e.Values["elasticity"], 3e-4)
	require.Equal(t, "layer2.weight", e.Param, "the weakest of all")
	require.Contains(t, e.Summary, "The loss hardly depends on many of the weights: a quarter of them could be changed by all of their size")
}

func TestAStateWithOtherElasticitiesIsRefused(t *testing.T) {
	p := recipe{steps: 10, loss: plainLoss, norm: plainNorm}
	for text, change := range map[string]func(elasticity map[string]any){
		"it has elasticities of 1 weights and the run has 4":  func(e map[string]any) { e["peaks"] = []float64{1} },
		"the largest elasticity is that of parameter 8 of 8":  func(e map[string]any) { e["param"] = 8 },
		"the largest elasticity is that of parameter -1 of 8": func(e map[string]any) { e["param"] = -1 },
	} {
		data, err := New(p.run()).State()
		require.NoError(t, err)
		var s map[string]any
		require.NoError(t, json.Unmarshal(data, &s))
		change(s["course"].(map[string]any)["elasticity"].(map[string]any))
		data, err = json.Marshal(s)
		require.NoError(t, err)
		require.ErrorContains(t, New(p.run()).Restore(data), text)
	}
}

// Where the loss is where it began, less of a difference between the weights is enough, but
// not where the steps are too short to have changed it.
func TestVanishingOfWeightsWhereTheLossIsStuck(t *testing.T) {
	chance := learning(0.7, 0.6931, 30, 0.003)
	with := func(update float64, weights ...float64) func(int, *Step, *rand.Rand) {
		return both(both(weighing(100, 3), depends(100, weights...)), func(k int, s *Step, _ *rand.Rand) {
			for range s.ParamNorms {
				s.UpdateNorms = append(s.UpdateNorms, Known(3*update))
			}
		})
	}
	vanished := func(p recipe) (events []Event) {
		p.steps, p.layers, p.norm = 1500, 5, plainNorm
		for _, e := range observe(p.run(), p.make(1)) {
			if e.Kind == Vanishing && e.State == Firing {
				events = append(events, e)
			}
		}
		return events
	}
	fading := []float64{5e-3, 8e-3, 0.05, 0.3, 1}
	events := vanished(recipe{loss: chance, edit: with(1e-3, fading...)})
	require.Len(t, events, 1)
	require.EqualValues(t, 500, events[0].Step)
	require.Equal(t, "layer1.weight", events[0].Param)
	one := []float64{3e-6, 0.2, 0.5, 0.3, 1}
	events = vanished(recipe{loss: chance, edit: with(1e-3, one...)})
	require.Len(t, events, 1)
	require.Equal(t, "layer1.weight", events[0].Param)
	require.InEpsilon(t, 3e-6, events[0].Values["least_elasticity"], 0.5)
	require.Contains(t, events[0].Summary, "Next to no gradient reaches layer1.weight")
	require.Empty(t, vanished(recipe{loss: learning(2, 1.2, 100, 0.01), edit: with(1e-3, one...)}), "it learns without it")
	require.Empty(t, vanished(recipe{loss: chance, edit: with(1e-3, 3e-5, 0.2, 0.5, 0.3, 1)}), "it gets a little")
	require.Empty(t, vanished(recipe{loss: chance, edit: with(1e-7, fading...)}), "steps that are too short")
	require.Empty(t, vanished(recipe{loss: learning(2, 1.2, 100, 0.01), edit: with(1e-3, fading...)}), "it learns")
	require.Empty(t, vanished(recipe{loss: chance, edit: with(1e-3, 0.05, 0.08, 0.5, 3, 10)}), "no small elasticity")
	require.Empty(t, vanished(recipe{loss: chance, edit: with(1e-3, 8e-3, 8e-3, 0.1, 0.1, 0.1)}), "of weights that differ less")
}

// A weight that was 0 at first has no elasticity, however its gradient is.
func TestVanishingLeavesWeightsThatBeganAtZero(t *testing.T) {
	p := recipe{steps: 1500, layers: 5, loss: learning(2, 1.2, 100, 0.01), norm: plainNorm,
		edit: both(weighing(100, 3), depends(100, 0.5, 1e-4, 0.8, 2e-4, 0.3))}
	count := func(p recipe) (n int) {
		for _, e := range observe(p.run(), p.make(1)) {
			if e.Kind == Vanishing {
				n++
			}
		}
		return n
	}
	require.Equal(t, 1, count(p))
	edit := p.edit
	p.edit = func(k int, s *Step, r *rand.Rand) {
		if edit(k, s, r); k == 0 {
			for _, mute := range []int{2, 6} {
				s.ParamNorms[mute], s.ParamElasticities[mute] = Known(0), Known(0)
			}
		}
	}
	require.Zero(t, count(p))
}

// Weights that the loss does not depend on are no news any more where the run learns all the
// same, and do not come back.
func TestVanishingEndsWhereTheRunLearnsAllTheSame(t *testing.T) {
	p := recipe{steps: 3000, layers: 5, loss: after(900, learning(1.3, 1.2, 100, 0.01), learning(1.2, 0.8, 200, 0.01)), norm: plainNorm,
		edit: depends(100, 0.2, 1e-4, 0.2, 2e-4, 0.2)}
	var states []State
	for _, e := range observe(p.run(), p.make(1)) {
		if e.Kind == Vanishing {
			states = append(states, e.State)
		}
	}
	require.Equal(t, []State{Firing, Resolved}, states)
}

// What is told of again while it ends is named the same after a restart.
func TestVanishingNamesTheSameWeightAfterARestart(t *testing.T) {
	p := recipe{steps: 1600, layers: 5, norm: plainNorm, edit: func(t int, s *Step, r *rand.Rand) {
		mute := 1e-4
		if t >= 1400 {
			mute = 0.1
		}
		depends(100, 0.2, mute, 0.2, 2*mute, 0.2)(t, s, r)
	}, loss: func(t int, r *rand.Rand) float64 {
		if t >= 700 && t < 1200 {
			return 0.8 + 0.01*r.NormFloat64()
		}
		return 1.2 + 0.01*r.NormFloat64()
	}}
	names := func(restart bool) (names []string) {
		m := New(p.run())
		for i, s := range p.make(1) {
			if restart && i%10 == 9 {
				state, err := m.State()
				require.NoError(t, err)
				m = New(p.run())
				require.NoError(t, m.Restore(state))
			}
			for _, e := range m.Observe(&s) {
				if e.Kind == Vanishing && e.State == Firing {
					names = append(names, e.Param)
				}
			}
		}
		return names
	}
	require.Equal(t, []string{"layer2.weight", "layer2.weight"}, names(false))
	require.Equal(t, names(false), names(true))
}
