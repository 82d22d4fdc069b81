package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// treeCells computes the values of small expressions, which are complete binary trees, by a
// recursive net (Socher and others 2013): the same cell makes, at each node, a state of those
// of its two branches and of the operator there, up to the root. The gradient comes down to
// the leaves through the cell's weights as often as the tree has levels.
func treeCells() *Program {
	return &Program{
		Name: "tree-cells",
		Plain: Recipe{Steps: 1200, Batch: 32, Rows: 3000, Optimizer: "adam", LR: 0.01,
			Hidden: 1, Width: 32, Activation: "relu", Gain: 1, Recurrent: 1, Scale: 1},
		Chance: 0, Solved: 0.7,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine").least(0.75),
			scheduled("steps").least(0.75),
			scheduled("restarts").least(0.75),
			resized(4).least(0.75),
			resized(160),
			clipped(0.1, 1),
			hard("noise", func(r *Recipe) { r.Noise = 0.3 }).least(0.75),
			hard("noise of infinite variance", func(r *Recipe) { r.Noise, r.Tails = 0.05, true }).least(0.5),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.8),
			hard("losses of millions", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.03, 0.9
			}).least(0.6),
			hard("losses of 1e-9", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.03, 0.9
			}).least(0.6),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.16, 0.16, "sgd", 0.015, 0.9, 1500
			}).least(0.5),
			tuned(800, 0.3, 0.1).least(0.75),
			partly(2).least(0.6),
			tooSlow(3e-4),
			fault(corpus.TooSlow, "tanh, momentum, learning rate 3e-6", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum = "tanh", "sgd", 3e-6, 0.9
			}),
			fault(corpus.Vanishing, "cells of four sigmoid layers, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 4, "sigmoid", "sgd", 0.03, 0.9
			}),
			fault(corpus.Vanishing, "cells of two tanh layers, their weights times 0.1, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Recurrent, r.Optimizer, r.LR = 2, "tanh", 0.1, "sgd", 0.05
			}),
			fault(corpus.Exploding, "cells of two layers, their weights times 6", func(r *Recipe) {
				r.Hidden, r.Recurrent, r.Optimizer, r.LR = 2, 6, "sgd", 0.05
			}),
			fault(corpus.Exploding, "cells of two layers, their weights times 6, clipped", func(r *Recipe) {
				r.Hidden, r.Recurrent, r.Optimizer, r.LR, r.Clip = 2, 6, "sgd", 1e-3, 1
			}),
			bornDead(10),
			killed(20),
			bouncing(0.5, 3).with("tanh"),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.3", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.3 }),
			tooFast(1000),
			faster(300),
			poisoned(8),
			mislabelled(40),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "readings in units up to 1000 times apart, plain gradient descent", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR = 1000, "sgd", 0.1
			}).most(0.7),
			fault(corpus.IllConditioned, "readings in units up to 1000 times apart, large batches", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR, r.Batch = 1000, "sgd", 0.15, 160
			}).most(0.7),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Recurrent, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.3, 0.3, "sgd", 0.02, 0.9, 1800
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.treeExpressions(b.Rows, b.Noise), test: b.treeExpressions(300, 0),
				forward: b.recursiveCells(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	treeLeaves    = 8
	treeReadings  = 3 // of each leaf
	treeNodes     = treeLeaves - 1
	treeOperators = 4 // sum and difference, each over √2, the larger, the smaller
)

// treeExpressions draws the leaves' readings, whose weighted sums are the leaves' values, and
// the operators, from the lowest level up, and the expressions' values. With a spread, the
// readings are in units that are up to so many times apart; a shift changes what they weigh.
func (b *builder) treeExpressions(rows int, noise float64) examples {
	const features = treeLeaves*treeReadings + treeNodes*treeOperators
	x, y := make([]float32, rows*features), make([]float32, rows)
	weights := [treeReadings]float64{0.7 + b.Shift, -0.5, 0.5 - b.Shift}
	for i := range rows {
		row := x[i*features : (i+1)*features]
		values := make([]float64, treeLeaves)
		for j := range values {
			for k, w := range weights {
				v := b.data.NormFloat64()
				values[j] += w * v
				row[j*treeReadings+k] = float32(v * math.Pow(b.spread(), -float64(k)/(treeReadings-1)))
			}
		}
		operators := row[treeLeaves*treeReadings:]
		for len(values) > 1 {
			for j := range len(values) / 2 {
				operator := b.data.IntN(treeOperators)
				operators[operator] = 1
				operators = operators[treeOperators:]
				l, r := values[2*j], values[2*j+1]
				switch operator {
				case 0:
					values[j] = (l + r) / math.Sqrt2
				case 1:
					values[j] = (l - r) / math.Sqrt2
				case 2:
					values[j] = max(l, r)
				case 3:
					values[j] = min(l, r)
				}
			}
			values = values[:len(values)/2]
		}
		y[i] = float32(b.Scale * (values[0] + noise*b.error()))
	}
	return examples{tensor(x, int64(rows), features), tensor(y, int64(rows), 1)}
}

// recursiveCells computes the value of each expression from the state of its root.
func (b *builder) recursiveCells() func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	factor := activations[b.Activation].gain
	leaf := b.linear("leaf", treeReadings, width, factor, true)
	var cell []linear
	in := 2*width + treeOperators
	for i := range b.Hidden {
		layer := fmt.Sprintf("cell%d", i+1)
		std := b.Recurrent * factor / math.Sqrt(float64(in))
		cell = append(cell, linear{
			b.add(layer, "weight", b.normal(int(width*in), std), []int64{width, in}, param{role: recurrent, hidden: true}),
			b.bias(layer, "bias", width, true),
		})
		in = width
	}
	root := b.linear("output", width, 1, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		readings := x.MustNarrow(1, 0, treeLeaves*treeReadings, false).MustReshape([]int64{-1, treeLeaves, treeReadings}, true)
		h := b.act(leaf.forward(readings))
		readings.MustDrop()
		at := int64(treeLeaves * treeReadings)
		for nodes := int64(treeLeaves / 2); nodes > 0; nodes /= 2 {
			operators := x.MustNarrow(1, at, nodes*treeOperators, false).MustReshape([]int64{-1, nodes, treeOperators}, true)
			at += nodes * treeOperators
			branches := h.MustReshape([]int64{-1, nodes, 2 * width}, true)
			h = ts.MustCat([]*ts.Tensor{branches, operators}, 2)
			branches.MustDrop()
			operators.MustDrop()
			for _, l := range cell {
				y := b.drop(b.act(l.forward(h)), train)
				h.MustDrop()
				h = y
			}
		}
		defer h.MustDrop()
		return root.forward(h).MustReshape([]int64{-1, 1}, true)
	}
}
