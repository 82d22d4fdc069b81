package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// treeSoftmax foretells the next word of a text from the three before by a feed-forward
// language model (Bengio and others 2003) whose answer is a path through a binary tree, one
// decision at each fork (Morin and Bengio 2005). Words of a sort share the upper part of the
// path. Success is the share of the words' surprise, given how frequent they are, that the
// network saves.
func treeSoftmax() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "tree-softmax", HeldOut: true,
		Plain: Recipe{Steps: 1100, Batch: 24, Rows: 4000, Optimizer: "adam", LR: 8e-3,
			Hidden: 1, Width: 24, Activation: "relu", Gain: 1},
		Chance: 0, Solved: 0.5,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(4).least(0.7),
			resized(120),
			clipped(0.1, 1),
			hard("a quarter of the words by chance", func(r *Recipe) { r.Noise = 0.25 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2e-3, 1300 }).least(0.4),
			hard("a short text, learnt by heart", func(r *Recipe) { r.Rows, r.Batch, r.LR = 900, 12, 3e-3 }).least(0.2),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.75),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.03) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.03) }).least(0.7),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 1000; descent(r, 0.3) }).least(0.4),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.Steps = 0.15, 1300; momentum(r, 0.04) }).least(0.5),
			tuned(800, 0.2, 0.5),
			hard("vectors of words frozen on purpose", func(r *Recipe) { r.Untrained = 1 }).least(0.7),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 3e-6", func(r *Recipe) { momentum(r, 3e-6) }).most(0.2),
			fault(corpus.Vanishing, "seven sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation = 7, "sigmoid"
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "six layers of tanh, initialisation times 0.15, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain = 6, "tanh", 0.15
				momentum(r, 0.02)
			}),
			fault(corpus.Exploding, "six layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain = 6, 5
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "five layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 5, 4, 1
				descent(r, 1e-3)
			}),
			bornDead(12),
			killed(20),
			bouncing(0.5, 30).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 100", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 100)
			}),
			faster(300),
			mislabelled(60),
			poisoned(40),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, older words' vectors up to 100 times as long, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Batch, r.Rows = "tanh", 100, 0, 1000
				descent(r, 0.15)
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Steps = 0.022, 1800
				momentum(r, 0.04)
			}),
			fault(corpus.Escape, "tanh, small initialisation, full batches", func(r *Recipe) {
				r.Activation, r.Gain, r.Batch, r.Rows, r.Steps = "tanh", 0.022, 0, 600, 1800
				momentum(r, 0.04)
			}),
			steeper(6),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 3e-3)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.phraseWindows(b.Rows, b.Noise), test: b.phraseWindows(400, 0),
				forward: b.phraseModel(), loss: pathSurprise, metric: pathSaved,
			}, nil
		},
	}
}

// The words, four of each sort: articles (two of the singular, then two of the plural),
// adjectives, nouns and verbs of either number, adverbs, and what stands between sentences.
const (
	phraseArticles   = 0
	phraseAdjectives = 4
	phraseNouns      = 8
	phraseVerbs      = 16
	phraseAdverbs    = 24
	phraseStop       = 28
	phraseAnd        = 29
	phraseBut        = 30
	phraseThen       = 31
	phraseWords      = 32

	phraseDepth   = 5 // decisions for a word
	phraseForks   = phraseWords - 1
	phraseContext = 3
	phraseSize    = 10 // of a word's vector
)

