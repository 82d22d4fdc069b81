package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// ranking learns to order items from pairs of which one was preferred, by a hinge
// loss of the difference of their scores (Joachims 2002). Pairs in the right order by a
// margin have no gradient, and the last bias never has one: it is the same in both
// scores.
func ranking() *Program {
	return &Program{
		Name: "ranking-hinge",

		Plain: Recipe{Steps: 1100, Batch: 32, Rows: 4000, Optimizer: "sgd", LR: 0.02, Momentum: 0.9,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1, Noise: 0.3},
		Chance: 0.5, Solved: 0.85,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(4).least(0.75),
			resized(256),
			clipped(0.1, 4),
			hard("judgements three times as noisy", func(r *Recipe) { r.Noise *= 3 }).least(0.7),
			hard("judgements with noise of infinite variance", func(r *Recipe) { r.Tails = true }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Momentum, r.Steps = 1, 0.01, 0, 1600 }).least(0.6),
			hard("few pairs, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 100, 20 }).least(0.3),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.LR = 0, 600, 0.05 }).least(0.7),
			hard("weight decay", func(r *Recipe) { r.WeightDecay = 1e-3 }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6 }),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.Momentum, r.LR = 0.06, 0, 0.1 }),
			tuned(1000, 0.2, 0.3),
			partly(2).least(0.6),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "nine sigmoid layers", func(r *Recipe) { r.Hidden, r.Activation = 9, "sigmoid" }),
			fault(corpus.Vanishing, "eight layers of tanh, initialisation times 0.2", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain = 8, "tanh", 0.2
			}),
			fault(corpus.Exploding, "ten layers, initialisation times 4", func(r *Recipe) { r.Hidden, r.Gain, r.LR = 10, 4, 0.05 }),
			fault(corpus.Exploding, "eight layers, initialisation times 2.5, learning rate 1e-8", func(r *Recipe) {
				r.Hidden, r.Gain, r.LR, r.Momentum = 8, 2.5, 1e-8, 0
			}),
			bornDead(20),
			killed(30),
			leap(3000),
			fault(corpus.Oscillating, "tanh, learning rate times 50", func(r *Recipe) { r.Activation, r.LR = "tanh", 1 }),
			fault(corpus.Oscillating, "tanh, momentum 0.99, learning rate times 15", func(r *Recipe) {
				r.Activation, r.LR, r.Momentum = "tanh", 0.3, 0.99
			}),
			bouncing(1, 60).with("tanh"),
			tooFast(200),
			faster(40),
			poisoned(30),
			mislabelled(20),
			nanOnce(),
			infOnce(),
			emptyMask(),
			symmetric(0),
			fault(corpus.Escape, "small initialisation, full batches", func(r *Recipe) {
				r.Gain, r.Momentum, r.LR, r.Batch, r.Rows, r.Steps = 0.04, 0, 0.045, 0, 256, 1800
			}),
			steeper(8),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.preferences(b.Rows, b.Noise), test: b.preferences(800, 0),
				forward: b.margins(), loss: hinge, metric: ordered,
			}, nil
		},
	}
}

// traits is the number of an item's features.
const traits = 10

// preferences draws pairs of items, rows × 2 × traits, with 1 where the first is
// preferred and -1 where the second is. Who judges sees each item's worth with noise.
func (b *builder) preferences(rows int, noise float64) examples {
	x, y := make([]float32, 0, 2*traits*rows), make([]float32, rows)
	for r := range y {
		var worth [2]float64
		for i := range worth {
			var v [traits]float64
			for k := range v {
				v[k] = b.data.NormFloat64()
				x = append(x, float32(math.Pow(b.spread(), float64(k)/(traits-1))*v[k]))
			}
			worth[i] = v[0] + 0.7*v[1]*v[2] + math.Abs(v[3]) + math.Sin(1.5*v[4]+b.Shift) - 0.5*v[5] + 0.5*max(v[6], v[7])
			worth[i] += noise * b.error()
		}
		if y[r] = 1; worth[0] < worth[1] {
			y[r] = -1
		}
	}
	return examples{tensor(x, int64(rows), 2, traits), tensor(y, int64(rows), 1)}
}

// margins is by how much the first item's score exceeds the second's, of an mlp that
// scores both.
func (b *builder) margins() func(x *ts.Tensor, train bool) *ts.Tensor {
	score := b.mlp(traits, 1)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		scores := score(x, train)
		defer scores.MustDrop()
		second := scores.MustSelect(1, 1, false)
		defer second.MustDrop()
		return scores.MustSelect(1, 0, false).MustSub(second, true)
	}
}

// hinge is the mean of what margins fall short of 1 by.
func hinge(out, y *ts.Tensor) *ts.Tensor {
	return out.MustMul(y, false).MustNeg(true).MustAddScalar(ts.FloatScalar(1), true).MustRelu(true).MustMean(gotch.Float, true)
}

// ordered is the share of pairs in the right order; a tie is half right.
func ordered(out, y *ts.Tensor) float64 {
	signs := out.MustMul(y, false).MustSign(true)
	mean := value(signs.MustMean(gotch.Float, true))
	return atLeast(-1, 0.5+mean/2)
}
