package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// inverseArm finds the angles with which a planar arm of three links reaches a place.
// There are many, and none is given: the angles go through the arm's own geometry, and
// the distance between where it ends and where it is to be comes back through it (the
// distal teacher of Jordan and Rumelhart 1992).
func inverseArm() *Program {
	return &Program{
		Name: "mlp-inverse-arm",
		Plain: Recipe{Steps: 1200, Batch: 32, Rows: 2000, Optimizer: "adam", LR: 4e-3,
			Hidden: 2, Width: 24, Activation: "tanh", Gain: 1},
		Chance: 0, Solved: 0.9,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(4),
			resized(200),
			clipped(0.02, 1),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails, r.Noise = true, 0.1 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR = 1, 1.5e-3 }).least(0.7),
			hard("few places, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 25, 5 }).least(0.4),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 200, 0 }),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e7, "sgd", 0.03, 0.9 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.03, 0.9 }),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum = 0.2, "sgd", 0.02, 0.9
			}).least(0.7),
			tuned(1000, 0.1, 0.2),
			partly(2),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "eight layers, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 8, 0.2, "sgd", 0.1
			}),
			fault(corpus.Exploding, "eight rectified layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 8, "relu", 5, "sgd", 0.03
			}),
			fault(corpus.Exploding, "six rectified layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Clip = 6, "relu", 4, "sgd", 0.01, 1
			}),
			bornDead(20).with("relu"),
			killed(20).with("relu"),
			fault(corpus.Oscillating, "momentum 0.99, learning rate 0.05", func(r *Recipe) {
				r.Optimizer, r.LR, r.Momentum = "sgd", 0.05, 0.99
			}),
			bouncing(0.1, 20),
			faster(100),
			mislabelled(20),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "one coordinate in a unit 100 times as small, momentum", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR, r.Momentum = 100, "sgd", 0.01, 0.5
			}),
			fault(corpus.IllConditioned, "one coordinate in a unit 300 times as small, full batches", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR, r.Rows, r.Batch = 300, "sgd", 0.05, 200, 0
			}),
			symmetric(0),
			symmetric(0.5).most(0.7),
			fault(corpus.Escape, "four layers, small initialisation, full batches", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Rows, r.Batch = 3, 0.05, "sgd", 0.01, 0.9, 200, 0
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.reachablePlaces(b.Rows, b.Noise), test: b.reachablePlaces(400, 0),
				forward: b.armReaching(), loss: squares, metric: explained,
			}, nil
		},
	}
}

// armLinks are the links' lengths.
var armLinks = [3]float32{1, 0.8, 0.6}

// reachablePlaces draws places in a part of the ring that the arm reaches well, as inputs
// and, with noise, as targets. With a spread one coordinate is read in a unit that makes
// it so many times larger than the other. A shift turns the ring's part by so many radians.
func (b *builder) reachablePlaces(rows int, noise float64) examples {
	x, y := make([]float32, 0, 2*rows), make([]float32, 0, 2*rows)
	large := math.Sqrt(b.spread())
	for range rows {
		far, angle := 0.7+1.5*b.data.Float64(), b.Shift+2.4*(2*b.data.Float64()-1)
		sin, cos := math.Sincos(angle)
		x = append(x, float32(far*cos*large), float32(far*sin/large))
		y = append(y, float32(far*cos+noise*b.error()), float32(far*sin+noise*b.error()))
	}
	return examples{tensor(x, int64(rows), 2), tensor(y, int64(rows), 2)}
}

// armReaching computes where the arm ends, through the angles between its links.
func (b *builder) armReaching() func(x *ts.Tensor, train bool) *ts.Tensor {
	angles := b.mlp(2, int64(len(armLinks)))
	lengths := tensor(armLinks[:], int64(len(armLinks)))
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		// Each angle is to the link before.
		turned := angles(x, train).MustCumsum(1, gotch.Float, true)
		defer turned.MustDrop()
		along := func(component *ts.Tensor) *ts.Tensor {
			return component.MustMul(lengths, true).MustSumDimIntlist([]int64{1}, true, gotch.Float, true)
		}
		across, up := along(turned.MustCos(false)), along(turned.MustSin(false))
		defer across.MustDrop()
		defer up.MustDrop()
		return ts.MustCat([]*ts.Tensor{across, up}, 1)
	}
}
