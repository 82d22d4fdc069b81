package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// neuralODE tells shells around each other apart by letting the points flow: one small net
// says how fast a point's state moves, the state follows it for some of Euler's steps, and a
// linear layer reads where it arrives (Chen and others 2018), in a space with more dimensions
// than the points have, without which a flow could not take the shells apart (Dupont and
// others 2019). The net's weights are the same at each step.
func neuralODE() *Program {
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	small := func(r *Recipe, gain float64) { r.Gain, r.Recurrent = gain, gain }
	return &Program{
		Name: "neural-ode",
		Plain: Recipe{Steps: 1000, Batch: 32, Rows: 2000, Optimizer: "adam", LR: 8e-3,
			Hidden: 1, Width: 16, Activation: "tanh", Gain: 1, Recurrent: 1},
		Chance: 1.0 / shellKinds, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(4).least(0.75),
			resized(160),
			clipped(0.1, 1),
			hard("a fifth of the labels wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.75),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 4e-3, 1300 }).least(0.6),
			hard("few points, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 40, 10 }).least(0.3),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.05) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.05) }).least(0.7),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 200 }).least(0.7),
			hard("a long flat start", func(r *Recipe) { small(r, 0.7); momentum(r, 0.05) }).least(0.5),
			tuned(800, 0.2, 0.2),
			partly(2).least(0.6),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "no shortcuts, weights far below 1, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Recurrent = true, 0.2
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "no shortcuts, two layers of sigmoids in each step, momentum", func(r *Recipe) {
				r.Bare, r.Hidden, r.Activation = true, 2, "sigmoid"
				momentum(r, 0.02)
			}),
			fault(corpus.Exploding, "rectifiers, the flow's weights times 4", func(r *Recipe) {
				r.Activation, r.Recurrent = "relu", 4
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "rectifiers, the flow's weights times 3, clipped", func(r *Recipe) {
				r.Activation, r.Recurrent, r.Clip = "relu", 3, 1
				descent(r, 1e-3)
			}),
			bornDead(15).with("relu"),
			killed(30).with("relu"),
			fault(corpus.Oscillating, "Adam, learning rate 0.25", func(r *Recipe) { r.LR = 0.25 }),
			bouncing(0.5, 4),
			fault(corpus.Diverging, "plain gradient descent, learning rate 10", func(r *Recipe) { descent(r, 10) }),
			faster(100),
			poisoned(8).with("relu"),
			mislabelled(30),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "one coordinate in a unit 300 times as small, full batches", func(r *Recipe) {
				r.Spread, r.Batch, r.Rows = 300, 0, 300
				descent(r, 0.05)
			}),
			fault(corpus.IllConditioned, "one coordinate in a unit 300 times as small, batches of 64", func(r *Recipe) {
				r.Spread, r.Batch = 300, 64
				descent(r, 0.05)
			}),
			symmetric(0),
			symmetric(0.7),
			fault(corpus.Escape, "small initialisation, full batches", func(r *Recipe) {
				small(r, 0.33)
				r.Batch, r.Rows, r.Steps = 0, 200, 1200
				momentum(r, 0.027)
			}),
			steeper(5).with("relu"),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.shellPoints(b.Rows, b.Noise), test: b.shellPoints(400, 0),
				forward: b.eulerFlow(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	shellKinds = 3
	shellSpace = 3 // dimensions
	flowSpace  = 6
	flowSteps  = 8
	flowTime   = 2.0
)

// shellPoints draws points of three shells around each other, the outer ones flattened, none
// of them quite thin. A share of the labels is any. With a spread the first coordinate
// is in a unit that makes it so many times larger than the others. A shift moves the shells off the origin.
func (b *builder) shellPoints(rows int, wrong float64) examples {
	x, y := make([]float32, 0, shellSpace*rows), make([]int64, rows)
	for r := range y {
		class := b.data.Int64N(shellKinds)
		var p [shellSpace]float64
		var length float64
		for i := range p {
			p[i] = b.data.NormFloat64()
			length += p[i] * p[i]
		}
		radius := (0.5 + 0.9*float64(class) + 0.12*b.data.NormFloat64()) / math.Sqrt(length)
		p[shellSpace-1] *= 1 - 0.1*float64(class)
		for i, v := range p {
			unit := 1 / math.Sqrt(b.spread())
			if i == 0 {
				unit = math.Sqrt(b.spread())
			}
			x = append(x, float32(unit*(radius*v+b.Shift)))
		}
		if y[r] = class; b.data.Float64() < wrong {
			y[r] = b.data.Int64N(shellKinds)
		}
	}
	return examples{tensor(x, int64(rows), shellSpace), tensor(y, int64(rows))}
}

// flowLayer is a layer that every step uses again.
func (b *builder) flowLayer(layer string, in, out int64, factor float64, hidden bool) linear {
	std := factor * b.Recurrent / math.Sqrt(float64(in))
	return linear{
		b.add(layer, "weight", b.normal(int(in*out), std), []int64{out, in}, param{role: recurrent, hidden: hidden}),
		b.bias(layer, "bias", out, hidden),
	}
}

// eulerFlow is a linear layer, steps of a flow whose velocity is a net of Hidden layers, and
// a linear layer. Without shortcuts a step's state is what the net says, not what it adds.
func (b *builder) eulerFlow() func(x *ts.Tensor, train bool) *ts.Tensor {
	into := b.linear("input", shellSpace, flowSpace, 1, false)
	var layers []linear
	in := int64(flowSpace)
	for i := range b.Hidden {
		layers = append(layers, b.flowLayer(fmt.Sprintf("velocity-hidden%d", i+1), in, int64(b.Width), activations[b.Activation].gain, true))
		in = int64(b.Width)
	}
	velocity := b.flowLayer("velocity-output", in, flowSpace, 1, false)
	head := b.linear("output", flowSpace, shellKinds, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		state := into.forward(x)
		for range flowSteps {
			h := state
			for i, l := range layers {
				y := l.forward(h)
				if i > 0 {
					h.MustDrop()
				}
				h = b.drop(b.act(y), train)
			}
			v := velocity.forward(h)
			h.MustDrop()
			if !b.Bare {
				v = v.MustMulScalar(ts.FloatScalar(flowTime/flowSteps), true).MustAdd(state, true)
			}
			state.MustDrop()
			state = v
		}
		defer state.MustDrop()
		return head.forward(state)
	}
}
