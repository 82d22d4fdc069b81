package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// mixture learns a distribution with several branches, by a network that gives the
// weights, means and deviations of a mixture of Gaussians (Bishop 1994). Its loss, a
// negative log-likelihood, starts above 0 and ends below.
func mixture() *Program {
	return &Program{
		Name: "density-mixture",
		Plain: Recipe{Steps: 1200, Batch: 64, Rows: 2000, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 32, Activation: "tanh", Gain: 1, Scale: 1, Noise: 0.05},
		Chance: 0, Solved: 0.55,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(8),
			resized(512),
			clipped(0.1, 1),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails = true }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 5e-4, 2200 }).least(0.5),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 150, 32 }).least(0.1),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 800 }),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR = 1e6, "sgd", 0.04 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.005, 0.9 }).least(0.6),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("a long flat start", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Steps = 3, 0.4, "sgd", 0.05, 2200
			}).least(0.7),
			tuned(1200, 0.1, 0.3),
			partly(2).least(0.6),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.02
			}),
			fault(corpus.Vanishing, "eight layers, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 8, 0.2, "sgd", 0.02
			}),
			fault(corpus.Exploding, "eight rectified layers, initialisation times 3", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 8, "relu", 3, "sgd", 0.01
			}),
			fault(corpus.Exploding, "ten layers, initialisation times 6, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = 10, 6, 1, "sgd", 0.01
			}),
			fault(corpus.Dying, "rectifiers, biases far below 0", func(r *Recipe) { r.Activation, r.Bias = "relu", -20 }),
			fault(corpus.Dying, "rectifiers, biases far below 0 at a step", func(r *Recipe) {
				r.Activation = "relu"
				r.Fault = Fault{Kind: Kill, At: 0.35, Size: 25}
			}),
			fault(corpus.Oscillating, "Adam with learning rate 0.07", func(r *Recipe) { r.LR = 0.07 }),
			bouncing(0.1, 6.5),
			faster(3000),
			tooFast(1000),
			poisoned(50),
			mislabelled(8),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "features of scales 1 to 30", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR = 30, "sgd", 0.15
			}),
			symmetric(0),
			symmetric(0.5),
			fault(corpus.Escape, "small initialisation, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Batch, r.Rows, r.Steps = 3, 0.115, "sgd", 0.04, 0, 256, 2200
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.branches(b.Rows, b.Noise), test: b.branches(500, 0.05),
				forward: b.mlp(2, 3*components), loss: unlikelihood, metric: likelihoodGained,
			}, nil
		},
	}
}

// components is the number of Gaussians in the mixture.
const components = 3

// branches draws Bishop's inverse problem: of t from U(0, 1) only t + 0.3 sin(2πt)
// is seen, which up to three values of t have in common, and a second feature that
// moves all of them. With a spread the second feature has so much larger values.
func (b *builder) branches(rows int, noise float64) examples {
	x, y := make([]float32, 0, 2*rows), make([]float32, rows)
	for i := range y {
		t, v := b.data.Float64(), 2*b.data.Float64()-1
		seen := t + 0.3*math.Sin(2*math.Pi*t+b.Shift) + 0.05*b.data.NormFloat64()
		x = append(x, float32(4*(seen-0.5)), float32(b.spread()*v))
		y[i] = float32(b.Scale * (2*t - 1 + 0.5*v + noise*b.error()))
	}
	return examples{tensor(x, int64(rows), 2), tensor(y, int64(rows), 1)}
}

// unlikelihood is the mean negative log-likelihood of the targets under the
// mixtures, whose weights' logits, means and log-deviations are the outputs.
func unlikelihood(out, y *ts.Tensor) *ts.Tensor {
	logs := out.MustNarrow(1, 0, components, false).MustLogSoftmax(-1, gotch.Float, true)
	defer logs.MustDrop()
	deviations := out.MustNarrow(1, 2*components, components, false)
	defer deviations.MustDrop()
	precisions := deviations.MustNeg(false).MustExp(true)
	defer precisions.MustDrop()
	squares := out.MustNarrow(1, components, components, false).MustSub(y, true).MustMul(precisions, true).MustSquare(true).
		MustMulScalar(ts.FloatScalar(0.5), true)
	defer squares.MustDrop()
	each := logs.MustSub(deviations, false).MustSub(squares, true).MustLogsumexp([]int64{-1}, false, true)
	return each.MustMean(gotch.Float, true).MustNeg(true).MustAddScalar(ts.FloatScalar(0.5*math.Log(2*math.Pi)), true)
}

// likelihoodGained is 1 less the likelihood of an example, on geometric average, under
// the one Gaussian that suits all targets best, as a share of that under the mixtures.
func likelihoodGained(out, y *ts.Tensor) float64 {
	constant := math.Log(value(y.MustStd(false, false))) + 0.5*math.Log(2*math.Pi*math.E)
	return atLeast(-1, 1-math.Exp(value(unlikelihood(out, y))-constant))
}
