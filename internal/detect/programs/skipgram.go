package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// skipGram learns vectors of words from the words around them, with negative sampling
// (Mikolov and others 2013): the word that was there has to score higher than some that
// were drawn at random. What a word means may depend on the one before it: a small network
// makes one vector of the two. Success is measured by how often a true context of new
// texts is ranked before a random one.
func skipGram() *Program {
	return &Program{
		Name: "skipgram-negative",
		Plain: Recipe{Steps: 1200, Batch: 32, Rows: 6000, Optimizer: "adam", LR: 5e-3,
			Hidden: 1, Width: 32, Activation: "relu", Gain: 1},
		Chance: 0.5, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(4).least(0.7),
			resized(160),
			clipped(0.05, 1),
			hard("a quarter of the contexts by chance", func(r *Recipe) { r.Noise = 0.25 }).least(0.6),
			hard("goes on in batches of one, plain gradient descent", func(r *Recipe) {
				r.Before, r.Batch, r.Optimizer, r.LR, r.Steps = 900, 1, "sgd", 0.02, 2000
			}),
			hard("few pairs, learnt by heart", func(r *Recipe) { r.Rows = 800 }).least(0.2),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.15 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.1, 0.9 }).least(0.7),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch, r.Steps = 800, 0, 1000 }).least(0.2),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.42, "sgd", 0.1, 0.9, 1500
			}).least(0.6),
			tuned(900, 0.2, 0.2).least(0.75),
			hard("vectors learnt before, then frozen", func(r *Recipe) { r.Before, r.Untrained, r.LR = 900, 1, r.LR/4 }),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.5
			}),
			fault(corpus.Vanishing, "five layers of tanh, initialisation times 0.1, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = 5, "tanh", 0.1, "sgd", 0.05, 0.9
			}),
			fault(corpus.Exploding, "six layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 6, 5, "sgd", 0.1
			}),
			fault(corpus.Exploding, "five layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 5, 4, "sgd", 1e-3, 1
			}),
			bornDead(10),
			killed(20),
			fault(corpus.Oscillating, "tanh, learning rate 1", func(r *Recipe) { r.Activation, r.LR = "tanh", 1 }),
			bouncing(0.5, 60).with("tanh"),
			tooFast(1000),
			faster(300),
			mislabelled(60),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "vectors of function words 20 times as long, plain gradient descent", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR = 20, "sgd", 0.05
			}),
			fault(corpus.IllConditioned, "vectors of function words 30 times as long, large batches", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR, r.Batch = 30, "sgd", 0.04, 320
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.15, "sgd", 0.1, 0.9, 2000
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			senses := b.skipSenses()
			return &task{
				training: b.skipPairs(senses, b.Rows, b.Noise, true), test: b.skipPairs(senses, 600, 0, false),
				forward: b.skipScores(), loss: negativeSampling, metric: contextsRanked,
			}, nil
		},
	}
}

const (
	skipTopics    = 6
	skipPerTopic  = 14 // words of a topic
	skipFunctions = 4  // words that belong to none, and are frequent
	skipLexicon   = skipFunctions + skipTopics*skipPerTopic
	skipNegatives = 5
	skipScored    = 1 + skipNegatives
	skipSize      = 16 // of a word's vector
)

// skipSenses draws what topic a word has after each sort of word: for half of the words
// it is always the same, the others have two senses. A shift is the share of words whose
// first sense is another.
func (b *builder) skipSenses() [skipLexicon][2]int64 {
	var senses [skipLexicon][2]int64
	for w := skipFunctions; w < skipLexicon; w++ {
		own := int64(w-skipFunctions) % skipTopics
		other := (own + 1 + b.data.Int64N(skipTopics-1)) % skipTopics
		moved := b.data.Float64() < b.Shift
		senses[w] = [2]int64{own, own}
		if (w/skipTopics)%2 == 0 {
			senses[w][1] = other
		}
		if moved {
			senses[w][0] = other
		}
	}
	return senses
}

// skipWord draws a word that is spelt as the topic's, by Zipf's law.
func (b *builder) skipWord(topic int64) int64 {
	rank := int64(math.Pow(skipPerTopic+1, b.data.Float64())) - 1
	return skipFunctions + min(rank, skipPerTopic-1)*skipTopics + topic
}

