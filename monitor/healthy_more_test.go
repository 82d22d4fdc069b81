package monitor

import (
	"math"
	"math/rand/v2"
)

// chained edits one after another.
func chained(edits ...func(int, *Step, *rand.Rand)) func(int, *Step, *rand.Rand) {
	return func(t int, s *Step, r *rand.Rand) {
		for _, edit := range edits {
			edit(t, s, r)
		}
	}
}

// healthySignals are healthy runs whose gradients' relations, updates and curvature were
// measured, each of which fooled an earlier rule.
func healthySignals() []recipe {
	biasesOnly := func(t int, s *Step, r *rand.Rand) {
		updating(0, 100)(t, s, r)
		for i := 0; i < len(s.ParamGradNorms); i += 2 {
			undefine(s, i)
		}
	}
	warmRestarts := func(t int, s *Step, _ *rand.Rand) {
		s.LR = Known(0.5e-3 * (1 + math.Cos(math.Pi*float64(t%1000)/999)))
		if t%1000 < 40 && t >= 1000 {
			magnify(s, 12)
		}
	}
	turning := func(t int, s *Step, r *rand.Rand) {
		if t < 200 {
			toAndFro(0.6, 0.6)(t, s, r)
		} else {
			toAndFro(-0.3, 0.1)(t, s, r)
		}
	}
	hot := func(t int, s *Step, r *rand.Rand) {
		toAndFro(0.03, 0)(t, s, r)
		updating(3e-4, 100)(t, s, r)
		if t%10 == 0 {
			s.Curvature = &Curvature{GTHG: Known(1), RhoPreconditioned: Known(4 * math.Exp(0.3*r.NormFloat64())), RhoLimit: Known(38)}
		}
	}
	pruned := func(t int, s *Step, r *rand.Rand) {
		zero(s, 2)
		if t == 0 {
			updating(1e-3, 1)(t, s, r)
			s.ParamNorms[2] = Known(0)
		}
	}
	return []recipe{
		{name: "biases only", steps: 3000, loss: learning(2.5, 0.5, 600, 0.1), norm: plainNorm, edit: biasesOnly},
		{name: "tiny updates, one step in a hundred logged", steps: 60000, every: 100, loss: learning(1.9, 0.7, 30000, 0.2), norm: plainNorm, edit: updating(1e-6, 100)},
		{name: "restarts from a learning rate of 0", steps: 4000, loss: learning(2.3, 0.3, 600, 0.05), norm: plainNorm, edit: warmRestarts},
		{name: "gradients that begin to go to and fro", steps: 3000, loss: learning(2.3, 0.1, 300, 0.05), norm: plainNorm, edit: turning},
		{name: "fine-tuning with a high preconditioned ρ", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
			return 2.5 - 0.25*math.Min(float64(t)/2500, 1) + 0.12*r.NormFloat64()
		}, norm: plainNorm, edit: hot},
		{name: "a negative loss from 0", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
			return -0.001 - 0.95/(1+math.Exp(-float64(t-1200)/120)) + 0.001*r.NormFloat64()
		}, norm: func(t int, r *rand.Rand) float64 { return (1 + float64(t)/200) * plainNorm(t, r) }},
		{name: "fine-tuning that has nothing to learn", steps: 3000, loss: func(_ int, r *rand.Rand) float64 { return 0.74 + 0.012*r.NormFloat64() },
			norm: plainNorm, edit: chained(toAndFro(0.02, 0), updating(4e-4, 100))},
		{name: "fine-tuning that has nothing to learn, noisy, with a high preconditioned ρ", steps: 3000,
			loss: func(_ int, r *rand.Rand) float64 { return 0.74 * (1 + 0.1*r.NormFloat64()) }, norm: plainNorm, edit: hot},
		{name: "a warm-up in one leap", steps: 3000, loss: learning(2.3, 1.2, 300, 0.02), norm: plainNorm, edit: rates(1e-6, map[int]float64{5: 1e-3})},
		{name: "large inputs", steps: 1500, layers: 3, loss: plainLoss, norm: plainNorm, edit: growing(100)},
		{name: "a recurrence far above 1 that learns", steps: 1500, loss: plainLoss, norm: plainNorm, edit: recurring(always(15))},
		{name: "a density's loss falls below 0 and levels off", steps: 3000, loss: learning(1.4, -40, 300, 0.01), norm: plainNorm, edit: toAndFro(0.9, 0.9)},
		{name: "pruned weights", steps: 3000, loss: learning(2.3, 0.2, 300, 0.05), norm: plainNorm, edit: pruned},
		{name: "a plateau that is left and fallen back to, with gradients far above those on it", steps: 2000, loss: func(t int, r *rand.Rand) float64 {
			switch {
			case t < 180:
				return 1.61 - 0.35*math.Max(float64(t)-60, 0)/120 + 0.003*r.NormFloat64()
			case t < 300:
				return 1.56 + 0.02*r.NormFloat64()
			}
			return (0.25 + 1.2*math.Exp(-float64(t-300)/200)) * (1 + 0.05*r.NormFloat64())
		}, norm: func(t int, r *rand.Rand) float64 {
			return 0.007 * math.Exp(5.3/(1+math.Exp((110-float64(t))/6))) * math.Exp(0.2*r.NormFloat64())
		}, edit: updating(1e-3, 20)},
		{name: "gradients that begin tiny and grow to an ordinary elasticity, before the loss falls", steps: 1500, loss: func(t int, r *rand.Rand) float64 {
			return 0.3 + 1.3/(1+math.Exp((float64(t)-320)/15)) + 0.01*r.NormFloat64()
		}, norm: func(t int, r *rand.Rand) float64 {
			return 0.007 * math.Exp(5.3/(1+math.Exp((150-float64(t))/10))) * math.Exp(0.2*r.NormFloat64())
		}, edit: updating(1e-3, 20)},
		{name: "a catapult at the edge of stability", steps: 1000, loss: func(t int, _ *rand.Rand) float64 {
			level := 0.05 + 0.5*math.Exp(-float64(t)/50)
			return level + math.Exp(-math.Abs(float64(t-500)))
		}, norm: plainNorm},
	}
}
