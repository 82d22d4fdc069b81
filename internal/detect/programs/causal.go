package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// causalAttention is a language model: blocks of self-attention that sees no future and of
// a feed-forward part, each with a shortcut and a layer norm behind it (Vaswani and others
// 2017). In its language a few symbols are drawn and then said again and again, with a
// mark between: the first of them nobody can know, so that the loss never comes near 0,
// and the rest is to be copied from far back.
func causalAttention() *Program {
	return &Program{
		Name: "causal-attention",
		Plain: Recipe{Steps: 1000, Batch: 8, Rows: 2000, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 16, Activation: "relu", Gain: 1},
		Chance: 0.2, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps").least(0.6),
			scheduled("restarts"),
			resized(2).least(0.7),
			resized(48),
			clipped(0.05, 1),
			hard("a tenth of the symbols wrong", func(r *Recipe) { r.Noise = 0.1 }).least(0.6),
			hard("few sequences, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 60, 10 }).least(0.15),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.7),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.05 }).least(0.6),
			hard("losses of millions", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum, r.Steps = 1e6, "sgd", 0.1, 0.9, 1600
			}).least(0.5),
			hard("a long flat start", func(r *Recipe) {
				r.Unnormed, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = true, 0.4, "sgd", 0.06, 0.9, 1600
			}).least(0.6),
			tuned(900, 0.1, 0),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "no shortcuts, four blocks of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Unnormed, r.Hidden, r.Width, r.Activation, r.Optimizer, r.LR = true, true, 4, 16, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "no shortcuts, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Unnormed, r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = true, true, 3, "tanh", 0.2, "sgd", 0.1
			}),
			fault(corpus.Exploding, "no layer norms, four blocks, initialisation times 6", func(r *Recipe) {
				r.Unnormed, r.Hidden, r.Gain, r.Optimizer, r.LR = true, 4, 6, "sgd", 0.05
			}),
			fault(corpus.Exploding, "no layer norms, initialisation times 6, clipped", func(r *Recipe) {
				r.Unnormed, r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = true, 3, 6, 1, "sgd", 0.002
			}),
			fault(corpus.Dying, "no shortcuts, hidden biases far below 0", func(r *Recipe) { r.Bare, r.Bias = true, -15 }),
			fault(corpus.Dying, "no shortcuts, hidden biases far below 0 at a step", func(r *Recipe) {
				r.Bare, r.Fault = true, Fault{Kind: Kill, At: 0.2, Size: 20}
			}),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.Momentum, r.LR, r.Clip = "tanh", "sgd", 0.99, 0.4, 0.2
			}),
			faster(1000),
			tooFast(2000),
			mislabelled(60),
			poisoned(200),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "symbols of scales 1 to 1/1000, full batches", func(r *Recipe) {
				r.Spread, r.Unnormed, r.Activation, r.Optimizer, r.LR, r.Batch, r.Rows = 1000, true, "tanh", "sgd", 0.05, 0, 120
			}),
			symmetric(0),
			symmetric(0.5),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.2, "sgd", 0.03, 0.9, 1900
			}),
			steeper(5),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.refrains(b.Rows, b.Noise), test: b.refrains(200, 0),
				forward: b.languageModel(), loss: everyTag, metric: copied,
			}, nil
		},
	}
}

const (
	refrainSymbols = 5
	refrainMark    = refrainSymbols // the one between what is said again
	refrainLength  = 10             // places of which the next is predicted
)

// refrains draws, rows × refrainLength × symbols, three or four symbols that are repeated
// with a mark in between, as ones that are scaled from 1 down to 1/Spread. The target of
// each place is the next symbol.
func (b *builder) refrains(rows int, wrong float64) examples {
	const features = refrainSymbols + 1
	x, y := make([]float32, rows*refrainLength*features), make([]int64, rows*refrainLength)
	for i := range rows {
		said := make([]int, 3+b.data.IntN(2), 5)
		for j := range said {
			said[j] = b.data.IntN(refrainSymbols)
		}
		said = append(said, refrainMark)
		for j := range refrainLength {
			at, symbol := i*refrainLength+j, said[j%len(said)]
			x[at*features+symbol] = float32(math.Pow(b.spread(), -float64(symbol)/(features-1)))
			if y[at] = int64(said[(j+1)%len(said)]); b.data.Float64() < wrong {
				y[at] = b.data.Int64N(features)
			}
		}
	}
	return examples{tensor(x, int64(rows), refrainLength, features), tensor(y, int64(rows), refrainLength)}
}

