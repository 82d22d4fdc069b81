package programs

import (
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// hyperRegression learns a family of surfaces at once: which of them an example is about
// is said by four numbers, from which a hypernetwork makes the weights of a small net, and
// that one reads the surface's height at some places (Ha, Dai and Le 2017). What is made is
// multiplied by what is made, so that a change of the hypernetwork counts more than once.
func hyperRegression() *Program {
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	return &Program{
		Name: "hyper-regression",
		Plain: Recipe{Steps: 1100, Batch: 24, Rows: 2000, Optimizer: "adam", LR: 8e-3,
			Hidden: 2, Width: 24, Activation: "relu", Gain: 1, Noise: 0.1},
		Chance: 0, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(4).least(0.75),
			resized(120),
			clipped(0.1, 1),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.2, 1 }).least(0.7),
			hard("heights three times as noisy as they vary", func(r *Recipe) { r.Noise, r.LR = 3, 2e-3 }).least(0.5),
			hard("one surface in a step", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1300 }).least(0.5),
			hard("few surfaces, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 40, 10 }).least(0.2),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.02) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Clip = 1e6, 1e6; momentum(r, 0.02) }).least(0.7),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 400 }).least(0.6),
			hard("a long flat start", func(r *Recipe) { r.Gain = 0.3; momentum(r, 0.03) }).least(0.5),
			tuned(800, 0.2, 0.3),
			partly(2).least(0.6),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 2e-7", func(r *Recipe) { momentum(r, 2e-7) }).most(0.2),
			fault(corpus.Vanishing, "eight layers of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation = 8, 12, "sigmoid"
				descent(r, 0.05)
			}),
			fault(corpus.Vanishing, "seven layers of tanh, initialisation times 0.15, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain = 7, 12, "tanh", 0.15
				momentum(r, 0.02)
			}),
			fault(corpus.Exploding, "five layers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain = 5, 16, 4
				descent(r, 0.01)
			}),
			fault(corpus.Exploding, "three layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 3, 3, 1
				descent(r, 1e-3)
			}),
			bornDead(15),
			killed(20),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Clip = "tanh", 0.5
				momentum(r, 0.1)
				r.Momentum = 0.99
			}),
			fault(corpus.Oscillating, "tanh, RMSProp, learning rate 0.2", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "rmsprop", 0.2
			}),
			bouncing(0.5, 4).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 3", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 3)
			}),
			faster(100),
			poisoned(3),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, contexts in units 1000 times apart, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Batch, r.Rows = "tanh", 1000, 0, 120
				descent(r, 0.05)
			}),
			fault(corpus.IllConditioned, "tanh, contexts in units 1000 times apart, batches of 60", func(r *Recipe) {
				r.Activation, r.Spread, r.Batch = "tanh", 1000, 60
				descent(r, 0.06)
			}),
			symmetric(0),
			symmetric(0.5).with("tanh").most(0.65),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Steps = 0.13, 1300
				momentum(r, 0.024)
			}),
			fault(corpus.Escape, "tanh, small initialisation, full batches", func(r *Recipe) {
				r.Activation, r.Gain, r.Batch, r.Rows, r.Steps = "tanh", 0.07, 0, 80, 1300
				momentum(r, 0.015)
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 3e-3)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.surfaces(b.Rows, b.Noise), test: b.surfaces(300, 0),
				forward: b.hypernetwork(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	surfaceContext = 4 // numbers that say which surface it is
	surfacePlaces  = 8 // of each surface
	surfaceUnits   = 10
)

// surfaces draws contexts and places, and as targets the surfaces' heights there, with
// noise: a wave, whose direction and length two numbers of the context give, a slope and a
// trough. No context is the mean of the others, so that one surface for all explains
// nothing. With a spread the context's numbers are in units of that ratio. A shift moves
// the wave.
func (b *builder) surfaces(rows int, noise float64) examples {
	const usual = 1.7320508
	x := make([]float32, 0, rows*(surfaceContext+2*surfacePlaces))
	y := make([]float32, 0, rows*surfacePlaces)
	for range rows {
		var c [surfaceContext]float64
		for i := range c {
			c[i] = usual * (2*b.data.Float64() - 1)
			x = append(x, float32(c[i]*math.Pow(b.spread(), 0.5-float64(i)/(surfaceContext-1))))
		}
		for range surfacePlaces {
			u, v := usual*(2*b.data.Float64()-1), usual*(2*b.data.Float64()-1)
			x = append(x, float32(u), float32(v))
			height := math.Sin(c[0]*u+c[1]*v+b.Shift) + 0.6*c[2]*u + 0.25*c[3]*v*v
			y = append(y, float32(height+noise*b.error()))
		}
	}
	return examples{
		tensor(x, int64(rows), surfaceContext+2*surfacePlaces),
		tensor(y, int64(rows), surfacePlaces),
	}
}

// hypernetwork is an mlp that makes, of each context, the weights and biases of a net with
// one hidden layer, which is given the places.
func (b *builder) hypernetwork() func(x *ts.Tensor, train bool) *ts.Tensor {
	const weights = 2*surfaceUnits + surfaceUnits + surfaceUnits + 1
	generate := b.part("hyper-", surfaceContext, weights)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		context := x.MustNarrow(1, 0, surfaceContext, false)
		made := generate(context, train)
		context.MustDrop()
		defer made.MustDrop()
		// part is some of what was made, with the variance that its use asks for.
		part := func(from, count, fanIn int64) *ts.Tensor {
			return made.MustNarrow(1, from, count, false).MustMulScalar(ts.FloatScalar(1/math.Sqrt(float64(fanIn))), true)
		}
		inner := part(0, 2*surfaceUnits, 2).MustReshape([]int64{-1, 2, surfaceUnits}, true)
		offset := part(2*surfaceUnits, surfaceUnits, 1).MustUnsqueeze(1, true)
		outer := part(3*surfaceUnits, surfaceUnits, surfaceUnits).MustUnsqueeze(2, true)
		level := part(4*surfaceUnits, 1, 1)
		places := x.MustNarrow(1, surfaceContext, 2*surfacePlaces, false).MustReshape([]int64{-1, surfacePlaces, 2}, true)
		defer func() {
			for _, t := range []*ts.Tensor{inner, offset, outer, level, places} {
				t.MustDrop()
			}
		}()
		units := b.act(places.MustBmm(inner, false).MustAdd(offset, true))
		defer units.MustDrop()
		return units.MustBmm(outer, false).MustSqueezeDim(2, true).MustAdd(level, true)
	}
}
