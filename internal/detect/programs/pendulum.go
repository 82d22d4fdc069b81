package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// pendulum learns how a damped pendulum moves: a network predicts the next state
// from its own last prediction, eight times over, and the whole path's error goes
// back through all of them (the parallel model of Narendra and Parthasarathy 1990).
func pendulum() *Program {
	return &Program{
		Name: "pendulum-rollout",
		Plain: Recipe{Steps: 1000, Batch: 32, Rows: 1000, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 24, Activation: "tanh", Gain: 1, Noise: 0.02},
		Chance: 0, Solved: 0.9,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(4),
			clippedEarly(0.05, 1),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails, r.Noise = true, 0.1 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR = 1, 2e-3 }).least(0.7),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 20, 5 }).least(0.6),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e7; r.Optimizer, r.LR, r.Momentum = "sgd", 0.01, 0.9 }),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.1, "sgd", 0.01, 0.9, 1500
			}),
			tuned(800, 0.1, 0.3),
			partly(2),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "six sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Optimizer, r.LR, r.Steps = 6, 12, "sigmoid", "sgd", 0.1, 1000
			}),
			fault(corpus.Vanishing, "initialisation times 0.02, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR = 0.02, "sgd", 0.1
			}),
			fault(corpus.Exploding, "initialisation times 6, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR = 6, "sgd", 1e-3
			}),
			fault(corpus.Exploding, "rectifiers, initialisation times 2.5, plain gradient descent", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR = "relu", 2.5, "sgd", 1e-2
			}),
			bornDead(20).with("relu"),
			killed(20).with("relu"),
			bouncing(0.1, 10),
			faster(300),
			poisoned(50),
			mislabelled(20),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "velocities in a large unit", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR = 1.0/30, "sgd", 0.05
			}),
			symmetric(0),
			symmetric(0.5),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.04, "sgd", 0.01, 0.9, 1700
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.paths(b.Rows, b.Noise), test: b.paths(300, 0),
				forward: b.rollout(), loss: squares, metric: explainedEach,
			}, nil
		},
	}
}

const (
	horizon  = 8   // states ahead
	interval = 0.3 // seconds between them
	fine     = 20  // steps of the integration in one
	damping  = 0.3 // per second
	swing2   = 4   // gravity over length, per second squared
)

// paths draws states, an angle and a velocity, and as targets those that follow,
// with noise. A shift makes the pendulum shorter; with a spread velocities are
// in another unit.
func (b *builder) paths(rows int, noise float64) examples {
	x, y := make([]float32, 0, 2*rows), make([]float32, 0, 2*horizon*rows)
	for range rows {
		angle, velocity := 4*b.data.Float64()-2, 4*b.data.Float64()-2
		x = append(x, float32(angle), float32(velocity*b.spread()))
		for range horizon {
			for range fine {
				velocity -= (swing2*(1+b.Shift)*math.Sin(angle) + damping*velocity) * interval / fine
				angle += velocity * interval / fine
			}
			y = append(y, float32(angle+noise*b.error()), float32((velocity+noise*b.error())*b.spread()))
		}
	}
	return examples{tensor(x, int64(rows), 2), tensor(y, int64(rows), 2*horizon)}
}

// rollout computes the states one after the other, each from the one before.
func (b *builder) rollout() func(x *ts.Tensor, train bool) *ts.Tensor {
	next := b.mlp(2, 2)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		var states []*ts.Tensor
		for range horizon {
			x = next(x, train)
			states = append(states, x)
		}
		path := ts.MustCat(states, 1)
		for _, s := range states {
			s.MustDrop()
		}
		return path
	}
}

// explainedEach is the mean R² of the outputs, each with a variance of its own, at
// least -1: in which unit an output is makes no difference.
func explainedEach(out, y *ts.Tensor) float64 {
	over := []int64{0}
	mean := y.MustMeanDim(over, true, gotch.Float, false)
	defer mean.MustDrop()
	variance := y.MustSub(mean, false).MustSquare(true).MustMeanDim(over, false, gotch.Float, true)
	defer variance.MustDrop()
	unexplained := out.MustSub(y, false).MustSquare(true).MustMeanDim(over, false, gotch.Float, true).MustDiv(variance, true)
	return atLeast(-1, 1-value(unexplained.MustMean(gotch.Float, true)))
}
