package monitor

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func undefine(s *Step, i int) { s.ParamGradNorms[i], s.ZeroGrads[i] = Number{}, -1 }

func frozenFaults() []fault {
	allBut := func(one int, what func(*Step, int), from, to int) func(int, *Step, *rand.Rand) {
		return func(t int, s *Step, _ *rand.Rand) {
			for i := range s.ParamGradNorms {
				if i != one && t >= from && t < to {
					what(s, i)
				}
			}
		}
	}
	return []fault{
		{recipe{name: "all but one undefined", steps: 1500, loss: plainLoss, norm: plainNorm, edit: allBut(5, undefine, 700, 1500)},
			Frozen, 750, 755, false, nil},
		{recipe{name: "all but one exactly 0", steps: 1500, loss: plainLoss, norm: plainNorm, edit: allBut(2, zero, 700, 1500)},
			Frozen, 750, 755, false, nil},
		{recipe{name: "without counted zeros", steps: 1500, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, r *rand.Rand) {
			allBut(0, zero, 700, 1500)(t, s, r)
			s.ZeroGrads = nil
		}}, Frozen, 750, 755, false, nil},
		{recipe{name: "all but the last bias exactly 0", steps: 1500, loss: plainLoss, norm: plainNorm, edit: allBut(7, zero, 700, 1500)},
			Frozen, 750, 755, false, nil},
		{recipe{name: "with a step that is not finite", steps: 1500, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, r *rand.Rand) {
			if allBut(7, zero, 700, 1500)(t, s, r); t == 800 {
				s.Loss, s.NonFinite = Known(math.NaN()), Known(1)
			}
		}}, Frozen, 750, 755, false, []Kind{NonFinite}},
		{recipe{name: "thawed again", steps: 1500, loss: plainLoss, norm: plainNorm, edit: allBut(5, undefine, 700, 1000)},
			Frozen, 750, 755, true, nil},
		{recipe{name: "those of branches that could have died, and the loss stays", steps: 1500, layers: 6, loss: plainLoss, norm: plainNorm, edit: branchesDie},
			Frozen, 550, 555, false, nil},
		{recipe{name: "one parameter", steps: 1500, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t >= 700 {
				undefine(s, 4)
			}
		}}, Frozen, 750, 755, false, nil},
	}
}

func TestFrozen(t *testing.T) {
	for _, f := range frozenFaults() {
		f.check(t)
	}
	for _, f := range deadFaults() {
		f.recipe.silent(t, Frozen)
	}
	// Two parts that are trained in turn, as in a GAN with one optimizer.
	recipe{name: "in turn", steps: 2000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
		for i := range 4 {
			undefine(s, i+4*(t/20%2))
		}
	}}.silent(t, Frozen)
}

func TestFrozenNamesTheWorst(t *testing.T) {
	f := frozenFaults()[0]
	e := observe(f.run(), f.make(0))[0]
	require.Equal(t, "layer1.weight", e.Param)
	require.Equal(t, 7.0, e.Values["params"])
	require.Equal(t, 8.0, e.Values["of"])
}
