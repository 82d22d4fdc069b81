package monitor

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// curved measures the curvature in every nth step: ρ against a limit of 2, and
// gᵀHg as that many times gᵀg.
func curved(every int, rho, rayleigh func(int, *rand.Rand) float64) func(int, *Step, *rand.Rand) {
	return func(t int, s *Step, r *rand.Rand) {
		if t%every > 0 {
			return
		}
		s.Curvature = &Curvature{Method: "hvp", Seconds: Known(0.001)}
		if rho != nil {
			s.Curvature.Rho, s.Curvature.RhoLimit = Known(rho(t, r)), Known(2)
		}
		q := 1.0
		if rayleigh != nil {
			q = rayleigh(t, r)
		}
		norm := s.GradNorm.Or(1)
		s.Curvature.GTHG, s.Curvature.Rayleigh = Known(q*norm*norm), Known(q)
	}
}

// gaussian has that mean and standard deviation.
func gaussian(mean, deviation float64) func(int, *rand.Rand) float64 {
	return func(_ int, r *rand.Rand) float64 { return mean + deviation*r.NormFloat64() }
}

// wasting has curvature that uses up steps which go to and fro.
func wasting(rho func(int, *rand.Rand) float64, cosine float64) func(int, *Step, *rand.Rand) {
	return both(both(curved(10, rho, nil), toAndFro(cosine, 0.1)), updating(0.05, 45))
}

// sharpening rises from 1 by a factor, and stays there.
func sharpening(factor float64, steps int, sigma float64) func(int, *rand.Rand) float64 {
	return func(t int, r *rand.Rand) float64 {
		return math.Pow(factor, math.Min(float64(t)/float64(steps), 1)) * math.Exp(sigma*r.NormFloat64())
	}
}

// bouncing is a loss that swings between walls and never comes down.
func bouncing(t int, r *rand.Rand) float64 { return 2.3 * math.Exp(0.1*r.NormFloat64()) }

func healthyCurvature() []recipe {
	noProgress := func(t int, r *rand.Rand) float64 { return 0.3*math.Sin(float64(t)/200) + 2*r.NormFloat64() }
	return []recipe{
		{name: "edge of stability, full batch", steps: 5000, loss: func(t int, r *rand.Rand) float64 {
			return (0.05 + 2*math.Exp(-float64(t)/800)) * (1 + 0.2*r.Float64())
		}, norm: lognormal(1, 0.5), edit: curved(1, gaussian(2.1, 0.5), sharpening(300, 1000, 0.1))},
		{name: "edge of stability, mini-batches, converged", steps: 20_000, loss: learning(2.3, 1.2, 50, 0.05), norm: lognormal(1, 0.3),
			edit: curved(20, lognormal(2, 0.7), sharpening(50, 3000, 0.5))},
		{name: "edge of stability, no progress to be seen", steps: 20_000, loss: noProgress, norm: lognormal(1, 0.8),
			edit: curved(20, gaussian(1.8, 0.3), sharpening(5, 3000, 0.5))},
		{name: "overshooting but descending", steps: 5000, loss: noProgress, norm: lognormal(1, 0.3), edit: curved(10, gaussian(1.5, 0.2), nil)},
		{name: "noisy curvature, rarely above", steps: 20_000, loss: noProgress, norm: lognormal(1, 0.8), edit: curved(10, lognormal(0.6, 0.8), lognormal(1, 2))},
		{name: "noisy curvature, few measurements", steps: 4000, loss: noProgress, norm: lognormal(1, 0.8), edit: curved(200, lognormal(0.6, 0.8), lognormal(1, 2))},
		{name: "negative curvature", steps: 5000, loss: noProgress, norm: lognormal(1, 0.3), edit: curved(10, gaussian(-5, 3), gaussian(-1, 2))},
		{name: "catapult", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
			return (0.1 + 2.2*math.Exp(-math.Max(float64(t)-60, 0)/300)) * (1 + 0.05*r.NormFloat64())
		}, norm: lognormal(1, 0.3), edit: curved(1, func(t int, r *rand.Rand) float64 {
			return 1.5 + 8*math.Exp(-float64(t)/15) + 0.2*r.NormFloat64()
		}, nil)},
		{name: "gᵀHg grows with gᵀg alone", steps: 5000, loss: noProgress, norm: func(t int, r *rand.Rand) float64 {
			return (1 + 5*math.Min(float64(t)/2000, 1)) * math.Exp(0.2*r.NormFloat64())
		}, edit: curved(10, gaussian(1, 0.2), lognormal(1, 0.2))},
		{name: "gᵀHg grows and gᵀg shrinks", steps: 5000, loss: noProgress, norm: fading(1, 0.3, 500, 0.2), edit: curved(10, gaussian(1, 0.2), sharpening(1000, 2000, 0.2))},
		{name: "curvature that is sometimes not finite", steps: 3000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, r *rand.Rand) {
			bad := []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[t%3]
			s.Curvature = &Curvature{GTHG: Known(bad), Rho: Known(bad), RhoLimit: Known(bad), Rayleigh: Known(bad), Seconds: Known(bad),
				LambdaMax: Known(bad), LambdaMin: Known(bad), Converged: true}
		}},
	}
}

