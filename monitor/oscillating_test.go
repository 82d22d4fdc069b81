package monitor

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// toAndFro has successive gradients at the given mean cosines.
func toAndFro(cosine, cosine2 float64) func(int, *Step, *rand.Rand) {
	near := func(v float64, r *rand.Rand) Number { return Known(max(min(v+0.1*r.NormFloat64(), 1), -1)) }
	return func(_ int, s *Step, r *rand.Rand) {
		s.Successive = Successive{Cosine: near(cosine, r), Cosine2: near(cosine2, r), Dot: Known(cosine), Error: Known(0.06)}
	}
}

// updating has steps of that share of every parameter's norm, measured every so many.
func updating(ratio float64, every int) func(int, *Step, *rand.Rand) {
	return func(t int, s *Step, r *rand.Rand) {
		if t%every != 0 {
			return
		}
		for range s.ParamGradNorms {
			s.ParamNorms = append(s.ParamNorms, Known(2))
			s.UpdateNorms = append(s.UpdateNorms, Known(2*ratio*math.Exp(0.1*r.NormFloat64())))
		}
		if loss, ok := s.Loss.Finite(); ok && loss != 0 {
			for _, g := range s.ParamGradNorms {
				s.ParamElasticities = append(s.ParamElasticities, Known(g.value*2/math.Abs(loss)))
			}
		}
	}
}

// restless comes down in its first steps and swings since then.
func restless(swing float64) func(int, *rand.Rand) float64 {
	return func(t int, r *rand.Rand) float64 {
		return (0.7 + 0.5*math.Exp(-float64(t)/10)) * math.Exp(swing*r.NormFloat64())
	}
}

func oscillatingFaults() []fault {
	swinging := func(_ int, r *rand.Rand) float64 { return 1.1 + 0.2*r.NormFloat64() }
	thrown := func(t int, r *rand.Rand) float64 {
		if t == 0 {
			return 0.3
		}
		return 1.2 + 2*math.Exp(-float64(t)/40) + 0.2*r.NormFloat64()
	}
	preconditioned := func(t int, s *Step, r *rand.Rand) {
		if t%10 == 0 {
			s.Curvature = &Curvature{GTHG: Known(1), Rho: Known(0.5), RhoPreconditioned: Known(4 * math.Exp(0.3*r.NormFloat64())), RhoLimit: Known(38)}
		}
	}
	lowered := func(t int, s *Step, r *rand.Rand) {
		if t < 1500 {
			toAndFro(-0.8, 0.6)(t, s, r)
		} else {
			toAndFro(0.2, 0.2)(t, s, r)
		}
	}
	// Nothing but the loss itself says so: it is six times what it was at first.
	away := func(t int, r *rand.Rand) float64 {
		if t == 0 {
			return 0.2
		}
		return 1.2 + 0.2*r.NormFloat64()
	}
	wide := func(_ int, r *rand.Rand) float64 { return 1.1 + 0.5*r.NormFloat64() }
	// Above where it began, where lower limits do.
	worse := func(t int, r *rand.Rand) float64 {
		if t < 3 {
			return 0.6
		}
		return 1.1 + 0.1*r.NormFloat64()
	}
	short := func(t int, s *Step, r *rand.Rand) {
		preconditioned(t, s, r)
		updating(1e-3, 50)(t, s, r)
	}
	stuck := []Kind{Stagnating}
	// Half of the way down, and back up to where it began.
	lost := func(t int, r *rand.Rand) float64 {
		return 1.2 - 0.6*math.Exp(-math.Pow(float64(t-150)/100, 2)) + 0.2*r.NormFloat64()
	}
	// The first steps throw it up a hundredfold, and it comes back to just where it was.
	back := func(t int, r *rand.Rand) float64 {
		if t < 2 {
			return 1.2
		}
		return 1.15 + 120*math.Exp(-float64(t)/20) + 0.3*r.NormFloat64()
	}
	return []fault{
		{recipe{name: "thrown up for good", steps: 2000, loss: away, norm: plainNorm}, Oscillating, 500, 620, false, stuck},
		{recipe{name: "thrown up, and comes back late", steps: 4000, loss: after(1500, away, learning(1.2, 0.1, 300, 0.05)), norm: plainNorm},
			Oscillating, 500, 620, true, stuck},
		{recipe{name: "from wall to wall, and solved at once", steps: 2000, loss: after(620, wide, func(int, *rand.Rand) float64 { return 0 }), norm: plainNorm, edit: toAndFro(-0.8, 0.6)},
			Oscillating, 500, 620, true, nil},
		{recipe{name: "worse, with steps that are somewhat long", steps: 2000, loss: worse, norm: plainNorm, edit: updating(0.06, 50)},
			Oscillating, 500, 620, false, stuck},
		{recipe{name: "worse, somewhat to and fro", steps: 2000, loss: worse, norm: plainNorm, edit: toAndFro(-0.35, 0)},
			Oscillating, 500, 620, false, stuck},
		{recipe{name: "worse, preconditioned, with short steps", steps: 2000, loss: worse, norm: plainNorm, edit: short},
			Oscillating, 500, 700, false, stuck},
		{recipe{name: "from wall to wall", steps: 2000, loss: swinging, norm: plainNorm, edit: toAndFro(-0.8, 0.6)},
			Oscillating, 500, 620, false, nil},
		{recipe{name: "thrown up by the first step", steps: 2000, loss: thrown, norm: plainNorm, edit: toAndFro(-0.8, 0.6)},
			Oscillating, 500, 700, false, nil},
		{recipe{name: "steps as long as the weights", steps: 2000, loss: swinging, norm: plainNorm, edit: updating(0.6, 50)},
			Oscillating, 500, 620, false, nil},
		{recipe{name: "preconditioned", steps: 2000, loss: swinging, norm: plainNorm, edit: preconditioned},
			Oscillating, 500, 700, false, nil},
		{recipe{name: "no progress since its first steps, in steps that are somewhat long", steps: 2000, loss: restless(0.35), norm: plainNorm, edit: updating(0.07, 50)},
			Oscillating, 500, 700, false, nil},
		{recipe{name: "what was won is lost", steps: 2000, loss: lost, norm: plainNorm, edit: updating(0.05, 50)}, Oscillating, 500, 700, false, nil},
		{recipe{name: "thrown up far, and only back", steps: 2000, loss: back, norm: plainNorm, edit: updating(0.05, 50)}, Oscillating, 500, 620, false, []Kind{Exploding}},
		{recipe{name: "worse, to and fro no more", steps: 3000, loss: worse, norm: plainNorm, edit: func(t int, s *Step, r *rand.Rand) {
			if t < 1000 {
				toAndFro(-0.35, 0)(t, s, r)
			} else {
				toAndFro(0.2, 0)(t, s, r)
			}
		}}, Oscillating, 500, 620, false, stuck},
		{recipe{name: "learning rate lowered later", steps: 4000, loss: after(1500, swinging, learning(1.1, 0.2, 300, 0.05)), norm: plainNorm, edit: lowered},
			Oscillating, 500, 620, true, nil},
	}
}

