package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// highwayTabular classifies the rows of a table by a rule in which columns count together
// only, by a highway network (Srivastava, Greff and Schmidhuber 2015): a layer of rectifiers
// and then layers that mix what they compute with what they were given, by gates that are
// closed rather than open at first.
func highwayTabular() *Program {
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "highway-tabular",
		Plain: Recipe{Steps: 1200, Batch: 32, Rows: 4000, Optimizer: "adam", LR: 5e-3,
			Hidden: 3, Width: 20, Activation: "relu", Gain: 1, Gate: -1},
		Chance: 1.0 / ruledClasses, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(4).least(0.75),
			resized(256),
			clipped(0.1, 1),
			hard("a fifth of the labels wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.65),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1400 }).least(0.35),
			hard("few rows, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 120, 24 }).least(0.2),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.7),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.05 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.05) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.03) }).least(0.7),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 500 }).least(0.5),
			hard("ten layers", func(r *Recipe) { r.Hidden, r.Width, r.Gate, r.LR, r.Steps = 10, 14, -2, 3e-3, 1000 }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.Steps = 0.25, 1400; momentum(r, 0.03) }).least(0.5),
			tuned(900, 0.2, 0),
			partly(2).least(0.7),
			tooSlow(1e-3),
			fault(corpus.TooSlow, "momentum, learning rate 3e-6", func(r *Recipe) { momentum(r, 3e-6) }),
			fault(corpus.Vanishing, "the carry left out, eight layers, momentum", func(r *Recipe) {
				r.Bare, r.Hidden = true, 8
				momentum(r, 0.02)
			}),
			fault(corpus.Vanishing, "the carry left out, six layers of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Hidden, r.Gate, r.Activation, r.Optimizer, r.LR = true, 6, 1, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Exploding, "nine layers with open gates, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gate, r.Gain, r.Optimizer, r.LR = 9, 2, 4, "sgd", 0.03
			}),
			fault(corpus.Exploding, "seven layers with open gates, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gate, r.Gain, r.Optimizer, r.LR, r.Clip = 7, 2, 4, "sgd", 1e-3, 1
			}),
			bornDead(12),
			killed(15),
			bouncing(0.5, 15).with("tanh"),
			tooFast(1000),
			faster(300),
			poisoned(30),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, columns of scales 300 times apart, full batches", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR, r.Batch, r.Rows = 300, "tanh", "sgd", 0.1, 0, 400
			}),
			symmetric(0),
			symmetric(1),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) { r.Gain, r.Steps = 0.01, 1400; momentum(r, 0.02) }),
			fault(corpus.Escape, "tanh, small initialisation, full batches", func(r *Recipe) {
				r.Activation, r.Gain, r.Batch, r.Rows, r.Steps = "tanh", 0.015, 0, 400, 1400
				momentum(r, 0.04)
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.ruledRows(b.Rows, b.Noise), test: b.ruledRows(800, 0),
				forward: b.highway(ruledColumns, ruledClasses), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	ruledColumns = 8
	ruledClasses = 3
)

// ruledRows draws columns of variance 1, the first so much larger than the last, as Spread
// says, that those that decide are the smaller ones, and the class whose score is highest. A share of the labels
// is any. A shift moves the scores.
func (b *builder) ruledRows(rows int, wrong float64) examples {
	x, y := make([]float32, 0, rows*ruledColumns), make([]int64, rows)
	for r := range y {
		var v [ruledColumns]float64
		for i := range v {
			v[i] = b.data.NormFloat64()
			x = append(x, float32(v[i]*math.Pow(b.spread(), 0.5-float64(i)/(ruledColumns-1))))
		}
		scores := [ruledClasses]float64{
			0.1 + 0.2*v[1],
			1.3*v[6]*v[7] + 0.4*v[5] + 0.3*b.Shift*v[2],
			1.5*(math.Abs(v[5])-0.8) + v[4]*v[3],
		}
		for c, s := range scores {
			if s > scores[y[r]] {
				y[r] = int64(c)
			}
		}
		if b.data.Float64() < wrong {
			y[r] = b.data.Int64N(ruledClasses)
		}
	}
	return examples{tensor(x, int64(rows), ruledColumns), tensor(y, int64(rows))}
}

// highway is a layer of units, Hidden layers of x + T(x)·(H(x)-x), whose gates T begin with
// the bias Gate, and a linear one. Bare ones do not carry x on: they are T(x)·H(x).
func (b *builder) highway(in, out int64) func(x *ts.Tensor, train bool) *ts.Tensor {
	type layer struct{ gate, transform linear }
	width := int64(b.Width)
	factor := activations[b.Activation].gain
	first := b.linear("input", in, width, factor, true)
	layers := make([]layer, b.Hidden)
	for i := range layers {
		name := fmt.Sprintf("highway%d", i+1)
		closed := make([]float32, width)
		for j := range closed {
			closed[j] = float32(b.Gate)
		}
		layers[i].gate = linear{
			b.weight(name+"_gate", "weight", 1, true, width, width),
			b.add(name+"_gate", "bias", closed, []int64{width}, param{role: bias}),
		}
		layers[i].transform = b.linear(name+"_transform", width, width, factor, true)
	}
	last := b.linear("output", width, out, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := b.drop(b.act(first.forward(x)), train)
		for _, l := range layers {
			open := l.gate.forward(h).MustSigmoid(true)
			y := b.act(l.transform.forward(h))
			if b.Bare {
				y = y.MustMul(open, true)
			} else {
				y = y.MustSub(h, true).MustMul(open, true).MustAdd(h, true)
			}
			open.MustDrop()
			h.MustDrop()
			h = b.drop(y, train)
		}
		defer h.MustDrop()
		return last.forward(h)
	}
}
