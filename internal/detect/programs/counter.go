package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// counter tells how often, in a sequence of symbols, one certain symbol follows another
// at once, by a plain recurrent net (Elman 1990) that has to keep both the last symbol
// and the number so far in its state, and an mlp that reads the last state.
func counter() *Program {
	return &Program{
		Name: "elman-counter",
		Plain: Recipe{Steps: 1200, Batch: 16, Rows: 1500, Optimizer: "adam", LR: 4e-3,
			Hidden: 1, Width: 20, Activation: "tanh", Gain: 1, Recurrent: 1, Scale: 1},
		Chance: 0, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(4).least(0.75),
			resized(64),
			clipped(0.05, 1),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.1, 1 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1.5e-3, 1400 }).least(0.4),
			hard("few sequences, learnt by heart", func(r *Recipe) { r.Rows = 120 }).least(0.05),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum, r.Clip = 1e6, "sgd", 0.02, 0.9, 1e6 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum, r.Clip = 1e-9, "sgd", 0.02, 0.9, 1e-9 }).least(0.7),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR, r.Momentum, r.Clip, r.Steps = 0.3, 0.8, "sgd", 0.02, 0.9, 1, 1400
			}).least(0.5),
			tuned(1000, 0.1, 0),
			partly(1).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "recurrence times 0.02, initialisation times 0.15, plain gradient descent", func(r *Recipe) {
				r.Recurrent, r.Gain, r.Optimizer, r.LR = 0.02, 0.15, "sgd", 0.02
			}),
			fault(corpus.Vanishing, "initialisation times 0.05, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR = 0.05, 0.3, "sgd", 0.02
			}),
			fault(corpus.Exploding, "rectifiers, recurrence times 5", func(r *Recipe) {
				r.Activation, r.Recurrent, r.Optimizer, r.LR = "relu", 5, "sgd", 0.02
			}),
			fault(corpus.Exploding, "recurrence times 15, clipped", func(r *Recipe) {
				r.Recurrent, r.Optimizer, r.LR, r.Clip = 15, "sgd", 0.02, 1
			}),
			bornDead(10).with("relu"),
			killed(20).with("relu"),
			bouncing(0.1, 10),
			faster(300),
			fault(corpus.Diverging, "plain gradient descent, learning rate 5", func(r *Recipe) {
				r.Optimizer, r.LR = "sgd", 5
			}),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "symbols in scales up to 60 times apart", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR, r.Batch = 60, "sgd", 0.07, 32
			}),
			fault(corpus.IllConditioned, "symbols in scales up to 200 times apart, full batches", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR, r.Momentum, r.Rows, r.Batch = 200, "sgd", 0.05, 0, 600, 0
			}),
			fault(corpus.Saddle, "all weights 0, batches of 400", func(r *Recipe) {
				r.Symmetric, r.Gain, r.Recurrent, r.Batch = true, 0, 0, 400
			}),
			symmetric(1),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR, r.Momentum, r.Clip, r.Steps = 0.03, 0.8, "sgd", 0.02, 0.9, 1, 1400
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.symbolRuns(b.Rows, b.Noise), test: b.symbolRuns(300, 0),
				forward: b.countingStates(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	counterSymbols = 4
	counterLength  = 14
)

// symbolRuns draws sequences of symbols as ones, and how often the last symbol follows
// the one before it in the alphabet, with noise, less the mean of that and in units of
// its standard deviation. With a spread the other symbols are that much larger. Half of
// the places are drawn so that the pair is frequent enough.
func (b *builder) symbolRuns(rows int, noise float64) examples {
	const (
		usual    = 2.2
		variable = 1.4
	)
	x, y := make([]float32, rows*counterLength*counterSymbols), make([]float32, rows)
	for r := range y {
		before, count := -1, 0.0
		often := 0.3 + 0.4*b.data.Float64()
		for i := range counterLength {
			symbol := b.data.IntN(counterSymbols)
			if b.data.Float64() < often {
				symbol = counterSymbols - 1 - b.data.IntN(2)
			}
			if before == counterSymbols-2 && symbol == counterSymbols-1 {
				count++
			}
			before = symbol
			scale := math.Pow(b.spread(), 0.5-float64(symbol)/(counterSymbols-1))
			x[(r*counterLength+i)*counterSymbols+symbol] = float32(scale)
		}
		y[r] = float32(b.Scale * ((count-usual)/variable + noise*b.error()))
	}
	return examples{tensor(x, int64(rows), counterLength, counterSymbols), tensor(y, int64(rows), 1)}
}

// countingStates reads the number off the last state. The states' units are the
// recipe's.
func (b *builder) countingStates() func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	weights := []*ts.Tensor{
		b.weight("rnn", "weight_ih", 1, true, width, counterSymbols),
		b.recurrence("rnn", "weight_hh", 1, width),
		b.bias("rnn", "bias", width, true),
		ts.MustZeros([]int64{width}, gotch.Float, gotch.CPU), // libtorch wants two
	}
	run := ts.MustRnnTanh
	if b.Activation == "relu" {
		run = ts.MustRnnRelu
	}
	head := b.mlp(width, 1)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		start := ts.MustZeros([]int64{1, x.MustSize()[0], width}, gotch.Float, gotch.CPU)
		defer start.MustDrop()
		all, last := run(x, start, weights, true, 1, 0, train, false, true)
		all.MustDrop()
		last = last.MustView([]int64{-1, width}, true)
		defer last.MustDrop()
		return head(last, train)
	}
}
