package monitor

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// rates is a schedule: the first rate, and each later one from its step on.
func rates(first float64, later map[int]float64) func(int, *Step, *rand.Rand) {
	return func(t int, s *Step, _ *rand.Rand) {
		rate, from := first, 0
		for at, lr := range later {
			if at <= t && at >= from {
				rate, from = lr, at
			}
		}
		s.LR = Known(rate)
	}
}

func divergingFaults() []fault {
	up := after(1000, plainLoss, func(_ int, r *rand.Rand) float64 { return 0.8 + 0.05*r.NormFloat64() })
	bending := func(tau float64) func(int, *rand.Rand) float64 {
		return func(t int, r *rand.Rand) float64 {
			return -2.6 - 200*(1-math.Exp(-float64(t)/tau)) + 0.3*r.NormFloat64()
		}
	}
	return []fault{
		{recipe{name: "climbs from the start", steps: 1000, loss: func(t int, r *rand.Rand) float64 {
			return 0.7 * math.Exp(float64(t)/100) * (1 + 0.1*r.NormFloat64())
		}, norm: plainNorm}, Diverging, 100, 350, false, nil},
		{recipe{name: "sign error", steps: 1500, loss: func(t int, r *rand.Rand) float64 {
			return 0.7 + 0.01*float64(t)*(1+0.2*r.NormFloat64())
		}, norm: plainNorm}, Diverging, 140, 400, false, nil},
		{recipe{name: "loss negated", steps: 2000, loss: func(t int, r *rand.Rand) float64 {
			return -0.7 - 0.02*float64(t) - 3e-4*float64(t*t)*(1+0.2*r.NormFloat64())
		}, norm: func(t int, r *rand.Rand) float64 { return (1 + float64(t)/100) * plainNorm(t, r) }}, Diverging, 400, 900, false, nil},
		{recipe{name: "loss negated, in a straight line", steps: 2000, loss: func(t int, r *rand.Rand) float64 {
			return -2.6 - 0.6*float64(t)*(1+0.05*r.NormFloat64())
		}, norm: func(t int, r *rand.Rand) float64 { return min(1+float64(t)/30, 4) * plainNorm(t, r) }, edit: toAndFro(0.98, 0.98)}, Diverging, 500, 1000, false, nil},
		{recipe{name: "loss negated, and mended", steps: 4000, loss: func(t int, r *rand.Rand) float64 {
			return -2.6 - 0.6*float64(min(t, 1500))*(1+0.05*r.NormFloat64())
		}, norm: func(t int, r *rand.Rand) float64 { return min(1+float64(t)/30, 4) * plainNorm(t, r) }, edit: toAndFro(0.98, 0.98)}, Diverging, 500, 1000, true, nil},
		// Straight gradients make less depth and steadiness enough, and what has begun goes on.
		{recipe{name: "loss negated, more slowly", steps: 1500, loss: bending(700), norm: fading(1, 0.5, 300, 0.2), edit: toAndFro(0.6, 0.6)},
			Diverging, 500, 650, false, nil},
		{recipe{name: "loss negated, and levels off in the end", steps: 3000, loss: bending(500), norm: fading(1, 0.5, 300, 0.2), edit: toAndFro(0.6, 0.6)},
			Diverging, 500, 620, true, nil},
		{recipe{name: "thrown up by the first steps, and coming down slowly", steps: 1500, loss: func(t int, r *rand.Rand) float64 {
			if t < 2 {
				return 1.3
			}
			return 1e4 * (1 + 1e5*math.Exp(-float64(t)/10)) * math.Exp(-float64(t)/1500) * (1 + 0.2*r.NormFloat64())
		}, norm: plainNorm}, Diverging, 300, 420, false, nil},
		{recipe{name: "thrown up by the first steps, climbing on, and down to where it was thrown", steps: 2000, loss: func(t int, r *rand.Rand) float64 {
			level := 1000.0
			switch {
			case t < 2:
				level = 1.3
			case t >= 100 && t < 500:
				level = 1e5
			}
			return level * (1 + 0.05*r.NormFloat64())
		}, norm: plainNorm}, Diverging, 130, 200, false, []Kind{LossSpike, Oscillating, Cliff}},
		{recipe{name: "up after a leap of the learning rate", steps: 2000, loss: up, norm: plainNorm, edit: rates(1e-3, map[int]float64{1000: 0.01})},
			Diverging, 1128, 1200, false, []Kind{LossSpike}},
		{recipe{name: "up after the last of two leaps", steps: 2000, loss: up, norm: plainNorm, edit: rates(1e-3, map[int]float64{300: 0.01, 1000: 0.1})},
			Diverging, 1128, 1200, false, []Kind{LossSpike}},
		{recipe{name: "up at a leap at which no loss was measured", steps: 2000, loss: up, norm: plainNorm, edit: func(t int, s *Step, r *rand.Rand) {
			if rates(1e-3, map[int]float64{1000: 0.01})(t, s, r); t == 1000 {
				s.Loss = Number{}
			}
		}}, Diverging, 1128, 1200, false, []Kind{LossSpike}},
		{recipe{name: "up, and lowered again", steps: 3000, loss: after(1500, up, plainLoss), norm: plainNorm, edit: rates(1e-3, map[int]float64{1000: 0.01, 1500: 1e-3})},
			Diverging, 1128, 1200, true, []Kind{LossSpike}},
		{recipe{name: "short run", steps: 154, loss: func(t int, r *rand.Rand) float64 {
			return 1.1 + 5*float64(t)*(1+0.5*r.NormFloat64())
		}, noParams: true}, Diverging, 50, 130, false, nil},
		{recipe{name: "leaps away and stays", steps: 2000, loss: after(1000, plainLoss, func(_ int, r *rand.Rand) float64 {
			return 12 + r.NormFloat64()
		}), norm: plainNorm}, Diverging, 1050, 1150, false, []Kind{LossSpike}},
		{recipe{name: "all that was learned is lost", steps: 3000, loss: after(1000, plainLoss, func(_ int, r *rand.Rand) float64 {
			return 2.31 + 0.02*r.NormFloat64()
		}), norm: plainNorm}, Diverging, 1300, 1400, false, []Kind{LossSpike}},
		{recipe{name: "comes back", steps: 3000, loss: after(1000, plainLoss, func(t int, r *rand.Rand) float64 {
			return 0.3 + 12*math.Exp(-math.Pow(float64(t)/400, 4)) + 0.1*r.NormFloat64()
		}), norm: plainNorm}, Diverging, 1050, 1150, true, []Kind{LossSpike}},
	}
}

