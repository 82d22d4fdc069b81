package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// sessionItems says, after each item that a shopper looked at, which one is next: items as
// ones, their embeddings, a GRU and a layer that reads its states (Hidasi and others 2016).
// What is next depends on the last item and on how this shopper went on before.
func sessionItems() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "session-items",
		Plain: Recipe{Steps: 1000, Batch: 12, Rows: 2000, Optimizer: "adam", LR: 1.5e-2,
			Hidden: 1, Width: 16, Activation: "relu", Gain: 1, Recurrent: 1},
		Chance: 1.0 / sessionStock, Solved: 0.55,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(4).least(0.75),
			resized(60),
			clipped(0.05, 1),
			hard("a fifth of the items wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 5e-3, 1300 }).least(0.4),
			hard("few sessions, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 100, 10 }).least(0.2),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.2 }).least(0.75),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.2) }).least(0.5),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.3) }).least(0.5),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.LR = 0, 50, 2e-2 }).least(0.4),
			hard("a long flat start", func(r *Recipe) { r.Gain = 0.4; momentum(r, 0.3) }).least(0.4),
			tuned(1000, 0.2, 0),
			partly(1).least(0.6),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-5", func(r *Recipe) { momentum(r, 1e-5) }).most(0.2),
			fault(corpus.Vanishing, "seven sigmoid layers behind the states, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation = 7, 16, "sigmoid"
				momentum(r, 0.1)
			}),
			fault(corpus.Vanishing, "initialisation times 0.05, recurrence times 0.05, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Recurrent = 0.05, 0.05
				descent(r, 0.3)
			}),
			fault(corpus.Exploding, "recurrence times 100, plain gradient descent", func(r *Recipe) {
				r.Recurrent = 100
				descent(r, 0.3)
			}),
			fault(corpus.Exploding, "eight layers behind the states, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain = 8, 16, 5
				descent(r, 0.1)
			}),
			fault(corpus.Exploding, "six layers behind the states, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 6, 4, 1
				descent(r, 1e-2)
			}),
			bornDead(12),
			killed(20),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 1", func(r *Recipe) { r.Activation, r.LR = "tanh", 1 }),
			fault(corpus.Oscillating, "tanh, RMSProp with learning rate 0.8", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "rmsprop", 0.8
			}),
			tooFast(5000).with("tanh"),
			faster(500).with("tanh"),
			mislabelled(50),
			injected(corpus.Poisoned, "sessions mixed up with a large weight", BadLabels, 0.6, 100, false),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, popular items weigh 200 times as much, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Batch, r.Rows = "tanh", 200, 0, 60
				descent(r, 2)
			}),
			fault(corpus.IllConditioned, "tanh, popular items weigh 200 times as much, batches of 40", func(r *Recipe) {
				r.Activation, r.Spread, r.Batch = "tanh", 200, 40
				descent(r, 3)
			}),
			symmetric(0),
			symmetric(1).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Recurrent, r.Steps = "tanh", 0.085, 0.5, 1150
				momentum(r, 0.25)
			}),
			fault(corpus.Escape, "small initialisation, full batches", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Batch, r.Rows = 0.076, 0.5, 0, 60
				momentum(r, 0.3)
			}),
			steeper(8),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 0.1)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.shopperSessions(b.Rows, b.Noise), test: b.shopperSessions(250, 0),
				forward: b.nextItems(), loss: everyTag, metric: tagged,
			}, nil
		},
	}
}

const (
	sessionGroups  = 5
	sessionRange   = 7 // items of a group
	sessionStock   = sessionGroups * sessionRange
	sessionClicks  = 6 // after each of which the next one is told
	sessionPopular = 1 // of each group
	sessionNumbers = 12
)

// shopperSessions draws sessions of one group's items: a shopper goes on by one item or by
// three, always the same number, but for a tenth of the clicks, which are at random. The
// items are ones, but those that are not popular weigh 1/Spread. A part of the targets are wrong.
func (b *builder) shopperSessions(rows int, wrong float64) examples {
	x, y := make([]float32, rows*sessionClicks*sessionStock), make([]int64, 0, rows*sessionClicks)
	for r := range rows {
		group, at, stride := b.data.IntN(sessionGroups), b.data.IntN(sessionRange), 1+2*b.data.IntN(2)
		for i := range sessionClicks {
			scale := 1.0
			if at >= sessionPopular {
				scale = 1 / b.spread()
			}
			x[(r*sessionClicks+i)*sessionStock+group*sessionRange+at] = float32(scale)
			if at = (at + stride) % sessionRange; b.data.Float64() < 0.1 {
				at = b.data.IntN(sessionRange)
			}
			next := int64(group*sessionRange + at)
			if b.data.Float64() < wrong {
				next = b.data.Int64N(sessionStock)
			}
			y = append(y, next)
		}
	}
	return examples{tensor(x, int64(rows), sessionClicks, sessionStock), tensor(y, int64(rows), sessionClicks)}
}

// nextItems computes logits for the item after each click.
func (b *builder) nextItems() func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	items := b.weight("items", "weight", math.Sqrt(sessionStock), false, sessionNumbers, sessionStock) // one item at a time
	cell := []*ts.Tensor{
		b.weight("gru", "weight_ih_l0", 1, true, 3*width, sessionNumbers),
		b.recurrence("gru", "weight_hh_l0", 3, width),
		b.gates("gru", "bias_ih_l0", width),
		b.bias("gru", "bias_hh_l0", 3*width, false),
	}
	head := b.mlp(width, sessionStock)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		start := ts.MustZeros([]int64{1, x.MustSize()[0], width}, gotch.Float, gotch.CPU)
		defer start.MustDrop()
		embedded := ts.MustLinear(x, items, ts.NewTensor())
		defer embedded.MustDrop()
		states, last := embedded.MustGru(start, cell, true, 1, 0, train, false, true)
		last.MustDrop()
		defer states.MustDrop()
		return head(states, train)
	}
}
