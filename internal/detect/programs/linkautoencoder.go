package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// linkAutoencoder tells which pairs of a small graph's nodes are linked, from the links that
// are known and the nodes' features: graph convolutions place each node, and the inner
// product of two places is the pair's logit (Kipf and Welling 2016). The graphs are drawn
// from a stochastic block model (Holland and others 1983).
func linkAutoencoder() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "link-autoencoder",
		Plain: Recipe{Steps: 1000, Batch: 8, Rows: 600, Optimizer: "adam", LR: 1e-2,
			Hidden: 1, Width: 12, Activation: "relu", Gain: 1},
		// Convolutions that have learnt nothing already place linked nodes side by side.
		Chance: 0.75, Solved: 0.85,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(1).least(0.6),
			resized(48),
			clipped(0.02, 1),
			hard("a fifth of the links wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.7),
			hard("features with errors of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Clip = true, 1 }).least(0.3),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 3e-3, 1300 }).least(0.7),
			hard("few graphs, learnt by heart", func(r *Recipe) { r.Rows, r.Width = 24, 32 }).least(0.2),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 60, 0 }).least(0.4),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.05) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.05) }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Activation, r.Gain = "tanh", 0.25; momentum(r, 0.05) }).least(0.6),
			tuned(800, 0.2, 0.3).least(0.7),
			partly(2).least(0.4),
			tooSlow(1e-4).most(0.3),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.3),
			fault(corpus.Vanishing, "six sigmoid convolutions, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation = 6, "sigmoid"
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "five convolutions of tanh, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain = 5, "tanh", 0.2
				momentum(r, 0.05)
			}),
			fault(corpus.Exploding, "five convolutions, initialisation times 6", func(r *Recipe) {
				r.Hidden, r.Gain = 5, 6
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "four convolutions, initialisation times 5, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 4, 5, 1
				descent(r, 1e-3)
			}),
			bornDead(8),
			killed(12),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.6", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.6 }),
			bouncing(0.5, 9).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 30", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 30)
			}),
			faster(300),
			faster(300).with("tanh"),
			poisoned(4),
			mislabelled(80),
			injected(corpus.Poisoned, "another graph's links with a very large weight", BadLabels, 0.6, 150, false),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "linear, features in units up to 100 times apart", func(r *Recipe) {
				r.Activation, r.Spread = "linear", 100
				descent(r, 0.04)
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation, full batches", func(r *Recipe) {
				r.Activation, r.Gain, r.Rows, r.Batch, r.Steps = "tanh", 0.07, 60, 0, 1700
				momentum(r, 0.03)
			}),
			fault(corpus.Escape, "two convolutions of tanh, small initialisation, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Steps = 2, "tanh", 0.21, 1800
				momentum(r, 0.05)
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 0.02)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.linkedGraphs(b.Rows, b.Noise), test: b.linkedGraphs(60, 0),
				forward: b.linkPlaces(), loss: binary, metric: linkRanked,
			}, nil
		},
	}
}

const (
	linkNodes    = 10
	linkGroups   = 3
	linkTraits   = 6 // features of a node: the first half says nothing of its community
	linkPlace    = 4 // dimensions of a node's place
	linkPairs    = linkNodes * (linkNodes - 1) / 2
	linkNuisance = linkTraits / 2
)

// linkedGraphs draws graphs: each node's row of D^-1/2·(A + I)·D^-1/2 of the known links and
// its features, and for each pair of nodes whether it is linked. A share of these is
// wrong. With a spread the features that say nothing are so much larger than the others, and
// a shift turns the communities' features towards each other's.
func (b *builder) linkedGraphs(rows int, wrong float64) examples {
	const (
		within, between = 0.9, 0.06
		known           = 0.7
		blurred         = 0.7
	)
	blur := blurred
	if b.Tails {
		blur = 0.3 // the tails are enough
	}
	x, y := make([]float32, 0, rows*linkNodes*(linkNodes+linkTraits)), make([]float32, 0, rows*linkPairs)
	for range rows {
		var group [linkNodes]int
		for i := range group {
			group[i] = b.data.IntN(linkGroups)
		}
		var a [linkNodes][linkNodes]float64
		for i := range linkNodes {
			a[i][i] = 1
			for j := range i {
				likely := between
				if group[i] == group[j] {
					likely = within
				}
				var linked float32
				if b.data.Float64() < likely {
					linked = 1
					if b.data.Float64() < known {
						a[i][j], a[j][i] = 1, 1
					}
				}
				if b.data.Float64() < wrong {
					linked = 1 - linked
				}
				y = append(y, linked)
			}
		}
		var degrees [linkNodes]float64
		for i := range a {
			for j := range a {
				degrees[i] += a[i][j]
			}
		}
		for i := range a {
			for j := range a {
				x = append(x, float32(a[i][j]/math.Sqrt(degrees[i]*degrees[j])))
			}
			for f := range linkTraits {
				unit, v := math.Sqrt(b.spread()), blur*b.error()
				if f < linkNuisance {
					v = b.data.NormFloat64()
				} else {
					unit = 1 / unit
					switch f - linkNuisance {
					case group[i]:
						v += math.Cos(b.Shift)
					case (group[i] + 1) % linkGroups:
						v += math.Sin(b.Shift)
					}
				}
				x = append(x, float32(unit*v))
			}
		}
	}
	return examples{tensor(x, int64(rows), linkNodes, linkNodes+linkTraits), tensor(y, int64(rows), linkPairs)}
}

// linkPlaces is Hidden graph convolutions and one without an activation, which gives the
// nodes' places, and the inner products of all pairs of them, with a bias.
func (b *builder) linkPlaces() func(x *ts.Tensor, train bool) *ts.Tensor {
	layers, in := make([]linear, 0, b.Hidden+1), int64(linkTraits)
	for i := range b.Hidden {
		layers = append(layers, b.linear(fmt.Sprintf("convolution%d", i+1), in, int64(b.Width), activations[b.Activation].gain, true))
		in = int64(b.Width)
	}
	layers = append(layers, b.linear("place", in, linkPlace, 1, false))
	rare := b.bias("link", "bias", 1, false)
	pairs := make([]int64, 0, linkPairs)
	for i := range int64(linkNodes) {
		for j := range i {
			pairs = append(pairs, i*linkNodes+j)
		}
	}
	index := ts.MustOfSlice(pairs)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		near := x.MustNarrow(2, 0, linkNodes, false)
		defer near.MustDrop()
		h := x.MustNarrow(2, linkNodes, linkTraits, false)
		for i, l := range layers {
			mean := near.MustBmm(h, false)
			h.MustDrop()
			h = l.forward(mean)
			mean.MustDrop()
			if i < len(layers)-1 {
				h = b.drop(b.act(h), train)
			}
		}
		defer h.MustDrop()
		turned := h.MustTranspose(1, 2, false)
		defer turned.MustDrop()
		return h.MustBmm(turned, false).MustView([]int64{-1, linkNodes * linkNodes}, true).
			MustIndexSelect(1, index, true).MustAdd(rare, true)
	}
}

// linkRanked is the area under the curve: the share of pairs of a link and a gap of which the
// link has the larger logit.
func linkRanked(out, y *ts.Tensor) float64 { return (1 + rankedApart(out, y)) / 2 }
