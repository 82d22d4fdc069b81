package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// gatedConvText predicts the next word of a small language by causal convolutions one behind
// the other, half of whose outputs are gates for the other half, with shortcuts (Dauphin and
// others 2017). The activation is that of the half that is let through: with the identity
// these are gated linear units. Success is measured where words have to agree with others
// some words before them (Linzen and others 2016).
func gatedConvText() *Program {
	return &Program{
		Name: "gated-conv-text",
		Plain: Recipe{Steps: 1000, Batch: 16, Rows: 2000, Optimizer: "adam", LR: 5e-3,
			Hidden: 3, Width: 16, Activation: "linear", Gain: 1},
		Chance: 1.0 / agreeForms, Solved: 0.85,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(2).least(0.75),
			resized(64),
			clipped(0.1, 1),
			hard("a fifth of the agreeing words wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2e-3, 1800 }).least(0.6),
			hard("few texts, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 40, 8 }).least(0.2),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.15 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.05, 0.9 }).least(0.7),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 60, 0 }).least(0.5),
			hard("a long flat start", func(r *Recipe) {
				r.Bare, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = true, 0.27, "sgd", 0.1, 0.9, 1500
			}).least(0.6),
			tuned(800, 0.3, 0.4).least(0.75),
			partly(1).least(0.8),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "no shortcuts, eight layers of gated tanh units, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Hidden, r.Activation, r.Optimizer, r.LR = true, 8, "tanh", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "no shortcuts, five layers, initialisation times 0.15, momentum", func(r *Recipe) {
				r.Bare, r.Hidden, r.Gain, r.Optimizer, r.LR, r.Momentum = true, 5, 0.15, "sgd", 0.05, 0.9
			}),
			fault(corpus.Exploding, "six layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 6, 5, "sgd", 0.1
			}),
			fault(corpus.Exploding, "six layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 6, 4, "sgd", 1e-3, 1
			}),
			fault(corpus.Dying, "gated rectifiers, hidden biases far below 0", func(r *Recipe) { r.Activation, r.Bias = "relu", -10 }),
			killed(20).with("relu"),
			fault(corpus.Oscillating, "gated tanh units, learning rate 1", func(r *Recipe) { r.Activation, r.LR = "tanh", 1 }),
			bouncing(0.5, 30).with("tanh"),
			tooFast(1000).with("tanh"),
			faster(300).with("tanh"),
			mislabelled(60),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "gated tanh units, fixed vectors, those of frequent words 30 times as long, plain gradient descent", func(r *Recipe) {
				r.Untrained, r.Spread, r.Activation, r.Optimizer, r.LR = 1, 30, "tanh", "sgd", 0.5
			}),
			fault(corpus.IllConditioned, "gated tanh units, fixed vectors, those of frequent words 30 times as long, full batches", func(r *Recipe) {
				r.Untrained, r.Spread, r.Activation, r.Optimizer, r.LR, r.Rows, r.Batch = 1, 30, "tanh", "sgd", 0.4, 120, 0
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "no shortcuts, small initialisation, momentum", func(r *Recipe) {
				r.Bare, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = true, 0.17, "sgd", 0.1, 0.9, 2000
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.agreeingTexts(b.Rows, b.Noise), test: b.agreeingTexts(250, 0),
				forward: b.gatedConvolutions(), loss: everyTag, metric: agreement,
			}, nil
		},
	}
}

// The language's words, by their first numbers.
const (
	agreeForms = 3 // of nouns, which are their genders, and of verbs
	agreeTwins = 2 // words of each form; and numbers, singular and plural

	agreeStop        = 0
	agreeFillers     = 1 // adjectives and adverbs, which agree with nothing
	agreeFillerCount = 8
	agreeArticles    = agreeFillers + agreeFillerCount // by gender and number
	agreeNouns       = agreeArticles + agreeForms*agreeTwins
	agreeVerbs       = agreeNouns + agreeForms*agreeTwins
	agreeLexicon     = agreeVerbs + agreeForms*agreeTwins

	agreeLength = 16 // words of a text
)

