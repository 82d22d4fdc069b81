package programs

import (
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// latch tells a sequence's class from its first symbol, which an Elman network
// (Deep Learning, section 10.2) has to carry through time past noise (Bengio, Simard
// and Frasconi 1994), with plain gradient descent and no clipping.
func latch() *Program {
	return &Program{
		Name:     "latch-rnn",
		Revision: 1,
		Plain: Recipe{Steps: 1500, Batch: 20, Rows: 1000, Optimizer: "sgd", LR: 0.05, Momentum: 0.9,
			Width: 32, Activation: "tanh", Gain: 1, Recurrent: 1},
		Chance: 1.0 / symbols, Solved: 0.9,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("steps"),
			resized(100),
			clippedEarly(0.05, 5),
			hard("a tenth of the labels wrong", func(r *Recipe) { r.Noise, r.LR = 0.1, 0.02 }).least(0.7),
			hard("batches of two", func(r *Recipe) { r.Batch, r.LR = 2, 0.01 }),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.Recurrent, r.LR, r.Momentum = 0.1, 0.8, 0.25, 0 }),
			tuned(1200, 0.1, 0),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "recurrence times 0.1, no momentum", func(r *Recipe) { r.Recurrent, r.Momentum = 0.1, 0 }),
			fault(corpus.Exploding, "recurrence times 8", func(r *Recipe) { r.Recurrent, r.LR = 8, 0.2 }),
			fault(corpus.Oscillating, "momentum 0.99, learning rate times 20", func(r *Recipe) { r.Momentum, r.LR = 0.99, 1 }),
			fault(corpus.Diverging, "learning rate times 300 early on", func(r *Recipe) {
				r.Fault = Fault{Kind: LongSteps, At: 0.03, Size: 300}
			}),
			mislabelled(1),
			poisoned(300),
			nanOnce(),
			logOfZero(),
			symmetric(0),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.sequences(b.Rows, b.Noise), test: b.sequences(400, 0),
				forward: b.elman(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	symbols = 4
	length  = 10
)

// sequences draws, rows × length × symbols, the class as one symbol and then noise.
func (b *builder) sequences(rows int, wrong float64) examples {
	x, y := make([]float32, rows*length*symbols), make([]int64, rows)
	for r := range y {
		class := b.data.Int64N(symbols)
		x[r*length*symbols+int(class)] = 1
		for i := r*length*symbols + symbols; i < (r+1)*length*symbols; i++ {
			x[i] = float32(0.1 * b.data.NormFloat64())
		}
		if y[r] = class; b.data.Float64() < wrong {
			y[r] = b.data.Int64N(symbols)
		}
	}
	return examples{tensor(x, int64(rows), length, symbols), tensor(y, int64(rows))}
}

// elman computes the classes' logits from the last state.
func (b *builder) elman() func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	weights := []*ts.Tensor{
		b.weight("rnn", "weight_ih", 1, true, width, symbols),
		b.recurrence("rnn", "weight_hh", 1, width),
		b.bias("rnn", "bias", width, true),
		ts.MustZeros([]int64{width}, gotch.Float, gotch.CPU), // libtorch wants two
	}
	head := b.linear("output", width, symbols, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		start := ts.MustZeros([]int64{1, x.MustSize()[0], width}, gotch.Float, gotch.CPU)
		defer start.MustDrop()
		all, last := ts.MustRnnTanh(x, start, weights, true, 1, 0, train, false, true)
		all.MustDrop()
		last = last.MustView([]int64{-1, width}, true)
		defer last.MustDrop()
		return head.forward(last)
	}
}