// copied is the share of right symbols among those behind a sequence's first mark.
func copied(out, y *ts.Tensor) float64 {
	best := out.MustArgmax([]int64{-1}, false, false)
	defer best.MustDrop()
	said, want := best.Vals().([]int64), y.Vals().([]int64)
	var right, known float64
	for at := 0; at < len(want); at += refrainLength {
		marked := false
		for i := at; i < at+refrainLength; i++ {
			if marked {
				known++
				if said[i] == want[i] {
					right++
				}
			}
			marked = marked || want[i] == refrainMark
		}
	}
	return right / known
}

// languageModel computes logits of each place's next symbol.
func (b *builder) languageModel() func(x *ts.Tensor, train bool) *ts.Tensor {
	type block struct {
		norm1, norm2                     norm
		attention, project, inner, outer linear
	}
	const features = refrainSymbols + 1
	width := int64(b.Width)
	table := b.weight("symbols", "weight", 0.7*math.Sqrt(features), false, width, features) // one symbol at a time
	position := b.weight("places", "weight", 0.7*math.Sqrt(float64(width)), false, refrainLength, width)
	blocks := make([]block, b.Hidden)
	for i := range blocks {
		name := func(part string) string { return fmt.Sprintf("block%d_%s", i+1, part) }
		l := &blocks[i]
		l.attention, l.project = b.linear(name("attention"), width, 3*width, 1, false), b.linear(name("project"), width, width, 1, false)
		if !b.Unnormed {
			l.norm1 = b.norm(name("norm1"), width)
		}
		l.inner = b.linear(name("inner"), width, 2*width, activations[b.Activation].gain, true)
		l.outer = b.linear(name("outer"), 2*width, width, 1, false)
		if !b.Unnormed {
			l.norm2 = b.norm(name("norm2"), width)
		}
	}
	head := b.linear("output", width, features, 1, false)
	future := make([]float32, refrainLength*refrainLength)
	for i := range future {
		if i%refrainLength > i/refrainLength {
			future[i] = float32(math.Inf(-1))
		}
	}
	unseen := tensor(future, refrainLength, refrainLength)
	// after is the normalised sum of h and what was made of it, and drops both.
	after := func(l norm, h, y *ts.Tensor, train bool) *ts.Tensor {
		y = b.drop(y, train)
		if b.Bare {
			h.MustDrop()
		} else {
			y = y.MustAdd(h, true)
			h.MustDrop()
		}
		if b.Unnormed {
			return y
		}
		defer y.MustDrop()
		return l.forward(y)
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := ts.MustLinear(x, table, ts.NewTensor()).MustAdd(position, true)
		for _, l := range blocks {
			seen := causal(l.attention.forward(h), unseen, width)
			h = after(l.norm1, h, l.project.forward(seen), train)
			seen.MustDrop()
			inner := b.act(l.inner.forward(h))
			h = after(l.norm2, h, l.outer.forward(inner), train)
			inner.MustDrop()
		}
		defer h.MustDrop()
		return head.forward(h)
	}
}

// causal is the attention of each place to itself and to those before, given queries,
// keys and values side by side, which it drops.
func causal(all, unseen *ts.Tensor, width int64) *ts.Tensor {
	defer all.MustDrop()
	part := func(i int64) *ts.Tensor { return all.MustNarrow(2, i*width, width, false) }
	keys := part(1).MustTranspose(1, 2, true)
	defer keys.MustDrop()
	values := part(2)
	defer values.MustDrop()
	scores := part(0).MustBmm(keys, true).MustMulScalar(ts.FloatScalar(1/math.Sqrt(float64(width))), true)
	return scores.MustAdd(unseen, true).MustSoftmax(-1, gotch.Float, true).MustBmm(values, true)
}
