package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// zeroInflated predicts amounts most of which are 0, such as insurance claims: one output
// is the logit of whether there is an amount at all, the other the logarithm of how much
// it is if there is (Lambert 1992; the two parts apart, a hurdle: Mullahy 1986). Only
// the rows with an amount say something about the second.
func zeroInflated() *Program {
	return &Program{
		Name: "zero-inflated",
		Plain: Recipe{Steps: 1200, Batch: 48, Rows: 4000, Optimizer: "sgd", LR: 0.02, Momentum: 0.9,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1, Scale: 1, Noise: 0.3},
		Chance: 0, Solved: 0.5,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("steps").least(0.75),
			scheduled("restarts"),
			resized(16).least(0.6),
			resized(400),
			clipped(0.3, 2),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Clip, r.LR = true, 1, 0.01 }).least(0.5),
			hard("noise four times as large", func(r *Recipe) { r.Noise, r.LR = 1.2, 5e-3 }).least(0.3),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1.5e-3, 1800 }).least(0.4),
			hard("few rows, learnt by heart", func(r *Recipe) { r.Rows, r.Batch, r.LR = 400, 25, 0.01 }).least(0.2),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.Steps = 0, 600, 1000 }).least(0.55),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6 }),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.LR, r.Steps = "tanh", 0.02, 0.02, 1400
			}).least(0.5),
			tuned(900, 0.2, 0.4).least(0.7),
			partly(2).least(0.6),
			tooSlow(3e-4),
			fault(corpus.Vanishing, "eight sigmoid layers", func(r *Recipe) {
				r.Hidden, r.Activation, r.Momentum = 8, "sigmoid", 0
			}),
			fault(corpus.Vanishing, "seven layers, initialisation times 0.2", func(r *Recipe) { r.Hidden, r.Gain = 7, 0.2 }),
			fault(corpus.Exploding, "nine layers, initialisation times 4", func(r *Recipe) { r.Hidden, r.Gain = 9, 4 }),
			fault(corpus.Exploding, "seven layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.LR, r.Momentum = 7, 3, 1, 1e-3, 0
			}),
			bornDead(12),
			killed(15),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Momentum, r.LR, r.Clip = "tanh", 0.99, 0.3, 1
			}),
			bouncing(0.5, 6).with("tanh"),
			tooFast(100),
			faster(300).with("tanh"),
			poisoned(4),
			mislabelled(25),
			infOnce(),
			logOfZero(),
			fault(corpus.IllConditioned, "features of scales 1 to 1/200, plain gradient descent", func(r *Recipe) {
				r.Spread, r.Activation, r.LR, r.Momentum, r.Batch = 200, "tanh", 0.3, 0, 128
			}),
			fault(corpus.IllConditioned, "features of scales 1 to 1/200, full batches", func(r *Recipe) {
				r.Spread, r.Activation, r.LR, r.Momentum, r.Batch, r.Rows = 200, "tanh", 0.2, 0, 0, 800
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.LR, r.Steps = 3, "tanh", 0.047, 0.03, 1600
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.claims(b.Rows, b.Tails), test: b.claims(1000, false),
				forward: b.mlp(claimColumns, 2), loss: hurdleSurprise, metric: hurdleSaved,
			}, nil
		},
	}
}

const (
	claimColumns = 8
	// claimPrecision is that of the amounts' logarithms, of a deviation of a half.
	claimPrecision = 4.0
)

// claims draws columns of variance 1, scaled from 1 down to 1/Spread, and for each row
// whether there is an amount and its logarithm, 0 where there is none. The later columns
// decide most. A shift moves both.
func (b *builder) claims(rows int, tails bool) examples {
	noise := b.tailed(tails)
	x, y := make([]float32, 0, rows*claimColumns), make([]float32, 0, 2*rows)
	for range rows {
		var v [claimColumns]float64
		for i := range v {
			v[i] = math.Sqrt(3) * (2*b.data.Float64() - 1)
			x = append(x, float32(v[i]*math.Pow(b.spread(), -float64(i)/(claimColumns-1))))
		}
		often := 4 * (math.Sin(1.4*v[6]+b.Shift) + 0.5*v[4]*v[5] + 0.3*v[0] - 0.1)
		much := b.Scale * (0.9*math.Sin(1.5*v[7]+b.Shift) + 0.5*v[5]*v[6] + 0.5*(math.Abs(v[3])-0.85) + 0.3*v[1])
		if b.data.Float64() < 1/(1+math.Exp(-often)) {
			y = append(y, 1, float32(much+b.Noise*noise.error()))
		} else {
			y = append(y, 0, 0)
		}
	}
	return examples{tensor(x, int64(rows), claimColumns), tensor(y, int64(rows), 2)}
}

// hurdleSurprise is the mean negative log-likelihood, but for what no output changes: the
// cross-entropy of there being an amount, and for those that there are that of a
// logarithmic normal distribution.
func hurdleSurprise(out, y *ts.Tensor) *ts.Tensor {
	some := y.MustNarrow(1, 0, 1, false)
	defer some.MustDrop()
	logits, logs := out.MustNarrow(1, 0, 1, false), y.MustNarrow(1, 1, 1, false)
	defer logits.MustDrop()
	defer logs.MustDrop()
	missed := out.MustNarrow(1, 1, 1, false).MustSub(logs, true).MustMul(some, true).MustSquare(true).
		MustMean(gotch.Float, true).MustMulScalar(ts.FloatScalar(claimPrecision/2), true)
	defer missed.MustDrop()
	return binary(logits, some).MustAdd(missed, true)
}

// hurdleSaved is the share of the best constants' surprise that the network saves, at
// least -1.
func hurdleSaved(out, y *ts.Tensor) float64 {
	var n, sum, squared float64
	values := y.Vals().([]float32)
	for i := 0; i < len(values); i += 2 {
		if l := float64(values[i+1]); values[i] > 0 {
			n, sum, squared = n+1, sum+l, squared+l*l
		}
	}
	rows := float64(len(values) / 2)
	share := n / rows
	constant := -share*math.Log(share) - (1-share)*math.Log(1-share) + claimPrecision/2*(squared-sum*sum/n)/rows
	return atLeast(-1, 1-value(hurdleSurprise(out, y))/constant)
}
