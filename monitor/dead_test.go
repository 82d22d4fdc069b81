package monitor

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func deadFaults() []fault {
	return []fault{
		{recipe{name: "a layer dies, and with it all before it", steps: 1500, layers: 6, loss: after(500, plainLoss, func(_ int, r *rand.Rand) float64 {
			return 2.3 + 0.01*r.NormFloat64()
		}), norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t >= 500 {
				for i := range 9 {
					zero(s, i)
				}
			}
		}}, Dead, 600, 610, false, []Kind{Diverging, LossSpike}},
		{recipe{name: "born dead", steps: 500, layers: 6, loss: learning(0.7, 0.693, 30, 0.003), norm: plainNorm, edit: func(_ int, s *Step, _ *rand.Rand) {
			for i := range 11 {
				zero(s, i)
			}
		}}, Dead, 100, 105, false, nil},
		{recipe{name: "all die in one step, weights before biases", steps: 1500, layers: 2, loss: after(500, plainLoss, func(_ int, r *rand.Rand) float64 {
			return 2.3 + 0.01*r.NormFloat64()
		}), norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t >= 500 {
				for i := range 3 {
					zero(s, i)
				}
			}
		}}, Dead, 600, 610, false, []Kind{Diverging, LossSpike}},
		{recipe{name: "nearly all units of a layer", steps: 1500, layers: 6, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t >= 500 {
				s.ZeroGrads[4] = width * width * 995 / 1000
			}
		}}, Dead, 600, 610, false, nil},
		{recipe{name: "all gradients, after a start far above where it knows nothing", steps: 1500, layers: 6, loss: after(500, learning(8, 0.2, 40, 0.1), func(_ int, _ *rand.Rand) float64 {
			return 1.609
		}), norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t >= 500 {
				for i := range s.ParamGradNorms {
					zero(s, i)
				}
				s.GradNorm = Known(0)
			}
		}}, Dead, 600, 610, false, []Kind{Diverging, LossSpike}},
		{recipe{name: "comes back", steps: 1500, layers: 6, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t >= 500 && t < 800 {
				zero(s, 4)
				zero(s, 5)
			}
		}}, Dead, 600, 610, true, nil},
		{recipe{name: "most units of a layer, and the loss goes back", steps: 1500, layers: 6, loss: after(500, plainLoss, func(_ int, r *rand.Rand) float64 {
			return 1.8 + 0.01*r.NormFloat64()
		}), norm: plainNorm, edit: func(t int, s *Step, r *rand.Rand) {
			if t >= 500 {
				s.ZeroGrads[4] = int64(width * width * (0.85 + 0.1*r.Float64()))
			}
		}}, Dead, 620, 780, false, []Kind{Diverging, LossSpike}},
		{recipe{name: "all branches of a network but what chooses among them", steps: 1500, layers: 6, loss: after(500, plainLoss, func(_ int, r *rand.Rand) float64 {
			return 1.8 + 0.01*r.NormFloat64()
		}), norm: plainNorm, edit: branchesDie}, Dead, 600, 610, false, []Kind{Diverging, LossSpike}},
	}
}

// branchesDie silences all but the third layer and the last bias.
func branchesDie(t int, s *Step, _ *rand.Rand) {
	for i := range s.ParamGradNorms {
		if t >= 500 && i != 4 && i != 5 && i != len(s.ParamGradNorms)-1 {
			zero(s, i)
		}
	}
}

func TestDead(t *testing.T) {
	for _, f := range deadFaults() {
		f.check(t)
	}
	// One row of an embedding in each step, at batch size 1: a constant count.
	recipe{name: "embedding at batch size 1", steps: 2000, loss: plainLoss, norm: plainNorm, edit: func(_ int, s *Step, _ *rand.Rand) {
		s.ZeroGrads[0] = width*width - 8
	}}.silent(t, Dead)
	// Weights that are all 0 are symmetric, and not dead.
	recipe{name: "zero initialisation", steps: 500, layers: 2, loss: learning(0.7, 0.693, 30, 0.003), norm: plainNorm, edit: func(_ int, s *Step, _ *rand.Rand) {
		for i := range 3 {
			zero(s, i)
		}
		s.ParamNorms = []Number{Known(0), Known(0), Known(0), Known(0.1)}
	}}.silent(t, Dead)
	recipe{name: "most units of a layer, and the loss stays", steps: 1500, layers: 6, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, r *rand.Rand) {
		if t >= 500 {
			s.ZeroGrads[4] = int64(width * width * (0.85 + 0.1*r.Float64()))
		}
	}}.silent(t, Dead)
	recipe{name: "gradients that have always been sparse, and the loss goes back", steps: 1500, layers: 6, loss: after(500, plainLoss, func(_ int, r *rand.Rand) float64 {
		return 1.8 + 0.01*r.NormFloat64()
	}), norm: plainNorm, edit: func(_ int, s *Step, r *rand.Rand) {
		s.ZeroGrads[4] = int64(width * width * (0.85 + 0.1*r.Float64()))
	}}.silent(t, Dead)
	// A hinge loss that has been won ends with no gradient, a little above its best.
	recipe{name: "no gradient where it ends", steps: 1500, loss: after(900, learning(8, 0.2, 100, 0.02), func(_ int, _ *rand.Rand) float64 {
		return 0.21
	}), norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
		if t >= 900 {
			for i := range s.ParamGradNorms {
				zero(s, i)
			}
			s.GradNorm = Known(0)
		}
	}}.silent(t, Dead)
	recipe{name: "now and then", steps: 2000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
		if t%90 != 0 {
			zero(s, 4)
		}
	}}.silent(t, Dead)
}

func TestDeadNamesTheWorst(t *testing.T) {
	all := deadFaults()
	f := all[5]
	require.Equal(t, "comes back", f.name)
	e := observe(f.run(), f.make(0))[0]
	require.Equal(t, "layer3.weight", e.Param)
	require.Equal(t, 2.0, e.Values["params"])
	require.Equal(t, 1.0, e.Values["share"])
	require.Equal(t, float64(deadRecords), e.Values["records"])
}

// What has come back to life by the time that it would be told of again is not.
func TestDeadIsNotToldOfAtItsEnd(t *testing.T) {
	p := recipe{steps: 2000, layers: 6, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
		if t >= 500 && t < 800 || t >= 1200 && t < 1390 {
			zero(s, 4)
			zero(s, 5)
		}
	}}
	var steps []int64
	for _, e := range observe(p.run(), p.make(0)) {
		if e.Kind == Dead {
			steps = append(steps, e.Step)
		}
	}
	require.Len(t, steps, 2, "%v", steps)
}
