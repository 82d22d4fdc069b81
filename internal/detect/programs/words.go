package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// words tells what short texts are about by the mean of their words' embeddings,
// of which a batch moves only a few.
func words() *Program {
	return &Program{
		Name: "words-embedding",
		Plain: Recipe{Steps: 1200, Batch: 16, Rows: 3000, Optimizer: "adam", LR: 5e-3,
			Hidden: 1, Width: 24, Activation: "relu", Gain: 1},
		Chance: 1.0 / topics, Solved: 0.7,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("steps"),
			resized(64),
			clipped(0.02, 1),
			hard("a fifth of the labels wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.7),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows = 100 }).least(0.2),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR = 1, 4e-3 }).least(0.5),
			tuned(800, 0.1, 0),
			partly(1).least(0.3),
			tooSlow(1e-5),
			bornDead(10),
			killed(20),
			fault(corpus.Vanishing, "eight sigmoid layers", func(r *Recipe) { r.Hidden, r.Activation, r.Width = 8, "sigmoid", 6; r.LR = 1e-3 }),
			fault(corpus.Exploding, "ten layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 10, 5, "sgd", 0.01
			}),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 3", func(r *Recipe) { r.Activation, r.LR = "tanh", 3 }),
			faster(3000),
			mislabelled(1000),
			emptyMask(),
			logOfZero(),
			symmetric(0),
			unthawed(),
			negatedLoss(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.texts(b.Rows, b.Noise), test: b.texts(500, 0),
				forward: b.bag(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	vocabulary = 2000
	topics     = 4
	textLength = 20
)

// texts draws words by Zipf's law, a third of them from the part of the vocabulary
// that belongs to the topic.
func (b *builder) texts(rows int, wrong float64) examples {
	x, y := make([]int64, 0, rows*textLength), make([]int64, rows)
	for r := range y {
		topic := b.data.Int64N(topics)
		for range textLength {
			// The rank's logarithm is uniform, which is Zipf's law with exponent 1.
			word := int64(math.Pow(vocabulary/topics, b.data.Float64())) - 1
			of := b.data.Int64N(topics)
			if b.data.Float64() < 1.0/3 {
				of = topic
			}
			x = append(x, word*topics+of)
		}
		if y[r] = topic; b.data.Float64() < wrong {
			y[r] = b.data.Int64N(topics)
		}
	}
	return examples{tensor(x, int64(rows), textLength), tensor(y, int64(rows))}
}

// bag is the mean of the words' embeddings and an mlp.
func (b *builder) bag() func(x *ts.Tensor, train bool) *ts.Tensor {
	const size = 16
	table := b.weight("embedding", "weight", math.Sqrt(size), false, vocabulary, size)
	head := b.mlp(size, topics)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		mean := ts.MustEmbedding(table, x, -1, false, false).MustMeanDim([]int64{1}, false, gotch.Float, true)
		defer mean.MustDrop()
		return head(mean, train)
	}
}