// creeping is a loss that comes down, slowly.
func creeping(t int, r *rand.Rand) float64 {
	return 2.3*math.Exp(-float64(t)/2500) + 0.01*r.NormFloat64()
}

func illFaults() []fault {
	tooLong := lognormal(4, 0.4)
	mended := func(t int, r *rand.Rand) float64 {
		if t < 3000 {
			return tooLong(t, r)
		}
		return tooLong(t, r) / 10
	}
	// What the record leaves out is computed: ρ is 8, of which clipping leaves a half.
	computed := func(t int, s *Step, r *rand.Rand) {
		curved(10, nil, lognormal(8, 0.2))(t, s, r)
		s.LR = Known(1)
		s.Clip = Clip{Policy: "norm", Clipped: true, Factor: Known(0.5)}
		if s.Curvature != nil {
			s.Curvature.Rayleigh, s.Curvature.RhoLimit = Number{}, Known(2)
		}
	}
	stuck := []Kind{Stagnating}
	shorter := func(t int, r *rand.Rand) float64 {
		if t < 2000 {
			return 1 + 0.1*r.NormFloat64()
		}
		return 0.2 + 0.03*r.NormFloat64()
	}
	// The loss is not measured where curvature is.
	apart := func(t int, s *Step, r *rand.Rand) {
		if wasting(gaussian(1, 0.1), -0.3)(t, s, r); s.Curvature != nil {
			s.Loss = Number{}
		}
	}
	return []fault{
		{recipe{name: "creeps along the floor of a valley", steps: 1200, loss: creeping, norm: lognormal(1, 0.3),
			edit: wasting(gaussian(1.6, 0.2), -0.6)}, IllConditioned, 500, 600, false, nil},
		{recipe{name: "creeps after a bad first guess", steps: 1200, loss: func(t int, r *rand.Rand) float64 {
			return 7*math.Exp(-float64(t)/4) + 0.42*math.Exp(-float64(t)/120) + 0.42*math.Exp(-float64(t)/2500) + 0.002*r.NormFloat64()
		}, norm: lognormal(1, 0.3), edit: wasting(gaussian(1.6, 0.2), -0.6)}, IllConditioned, 500, 700, false, nil},
		{recipe{name: "crept along the floor of a valley", steps: 6000, loss: creeping, norm: lognormal(1, 0.3),
			edit: wasting(gaussian(1.6, 0.2), -0.6)}, IllConditioned, 500, 600, true, nil},
		{recipe{name: "curvature uses up the step", steps: 3000, loss: bouncing, norm: lognormal(1, 0.3), edit: wasting(gaussian(1, 0.1), -0.3)},
			IllConditioned, 500, 1100, false, stuck},
		{recipe{name: "curvature uses up the step, by wide values", steps: 3000, loss: bouncing, norm: lognormal(1, 0.3), edit: wasting(lognormal(1, 0.4), -0.3)},
			IllConditioned, 500, 1200, false, stuck},
		{recipe{name: "curvature used up the step before it was shorter", steps: 4000, loss: bouncing, norm: lognormal(1, 0.3), edit: wasting(shorter, -0.3)},
			IllConditioned, 500, 1100, true, stuck},
		{recipe{name: "curvature used up the step until it learned", steps: 6000, loss: logistic(2.3, 0.1, 3000, 0.05), norm: lognormal(1, 0.3), edit: wasting(gaussian(1, 0.1), -0.3)},
			IllConditioned, 500, 1100, true, stuck},
		{recipe{name: "curvature uses up the step, measured where the loss is not", steps: 3000, loss: bouncing, norm: lognormal(1, 0.3), edit: apart},
			IllConditioned, 500, 1200, false, stuck},
		{recipe{name: "step too long", steps: 3000, loss: bouncing, norm: lognormal(1, 0.3), edit: curved(10, tooLong, nil)},
			IllConditioned, 300, 1000, false, stuck},
		{recipe{name: "measured in every step", steps: 3000, loss: bouncing, norm: lognormal(1, 0.3), edit: curved(1, tooLong, nil)},
			IllConditioned, 300, 1000, false, stuck},
		{recipe{name: "measured rarely", steps: 6000, loss: bouncing, norm: lognormal(1, 0.3), edit: curved(130, tooLong, nil)},
			IllConditioned, 2000, 3500, false, stuck},
		{recipe{name: "learning rate lowered later", steps: 6000, loss: bouncing, norm: lognormal(1, 0.3), edit: curved(10, mended, nil)},
			IllConditioned, 300, 1000, true, stuck},
		{recipe{name: "learns in the end", steps: 6000, loss: logistic(2.3, 0.1, 3000, 0.05), norm: lognormal(1, 0.3), edit: curved(10, tooLong, nil)},
			IllConditioned, 300, 1000, true, stuck},
		{recipe{name: "no loss measured", steps: 3000, norm: lognormal(1, 0.3), edit: curved(10, lognormal(6, 0.3), nil)},
			IllConditioned, 300, 1000, false, nil},
		{recipe{name: "computed from the rest of the record", steps: 3000, loss: bouncing, norm: lognormal(1, 0.3), edit: computed},
			IllConditioned, 300, 1000, false, stuck},
		{recipe{name: "gᵀHg grows tenfold", steps: 6000, loss: bouncing, norm: lognormal(1, 0.3), edit: curved(10, nil, sharpening(100, 3000, 0.3))},
			IllConditioned, 1500, 3500, false, stuck},
		{recipe{name: "gᵀHg grows and gᵀg too", steps: 6000, loss: bouncing, norm: func(t int, r *rand.Rand) float64 {
			return (1 + float64(t)/3000) * math.Exp(0.2*r.NormFloat64())
		}, edit: curved(10, gaussian(0.3, 0.05), sharpening(1000, 3000, 0.3))},
			IllConditioned, 1000, 3500, false, stuck},
	}
}