// agreeingTexts draws texts that are cut from sentences of an article, up to two adjectives, a
// noun with the article's gender, perhaps an adverb, and a verb, whose form depends on the
// gender and on the number, which only the article tells. The targets are the texts, one word
// ahead. A shift is the share of fillers that are others. A share of nouns and verbs is any.
func (b *builder) agreeingTexts(rows int, wrong float64) examples {
	filler := func() int64 {
		const half = agreeFillerCount / 2
		// The rank's logarithm is uniform, which is Zipf's law with exponent 1.
		rank := int64(math.Pow(half+1, b.data.Float64())) - 1
		if b.data.Float64() < b.Shift {
			rank += half
		}
		return agreeFillers + rank
	}
	agreeing := func(first, form int64) int64 {
		if b.data.Float64() < wrong {
			form = b.data.Int64N(agreeForms)
		}
		return first + agreeTwins*form + b.data.Int64N(agreeTwins)
	}
	x, y := make([]int64, 0, rows*agreeLength), make([]int64, 0, rows*agreeLength)
	for range rows {
		var text []int64
		skip := b.data.IntN(5) // a text begins anywhere in a sentence
		for len(text) < skip+agreeLength+1 {
			gender, number := b.data.Int64N(agreeForms), b.data.Int64N(agreeTwins)
			text = append(text, agreeArticles+agreeTwins*gender+number)
			for range b.data.IntN(3) {
				text = append(text, filler())
			}
			text = append(text, agreeing(agreeNouns, gender))
			if b.data.IntN(2) == 0 {
				text = append(text, filler())
			}
			text = append(text, agreeing(agreeVerbs, (gender+number)%agreeForms), agreeStop)
		}
		x = append(x, text[skip:skip+agreeLength]...)
		y = append(y, text[skip+1:skip+agreeLength+1]...)
	}
	return examples{tensor(x, int64(rows), agreeLength), tensor(y, int64(rows), agreeLength)}
}

// agreement is the share of nouns and verbs of which the right form is thought to be the most
// probable one.
func agreement(out, y *ts.Tensor) float64 {
	logits, want := out.Vals().([]float32), y.Vals().([]int64)
	var right, all float64
	for i, w := range want {
		first := int64(agreeNouns)
		if w >= agreeVerbs {
			first = agreeVerbs
		}
		if w < first {
			continue
		}
		all++
		place := logits[int64(i)*agreeLexicon+first:][:agreeForms*agreeTwins]
		var sums [agreeForms]float64
		for j, l := range place {
			sums[j/agreeTwins] += float64(l)
		}
		best := 0
		for f, s := range sums {
			if s > sums[best] || math.IsNaN(s) {
				best = f
			}
		}
		if int64(best) == (w-first)/agreeTwins {
			right++
		}
	}
	return right / all
}

// agreeVectors draws the embeddings. With a spread, the vectors of the words that say nothing
// and of the stop, which are the frequent ones, are so many times as long as the others.
func (b *builder) agreeVectors() *ts.Tensor {
	values := b.normal(agreeLexicon*b.Width, b.Gain)
	if b.spread() != 1 {
		large := float32(math.Sqrt(b.spread()))
		for i := range values {
			if i/b.Width < agreeArticles {
				values[i] *= large
			} else {
				values[i] /= large
			}
		}
	}
	return b.add("embedding", "weight", values, []int64{agreeLexicon, int64(b.Width)}, param{role: weight})
}

// gatedConvolutions is embeddings, Hidden convolutions of 3 words with gates, and a linear
// layer, at each place. What comes after a place is cut off.
func (b *builder) gatedConvolutions() func(x *ts.Tensor, train bool) *ts.Tensor {
	const kernel = 3
	table, width := b.agreeVectors(), int64(b.Width)
	factor := 1.0 // what the layers add to the shortcuts is small at first
	if b.Bare {
		factor = 2 // a gate lets half through
	}
	var layers []linear
	for i := range b.Hidden {
		name := fmt.Sprintf("conv%d", i+1)
		layers = append(layers, linear{
			b.weight(name, "weight", factor*activations[b.Activation].gain, true, 2*width, width, kernel),
			b.bias(name, "bias", 2*width, true),
		})
	}
	head := b.linear("output", width, agreeLexicon, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		length := x.MustSize()[1]
		h := ts.MustEmbedding(table, x, -1, false, false).MustTranspose(1, 2, true)
		for _, l := range layers {
			both := ts.MustConv1d(h, l.w, l.b, []int64{1}, []int64{kernel - 1}, []int64{1}, 1).MustNarrow(2, 0, length, true)
			gate := both.MustNarrow(1, width, width, false).MustSigmoid(true)
			y := b.act(both.MustNarrow(1, 0, width, true)).MustMul(gate, true)
			gate.MustDrop()
			y = b.drop(y, train)
			if !b.Bare {
				y = y.MustAdd(h, true)
			}
			h.MustDrop()
			h = y
		}
		h = h.MustTranspose(1, 2, true)
		defer h.MustDrop()
		return head.forward(h)
	}
}