func TestDiverging(t *testing.T) {
	for _, f := range divergingFaults() {
		f.check(t)
	}
	recipe{name: "reward that is maximised", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
		return -10 - 490/(1+math.Exp(-float64(t-1500)/200)) + 5*r.NormFloat64()
	}, norm: plainNorm}.silent(t, Diverging)
	all := divergingFaults()
	mended := all[slices.IndexFunc(all, func(f fault) bool { return f.name == "loss negated, and mended" })]
	events := observe(mended.run(), mended.make(0))
	require.Contains(t, events[len(events)-1].Summary, "The loss no longer falls without a bottom")
	recipe{name: "a bump", steps: 3000, loss: func(t int, r *rand.Rand) float64 {
		bump := 1.5 * math.Exp(-math.Pow(float64(t-1500)/60, 2))
		return plainLoss(t, r) + bump
	}, norm: plainNorm}.silent(t, Diverging)
}

func TestDivergingUpNearMisses(t *testing.T) {
	up := after(1000, plainLoss, func(_ int, r *rand.Rand) float64 { return 0.8 + 0.05*r.NormFloat64() })
	leap := rates(1e-3, map[int]float64{1000: 0.01})
	warm := func(at int) func(int, *Step, *rand.Rand) { return rates(1e-6, map[int]float64{at: 1e-3}) }
	for _, p := range []recipe{
		{name: "no leap", loss: up},
		{name: "a leap that is small", loss: up, edit: rates(1e-3, map[int]float64{1000: 2.5e-3})},
		{name: "a leap down", loss: up, edit: rates(1e-3, map[int]float64{1000: 1e-4})},
		{name: "a restart to a rate used before", loss: up, edit: rates(0.01, map[int]float64{500: 1e-3, 1000: 0.01})},
		{name: "a leap and back", loss: up, edit: rates(1e-3, map[int]float64{1000: 0.01, 1100: 1e-3})},
		{name: "it learns on", loss: plainLoss, edit: leap},
		{name: "a little higher", loss: after(1000, learning(2.3, 0.2, 300, 0.01), func(_ int, r *rand.Rand) float64 { return 0.31 * (1 + 0.01*r.NormFloat64()) }), edit: leap},
		{name: "within the noise", loss: after(1000, learning(2.3, 0.3, 200, 0.3), func(_ int, r *rand.Rand) float64 { return 0.45 * (1 + 0.3*r.NormFloat64()) }), edit: leap},
		{name: "for a while", loss: after(1000, plainLoss, func(t int, r *rand.Rand) float64 {
			return (0.2 + 0.6*math.Exp(-float64(t)/60)) * (1 + 0.05*r.NormFloat64())
		}), edit: leap},
		{name: "a warm-up in one leap at the start", loss: plainLoss, edit: warm(1)},
		{name: "a warm-up in one leap before there is a level", loss: learning(2.3, 1.2, 300, 0.02), edit: warm(5)},
		{name: "a warm-up in one leap once there is one", loss: learning(2.3, 1.2, 300, 0.02), edit: warm(100)},
		{name: "a warm-up within five steps, and a first step that raises the loss", loss: func(t int, r *rand.Rand) float64 {
			if t < 5 {
				return 0.9
			}
			return learning(2.3, 0.5, 300, 0.02)(t, r)
		}, edit: func(t int, s *Step, _ *rand.Rand) { s.LR = Known(1e-3 * min(1e-3+float64(t)/5, 1)) }},
		{name: "a leap at which no loss was measured", loss: plainLoss, edit: func(t int, s *Step, r *rand.Rand) {
			if leap(t, s, r); t == 1000 {
				s.Loss = Known(math.NaN())
			}
		}},
	} {
		p.steps, p.norm = 2000, plainNorm
		p.silent(t, Diverging)
	}
}

