package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// decisionForest classifies the rows of a table by soft decision trees: each inner node
// sends a row to both sides, by the sigmoid of an output of a small network, and each leaf
// has a distribution over the classes. The trees' distributions are averaged (Kontschieder
// and others 2015). Nodes and leaves are learnt together, by gradients.
func decisionForest() *Program {
	return &Program{
		Name: "decision-forest",
		Plain: Recipe{Steps: 1200, Batch: 32, Rows: 3000, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 24, Activation: "relu", Gain: 1},
		Chance: 1.0 / forestClasses, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(4).least(0.7),
			resized(256),
			clipped(0.03, 1),
			hard("a quarter of the labels wrong", func(r *Recipe) { r.Noise, r.LR = 0.25, 3e-3 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 2000 }).least(0.5),
			hard("few rows, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 100, 20 }).least(0.2),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.15 }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.1, 0.9 }).least(0.75),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.Steps = 0, 400, 1000 }).least(0.5),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.4, "sgd", 0.1, 0.9, 1500
			}).least(0.6),
			tuned(900, 0.2, 0.3).least(0.75),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight layers of sigmoids before the nodes, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.5
			}),
			fault(corpus.Vanishing, "six layers of tanh before the nodes, initialisation times 0.15, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = 6, "tanh", 0.15, "sgd", 0.05, 0.9
			}),
			fault(corpus.Exploding, "seven layers, initialisation times 3", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 7, 3, "sgd", 0.01
			}),
			fault(corpus.Exploding, "six layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 6, 3, "sgd", 1e-3, 1
			}),
			bornDead(10),
			killed(20),
			tooFast(1000).with("tanh"),
			faster(500).with("tanh"),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, columns of scales 1 to 1/1000", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR = 1000, "tanh", "sgd", 3
			}),
			fault(corpus.IllConditioned, "tanh, columns of scales 1 to 1/300, full batches", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR, r.Batch, r.Rows = 300, "tanh", "sgd", 3, 0, 800
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.2, "sgd", 0.1, 0.9, 2000
			}),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.forestRows(b.Rows, b.Noise), test: b.forestRows(800, 0),
				forward: b.forest(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	forestColumns = 8
	forestClasses = 4
	forestTrees   = 5
	forestDepth   = 3 // inner nodes on the way to a leaf
)

// forestRows draws rows of normal columns, the last two of which say nothing, with scales
// from 1/Spread up to 1. The class is the answers to two questions, both of which half of the
// rows answer with yes. A shift turns both a little. A share of the labels is any.
func (b *builder) forestRows(rows int, wrong float64) examples {
	x, y := make([]float32, 0, rows*forestColumns), make([]int64, rows)
	for r := range y {
		var v [forestColumns]float64
		for i := range v {
			v[i] = b.data.NormFloat64()
			x = append(x, float32(v[i]*math.Pow(b.spread(), float64(i)/(forestColumns-1)-1)))
		}
		first := v[0] + v[1]*v[2] + b.Shift*v[5]
		second := math.Abs(v[3]) - 0.72 + 0.7*v[4] + b.Shift*v[0]
		if first > 0 {
			y[r] = 1
		}
		if second > 0 {
			y[r] += 2
		}
		if b.data.Float64() < wrong {
			y[r] = b.data.Int64N(forestClasses)
		}
	}
	return examples{tensor(x, int64(rows), forestColumns), tensor(y, int64(rows))}
}

// forest computes the logarithms of the classes' probabilities.
func (b *builder) forest() func(x *ts.Tensor, train bool) *ts.Tensor {
	const (
		leaves = 1 << forestDepth
		nodes  = leaves - 1
		least  = 1e-7 // of a probability, whose logarithm is taken
	)
	features := b.mlp(forestColumns, forestTrees*nodes)
	// Each leaf's logits are a choice for itself: they have no sum to keep small.
	logits := b.weight("leaves", "weight", math.Sqrt(forestClasses), false, forestTrees*leaves, forestClasses)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		splits := features(x, train).MustView([]int64{-1, forestTrees, nodes}, true)
		defer splits.MustDrop()
		// What of a row comes to each node of a level, from the root on.
		reach := ts.MustOnes([]int64{x.MustSize()[0], forestTrees, 1}, gotch.Float, gotch.CPU)
		for level := range forestDepth {
			width := int64(1) << level
			split := splits.MustNarrow(2, width-1, width, false)
			right := split.MustSigmoid(false).MustMul(reach, true)
			left := split.MustNeg(true).MustSigmoid(true).MustMul(reach, true)
			reach.MustDrop()
			reach = ts.MustStack([]*ts.Tensor{left, right}, 3).MustView([]int64{-1, forestTrees, 2 * width}, true)
			left.MustDrop()
			right.MustDrop()
		}
		classes := logits.MustSoftmax(-1, gotch.Float, false)
		defer classes.MustDrop()
		sum := reach.MustView([]int64{-1, forestTrees * leaves}, true).MustMatmul(classes, true)
		return sum.MustMulScalar(ts.FloatScalar(1.0/forestTrees), true).MustAddScalar(ts.FloatScalar(least), true).MustLog(true)
	}
}