// phraseText writes words by a grammar: nouns go with their article's number and mostly with
// one adjective, verbs with their noun and with the adverb before them, and objects with
// their verb. A shift is the share of adjectives that go with other nouns.
func (b *builder) phraseText(words int) []int {
	const strict = 0.9
	var text []int
	say := func(word int) { text = append(text, word) }
	mostly := func(kind int) int {
		if b.data.Float64() < strict {
			return kind % 4
		}
		return b.data.IntN(4)
	}
	noun := func(article int) (number, kind int) {
		say(phraseArticles + article)
		number, kind = article/2, mostly(article)
		if b.data.IntN(2) == 0 {
			adjective := mostly(article + 1)
			say(phraseAdjectives + adjective)
			if float64(adjective) < 4*b.Shift {
				adjective += 2
			}
			kind = mostly(adjective)
		}
		say(phraseNouns + 4*number + kind)
		return number, kind
	}
	article := b.data.IntN(4)
	for len(text) < words {
		number, kind := noun(article)
		if b.data.Float64() < 0.4 {
			adverb := b.data.IntN(4)
			say(phraseAdverbs + adverb)
			kind += adverb
		}
		verb := mostly(kind)
		say(phraseVerbs + 4*number + verb)
		if b.data.Float64() < 0.6 {
			noun(mostly(verb))
		}
		link := b.data.IntN(4)
		say(phraseStop + link)
		article = mostly(link)
	}
	return text
}

// phraseWindows draws the words before each one of a text, of which a share is any, and its
// path: at each fork 1 or -1 for the way to go, and 0 at those that are not on it. With a
// spread the vectors of the words further back are up to so many times as long.
func (b *builder) phraseWindows(rows int, wrong float64) examples {
	text := b.phraseText(rows + phraseContext)
	x, y := make([]float32, rows*phraseContext*phraseWords), make([]float32, rows*phraseForks)
	for r := range rows {
		for i := range phraseContext {
			length := math.Pow(b.spread(), 0.5-float64(i)/(phraseContext-1))
			x[(r*phraseContext+i)*phraseWords+text[r+i]] = float32(length)
		}
		word := text[r+phraseContext]
		if wrong > 0 && b.data.Float64() < wrong {
			word = b.data.IntN(phraseWords)
		}
		fork := 1 // as in a heap, the first one is the root
		for level := phraseDepth - 1; level >= 0; level-- {
			way := word >> level & 1
			y[r*phraseForks+fork-1] = float32(2*way - 1)
			fork = 2*fork + way
		}
	}
	return examples{
		tensor(x, int64(rows), phraseContext, phraseWords), tensor(y, int64(rows), phraseForks),
	}
}

// phraseModel is the words' vectors, side by side, and an mlp with an output for each fork.
func (b *builder) phraseModel() func(x *ts.Tensor, train bool) *ts.Tensor {
	words := b.weight("words", "weight", math.Sqrt(phraseWords), false, phraseSize, phraseWords)
	none := ts.NewTensor()
	decide := b.mlp(phraseContext*phraseSize, phraseForks)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		in := ts.MustLinear(x, words, none).MustView([]int64{-1, phraseContext * phraseSize}, true)
		defer in.MustDrop()
		return decide(in, train)
	}
}

// pathSurprise is the mean over the rows of what all decisions on a path cost.
func pathSurprise(out, y *ts.Tensor) *ts.Tensor {
	on := y.MustAbs(false)
	defer on.MustDrop()
	return out.MustMul(y, false).MustNeg(true).MustSoftplus(true).MustMul(on, true).
		MustMean(gotch.Float, true).MustMulScalar(ts.FloatScalar(phraseForks), true)
}

// pathSaved is the share of the surprise that the network saves, where the decisions'
// frequencies are what is known without one.
func pathSaved(out, y *ts.Tensor) float64 {
	var ways [phraseForks][2]float64
	steps := y.Vals().([]float32)
	for i, s := range steps {
		switch s {
		case -1:
			ways[i%phraseForks][0]++
		case 1:
			ways[i%phraseForks][1]++
		}
	}
	var usual float64
	for _, w := range ways {
		for _, count := range w {
			if count > 0 {
				usual -= count * math.Log(count/(w[0]+w[1]))
			}
		}
	}
	usual /= float64(len(steps) / phraseForks)
	return atLeast(-1, 1-value(pathSurprise(out, y))/usual)
}
