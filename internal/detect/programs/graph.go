package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// graphs finds the communities in graphs of the stochastic block model (Holland,
// Laskey and Leinhardt 1983) from noisy hints at the nodes, by a graph convolutional
// network (Kipf and Welling 2017).
func graphs() *Program {
	return &Program{
		Name: "graph-messages",
		Plain: Recipe{Steps: 1000, Batch: 6, Rows: 800, Optimizer: "adam", LR: 3e-3,
			Hidden: 2, Width: 16, Activation: "relu", Gain: 1},
		Chance: 1.0 / communities, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("steps"),
			resized(48),
			resized(1),
			clipped(0.02, 1),
			hard("two fifths of the labels wrong", func(r *Recipe) { r.Noise = 0.4 }).least(0.75),
			hard("batches of one graph", func(r *Recipe) { r.Batch, r.LR = 1, 2e-3 }).least(0.7),
			hard("few graphs, learnt by heart", func(r *Recipe) { r.Rows, r.Width, r.Steps = 8, 32, 2000 }).least(0.2),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.LR = 0, 40, 1e-2 }).least(0.7),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.2 }),
			hard("losses of 1e-9, plain gradient descent", func(r *Recipe) { r.Unit, r.Optimizer, r.LR = 1e-9, "sgd", 0.3 }),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.38, "sgd", 0.1, 0.9, 1500
			}),
			tuned(900, 0.1, 0.3),
			partly(2).least(0.7),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "seven layers, initialisation times 0.1", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Momentum = 7, 0.1, "sgd", 0.05, 0.9
			}),
			fault(corpus.Exploding, "eight layers, initialisation times 5, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 8, 5, "sgd", 0.05
			}),
			fault(corpus.Exploding, "eight layers, initialisation times 5, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 8, 5, "sgd", 0.005, 1
			}),
			bornDead(5),
			killed(10),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 2", func(r *Recipe) { r.Activation, r.LR = "tanh", 2 }),
			bouncing(0.1, 150).with("tanh"),
			faster(1000).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 30", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "sgd", 30
			}),
			poisoned(20),
			mislabelled(100),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, hints of scales 1 to 1000, full batches", func(r *Recipe) {
				// Larger weights would saturate the units.
				r.Spread, r.Activation, r.Gain, r.Optimizer, r.LR, r.Batch, r.Rows = 1000, "tanh", 0.1, "sgd", 0.08, 0, 60
			}),
			symmetric(0),
			symmetric(1).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.175, "sgd", 0.1, 0.9, 1850
			}),
			steeper(5),
			unthawed(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.blocks(b.Rows, b.Noise), test: b.blocks(80, 0),
				forward: b.messages(hints, communities),
				loss:    ofNodes(crossEntropy), metric: ofNodes(accuracy),
			}, nil
		},
	}
}

const (
	communities = 3
	nodes       = 20
	hints       = 6 // features of a node
)

// blocks draws graphs, in which neighbours are mostly of one community; the targets
// are the nodes' communities. A row of x belongs to a node: the normalised adjacency
// D^-1/2·(A + I)·D^-1/2, and one hint at each community, which a shift turns towards
// the next one's, among as many that mean nothing. Hints are scaled from 1 to Spread.
func (b *builder) blocks(rows int, wrong float64) examples {
	const (
		within, between = 0.6, 0.06
		noise           = 0.6
	)
	x, y := make([]float32, 0, rows*nodes*(nodes+hints)), make([]int64, rows*nodes)
	for r := range rows {
		own := y[r*nodes : (r+1)*nodes]
		sign := float64(1 - 2*b.data.IntN(2))
		for i := range own {
			own[i] = b.data.Int64N(communities)
		}
		var edges [nodes][nodes]bool
		var degrees [nodes]float64
		for i := range nodes {
			for j := range i + 1 {
				likely := between
				if own[i] == own[j] {
					likely = within
				}
				if i == j || b.data.Float64() < likely {
					edges[i][j], edges[j][i] = true, true
					degrees[i]++
					if i != j {
						degrees[j]++
					}
				}
			}
		}
		for i := range nodes {
			for j := range nodes {
				var a float64
				if edges[i][j] {
					a = 1 / math.Sqrt(degrees[i]*degrees[j])
				}
				x = append(x, float32(a))
			}
			for f := range hints {
				v := noise * b.data.NormFloat64()
				switch int64(f) {
				case own[i] * 2:
					v += sign * math.Cos(b.Shift)
				case (own[i] + 1) % communities * 2:
					v += sign * math.Sin(b.Shift)
				}
				x = append(x, float32(v*math.Pow(b.spread(), float64(f)/(hints-1))))
			}
		}
		for i := range own {
			if b.data.Float64() < wrong {
				own[i] = b.data.Int64N(communities)
			}
		}
	}
	return examples{tensor(x, int64(rows), nodes, nodes+hints), tensor(y, int64(rows), nodes)}
}

// messages is Hidden graph convolutions and one without an activation: in each a
// node gets the weighted mean of its neighbours' features, and an affine layer.
func (b *builder) messages(in, out int64) func(x *ts.Tensor, train bool) *ts.Tensor {
	layers := make([]linear, 0, b.Hidden+1)
	width := int64(b.Width)
	for i := range b.Hidden {
		layers = append(layers, b.linear(fmt.Sprintf("graph%d", i+1), in, width, activations[b.Activation].gain, true))
		in = width
	}
	layers = append(layers, b.linear("output", in, out, 1, false))
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		adjacency := x.MustNarrow(2, 0, nodes, false)
		defer adjacency.MustDrop()
		h := x.MustNarrow(2, nodes, hints, false)
		for i, l := range layers {
			mean := adjacency.MustBmm(h, false)
			h.MustDrop()
			h = l.forward(mean)
			mean.MustDrop()
			if i < len(layers)-1 {
				h = b.drop(b.act(h), train)
			}
		}
		return h
	}
}

// ofNodes takes all nodes of all graphs for examples of their own.
func ofNodes[T any](f func(out, y *ts.Tensor) T) func(out, y *ts.Tensor) T {
	return func(out, y *ts.Tensor) T {
		logits := out.MustView([]int64{-1, communities}, false)
		defer logits.MustDrop()
		targets := y.MustView([]int64{-1}, false)
		defer targets.MustDrop()
		return f(logits, targets)
	}
}