func TestIllConditioned(t *testing.T) {
	for _, f := range illFaults() {
		f.check(t)
	}
	for _, p := range healthyCurvature() {
		p.silent(t, IllConditioned)
	}
}

func TestIllConditionedWasteNearMisses(t *testing.T) {
	near := wasting(gaussian(1.6, 0.2), -0.5)
	for _, p := range []recipe{
		{name: "gradients that hardly turn", loss: creeping, edit: wasting(gaussian(1.6, 0.2), -0.05)},
		{name: "curvature far below the limit", loss: creeping, edit: wasting(gaussian(0.3, 0.1), -0.5)},
		{name: "most of the loss is learned", loss: learning(2.3, 0.3, 100, 0.03), edit: near},
		{name: "a loss that may be negative", loss: func(t int, r *rand.Rand) float64 { return creeping(t, r) - 2.2 }, edit: near},
		{name: "few measurements", loss: creeping, edit: both(both(curved(100, gaussian(1.6, 0.2), nil), toAndFro(-0.5, 0.1)), updating(0.05, 45))},
		{name: "too short to tell", loss: creeping, steps: 480, edit: near},
		{name: "no steps measured", loss: creeping, edit: both(curved(10, gaussian(1.6, 0.2), nil), toAndFro(-0.5, 0.1))},
		{name: "preconditioned", loss: creeping, edit: both(func(t int, s *Step, r *rand.Rand) {
			if near(t, s, r); s.Curvature != nil {
				s.Curvature.RhoPreconditioned = s.Curvature.Rho
			}
		}, toAndFro(-0.5, 0.1))},
	} {
		if p.norm = lognormal(1, 0.3); p.steps == 0 {
			p.steps = 1200
		}
		p.silent(t, IllConditioned)
	}
}

// The limit is the optimizer's where the record has none, and an optimizer whose
// limit is on another quantity has none.
func TestIllConditionedAsksTheOptimizer(t *testing.T) {
	signed := func(t int, r *rand.Rand) float64 { return bouncing(t, r) - 2.3 } // of which the limit alone is asked
	p := recipe{steps: 2000, loss: signed, norm: lognormal(1, 0.3), edit: curved(10, gaussian(3.2, 0.1), nil)}
	steps := p.make(1)
	for i := range steps {
		if k := steps[i].Curvature; k != nil {
			k.RhoLimit = Number{}
		}
	}
	for name, c := range map[string]struct {
		optimizer *Optimizer
		fires     bool
	}{
		"none":     {nil, false},
		"sgd":      {&Optimizer{Kind: "sgd"}, true},
		"momentum": {&Optimizer{Kind: "sgd", Momentum: Known(0.9)}, false},
		"adam":     {&Optimizer{Kind: "adam", Beta1: Known(0)}, false},
	} {
		run := p.run()
		run.Optimizer = c.optimizer
		fired := false
		for _, e := range observe(run, steps) {
			fired = fired || e.Kind == IllConditioned
		}
		require.Equal(t, c.fires, fired, name)
	}
}