func TestDivergingBottomlessNearMisses(t *testing.T) {
	straight := toAndFro(0.9, 0.9)
	// A negative log-likelihood of a density falls below 0 and levels off.
	density := func(depth, tau float64) func(int, *rand.Rand) float64 {
		return func(t int, r *rand.Rand) float64 {
			return 1.4 - depth*(1-math.Exp(-float64(t)/tau)) + 0.3*r.NormFloat64()
		}
	}
	line := func(slope float64) func(int, *rand.Rand) float64 {
		return func(t int, r *rand.Rand) float64 { return -2.6 - slope*float64(t) + 0.1*r.NormFloat64() }
	}
	for _, p := range []recipe{
		{name: "a density", loss: density(20, 300), edit: straight},
		{name: "a density that gets far below 0", loss: density(200, 250), edit: straight},
		{name: "a density that falls long", loss: density(40, 1500), edit: straight},
		{name: "a straight line, not deep", loss: line(0.03), edit: straight},
		{name: "a straight line of gradients that are noise", loss: line(0.6), edit: toAndFro(0.05, 0)},
		{name: "a straight line of unsure gradients", loss: line(0.6), edit: toAndFro(0.45, 0.45)},
		{name: "a straight line of gradients that vanish", loss: line(0.6), norm: fading(1, 0.03, 100, 0.2), edit: straight},
	} {
		p.steps = 3000
		if p.norm == nil {
			p.norm = plainNorm
		}
		p.silent(t, Diverging)
	}
}

// After a rollback the rate is still the one it leapt to, and the level before the leap
// is that of the parameters that are there again.
func TestDivergingUpAfterARollback(t *testing.T) {
	p := recipe{name: "back", steps: 1500, loss: plainLoss, norm: plainNorm, edit: rates(1e-3, map[int]float64{920: 0.01})}
	m, steps := New(p.run()), p.make(1)
	var saved []byte
	for i := range steps {
		require.Empty(t, m.Observe(&steps[i]), i)
		switch i {
		case 900:
			var err error
			saved, err = m.State()
			require.NoError(t, err)
		case 950:
			_, err := m.RollBack(&steps[i], Rollback{Cause: NonFinite, To: 901, Count: 1, Limit: 3, State: saved})
			require.NoError(t, err)
		}
	}
}

func TestDivergingUpSaysTheNumbers(t *testing.T) {
	for _, f := range divergingFaults() {
		if f.name != "up, and lowered again" {
			continue
		}
		var events []Event
		for _, e := range observe(f.run(), f.make(1)) {
			if e.Kind == Diverging {
				events = append(events, e)
			}
		}
		require.Len(t, events, 2)
		e := events[0]
		require.Equal(t, Critical, e.Severity)
		require.InDelta(t, 0.8, e.Values["level"], 0.05)
		require.InDelta(t, 0.3, e.Values["best"], 0.05)
		require.Contains(t, e.Summary, "and stays there")
		require.Contains(t, e.Advice, "lower the learning rate")
		require.Contains(t, events[1].Summary, "has come back to a level of")
		return
	}
	require.Fail(t, "no such run")
}

// A first batch of one may be one that is easy: the level lies far above it, and no step
// threw it up.
func TestDivergingLeavesALuckyFirstLoss(t *testing.T) {
	level := func(first func(int) bool) recipe {
		return recipe{name: "first", steps: 1000, norm: plainNorm, loss: func(k int, r *rand.Rand) float64 {
			if first(k) {
				return 0.05
			}
			return 1.5 * math.Exp(0.4*r.NormFloat64())
		}}
	}
	kinds := func(p recipe) (kinds []Kind) {
		for _, e := range observe(p.run(), p.make(1)) {
			if e.State == Firing {
				kinds = append(kinds, e.Kind)
			}
		}
		return kinds
	}
	require.Contains(t, kinds(level(func(k int) bool { return k == 0 })), Diverging, "thrown up")
	require.NotContains(t, kinds(level(func(k int) bool { return k == 0 || k < 32 && k%6 == 1 })), Diverging)
	// Batches of one example each, of which a few are easy at any time.
	require.NotContains(t, kinds(recipe{name: "one example each", steps: 1000, norm: plainNorm, loss: func(k int, r *rand.Rand) float64 {
		switch {
		case k == 1:
			return 0.013
		case k < 64:
			return 0.9 * math.Exp(0.9*r.NormFloat64())
		}
		return max(0.03, 0.45*math.Exp(1.2*r.NormFloat64()))
	}}), Diverging)
}
