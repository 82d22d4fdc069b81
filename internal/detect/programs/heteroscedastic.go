package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// heteroscedastic predicts a target whose noise depends on the inputs, by a network that
// gives its mean and the logarithm of its variance, and learns by the Gaussian negative
// log-likelihood (Nix and Weigend 1994). An error counts the more the surer the network
// was of it: the gradients vary far more than those of squares.
func heteroscedastic() *Program {
	return &Program{
		Name: "heteroscedastic-gaussian",
		Plain: Recipe{Steps: 1400, Batch: 48, Rows: 3000, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 40, Activation: "relu", Gain: 1, Scale: 1, Noise: 1},
		Chance: 0, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps").least(0.75),
			scheduled("restarts"),
			resized(8).least(0.7),
			resized(400),
			clipped(0.3, 1),
			hard("noise three times as large", func(r *Recipe) { r.Noise, r.LR = 3, 2e-3 }).least(0.25),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Clip = true, 1 }).least(0.4),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 5e-4, 2200 }).least(0.4),
			hard("full batches, clipped", func(r *Recipe) { // Adam learns these rows by heart
				r.Batch, r.Rows, r.Steps, r.Activation = 0, 1500, 1000, "tanh"
				r.Optimizer, r.LR, r.Momentum, r.Clip = "sgd", 0.01, 0.9, 1
			}).least(0.6),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum, r.Clip = 1e-9, "sgd", 0.01, 0.9, 5e-9
			}).least(0.6),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.02, "sgd", 0.015, 0.9, 2000
			}).least(0.5),
			tuned(1200, 0.2, 0.4).least(0.7),
			partly(2).least(0.6),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 7, "sigmoid", "sgd", 0.05
			}),
			fault(corpus.Vanishing, "six tanh layers, initialisation times 0.15, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 6, "tanh", 0.15, "sgd", 0.03
			}),
			fault(corpus.Exploding, "nine layers, initialisation times 3", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 8, 3, "sgd", 0.01
			}),
			fault(corpus.Exploding, "seven layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = 6, 3, 1, "sgd", 1e-3
			}),
			bornDead(12),
			killed(15),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.12", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.12 }),
			bouncing(0.5, 6).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 0.5", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "sgd", 0.5
			}),
			faster(1000),
			poisoned(6),
			mislabelled(40),
			nanOnce(),
			infOnce(),
			logOfZero(),
			fault(corpus.IllConditioned, "features of scales 1 to 60, plain gradient descent", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR = "tanh", 60, "sgd", 0.01
			}),
			fault(corpus.IllConditioned, "features of scales 1 to 60, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR, r.Batch, r.Rows = "tanh", 60, "sgd", 0.01, 0, 1000
			}),
			symmetric(0),
			symmetric(0.5),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.009, "sgd", 0.012, 0.9, 2200
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.unevenlyNoisy(b.Rows, b.Tails), test: b.unevenlyNoisy(1000, false),
				forward: b.mlp(noisyColumns, 2), loss: gaussianSurprise, metric: surpriseSaved,
			}, nil
		},
	}
}

const (
	noisyColumns = 6
	// surest bounds the log-variances, softly, on both sides.
	surest = 6.0
)

// unevenlyNoisy draws columns from U(-1, 1), times √3, of which some decide about the
// target's mean, and some about how noisy it is: of a standard deviation from about 0.06 to
// 1. With a spread the columns are of scales from 1 to so much. A shift moves the mean.
func (b *builder) unevenlyNoisy(rows int, tails bool) examples {
	noise := b.tailed(tails)
	x, y := make([]float32, 0, rows*noisyColumns), make([]float32, rows)
	for r := range y {
		var v [noisyColumns]float64
		for i := range v {
			v[i] = math.Sqrt(3) * (2*b.data.Float64() - 1)
			x = append(x, float32(math.Pow(b.spread(), 1-float64(i)/(noisyColumns-1))*v[i]))
		}
		mean := math.Sin(1.5*v[3]+b.Shift) + 0.4*v[1]*v[4] + 0.5*v[5]
		deviation := 0.25 * math.Exp(0.6*v[2]+0.4*math.Sin(2*v[3]))
		y[r] = float32(b.Scale * (mean + b.Noise*deviation*noise.error()))
	}
	return examples{tensor(x, int64(rows), noisyColumns), tensor(y, int64(rows), 1)}
}

// gaussianSurprise is the mean negative log-likelihood of the targets under Gaussians whose
// means and, within bounds, log-variances are the outputs.
func gaussianSurprise(out, y *ts.Tensor) *ts.Tensor {
	logs := out.MustNarrow(1, 1, 1, false).MustMulScalar(ts.FloatScalar(1/surest), true).MustTanh(true).
		MustMulScalar(ts.FloatScalar(surest), true)
	defer logs.MustDrop()
	precisions := logs.MustNeg(false).MustExp(true)
	defer precisions.MustDrop()
	weighted := out.MustNarrow(1, 0, 1, false).MustSub(y, true).MustSquare(true).MustMul(precisions, true)
	return weighted.MustAdd(logs, true).MustMean(gotch.Float, true).
		MustAddScalar(ts.FloatScalar(math.Log(2*math.Pi)), true).MustMulScalar(ts.FloatScalar(0.5), true)
}

// surpriseSaved is what the likelihood gains, in nats an example, over the one Gaussian that
// suits all targets best; -1 at least.
func surpriseSaved(out, y *ts.Tensor) float64 {
	constant := math.Log(value(y.MustStd(false, false))) + 0.5*math.Log(2*math.Pi*math.E)
	return atLeast(-1, constant-value(gaussianSurprise(out, y)))
}