// flung has steps of which one weight takes that share of its norm, the others next to nothing.
func flung(ratio func(int) float64) func(int, *Step, *rand.Rand) {
	return func(t int, s *Step, r *rand.Rand) {
		if updating(1e-3, 50)(t, s, r); len(s.UpdateNorms) > 0 {
			s.UpdateNorms[0] = Known(2 * ratio(t))
		}
	}
}

// At the edge of stability a run learns and stays where it is in steps that are short; where they
// are long, it would learn the rest with shorter ones.
func TestOscillatingHasLearnedAndIsThrownAbout(t *testing.T) {
	learned := func(swing float64) func(int, *rand.Rand) float64 {
		return func(t int, r *rand.Rand) float64 {
			return 2.3*math.Exp(-float64(t)/20) + 0.2*math.Exp(swing*r.NormFloat64())
		}
	}
	always := func(v float64) func(int) float64 { return func(int) float64 { return v } }
	edge := func(rho float64) func(int, *Step, *rand.Rand) {
		return func(t int, s *Step, r *rand.Rand) {
			if t%10 == 0 {
				s.Curvature = &Curvature{GTHG: Known(1), Rho: Known(0.5), RhoPreconditioned: Known(rho * math.Exp(0.1*r.NormFloat64())), RhoLimit: Known(38)}
			}
		}
	}
	annealed := func(t int) float64 {
		if t < 400 {
			return 0.5
		}
		return 0.001
	}
	for _, c := range []struct {
		name  string
		swing float64
		edit  func(int, *Step, *rand.Rand)
		why   string
	}{
		{"a weight thrown about at a large ρ", 0.4, both(edge(8), flung(always(0.05))), "ρ = η·gᵀHg/gᵀg has a median of"},
		{"a weight flung by steps that can change the loss by a third", 0.4, flung(always(0.4)), "a step changes weights by 0.4"},
		{"short steps", 0.4, both(edge(8), flung(always(0.01))), ""},
		{"a small ρ", 0.4, both(edge(1), flung(always(0.05))), ""},
		{"hardly swings", 0.05, both(edge(8), flung(always(0.05))), ""},
		{"long steps early", 0.4, both(edge(8), flung(annealed)), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := recipe{name: c.name, steps: 1500, loss: learned(c.swing), norm: plainNorm, edit: c.edit}
			if c.why == "" {
				p.silent(t, Oscillating)
				return
			}
			fault{p, Oscillating, 500, 620, false, nil}.check(t)
			e := observe(p.run(), p.make(1))[0]
			require.Contains(t, e.Summary, c.why)
		})
	}
}

