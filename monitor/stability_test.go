package monitor

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStabilityLimit(t *testing.T) {
	for name, c := range map[string]struct {
		optimizer      *Optimizer
		limit          float64
		preconditioned bool
		ok             bool
	}{
		"none":           {},
		"sgd":            {&Optimizer{Kind: "sgd", Momentum: Known(0)}, 2, false, true},
		"no momentum":    {&Optimizer{Kind: "sgd"}, 2, false, true},
		"momentum":       {&Optimizer{Kind: "sgd", Momentum: Known(0.9)}, 3.8, false, true},
		"adam":           {&Optimizer{Kind: "adam", Beta1: Known(0.9)}, 38, true, true},
		"adamw":          {&Optimizer{Kind: "adamw", Beta1: Known(0)}, 2, true, true},
		"unknown beta":   {optimizer: &Optimizer{Kind: "adam"}},
		"beta 1":         {optimizer: &Optimizer{Kind: "adam", Beta1: Known(1)}},
		"negative":       {optimizer: &Optimizer{Kind: "sgd", Momentum: Known(-0.1)}},
		"NaN":            {optimizer: &Optimizer{Kind: "sgd", Momentum: Known(math.NaN())}},
		"infinite":       {optimizer: &Optimizer{Kind: "sgd", Momentum: Known(math.Inf(1))}},
		"rmsprop":        {optimizer: &Optimizer{Kind: "rmsprop", Momentum: Known(0.9)}},
		"not known kind": {optimizer: &Optimizer{LR: Known(1)}},
	} {
		t.Run(name, func(t *testing.T) {
			limit, preconditioned, ok := StabilityLimit(c.optimizer)
			require.InDelta(t, c.limit, limit, 1e-12)
			require.Equal(t, c.preconditioned, preconditioned)
			require.Equal(t, c.ok, ok)
		})
	}
}

// grows runs the optimizer's own recurrence on the loss ½x² with η·λ as the
// learning rate and says whether x grows.
func grows(o *Optimizer, rate float64) bool {
	x, m := 1.0, 0.0
	for range 20_000 {
		if o.Kind == "sgd" {
			m = o.Momentum.Or(0)*m + x
		} else { // with the second moment held fixed
			m = o.Beta1.Or(0)*m + (1-o.Beta1.Or(0))*x
		}
		x -= rate * m
	}
	return !(math.Abs(x) < 1)
}

// The limit is where simulated training turns from shrinking to growing.
func TestStabilityLimitIsWhereTrainingDiverges(t *testing.T) {
	for _, beta := range []float64{0, 0.1, 0.5, 0.9, 0.99} {
		for _, o := range []*Optimizer{{Kind: "sgd", Momentum: Known(beta)}, {Kind: "adam", Beta1: Known(beta)}} {
			limit, _, ok := StabilityLimit(o)
			require.True(t, ok)
			require.False(t, grows(o, 0.99*limit), "%s, β = %g", o.Kind, beta)
			require.True(t, grows(o, 1.01*limit), "%s, β = %g", o.Kind, beta)
		}
	}
}
