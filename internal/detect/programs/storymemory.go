package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// storyMemory answers where a thing is: a story's facts say in any order who is where and
// who has what, so that one has to look twice. The facts are bags of words in a memory that
// is read in two hops, by a softmax over what each fact has in common with what is asked
// (Sukhbaatar and others 2015).
func storyMemory() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "story-memory",
		Plain: Recipe{Steps: 1100, Batch: 24, Rows: 3000, Optimizer: "adam", LR: 1e-2,
			Hidden: 1, Width: 24, Activation: "relu", Gain: 1, Noise: 0.03},
		Chance: 1.0 / storyNames, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(3).least(0.75),
			resized(120),
			clipped(0.05, 1),
			hard("a tenth of the answers wrong", func(r *Recipe) { r.Noise = 0.1 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 3e-3, 1300 }).least(0.4),
			hard("few stories, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 60, 12 }).least(0.15),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.7),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.1) }).least(0.5),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.1) }).least(0.5),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.LR = 0, 200, 1e-2 }).least(0.4),
			hard("a long flat start", func(r *Recipe) { r.Gain = 0.6; momentum(r, 0.1) }).least(0.4),
			tuned(1000, 0.2, 0),
			partly(1).least(0.6),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-5", func(r *Recipe) { momentum(r, 1e-5) }).most(0.2),
			fault(corpus.Vanishing, "seven sigmoid layers behind the memory, momentum", func(r *Recipe) {
				r.Hidden, r.Activation = 7, "sigmoid"
				momentum(r, 0.1)
			}),
			fault(corpus.Vanishing, "six layers behind the memory, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Gain = 6, 0.2
				descent(r, 0.1)
			}),
			fault(corpus.Exploding, "six layers behind the memory, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain = 6, 5
				descent(r, 0.1)
			}),
			fault(corpus.Exploding, "six layers of tanh behind the memory, initialisation times 8, clipped", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Clip = 6, "tanh", 8, 1
				descent(r, 3e-3)
			}),
			bornDead(12),
			killed(30),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum, r.Clip = "tanh", "sgd", 0.3, 0.99, 1
			}),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 1", func(r *Recipe) { r.Activation, r.LR = "tanh", 1 }),
			bouncing(0.5, 10).with("tanh"),
			tooFast(3000).with("tanh"),
			faster(500).with("tanh"),
			mislabelled(60),
			injected(corpus.Poisoned, "answers mixed up with a very large weight", BadLabels, 0.6, 200, false),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, words that weigh up to 100 times as much as others, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Batch, r.Rows = "tanh", 100, 0, 200
				descent(r, 0.3)
			}),
			fault(corpus.IllConditioned, "tanh, words that weigh up to 100 times as much as others, batches of 40", func(r *Recipe) {
				r.Activation, r.Spread, r.Batch = "tanh", 100, 40
				descent(r, 0.6)
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "two layers of tanh, small initialisation, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain = 2, "tanh", 0.25
				momentum(r, 0.12)
			}),
			fault(corpus.Escape, "small initialisation, full batches", func(r *Recipe) {
				r.Gain, r.Batch, r.Rows = 0.08, 0, 200
				momentum(r, 0.058)
			}),
			fault(corpus.Cliffs, "next to a cliff, a fifth of the answers wrong", func(r *Recipe) {
				r.Noise, r.Fault = 0.2, Fault{Kind: Steeper, At: 0.4, Size: 7}
			}),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 0.03)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.placedStories(b.Rows, b.Noise), test: b.placedStories(400, 0),
				forward: b.memoryHops(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	storyNames     = 5 // people, and as many things and places
	storyPeople    = 3 // in a story
	storyFacts     = 2 * storyPeople
	storyWords     = 3 * storyNames
	storyMemorised = 16 // numbers of a fact in the memory
)

// placedStories draws, rows × (facts and question) × words, stories in which some people are
// each in a place and each have a thing, in any order, and last the thing that is asked for.
// The answers are the places where those are who have them, a share of them any. With a
// spread some words weigh up to so many times as much as others.
func (b *builder) placedStories(rows int, wrong float64) examples {
	const lines = storyFacts + 1
	x, y := make([]float32, rows*lines*storyWords), make([]int64, 0, rows)
	write := func(row, line, word int) {
		rank := float64(word%storyNames) / (storyNames - 1)
		x[(row*lines+line)*storyWords+word] = float32(math.Pow(b.spread(), 0.5-rank))
	}
	for r := range rows {
		people, things, places := b.data.Perm(storyNames), b.data.Perm(storyNames), b.data.Perm(storyNames)
		order := b.data.Perm(storyFacts)
		for i := range storyPeople {
			write(r, order[2*i], people[i])
			write(r, order[2*i], storyNames+things[i])
			write(r, order[2*i+1], people[i])
			write(r, order[2*i+1], 2*storyNames+places[i])
		}
		write(r, storyFacts, storyNames+things[0])
		answer := int64(places[0])
		if b.data.Float64() < wrong {
			answer = b.data.Int64N(storyNames)
		}
		y = append(y, answer)
	}
	return examples{tensor(x, int64(rows), lines, storyWords), tensor(y, int64(rows))}
}

// memoryHops computes logits for the places. What a hop reads with is what the one before
// it reads out (adjacent weights), so that there are three tables of words.
func (b *builder) memoryHops() func(x *ts.Tensor, train bool) *ts.Tensor {
	const usual = 0.5 // the words' numbers
	var tables []*ts.Tensor
	for _, name := range []string{"first", "second", "third"} {
		tables = append(tables, b.weight("words", name, usual*math.Sqrt(storyWords), false, storyMemorised, storyWords))
	}
	head := b.mlp(storyMemorised, storyNames)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		facts, question := x.MustNarrow(1, 0, storyFacts, false), x.MustNarrow(1, storyFacts, 1, false)
		defer facts.MustDrop()
		defer question.MustDrop()
		var memories []*ts.Tensor
		for _, t := range tables {
			m := ts.MustLinear(facts, t, ts.NewTensor())
			defer m.MustDrop()
			memories = append(memories, m)
		}
		state := ts.MustLinear(question, tables[0], ts.NewTensor()) // rows × 1 × numbers
		for hop := range len(memories) - 1 {
			common := memories[hop].MustMul(state, false).MustSumDimIntlist([]int64{2}, true, gotch.Float, true)
			read := common.MustSoftmax(1, gotch.Float, true).MustMul(memories[hop+1], true).
				MustSumDimIntlist([]int64{1}, true, gotch.Float, true)
			state = state.MustAdd(read, true)
			read.MustDrop()
		}
		state = state.MustView([]int64{-1, storyMemorised}, true)
		defer state.MustDrop()
		return head(state, train)
	}
}