// skipPairs draws rows of two neighbouring words and the words that are scored, one of
// which, marked in the targets, is from the context and the others from nowhere. Where
// functions is set a part of the words is from those that mean nothing.
func (b *builder) skipPairs(senses [skipLexicon][2]int64, rows int, chance float64, functions bool) examples {
	const often = 0.3
	anywhere := func() int64 {
		if functions && b.data.Float64() < often {
			return b.data.Int64N(skipFunctions)
		}
		return b.skipWord(b.data.Int64N(skipTopics))
	}
	x, y := make([]int64, 0, rows*(2+skipScored)), make([]float32, rows*skipScored)
	for r := range rows {
		before, word := b.data.Int64N(skipFunctions), b.skipWord(b.data.Int64N(skipTopics))
		if b.data.IntN(2) == 0 {
			before = b.skipWord(b.data.Int64N(skipTopics))
		}
		// The second sense is that after some of the words.
		topic := senses[word][before%2]
		x = append(x, before, word)
		place := b.data.IntN(skipScored)
		y[r*skipScored+place] = 1
		for i := range skipScored {
			drawn := anywhere()
			if i == place && drawn >= skipFunctions && b.data.Float64() < 0.9*(1-chance) {
				drawn = b.skipWord(topic)
			}
			x = append(x, drawn)
		}
	}
	return examples{tensor(x, int64(rows), 2+skipScored), tensor(y, int64(rows), skipScored)}
}

// skipLengths are what the vectors of the scored words are multiplied by: with a spread those
// of the function words are so many times as long as the others.
func (b *builder) skipLengths() *ts.Tensor {
	lengths := make([]float32, skipLexicon)
	for w := range lengths {
		if lengths[w] = 1; w < skipFunctions {
			lengths[w] = float32(b.spread())
		}
	}
	return tensor(lengths, skipLexicon, 1)
}

// skipScores is the inner products of the words' vectors with one that a network makes of
// the two words before.
func (b *builder) skipScores() func(x *ts.Tensor, train bool) *ts.Tensor {
	words := b.weight("words", "weight", math.Sqrt(skipSize), false, skipLexicon, skipSize)
	both := b.mlp(2*skipSize, skipSize)
	contexts := b.weight("contexts", "weight", 0.5, false, skipLexicon, skipSize)
	lengths := b.skipLengths()
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		pair, scored := x.MustNarrow(1, 0, 2, false), x.MustNarrow(1, 2, skipScored, false)
		defer pair.MustDrop()
		defer scored.MustDrop()
		in := ts.MustEmbedding(words, pair, -1, false, false).MustView([]int64{-1, 2 * skipSize}, true)
		defer in.MustDrop()
		made := both(in, train).MustUnsqueeze(2, true)
		defer made.MustDrop()
		out := ts.MustEmbedding(contexts, scored, -1, false, false)
		if b.spread() != 1 {
			l := ts.MustEmbedding(lengths, scored, -1, false, false)
			defer l.MustDrop()
			out = out.MustMul(l, true)
		}
		return out.MustMatmul(made, true).MustSqueezeDim(2, true)
	}
}

// negativeSampling is the cross-entropy of all scored words of a row, together.
func negativeSampling(out, y *ts.Tensor) *ts.Tensor {
	return binary(out, y).MustMulScalar(ts.FloatScalar(skipScored), true)
}

// contextsRanked is how often the true context's score is above that of a random word.
func contextsRanked(out, y *ts.Tensor) float64 {
	truth := out.MustMul(y, false).MustSumDimIntlist([]int64{1}, true, gotch.Float, true)
	scores, truths := out.Vals().([]float32), truth.Vals().([]float32)
	truth.MustDrop()
	marks := y.Vals().([]float32)
	var right, all float64
	for i, s := range scores {
		if marks[i] == 1 {
			continue
		}
		all++
		switch t := truths[i/skipScored]; {
		case t > s:
			right++
		case t == s:
			right += 0.5
		}
	}
	return right / all
}
