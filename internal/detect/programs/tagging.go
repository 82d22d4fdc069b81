package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// tagging says of each letter of a sequence whether it stood there before and whether
// it comes again, by a bidirectional recurrent network (Schuster and Paliwal 1997) of
// tanh units: one half of the answer is in the past, the other in the future. Rectified
// layers read the two states.
func tagging() *Program {
	return &Program{
		Name: "tagging-bidirectional",
		Plain: Recipe{Steps: 1400, Batch: 32, Rows: 3000, Optimizer: "adam", LR: 4e-3,
			Hidden: 1, Width: 24, Activation: "relu", Gain: 1, Recurrent: 1},
		Chance: 0.31, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(6),
			resized(160),
			clipped(0.03, 1),
			hard("a tenth of the tags wrong", func(r *Recipe) { r.Noise = 0.1 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 3e-3, 2200 }).least(0.5),
			hard("few sequences, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 120, 20 }).least(0.25),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.2 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.07, 0.9 }).least(0.6),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.18, 0.7, "sgd", 0.1, 0.9, 2000
			}).least(0.5),
			tuned(1200, 0.1, 0),
			partly(1),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "initialisation times 0.05, recurrence times 0.02, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR = 0.05, 0.02, "sgd", 0.1
			}),
			fault(corpus.Vanishing, "eight sigmoid layers behind the states", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 8, "sigmoid", "sgd", 0.1, 0.9
			}),
			fault(corpus.Exploding, "recurrence times 20", func(r *Recipe) { r.Recurrent, r.Optimizer, r.LR = 20, "sgd", 0.1 }),
			fault(corpus.Exploding, "eight layers behind the states, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 8, 4, "sgd", 0.1
			}),
			bornDead(15),
			killed(30),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.Momentum, r.LR, r.Clip = "tanh", "sgd", 0.99, 1.5, 0.2
			}),
			bouncing(0.1, 90).with("tanh"),
			faster(100).with("tanh"),
			tooFast(1000).with("tanh"),
			mislabelled(40),
			poisoned(100),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, letters of scales 1 to 1/200, full batches", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR, r.Batch, r.Rows, r.Steps = 200, "tanh", "sgd", 0.7, 0, 120, 1000
			}),
			symmetric(0),
			symmetric(1).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation", func(r *Recipe) {
				r.Activation, r.Gain, r.Recurrent, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.05, 0.7, "sgd", 0.1, 0.9, 2200
			}),
			steeper(5),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.repeated(b.Rows, b.Noise), test: b.repeated(300, 0),
				forward: b.bothWays(letters, tags), loss: everyTag, metric: tagged,
			}, nil
		},
	}
}

const (
	letters      = 6
	tags         = 4 // nowhere else, before, again, both
	letterLength = 10
)

// repeated draws, rows × letterLength × letters, sequences of any letters, which are
// told apart by ones that are scaled from 1 down to 1/Spread, and the letters' tags.
func (b *builder) repeated(rows int, wrong float64) examples {
	x, y := make([]float32, rows*letterLength*letters), make([]int64, rows*letterLength)
	for r := range rows {
		var text [letterLength]int
		for i := range text {
			text[i] = b.data.IntN(letters)
			x[(r*letterLength+i)*letters+text[i]] = float32(math.Pow(b.spread(), -float64(text[i])/(letters-1)))
		}
		row := y[r*letterLength : (r+1)*letterLength]
		for i := range text {
			for j := range text {
				switch {
				case text[j] != text[i]:
				case j < i:
					row[i] |= 1
				case j > i:
					row[i] |= 2
				}
			}
			if b.data.Float64() < wrong {
				row[i] = b.data.Int64N(tags)
			}
		}
	}
	return examples{tensor(x, int64(rows), letterLength, letters), tensor(y, int64(rows), letterLength)}
}

// bothWays computes logits for each place from the states of a network that reads
// forwards and of one that reads backwards.
func (b *builder) bothWays(in, out int64) func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	var weights []*ts.Tensor
	for _, direction := range []string{"forwards", "backwards"} {
		weights = append(weights,
			b.weight(direction, "weight_ih", math.Sqrt(float64(in)), true, width, in), // one letter at a time
			b.recurrence(direction, "weight_hh", 1, width),
			b.bias(direction, "bias", width, false),
			ts.MustZeros([]int64{width}, gotch.Float, gotch.CPU)) // libtorch wants two
	}
	head := b.mlp(2*width, out)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		start := ts.MustZeros([]int64{2, x.MustSize()[0], width}, gotch.Float, gotch.CPU)
		defer start.MustDrop()
		states, last := ts.MustRnnTanh(x, start, weights, true, 1, 0, train, true, true)
		last.MustDrop()
		states = b.drop(states, train)
		defer states.MustDrop()
		return head(states, train)
	}
}

// flat is what is said of all places, one row each.
func flat(out, y *ts.Tensor) (logits, targets *ts.Tensor) {
	size := out.MustSize()
	return out.MustView([]int64{-1, size[len(size)-1]}, false), y.MustView([]int64{-1}, false)
}

// everyTag is the mean cross-entropy of all places.
func everyTag(out, y *ts.Tensor) *ts.Tensor {
	logits, targets := flat(out, y)
	defer logits.MustDrop()
	defer targets.MustDrop()
	return crossEntropy(logits, targets)
}

// tagged is the share of places with the right tag.
func tagged(out, y *ts.Tensor) float64 {
	logits, targets := flat(out, y)
	defer logits.MustDrop()
	defer targets.MustDrop()
	return accuracy(logits, targets)
}
