package monitor

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// logistic stays at one level up to step at and then learns.
func logistic(high, low, at, noise float64) func(int, *rand.Rand) float64 {
	return func(t int, r *rand.Rand) float64 {
		return low + (high-low)/(1+math.Exp((float64(t)-at)/50)) + noise*r.NormFloat64()
	}
}

// faint leaves that share of the weights' gradients beside the biases'.
func faint(share float64) func(int, *Step, *rand.Rand) {
	return func(_ int, s *Step, _ *rand.Rand) {
		for i := 0; i < len(s.ParamGradNorms); i += 2 {
			s.ParamGradNorms[i] = Known(s.ParamGradNorms[i].value * share)
		}
	}
}

func stagnatingFaults() []fault {
	// The first steps throw the loss up, and it comes down to where it was and no further.
	thrown := func(t int, r *rand.Rand) float64 {
		if t == 0 {
			return 2.3
		}
		return 2.31 + 3*math.Exp(-float64(t)/6) + 0.01*r.NormFloat64()
	}
	chance := learning(2.33, 2.303, 30, 0.01)
	return []fault{
		{recipe{name: "at chance", steps: 3000, loss: learning(2.33, 2.303, 30, 0.01), norm: plainNorm}, Stagnating, 600, 1000, false, nil},
		{recipe{name: "too slow", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
			return 0.72 - 2e-6*float64(t) + 0.005*r.NormFloat64()
		}, norm: plainNorm}, Stagnating, 600, 1000, false, nil},
		{recipe{name: "noisy", steps: 10000, loss: learning(1, 1, 30, 0.03), norm: plainNorm}, Stagnating, 600, 9000, false, nil},
		{recipe{name: "loss only", steps: 3000, noParams: true, loss: learning(2.33, 2.303, 30, 0.01)}, Stagnating, 600, 1000, false, nil},
		{recipe{name: "thrown up at first", steps: 3000, loss: thrown, norm: plainNorm}, Stagnating, 600, 1500, false, nil},
		{recipe{name: "nothing but a constant", steps: 3000, loss: chance, norm: plainNorm, edit: chained(faint(0.05), toAndFro(0, 0))},
			Stagnating, 600, 1000, false, nil},
		{recipe{name: "a very long flat start", steps: 6000, loss: logistic(0.69, 0.1, 3000, 0.005), norm: plainNorm}, Stagnating, 600, 1000, true, nil},
		{recipe{name: "a quick first gain, and gradients that agree", steps: 4000, loss: func(t int, r *rand.Rand) float64 {
			return logistic(2.6, 0.5, 2000, 0.04)(t, r) + 0.3*math.Exp(-float64(t)/15)
		}, norm: plainNorm, edit: toAndFro(0.3, 0.25)}, Stagnating, 600, 1000, true, nil},
		{slowly(), Stagnating, 600, 650, true, nil},
	}
}

func TestStagnating(t *testing.T) {
	for _, f := range stagnatingFaults() {
		f.check(t)
	}
	for _, f := range plateauFaults() {
		f.recipe.silent(t, Stagnating)
	}
	// Gradients that are noise, in weights that are reached: the losses are their batches'.
	recipe{name: "fine-tuned", steps: 5000, loss: func(_ int, r *rand.Rand) float64 { return 0.3 * math.Exp(0.1*r.NormFloat64()) },
		norm: plainNorm, edit: toAndFro(0, 0)}.silent(t, Stagnating)
	recipe{name: "fine-tuned, from a start that was a little worse", steps: 5000, loss: learning(0.37, 0.3, 200, 0.05), norm: plainNorm}.silent(t, Stagnating)
	recipe{name: "weights that get less, and noise", steps: 5000, loss: learning(2.33, 2.303, 30, 0.01), norm: plainNorm,
		edit: chained(faint(0.15), toAndFro(0, 0))}.silent(t, Stagnating)
	// A first gain that is all there is to be had.
	gain := func(noise float64) func(int, *rand.Rand) float64 {
		return func(t int, r *rand.Rand) float64 { return 2.6 + 0.6*math.Exp(-float64(t)/30) + noise*r.NormFloat64() }
	}
	for name, p := range map[string]recipe{
		"gradients that are noise":       {loss: gain(0.04), norm: plainNorm, edit: toAndFro(0.05, 0.05)},
		"gradients that agree in turns":  {loss: gain(0.04), norm: plainNorm, edit: toAndFro(0.3, 0)},
		"gradients that shrink":          {loss: gain(0), norm: fading(1, 1e-3, 100, 0.1), edit: toAndFro(0.9, 0.9)},
		"losses that vary":               {loss: gain(0.15), norm: plainNorm, edit: toAndFro(0.3, 0.25)},
		"a third of the loss is learned": {loss: learning(4.5, 2.6, 30, 0.04), norm: plainNorm, edit: toAndFro(0.3, 0.25)},
	} {
		p.name, p.steps = name, 5000
		p.silent(t, Stagnating)
	}
	// Thrown up at first, and it learned all the same.
	recipe{name: "catapult", steps: 5000, loss: func(t int, r *rand.Rand) float64 {
		if t == 0 {
			return 2.3
		}
		return (1.8 + 3*math.Exp(-float64(t)/6)) * (1 + 0.01*r.NormFloat64())
	}, norm: plainNorm}.silent(t, Stagnating)
	recipe{name: "converged", steps: 10000, loss: learning(2.3, 1.5, 100, 0.01), norm: plainNorm}.silent(t, Stagnating)
}

