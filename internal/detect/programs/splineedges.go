package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// splineEdges fits a function of five variables by layers that only add: what is learnt is on
// the edges, each of which has a piecewise linear function on a grid and a fixed one beside
// it that goes on where the grid ends (Kolmogorov-Arnold networks, Liu and others 2024).
func splineEdges() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "spline-edges", HeldOut: true,
		Plain: Recipe{Steps: 1100, Batch: 24, Rows: 2000, Optimizer: "adam", LR: 1e-2,
			Hidden: 1, Width: 10, Activation: "gelu", Gain: 1, Noise: 0.1},
		Chance: 0, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(3).least(0.75),
			resized(150),
			clipped(0.05, 1),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.2, 1 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2e-3, 1300 }).least(0.5),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 200, 10 }).least(0.2),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.05) }).least(0.6),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.05) }).least(0.6),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 300 }).least(0.6),
			hard("a long flat start", func(r *Recipe) { r.Gain = 0.01; momentum(r, 0.01) }).least(0.5),
			tuned(800, 0.2, 0.3),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "seven layers, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Hidden, r.Gain = 7, 0.2
				momentum(r, 0.03)
			}),
			fault(corpus.Vanishing, "six layers of splines alone, initialisation times 0.3, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Gain, r.Bare = 6, 0.3, true
				descent(r, 0.1)
			}),
			fault(corpus.Exploding, "seven layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain = 7, 5
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "six layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 6, 4, 1
				descent(r, 1e-3)
			}),
			bornDead(10).with("relu"),
			killed(15).with("relu"),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.7", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.7 }),
			bouncing(0.5, 5).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 20", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 20)
			}),
			faster(300),
			mislabelled(60),
			injected(corpus.Poisoned, "targets mixed up with a very large weight", BadLabels, 0.6, 300, false),
			poisoned(30),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "variables in units up to 30 times apart, full batches", func(r *Recipe) {
				r.Spread, r.Batch, r.Rows = 30, 0, 300
				descent(r, 0.1)
			}),
			fault(corpus.IllConditioned, "variables in units up to 100 times apart, batches of 50", func(r *Recipe) {
				r.Spread, r.Batch = 100, 50
				descent(r, 0.1)
			}),
			fault(corpus.Saddle, "all weights 0, full batches", func(r *Recipe) {
				r.Symmetric, r.Gain, r.Batch, r.Rows = true, 0, 0, 300
			}),
			symmetric(0.5).most(0.7),
			fault(corpus.Escape, "two hidden layers, small initialisation, momentum", func(r *Recipe) {
				r.Hidden, r.Gain, r.Steps = 2, 0.004, 1800
				momentum(r, 0.002)
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
				training: b.edgeExamples(b.Rows, b.Noise), test: b.edgeExamples(400, 0),
				forward: b.edgeNetwork(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	edgeVariables = 5
	edgeKnots     = 9 // of a grid
	edgeReach     = 2 // a grid's last knot, and its first one's distance below 0
)

// edgeExamples draws variables from U(-1, 1) and a sum of products and curves of them, of
// mean 0 and variance 1, with noise. A spread gives the variables units of which the smallest
// is so many times smaller than the largest, a shift moves the curves.
func (b *builder) edgeExamples(rows int, noise float64) examples {
	x, y := make([]float32, 0, rows*edgeVariables), make([]float32, 0, rows)
	for range rows {
		var v [edgeVariables]float64
		for i := range v {
			v[i] = 2*b.data.Float64() - 1
			unit := math.Pow(b.spread(), -float64(i)/(edgeVariables-1))
			x = append(x, float32(b.Offset+unit*v[i]))
		}
		f := 1.7*v[0]*v[1] + 0.8*math.Sin(math.Pi*(v[2]+b.Shift)) + 1.7*v[3]*v[4] + 0.8*(math.Abs(v[4])-0.5)
		y = append(y, float32(f+noise*b.error()))
	}
	return examples{tensor(x, int64(rows), edgeVariables), tensor(y, int64(rows), 1)}
}

// edgeNetwork is Hidden layers of Width sums and one of a single sum. Each term is a function
// of one of the layer's inputs: what its knots' values, which are learnt, say by linear
// interpolation, 0 beyond the grid, and a multiple of the activation. Bare is without that.
func (b *builder) edgeNetwork() func(x *ts.Tensor, train bool) *ts.Tensor {
	const careful = 0.5 // the splines' share at first
	type layer struct {
		in     int64
		knots  *ts.Tensor
		beside linear // without weights where it is bare
	}
	in := int64(edgeVariables)
	var layers []layer
	for i := range b.Hidden + 1 {
		name, out, hidden := fmt.Sprintf("edges%d", i+1), int64(b.Width), true
		if i == b.Hidden {
			name, out, hidden = "output", 1, false
		}
		l := layer{in: in, knots: b.weight(name, "knots", careful*math.Sqrt(edgeKnots), hidden, out, in*edgeKnots)}
		if !b.Bare {
			l.beside.w = b.weight(name, "beside", 1.4, hidden, out, in)
		}
		l.beside.b = b.bias(name, "bias", out, hidden)
		layers, in = append(layers, l), out
	}
	grid := make([]float32, edgeKnots)
	const apart = 2.0 * edgeReach / (edgeKnots - 1)
	for i := range grid {
		grid[i] = float32(-edgeReach + apart*float64(i))
	}
	places := tensor(grid, edgeKnots)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		for i, l := range layers {
			tents := x.MustUnsqueeze(2, false).MustSub(places, true).MustAbs(true).
				MustMulScalar(ts.FloatScalar(-1/apart), true).MustAddScalar(ts.FloatScalar(1), true).
				MustRelu(true).MustView([]int64{-1, l.in * edgeKnots}, true)
			y := ts.MustLinear(tents, l.knots, l.beside.b)
			tents.MustDrop()
			if l.beside.w != nil {
				fixed, none := b.act(x.MustShallowClone()), ts.NewTensor()
				straight := ts.MustLinear(fixed, l.beside.w, none)
				y = y.MustAdd(straight, true)
				fixed.MustDrop()
				straight.MustDrop()
			}
			if i > 0 {
				x.MustDrop()
			}
			x = y
		}
		return x
	}
}
