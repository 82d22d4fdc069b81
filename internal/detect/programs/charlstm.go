package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// charLSTM predicts the next character of sums that are worked out: an embedding,
// an LSTM (Deep Learning, section 10.10.1) and a linear layer.
func charLSTM() *Program {
	return &Program{
		Name: "char-lstm",
		Plain: Recipe{Steps: 1000, Batch: 16, Rows: 600, Optimizer: "adam", LR: 1e-2,
			Width: 32, Activation: "tanh", Gain: 1, Recurrent: 1},
		Chance: 0, Solved: 0.5,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			resized(64),
			clipped(0.1, 1),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR = 1, 2e-3 }).least(0.6),
			hard("a tenth of the characters wrong", func(r *Recipe) { r.Noise = 0.1 }).least(0.6),
			tuned(800, 0.1, 0),
			partly(1),
			tooSlow(1e-4),
			fault(corpus.Exploding, "recurrence times 30, plain gradient descent", func(r *Recipe) {
				r.Recurrent, r.Optimizer, r.LR = 30, "sgd", 0.2
			}),
			fault(corpus.Vanishing, "initialisation times 0.01, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR = 0.01, 0.01, "sgd", 0.5
			}),
			bouncing(0.1, 300),
			faster(1000),
			mislabelled(100),
			emptyMask(),
			logOfZero(),
			symmetric(0),
			steeper(8),
			unthawed(),
			negatedLoss(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.sums(b.Rows, b.Noise), test: b.sums(100, 0),
				forward: b.lstm(), loss: characterLoss, metric: told,
			}, nil
		},
	}
}

const (
	alphabet = "0123456789+=;"
	window   = 24 // characters
)

// sums draws windows of a text such as "3+8=11;7+0=07;", and, as targets, the
// characters one place further.
func (b *builder) sums(rows int, wrong float64) examples {
	var x, y []int64
	for range rows {
		var text []int64
		for len(text) < window+8 {
			p, q := b.data.Int64N(10), b.data.Int64N(10)
			s := p + q
			text = append(text, p, 10, q, 11, s/10, s%10, 12)
		}
		at := b.data.IntN(7)
		x = append(x, text[at:at+window]...)
		for _, c := range text[at+1 : at+1+window] {
			if b.data.Float64() < wrong {
				c = b.data.Int64N(int64(len(alphabet)))
			}
			y = append(y, c)
		}
	}
	return examples{tensor(x, int64(rows), window), tensor(y, int64(rows), window)}
}

// lstm computes the logits of the next characters, rows × window × alphabet.
func (b *builder) lstm() func(x *ts.Tensor, train bool) *ts.Tensor {
	const embedding = 8
	n, width := int64(len(alphabet)), int64(b.Width)
	table := b.weight("embedding", "weight", math.Sqrt(embedding), false, n, embedding)
	weights := []*ts.Tensor{
		b.weight("lstm", "weight_ih_l0", 1, true, 4*width, embedding),
		b.recurrence("lstm", "weight_hh_l0", 4, width),
		b.bias("lstm", "bias_ih_l0", 4*width, true),
		b.bias("lstm", "bias_hh_l0", 4*width, true),
	}
	head := b.linear("output", width, n, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		e := ts.MustEmbedding(table, x, -1, false, false)
		defer e.MustDrop()
		start := ts.MustZeros([]int64{1, x.MustSize()[0], width}, gotch.Float, gotch.CPU)
		defer start.MustDrop()
		h, last, cell := e.MustLstm([]*ts.Tensor{start, start}, weights, true, 1, 0, train, false, true)
		defer h.MustDrop()
		last.MustDrop()
		cell.MustDrop()
		return head.forward(h)
	}
}

// characterLoss is the mean cross-entropy of all places.
func characterLoss(out, y *ts.Tensor) *ts.Tensor {
	logits := out.MustView([]int64{-1, int64(len(alphabet))}, false)
	defer logits.MustDrop()
	targets := y.MustView([]int64{-1}, false)
	defer targets.MustDrop()
	return logits.CrossEntropyForLogits(targets)
}

// told is the part of a uniform guess's cross-entropy that is saved, at least -1.
func told(out, y *ts.Tensor) float64 {
	return atLeast(-1, 1-value(characterLoss(out, y))/math.Log(float64(len(alphabet))))
}
