package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// fuzzyRules fits a plant's response by fuzzy rules, each of which says a linear function
// near a centre of its own, and whose strengths are normalised to sum to 1 (Jang 1993). The
// rules are about coordinates that an mlp makes of the measurements.
func fuzzyRules() *Program {
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	return &Program{
		Name: "fuzzy-rules", HeldOut: true,
		Plain: Recipe{Steps: 1100, Batch: 32, Rows: 2000, Optimizer: "adam", LR: 8e-3,
			Hidden: 1, Width: 16, Activation: "relu", Gain: 1, Noise: 0.1},
		Chance: 0, Solved: 0.8,
		Cases: []Case{
			easy("tanh, plain gradient descent", func(r *Recipe) { r.Activation = "tanh"; descent(r, 0.1) }).least(0.7),
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.8),
			resized(4).least(0.75),
			resized(160),
			clipped(0.1, 1),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.2, 1 }).least(0.7),
			hard("responses with twice as much noise as signal", func(r *Recipe) { r.Noise, r.LR = 2, 3e-3 }).least(0.5),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2e-3, 1300 }).least(0.5),
			hard("few measurements, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 120, 20 }).least(0.2),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 300, 0 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.02) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.02) }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Activation, r.Gain, r.Steps = "tanh", 0.1, 1300; momentum(r, 0.02) }).least(0.5),
			tuned(800, 0.2, 0.3).least(0.75),
			partly(2).least(0.6),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "eight layers of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation = 8, 10, "sigmoid"
				descent(r, 0.05)
			}),
			fault(corpus.Vanishing, "seven layers of tanh, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain = 7, 10, "tanh", 0.2
				momentum(r, 0.02)
			}),
			fault(corpus.Exploding, "six layers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain = 6, 4
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "four layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 4, 4, 1
				descent(r, 1e-3)
			}),
			fault(corpus.Dying, "two layers, hidden biases far below 0", func(r *Recipe) { r.Hidden, r.Bias = 2, -15 }),
			fault(corpus.Dying, "two layers, hidden biases far below 0 at a step", func(r *Recipe) {
				r.Hidden, r.Fault = 2, Fault{Kind: Kill, At: 0.35, Size: 20}
			}),
			fault(corpus.Oscillating, "tanh, RMSProp, learning rate 0.3", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "rmsprop", 0.3
			}),
			bouncing(0.5, 5).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 3", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 3)
			}),
			tooFast(1000).with("tanh"),
			faster(200),
			poisoned(8),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, measurements in units 300 times apart, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Rows, r.Batch = "tanh", 300, 300, 0
				descent(r, 0.1)
			}),
			fault(corpus.IllConditioned, "tanh, measurements in units 300 times apart, batches of 128", func(r *Recipe) {
				r.Activation, r.Spread, r.Batch = "tanh", 300, 128
				descent(r, 0.1)
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "two layers of tanh, small initialisation, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Steps = 2, "tanh", 0.128, 1700
				momentum(r, 0.02)
			}),
			fault(corpus.Escape, "tanh, small initialisation, full batches", func(r *Recipe) {
				r.Activation, r.Gain, r.Rows, r.Batch, r.Steps = "tanh", 0.02, 200, 0, 1700
				momentum(r, 0.016)
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 3e-3)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.plantResponses(b.Rows, b.Noise), test: b.tailed(false).plantResponses(400, 0),
				forward: b.fuzzySystem(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	plantMeasured    = 4
	fuzzyRuleCount   = 12
	fuzzyCoordinates = 3
)

// plantResponses draws measurements and the plant's response to them, with noise: a hill in
// two of them, a product and a wave. A shift moves the hill and the wave. With a spread the
// measurements are in units of that ratio.
func (b *builder) plantResponses(rows int, noise float64) examples {
	const usual = 1.7320508
	x, y := make([]float32, 0, rows*plantMeasured), make([]float32, rows)
	for i := range y {
		var v [plantMeasured]float64
		for j := range v {
			v[j] = usual * (2*b.data.Float64() - 1)
			x = append(x, float32(v[j]*math.Pow(b.spread(), 0.5-float64(j)/(plantMeasured-1))))
		}
		u, w := v[0]-b.Shift, v[3]+b.Shift
		response := 2*math.Exp(-u*u-w*w) + 0.7*v[1]*v[2] + 0.7*math.Sin(2*v[1]+b.Shift) - 0.45
		y[i] = float32(response + noise*b.error())
	}
	return examples{tensor(x, int64(rows), plantMeasured), tensor(y, int64(rows), 1)}
}

// fuzzySystem is an mlp that makes coordinates, the rules' Gaussian strengths there, which
// are normalised, and the mean of the rules' linear functions, weighed by them.
func (b *builder) fuzzySystem() func(x *ts.Tensor, train bool) *ts.Tensor {
	const rules, space = fuzzyRuleCount, fuzzyCoordinates
	place := b.part("place-", plantMeasured, space)
	// The centres are where coordinates usually are, however small the other weights.
	shape := []int64{1, rules, space}
	centres := b.add("rules", "centres", b.normal(rules*space, 1), shape, param{role: bias})
	narrow := make([]float32, rules*space)
	for i := range narrow {
		narrow[i] = 1
	}
	narrowness := b.add("rules", "narrowness", narrow, shape, param{role: gain})
	says := b.linear("consequents", space, rules, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		at := place(x, train)
		defer at.MustDrop()
		strengths := at.MustUnsqueeze(1, false).MustSub(centres, true).MustMul(narrowness, true).MustSquare(true).
			MustSumDimIntlist([]int64{2}, false, gotch.Float, true).MustMulScalar(ts.FloatScalar(-0.5), true).
			MustSoftmax(-1, gotch.Float, true)
		defer strengths.MustDrop()
		return says.forward(at).MustMul(strengths, true).MustSumDimIntlist([]int64{1}, true, gotch.Float, true)
	}
}
