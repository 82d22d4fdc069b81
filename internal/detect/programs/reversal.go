package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// reversal reads a sequence of symbols and writes it backwards: one GRU encodes what it
// reads as its last state, from which another one starts (Cho and others 2014; Sutskever,
// Vinyals and Le 2014). The decoder is told the right symbol before each it writes, and
// rectified layers read its states. All that the encoder learns comes through one state.
func reversal() *Program {
	return &Program{
		Name: "reversal-seq2seq",
		Plain: Recipe{Steps: 1100, Batch: 32, Rows: 3000, Optimizer: "adam", LR: 6e-3,
			Hidden: 1, Width: 32, Activation: "relu", Gain: 1, Recurrent: 1},
		Chance: 1.0 / signs, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.7),
			resized(8),
			resized(160),
			clipped(0.05, 1),
			hard("a tenth of the symbols wrong", func(r *Recipe) { r.Noise = 0.1 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 3e-3, 1600 }).least(0.4),
			hard("few sequences, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 150, 15 }).least(0.2),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.7),
			hard("losses of millions", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum, r.Steps = 1e6, "sgd", 0.15, 0.9, 1500
			}).least(0.5),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.2, 0.7, "sgd", 0.2, 0.9, 1600
			}).least(0.4),
			tuned(1000, 0.1, 0),
			partly(1),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "initialisation times 0.05, recurrence times 0.02, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR = 0.05, 0.02, "sgd", 0.2
			}),
			fault(corpus.Vanishing, "nine sigmoid layers behind the decoder", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Optimizer, r.LR, r.Momentum = 9, 24, "sigmoid", "sgd", 0.1, 0.9
			}),
			fault(corpus.Exploding, "recurrence times 40, plain gradient descent", func(r *Recipe) {
				r.Recurrent, r.Optimizer, r.LR = 40, "sgd", 0.2
			}),
			fault(corpus.Exploding, "ten layers behind the decoder, initialisation times 6", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Steps = 10, 6, "sgd", 0.1, 1000
			}),
			bornDead(12),
			killed(25),
			fault(corpus.Oscillating, "tanh, RMSProp with learning rate 0.3", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "rmsprop", 0.3
			}),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.Momentum, r.LR, r.Clip = "tanh", "sgd", 0.99, 1.5, 0.2
			}),
			faster(150).with("tanh"),
			tooFast(1000).with("tanh"),
			mislabelled(50),
			poisoned(100),
			nanOnce(),
			infOnce(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, symbols of scales 1 to 1/200, full batches", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR, r.Batch, r.Rows, r.Steps = 200, "tanh", "sgd", 1, 0, 120, 1000
			}),
			symmetric(0),
			symmetric(1).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation", func(r *Recipe) {
				r.Activation, r.Gain, r.Recurrent, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.03, 0.5, "sgd", 0.15, 0.9, 1700
			}),
			steeper(6),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.backwards(b.Rows, b.Noise), test: b.backwards(300, 0),
				forward: b.encoderDecoder(signs+1, signs), loss: everyTag, metric: tagged,
			}, nil
		},
	}
}

const (
	signs   = 6
	written = 5 // symbols in a sequence
)

// backwards draws, rows × 2·written × (signs+1), what the encoder reads and what the
// decoder does: a mark where it is to begin and then the right symbols, as ones that are
// scaled from 1 down to 1/Spread. The targets are the symbols backwards.
func (b *builder) backwards(rows int, wrong float64) examples {
	const features = signs + 1
	x, y := make([]float32, 0, rows*2*written*features), make([]int64, 0, rows*written)
	one := func(symbol int) {
		x = append(x, make([]float32, features)...)
		x[len(x)-features+symbol] = float32(math.Pow(b.spread(), -float64(symbol)/(features-1)))
	}
	for range rows {
		var read [written]int
		for i := range read {
			read[i] = b.data.IntN(signs)
			one(read[i])
		}
		one(signs)
		for i := range read {
			right := read[written-1-i]
			if i < written-1 {
				one(right)
			}
			if b.data.Float64() < wrong {
				right = b.data.IntN(signs)
			}
			y = append(y, int64(right))
		}
	}
	return examples{tensor(x, int64(rows), 2*written, features), tensor(y, int64(rows), written)}
}

// encoderDecoder computes logits for each symbol that is written.
func (b *builder) encoderDecoder(in, out int64) func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	cell := func(name string) []*ts.Tensor {
		return []*ts.Tensor{
			b.weight(name, "weight_ih_l0", math.Sqrt(float64(in)), true, 3*width, in), // one symbol at a time
			b.recurrence(name, "weight_hh_l0", 3, width),
			b.gates(name, "bias_ih_l0", width),
			b.bias(name, "bias_hh_l0", 3*width, false),
		}
	}
	encoder, decoder := cell("encoder"), cell("decoder")
	head := b.mlp(width, out)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		start := ts.MustZeros([]int64{1, x.MustSize()[0], width}, gotch.Float, gotch.CPU)
		defer start.MustDrop()
		source, target := x.MustNarrow(1, 0, written, false), x.MustNarrow(1, written, written, false)
		defer source.MustDrop()
		defer target.MustDrop()
		states, thought := source.MustGru(start, encoder, true, 1, 0, train, false, true)
		states.MustDrop()
		defer thought.MustDrop()
		states, last := target.MustGru(thought, decoder, true, 1, 0, train, false, true)
		last.MustDrop()
		defer states.MustDrop()
		return head(states, train)
	}
}
