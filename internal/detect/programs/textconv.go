package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// textConv tells what short texts are about by two phrases in each, whose words stand in
// the other classes' phrases too, only in another order: embeddings, convolutions of
// several widths, of each of which the largest value in time is kept, and an mlp
// (Kim 2014).
func textConv() *Program {
	return &Program{
		Name: "text-conv",
		Plain: Recipe{Steps: 1000, Batch: 16, Rows: 2400, Optimizer: "adam", LR: 5e-3,
			Hidden: 1, Width: 16, Activation: "relu", Gain: 1},
		Chance: 1.0 / phraseClasses, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(3).least(0.7),
			resized(96),
			clipped(0.05, 1),
			hard("a quarter of the labels wrong", func(r *Recipe) { r.Noise, r.LR = 0.25, 3e-3 }).least(0.65),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1.5e-3, 2000 }).least(0.5),
			hard("few texts, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 80, 16 }).least(0.1),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.2 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.01, 0.9 }).least(0.75),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.3, "sgd", 0.015, 0.9, 1500
			}).least(0.6),
			tuned(800, 0.1, 0),
			tuned(800, 0.5, 0.5).least(0.7),
			partly(1).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "six tanh layers, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 6, "tanh", 0.2, "sgd", 0.1
			}),
			fault(corpus.Exploding, "six layers, initialisation times 4, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 6, 4, "sgd", 0.01
			}),
			fault(corpus.Exploding, "five layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = 5, 3, 1, "sgd", 0.003
			}),
			bornDead(20),
			killed(30),
			fault(corpus.Oscillating, "tanh, momentum 0.99, learning rate 0.2", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum = "tanh", "sgd", 0.2, 0.99
			}),
			bouncing(0.1, 75).with("tanh"),
			tooFast(2000).with("tanh"),
			faster(300).with("tanh"),
			mislabelled(60),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, fixed vectors, two coordinates 18 times as large", func(r *Recipe) {
				r.Untrained, r.Spread, r.Activation, r.Optimizer, r.LR = 1, 18, "tanh", "sgd", 0.1
			}),
			fault(corpus.IllConditioned, "tanh, fixed vectors, two coordinates 40 times as large, full batches", func(r *Recipe) {
				r.Untrained, r.Spread, r.Activation, r.Optimizer, r.LR, r.Rows, r.Batch = 1, 40, "tanh", "sgd", 0.06, 400, 0
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "twice the width, small initialisation, momentum", func(r *Recipe) {
				r.Width, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 40, 0.2, "sgd", 0.01, 0.9, 1500
			}),
			// Without wrong labels a batch may have nothing that a steeper network gets wrong.
			fault(corpus.Cliffs, "a quarter of the labels wrong, next to a cliff", func(r *Recipe) {
				r.Noise, r.LR, r.Fault = 0.25, 3e-3, Fault{Kind: Steeper, At: 0.4, Size: 4}
			}),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.phraseTexts(b.Rows, b.Noise), test: b.phraseTexts(250, 0),
				forward: b.convolvedText(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	phraseClasses = 4
	phraseTopics  = 3   // each has three key words
	phraseLexicon = 100 // key words, as many synonyms, and words that say nothing
	phraseLength  = 14  // words in a text
	phraseVector  = 16  // coordinates of a word's embedding
)

// phraseTexts draws texts with two phrases each among words by Zipf's law and stray key
// words. Some phrases have another word in the middle. A shift is the share of key words
// in whose place there are synonyms.
func (b *builder) phraseTexts(rows int, wrong float64) examples {
	const (
		keys   = 3 * phraseTopics
		stray  = 0.12
		gapped = 0.3
	)
	// What each class says, by the key words of a topic.
	pairs := [phraseClasses][2]int64{{0, 1}, {1, 0}, {1, 2}, {2, 1}}
	key := func(word int64) int64 {
		if b.Shift > 0 && b.data.Float64() < b.Shift {
			word += keys
		}
		return word
	}
	x, y := make([]int64, rows*phraseLength), make([]int64, rows)
	for r := range y {
		text := x[r*phraseLength : (r+1)*phraseLength]
		for i := range text {
			if b.data.Float64() < stray {
				text[i] = key(b.data.Int64N(keys))
				continue
			}
			// The rank's logarithm is uniform, which is Zipf's law with exponent 1.
			text[i] = 2*keys - 1 + int64(math.Pow(phraseLexicon-2*keys+1, b.data.Float64()))
		}
		class := b.data.Int64N(phraseClasses)
		for half := range 2 {
			topic, at := 3*b.data.Int64N(phraseTopics), half*phraseLength/2+b.data.IntN(phraseLength/2-2)
			apart := 1
			if b.data.Float64() < gapped {
				apart = 2
			}
			text[at], text[at+apart] = key(topic+pairs[class][0]), key(topic+pairs[class][1])
		}
		if y[r] = class; b.data.Float64() < wrong {
			y[r] = b.data.Int64N(phraseClasses)
		}
	}
	return examples{tensor(x, int64(rows), phraseLength), tensor(y, int64(rows))}
}

// wordVectors draws the embeddings. With a spread two of their coordinates are so many
// times as large as the others and tell how frequent a word is, as those of vectors that were trained
// elsewhere do (Mu and Viswanath 2018).
func (b *builder) wordVectors() *ts.Tensor {
	values := b.normal(phraseLexicon*phraseVector, b.Gain)
	if b.spread() != 1 {
		large := float32(math.Sqrt(b.spread()))
		for i := range values {
			values[i] /= large
			if word, c := i/phraseVector, i%phraseVector; c < 2 {
				values[i] = large * (1 - 2*float32(c) + 0.5*float32(word)/phraseLexicon)
			}
		}
	}
	return b.add("embedding", "weight", values, []int64{phraseLexicon, phraseVector}, param{role: weight})
}

// convolvedText is embeddings, Width filters of 2 and 3 words each, the largest value
// of each filter in time, and an mlp.
func (b *builder) convolvedText() func(x *ts.Tensor, train bool) *ts.Tensor {
	const narrowest, widest = 2, 3
	table, width := b.wordVectors(), int64(b.Width)
	var filters []linear
	for words := int64(narrowest); words <= widest; words++ {
		name := fmt.Sprintf("conv%d", words)
		filters = append(filters, linear{
			b.weight(name, "weight", activations[b.Activation].gain, true, width, phraseVector, words),
			b.bias(name, "bias", width, true),
		})
	}
	head := b.mlp(int64(len(filters))*width, phraseClasses)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		embedded := ts.MustEmbedding(table, x, -1, false, false).MustTranspose(1, 2, true)
		defer embedded.MustDrop()
		var largest []*ts.Tensor
		for _, f := range filters {
			y := b.act(ts.MustConv1d(embedded, f.w, f.b, []int64{1}, []int64{0}, []int64{1}, 1))
			largest = append(largest, y.MustAmax([]int64{2}, false, true))
		}
		seen := b.drop(ts.MustCat(largest, 1), train)
		for _, l := range largest {
			l.MustDrop()
		}
		defer seen.MustDrop()
		return head(seen, train)
	}
}
