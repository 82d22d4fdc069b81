package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// particleSprings learns how particles that springs tie to each other are accelerated: an
// interaction network (Battaglia and others 2016) has one net for all pairs, which says
// what the sender does to the receiver, and one for all particles, which reads the sum of
// that. The sum makes the gradients of the first net those of many pairs at once.
func particleSprings() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "particle-springs",
		Plain: Recipe{Steps: 1100, Batch: 16, Rows: 1500, Optimizer: "adam", LR: 1e-2,
			Hidden: 1, Width: 20, Activation: "relu", Gain: 1, Noise: 0.05},
		Chance: 0, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(3).least(0.75),
			resized(80),
			clipped(0.1, 1),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.1, 1 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2e-3, 1300 }).least(0.6),
			hard("few systems, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 24, 8 }).least(0.2),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.03) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Clip = 1e6, 1e6; momentum(r, 0.03) }).least(0.7),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 40 }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Gain = 0.2; momentum(r, 0.03) }).least(0.5),
			tuned(800, 0.2, 0.5),
			partly(2).least(0.6),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "five sigmoid layers in each net, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation = 5, 12, "sigmoid"
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "five layers of tanh in each net, initialisation times 0.1, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain = 5, 12, "tanh", 0.1
				momentum(r, 0.02)
			}),
			fault(corpus.Exploding, "four layers in each net, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain = 4, 12, 4
				descent(r, 0.02)
			}),
			fault(corpus.Exploding, "four layers in each net, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain, r.Clip = 4, 12, 3, 1
				descent(r, 1e-3)
			}),
			bornDead(15),
			killed(20),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum, r.Clip = "tanh", "sgd", 0.25, 0.99, 0.5
			}),
			fault(corpus.Oscillating, "tanh, RMSProp, learning rate 0.3", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "rmsprop", 0.3
			}),
			bouncing(0.5, 6).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 3", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 3)
			}),
			faster(300).with("tanh"),
			faster(100),
			poisoned(5),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "positions in small units, full batches", func(r *Recipe) {
				r.Spread, r.Batch, r.Rows, r.Steps = 20, 0, 40, 1000
				descent(r, 0.02)
			}),
			fault(corpus.IllConditioned, "tanh, positions in small units, batches of 32", func(r *Recipe) {
				// Larger weights would saturate the units.
				r.Activation, r.Gain, r.Spread, r.Batch, r.Steps = "tanh", 0.3, 60, 32, 1000
				descent(r, 0.15)
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "four layers of tanh in each net, small initialisation, full batches", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain, r.Batch, r.Rows = 4, 14, "tanh", 0.165, 0, 30
				momentum(r, 0.025)
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 3e-3)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.springSystems(b.Rows, b.Noise), test: b.springSystems(200, 0),
				forward: b.interactions(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	springParticles = 5
	springFeatures  = 5 // two of place, two of velocity, and the stiffness
	springEffects   = 8 // numbers that the net of pairs says
)

// springSystems draws, rows × particles × features, particles in a plane, and their
// accelerations, in units of their usual size and with noise: each pair is tied by a spring
// that is as stiff as the product of the particles' own numbers, and a drag slows all down.
// With a spread the places are that much smaller than the rest. A shift makes the springs
// longer.
func (b *builder) springSystems(rows int, noise float64) examples {
	const (
		drag  = 0.8
		usual = 4
	)
	large, small := math.Sqrt(b.spread()), 1/math.Sqrt(b.spread())
	x, y := make([]float32, 0, rows*springParticles*springFeatures), make([]float32, 0, rows*springParticles*2)
	for range rows {
		var place, speed [springParticles][2]float64
		var stiff [springParticles]float64
		for i := range place {
			for k := range 2 {
				place[i][k], speed[i][k] = b.data.NormFloat64(), b.data.NormFloat64()
			}
			stiff[i] = 0.5 + b.data.Float64()
			x = append(x, float32(small*place[i][0]), float32(small*place[i][1]),
				float32(large*speed[i][0]), float32(large*speed[i][1]), float32(large*3*(stiff[i]-1)))
		}
		for i := range place {
			pull := [2]float64{-drag * speed[i][0], -drag * speed[i][1]}
			for j := range place {
				u, v := place[j][0]-place[i][0], place[j][1]-place[i][1]
				tension := stiff[i] * stiff[j] * (1 - (0.5+b.Shift)/math.Sqrt(u*u+v*v+0.1))
				pull[0] += tension * u
				pull[1] += tension * v
			}
			for k := range 2 {
				y = append(y, float32(pull[k]/usual+noise*b.error()))
			}
		}
	}
	return examples{
		tensor(x, int64(rows), springParticles, springFeatures),
		tensor(y, int64(rows), springParticles, 2),
	}
}

// interactions is what a net makes of each pair of different particles, summed for the
// receiver, and a net that reads this sum beside the receiver.
func (b *builder) interactions() func(x *ts.Tensor, train bool) *ts.Tensor {
	pair, particle := b.part("pair-", 2*springFeatures, springEffects), b.part("particle-", springFeatures+springEffects, 2)
	others := make([]float32, springParticles*springParticles)
	for i := range others {
		if i%springParticles != i/springParticles {
			others[i] = 1.0 / (springParticles - 1)
		}
	}
	mask := tensor(others, 1, springParticles, springParticles, 1)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		shape := []int64{x.MustSize()[0], springParticles, springParticles, springFeatures}
		receivers := x.MustUnsqueeze(2, false).MustExpand(shape, false, true)
		senders := x.MustUnsqueeze(1, false).MustExpand(shape, false, true)
		pairs := ts.MustCat([]*ts.Tensor{receivers, senders}, 3)
		receivers.MustDrop()
		senders.MustDrop()
		defer pairs.MustDrop()
		effects := pair(pairs, train).MustMul(mask, true).MustSumDimIntlist([]int64{2}, false, gotch.Float, true)
		both := ts.MustCat([]*ts.Tensor{x, effects}, 2)
		effects.MustDrop()
		defer both.MustDrop()
		return particle(both, train)
	}
}