func TestOscillating(t *testing.T) {
	for _, f := range oscillatingFaults() {
		f.check(t)
	}
	// The edge of stability is healthy, and so is a run that has converged there.
	recipe{name: "edge of stability", steps: 5000, loss: learning(2.3, 0.2, 400, 0.1), norm: plainNorm, edit: toAndFro(-0.95, 0.9)}.silent(t, Oscillating)
	// The same evidence where the loss is no higher than at first.
	same := func(_ int, r *rand.Rand) float64 { return 1.1 + 0.1*r.NormFloat64() }
	recipe{name: "steps that are somewhat long", steps: 2000, loss: same, norm: plainNorm, edit: updating(0.06, 50)}.silent(t, Oscillating)
	recipe{name: "somewhat to and fro", steps: 2000, loss: same, norm: plainNorm, edit: toAndFro(-0.35, 0)}.silent(t, Oscillating)
	// Above where it began with next to no evidence, or none.
	twice := func(t int, r *rand.Rand) float64 {
		if t == 0 {
			return 0.55
		}
		return same(t, r)
	}
	recipe{name: "twice as high", steps: 2000, loss: twice, norm: plainNorm}.silent(t, Oscillating)
	recipe{name: "twice as high, with short steps", steps: 2000, loss: twice, norm: plainNorm, edit: updating(0.01, 50)}.silent(t, Oscillating)
	recipe{name: "twice as high, and noise", steps: 2000, loss: twice, norm: plainNorm, edit: toAndFro(-0.1, 0)}.silent(t, Oscillating)
	recipe{name: "what was won is lost, with short steps", steps: 2000, loss: func(t int, r *rand.Rand) float64 {
		return 1.2 - 0.6*math.Exp(-math.Pow(float64(t-150)/100, 2)) + 0.2*r.NormFloat64()
	}, norm: plainNorm, edit: updating(0.005, 50)}.silent(t, Oscillating)
	recipe{name: "no progress since its first steps, in short steps", steps: 2000, loss: restless(0.35), norm: plainNorm, edit: updating(0.02, 50)}.silent(t, Oscillating)
	recipe{name: "no progress since its first steps, and hardly swings", steps: 2000, loss: restless(0.1), norm: plainNorm, edit: updating(0.07, 50)}.silent(t, Oscillating)
	recipe{name: "progress since its first quarter", steps: 620, loss: func(t int, r *rand.Rand) float64 {
		if t < 150 {
			return 1.4 * restless(0.3)(t, r)
		}
		return restless(0.3)(t, r)
	}, norm: plainNorm, edit: updating(0.07, 50)}.silent(t, Oscillating)
	recipe{name: "half of it is learned", steps: 2000, loss: func(t int, r *rand.Rand) float64 {
		return restless(0.35)(t, r) + 1.5*math.Exp(-float64(t)/10)
	}, norm: plainNorm, edit: updating(0.07, 50)}.silent(t, Oscillating)
	// A catapult comes back.
	recipe{name: "catapult", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
		return (0.1 + 0.2*math.Exp(-float64(t)/300) + 3*math.Exp(-math.Pow(float64(t-30)/20, 2))) * (1 + 0.05*r.NormFloat64())
	}, norm: plainNorm}.silent(t, Oscillating)
	// Noise without a step that is too long, as in reinforcement learning.
	recipe{name: "noise", steps: 5000, loss: func(_ int, r *rand.Rand) float64 { return 2 * r.NormFloat64() }, norm: plainNorm, edit: toAndFro(-0.05, 0)}.silent(t, Oscillating)
}

func TestOscillatingSaysTheNumbers(t *testing.T) {
	fired := func(name string) Event {
		for _, f := range oscillatingFaults() {
			if f.name != name {
				continue
			}
			for _, e := range observe(f.run(), f.make(0)) {
				if e.Kind == Oscillating {
					return e
				}
			}
		}
		require.Fail(t, "silent", name)
		return Event{}
	}
	e := fired("from wall to wall")
	require.Equal(t, "8.2.1", e.Section)
	require.InDelta(t, -0.8, e.Values["cosine"], 0.05)
	require.InDelta(t, 0.6, e.Values["cosine2"], 0.05)
	require.InDelta(t, 0.2/1.1, e.Values["swing"], 0.1)
	require.Contains(t, e.Summary, "from wall to wall")

	e = fired("thrown up for good")
	require.InDelta(t, 1.2, e.Values["level"], 0.05)
	require.InDelta(t, 0.2, e.Values["start"], 0, "not what it was thrown up to")
	require.Contains(t, e.Summary, "with no progress from where it began (0.2): the first steps threw it up, and it never came back.")
	require.Contains(t, e.Advice, "Lower the learning rate")

	e = fired("worse, with steps that are somewhat long")
	require.InDelta(t, 0.06, e.Values["update_ratio"], 0.01)
	require.InDelta(t, 0.6, e.Values["start"], 0)
	require.Contains(t, e.Summary, "a step changes weights by 0.06")
	e = fired("worse, somewhat to and fro")
	require.InDelta(t, -0.35, e.Values["cosine"], 0.05)
	require.Contains(t, e.Summary, "have a mean cosine of -0.3")
	e = fired("worse, preconditioned, with short steps")
	require.InDelta(t, 4, e.Values["rho"], 0.5)
	require.Contains(t, e.Summary, "ρ = η·gᵀHg/gᵀg has a median of")
}

// Weights that do not move learn nothing, however noisy the loss is.