func TestStagnatingSaysWhereItBegan(t *testing.T) {
	for _, f := range stagnatingFaults() {
		if f.name != "thrown up at first" {
			continue
		}
		e := observe(f.run(), f.make(1))[0]
		require.Equal(t, Stagnating, e.Kind)
		require.InDelta(t, 2.31, e.Values["level"], 0.01)
		require.InDelta(t, 2.31, e.Values["start"], 0.01, "not what it was thrown up to")
		require.Contains(t, e.Summary, "The loss is at 2.31, began at 2.31 ")
		return
	}
	require.Fail(t, "no such run")
}

func TestStagnatingOfStepsThatAreTooShort(t *testing.T) {
	p := recipe{name: "tiny steps", steps: 1500, loss: func(_ int, r *rand.Rand) float64 { return math.Exp(0.8 * r.NormFloat64()) },
		norm: plainNorm, edit: updating(1e-8, 100)}
	events := observe(p.run(), p.make(1))
	require.Len(t, events, 1)
	require.Equal(t, Stagnating, events[0].Kind)
	require.Contains(t, events[0].Summary, "The steps are too short")
	require.Less(t, events[0].Values["bound"], 1e-3)
	p.edit = updating(1e-3, 100)
	require.Empty(t, observe(p.run(), p.make(1)))
}

// slowly comes down by all that steps allow which are far too short, until they are longer.
func slowly() recipe {
	short, long := updating(5e-5, 100), updating(2e-3, 100)
	return recipe{name: "comes down too slowly", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
		return math.Exp(-1.5e-4*float64(t)-4e-3*max(float64(t)-2000, 0)) * (1 + 0.02*r.NormFloat64())
	}, norm: plainNorm, edit: func(t int, s *Step, r *rand.Rand) {
		if t < 2000 {
			short(t, s, r)
		} else {
			long(t, s, r)
		}
	}}
}

// It ends once, when the steps are longer, and not when the loss has come down a little.
func TestStagnatingOfALossThatComesDownTooSlowly(t *testing.T) {
	p := slowly()
	events := observe(p.run(), p.make(1))
	require.Len(t, events, 2)
	require.Contains(t, events[0].Summary, "The steps are too short")
	require.Less(t, events[0].Values["level"], 0.95*events[0].Values["start"], "it does come down")
	require.InDelta(t, 2100, events[1].Step, 100)
	require.Contains(t, events[1].Summary, "The steps are not too short any more")
	require.GreaterOrEqual(t, events[1].Values["bound"], float64(stuckMoved))

	// Weights that are not measured bring the loss down later.
	p.edit = updating(5e-5, 100)
	p.loss = after(2000, learning(1, 0.95, 300, 0.02), func(_ int, r *rand.Rand) float64 { return 0.3 * (1 + 0.02*r.NormFloat64()) })
	events = observe(p.run(), p.make(1))
	require.Len(t, events, 2)
	require.InDelta(t, 2040, events[1].Step, 40)
	require.Less(t, events[1].Values["bound"], float64(stuckMoved))

	p.steps = 2000 // what cannot be explained by the weights that were measured says nothing of the steps
	p.loss = func(t int, r *rand.Rand) float64 { return math.Exp(-1e-3*float64(t)) * (1 + 0.02*r.NormFloat64()) }
	p.edit = updating(1e-5, 100)
	require.Empty(t, observe(p.run(), p.make(1)))
}
