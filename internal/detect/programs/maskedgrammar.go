package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// maskedGrammar finds the word that is masked in a sentence by an encoder that sees what stands
// before it and behind it (Devlin and others 2019): self-attention and a feed-forward part, each
// with a shortcut. Only words are masked whose form the rest of the sentence
// tells, often from some words away and past a noun that would tell another one.
func maskedGrammar() *Program {
	return &Program{
		Name: "masked-grammar",
		Plain: Recipe{Steps: 1000, Batch: 16, Rows: 2500, Optimizer: "adam", LR: 5e-3,
			Hidden: 1, Width: 16, Activation: "relu", Gain: 1},
		Chance: 1.0 / grammarForms, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps").least(0.75),
			scheduled("restarts"),
			resized(4).least(0.75),
			resized(64),
			clipped(0.1, 1),
			hard("a fifth of the masked words wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR = 1, 2e-3 }).least(0.4),
			hard("few sentences, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 60, 12 }).least(0.2),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 100, 0 }).least(0.3),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.7),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.8),
			hard("losses of millions", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.02, 0.9
			}).least(0.6),
			hard("losses of 1e-9", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.02, 0.9
			}).least(0.6),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.6, "sgd", 0.02, 0.9, 1400
			}).least(0.5),
			tuned(1000, 0.3, 0.5).least(0.75),
			partly(2).least(0.7),
			tooSlow(3e-4),
			fault(corpus.TooSlow, "momentum, learning rate 3e-6", func(r *Recipe) {
				r.Optimizer, r.LR, r.Momentum = "sgd", 3e-6, 0.9
			}),
			fault(corpus.Vanishing, "no shortcuts, four blocks of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Hidden, r.Activation, r.Optimizer, r.LR = true, 4, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "no shortcuts, three blocks, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Bare, r.Hidden, r.Gain, r.Optimizer, r.LR, r.Momentum = true, 3, 0.2, "sgd", 0.02, 0.9
			}),
			fault(corpus.Exploding, "four blocks, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 4, 5, "sgd", 0.05
			}),
			fault(corpus.Exploding, "three blocks of tanh, initialisation times 6, clipped", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Clip = 3, "tanh", 6, "sgd", 2e-3, 1
			}),
			fault(corpus.Dying, "no shortcuts, hidden biases far below 0", func(r *Recipe) { r.Bare, r.Bias = true, -12 }),
			fault(corpus.Dying, "no shortcuts, hidden biases far below 0 at a step", func(r *Recipe) {
				r.Bare, r.Fault = true, Fault{Kind: Kill, At: 0.2, Size: 25}
			}),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.Momentum, r.LR, r.Clip = "tanh", "sgd", 0.99, 0.3, 0.2
			}),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.1, clipped", func(r *Recipe) {
				r.Activation, r.LR, r.Clip = "tanh", 0.1, 0.2
			}),
			tooFast(1000),
			faster(1000),
			mislabelled(60),
			poisoned(15),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "rare words up to 1000 times smaller, plain gradient descent", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR = 1000, "sgd", 0.3
			}),
			fault(corpus.IllConditioned, "tanh, rare words up to 1000 times smaller, large batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR, r.Batch = "tanh", 1000, "sgd", 0.4, 80
			}),
			symmetric(0),
			symmetric(0.5),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.3, "sgd", 0.02, 0.9, 1800
			}),
			steeper(5),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.maskedSentences(b.Rows, b.Noise), test: b.maskedSentences(300, 0),
				forward: b.grammarEncoder(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

// The grammar's words, by their first numbers. Genders and numbers are two each, and so are
// tenses. The words that are masked come first.
const (
	grammarArticles = 0 // by gender and number
	grammarVerbs    = 4 // by number and tense
	grammarPronouns = 8 // by gender and number
	grammarForms    = 12

	grammarNouns      = 12 // by gender and number
	grammarNounKinds  = 3
	grammarTimes      = 24 // by tense
	grammarTimeKinds  = 2
	grammarFillers    = 28
	grammarFillerKind = 3
	grammarMask       = 31
	grammarFeatures   = 32

	grammarLength = 9
)

// maskedSentences draws, rows × grammarLength × grammarFeatures, sentences such as "yesterday
// the girls near the boy gladly saw themselves": a time, an article, its noun, another article
// and noun, a verb with the first noun's number and the time's tense, a pronoun that means the
// first noun, and two words, anywhere between these, that agree with nothing. One article, the
// verb or the pronoun is masked. Words are ones that are scaled from 1 down to 1/Spread, the
// rarer the smaller. A share of the answers are any. A shift is the share of nouns that were not known before.
func (b *builder) maskedSentences(rows int, wrong float64) examples {
	x, y := make([]float32, rows*grammarLength*grammarFeatures), make([]int64, rows)
	noun := func(gender, number int) int {
		kind := b.data.IntN(grammarNounKinds - 1)
		if b.data.Float64() < b.Shift {
			kind = grammarNounKinds - 1
		}
		return grammarNouns + grammarNounKinds*(2*gender+number) + kind
	}
	for i := range rows {
		gender, number, tense := b.data.IntN(2), b.data.IntN(2), b.data.IntN(2)
		gender2, number2 := b.data.IntN(2), b.data.IntN(2)
		sentence := []int{
			grammarTimes + grammarTimeKinds*tense + b.data.IntN(grammarTimeKinds),
			grammarArticles + 2*gender + number, noun(gender, number),
			grammarArticles + 2*gender2 + number2, noun(gender2, number2),
			grammarVerbs + 2*number + tense, grammarPronouns + 2*gender + number,
		}
		masked := []int{1, 3, 5, 6}[b.data.IntN(4)]
		answer := sentence[masked]
		sentence[masked] = grammarMask
		for len(sentence) < grammarLength {
			// Not between an article and its noun.
			at := []int{1, 3, 5, len(sentence)}[b.data.IntN(4)]
			filler := grammarFillers + b.data.IntN(grammarFillerKind)
			sentence = append(sentence[:at], append([]int{filler}, sentence[at:]...)...)
		}
		for j, word := range sentence {
			scale := 1.0
			if word != grammarMask {
				scale = math.Pow(b.spread(), -float64(word)/(grammarMask-1))
			}
			x[(i*grammarLength+j)*grammarFeatures+word] = float32(scale)
		}
		if y[i] = int64(answer); b.data.Float64() < wrong {
			y[i] = b.data.Int64N(grammarForms)
		}
	}
	return examples{tensor(x, int64(rows), grammarLength, grammarFeatures), tensor(y, int64(rows))}
}

// grammarEncoder computes logits of the masked word.
func (b *builder) grammarEncoder() func(x *ts.Tensor, train bool) *ts.Tensor {
	type block struct{ attention, project, inner, outer linear }
	width := int64(b.Width)
	table := b.weight("words", "weight", 0.7*math.Sqrt(grammarFeatures), false, width, grammarFeatures) // one word at a time
	places := b.weight("places", "weight", 0.7*math.Sqrt(float64(width)), false, grammarLength, width)
	blocks := make([]block, b.Hidden)
	for i := range blocks {
		name := func(part string) string { return fmt.Sprintf("block%d_%s", i+1, part) }
		l := &blocks[i]
		l.attention, l.project = b.linear(name("attention"), width, 3*width, 1, false), b.linear(name("project"), width, width, 1, false)
		l.inner = b.linear(name("inner"), width, 2*width, activations[b.Activation].gain, true)
		l.outer = b.linear(name("outer"), 2*width, width, 1, false)
	}
	head := b.linear("output", width, grammarForms, 1, false)
	// joined is the sum of h and what was made of it, and drops both.
	joined := func(h, y *ts.Tensor, train bool) *ts.Tensor {
		defer h.MustDrop()
		if y = b.drop(y, train); b.Bare {
			return y
		}
		return y.MustAdd(h, true)
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := ts.MustLinear(x, table, ts.NewTensor()).MustAdd(places, true)
		for _, l := range blocks {
			seen := attendedBothWays(l.attention.forward(h), width)
			h = joined(h, l.project.forward(seen), train)
			seen.MustDrop()
			inner := b.act(l.inner.forward(h))
			h = joined(h, l.outer.forward(inner), train)
			inner.MustDrop()
		}
		defer h.MustDrop()
		// The state at the masked place.
		mask := x.MustNarrow(2, grammarMask, 1, false).MustTranspose(1, 2, true)
		defer mask.MustDrop()
		state := mask.MustBmm(h, false).MustReshape([]int64{-1, width}, true)
		defer state.MustDrop()
		return head.forward(state)
	}
}

// attendedBothWays is the attention of each place to all, given queries, keys and values side
// by side, which it drops.
func attendedBothWays(all *ts.Tensor, width int64) *ts.Tensor {
	defer all.MustDrop()
	keys := all.MustNarrow(2, width, width, false).MustTranspose(1, 2, true)
	defer keys.MustDrop()
	values := all.MustNarrow(2, 2*width, width, false)
	defer values.MustDrop()
	scores := all.MustNarrow(2, 0, width, false).MustBmm(keys, true).MustMulScalar(ts.FloatScalar(1/math.Sqrt(float64(width))), true)
	return scores.MustSoftmax(-1, gotch.Float, true).MustBmm(values, true)
}
