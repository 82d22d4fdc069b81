package monitor

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func divergingFaults() []fault {
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