func TestIllConditionedSaysTheNumbers(t *testing.T) {
	p := recipe{steps: 550, loss: bouncing, norm: lognormal(1, 0.3), edit: curved(10, gaussian(4, 0), nil)}
	events := observe(p.run(), p.make(1))
	require.Len(t, events, 1)
	e := events[0]
	require.Equal(t, Warning, e.Severity)
	require.Equal(t, "8.2.1", e.Section)
	require.InDelta(t, 4, e.Values["rho"], 1e-12)
	require.InDelta(t, 2, e.Values["rho_limit"], 0)
	require.InDelta(t, 1, e.Values["share"], 0)
	require.Contains(t, e.Summary, "above 4, 100 % above the optimizer's limit of 2")
}

func TestSurelyWantsMoreOfFewer(t *testing.T) {
	for n, index := range map[int]int{1: 0, 4: 2, 16: 12, 32: 25, 64: 52} {
		var w window
		for i := range n {
			w.push(float64(i))
		}
		require.InDelta(t, index, w.surely(0.9), 0, "%d values", n)
	}
}

func TestSize(t *testing.T) {
	var w window
	median, high := w.size()
	require.Zero(t, median)
	require.Zero(t, high)
	for _, v := range []float64{-8, 1, -2, 4} {
		w.push(v)
	}
	median, high = w.size()
	require.InDelta(t, 3, median, 0)
	require.InDelta(t, 8, high, 0)
}

// What is known of the losses does not get lost in a restart before a record without one.
func TestIllConditionedGoesOnWithoutALoss(t *testing.T) {
	p := recipe{steps: 1500, loss: bouncing, norm: lognormal(1, 0.3), edit: func(t int, s *Step, r *rand.Rand) {
		if wasting(gaussian(1, 0.1), -0.3)(t, s, r); s.Curvature != nil {
			s.Loss = Number{}
		}
	}}
	steps := p.make(1)
	want, got := observe(p.run(), steps), []Event{}
	m := New(p.run())
	for i := range steps {
		if steps[i].Curvature != nil {
			state, err := m.State()
			require.NoError(t, err)
			m = New(p.run())
			require.NoError(t, m.Restore(state))
		}
		got = append(got, m.Observe(&steps[i])...)
	}
	require.NotEmpty(t, want)
	require.Equal(t, want, got)
}

// Steps that could have learned everything many times over, and go to and fro instead.
func TestIllConditionedByEfficiency(t *testing.T) {
	to := func(rho, cosine, update float64) func(int, *Step, *rand.Rand) {
		return both(both(curved(10, gaussian(rho, 0.05), nil), toAndFro(cosine, 0.2)), updating(update, 50))
	}
	slow := learning(2, 1.2, 400, 0.05)
	fired := func(p recipe) (events []Event) {
		p.steps, p.norm = 1200, plainNorm
		for _, e := range observe(p.run(), p.make(1)) {
			if e.Kind == IllConditioned {
				events = append(events, e)
			}
		}
		return events
	}
	events := fired(recipe{loss: slow, edit: to(0.7, -0.25, 0.2)})
	require.NotEmpty(t, events)
	require.Greater(t, events[0].Values["bound"], 10.0)
	require.Less(t, events[0].Values["efficiency"], illEfficiency)
	require.InDelta(t, -0.25, events[0].Values["cosine"], 0.05)
	require.Contains(t, events[0].Summary, "the curvature uses them up")
	require.Contains(t, events[0].Advice, "a lower learning rate alone")
	guess := func(t int, r *rand.Rand) float64 { return 10*math.Exp(-float64(t)/8) + slow(t, r) }
	require.NotEmpty(t, fired(recipe{loss: guess, edit: to(0.7, -0.25, 0.2)}), "a first guess that was bad")
	require.Empty(t, fired(recipe{loss: slow, edit: to(0.7, -0.25, 0.003)}), "short steps that keep what they promise")
	require.Empty(t, fired(recipe{loss: slow, edit: to(0.1, -0.25, 0.2)}), "little curvature")
	require.Empty(t, fired(recipe{loss: slow, edit: to(0.7, 0, 0.2)}), "noise")
	require.Empty(t, fired(recipe{loss: learning(2, 0.2, 150, 0.05), edit: to(0.7, -0.25, 0.2)}), "it learns")
}
