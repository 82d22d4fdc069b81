package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// deepOperator learns an operator: the integral, from 0 up to a point, of any function of
// a family, from the function's values at fixed sensors. A branch network reads these and
// a trunk network the point, and the inner product of what they say is the integral (Lu
// and others 2021). Where both say little neither learns: the loss is flat around 0.
func deepOperator() *Program {
	return &Program{
		Name: "operator-deeponet",
		Plain: Recipe{Steps: 1200, Batch: 48, Rows: 3000, Optimizer: "adam", LR: 1e-2,
			Hidden: 1, Width: 32, Activation: "relu", Gain: 1, Scale: 1, Noise: 0.05},
		Chance: 0, Solved: 0.85,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(6),
			resized(400),
			clipped(0.05, 1),
			hard("as much noise as signal", func(r *Recipe) { r.Noise = 1 }).least(0.6),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.15, 1 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 2200 }).least(0.5),
			hard("few functions, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 60, 15 }).least(0.15),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.Steps = 0, 500, 1000 }).least(0.6),
			hard("losses of millions, momentum", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.01, 0.9
			}).least(0.75),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.06, "sgd", 0.01, 0.9, 2000
			}).least(0.6),
			tuned(1000, 0.2, 0),
			tuned(1000, 0.3, 0.3).least(0.75),
			partly(2).least(0.6),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "seven sigmoid layers on both sides, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 6, "sigmoid", "sgd", 0.05
			}),
			fault(corpus.Vanishing, "five tanh layers on both sides, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 4, "tanh", 0.2, "sgd", 0.05
			}),
			fault(corpus.Exploding, "five layers on both sides, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 4, 4, "sgd", 0.02
			}),
			fault(corpus.Exploding, "four layers on both sides, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = 3, 3, 1, "sgd", 2e-3
			}),
			bornDead(25),
			killed(25),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.Momentum, r.LR, r.Clip = "tanh", "sgd", 0.99, 0.3, 0.3
			}),
			bouncing(1, 1.5).with("tanh"),
			tooFast(500),
			faster(300),
			poisoned(5),
			mislabelled(60),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "the first sensors in a unit 2000 times larger, plain gradient descent", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR = "tanh", 1.0/2000, "sgd", 0.2
			}),
			fault(corpus.IllConditioned, "the first sensors in a unit 2000 times larger, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR, r.Batch, r.Rows = "tanh", 1.0/2000, "sgd", 0.4, 0, 400
			}),
			fault(corpus.Saddle, "all weights 0, full batches", func(r *Recipe) {
				r.Symmetric, r.Gain, r.Batch, r.Rows = true, 0, 0, 500
			}),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.02, "sgd", 0.01, 0.9, 2000
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.integrals(b.Rows, b.Noise), test: b.integrals(600, 0),
				forward: b.branchAndTrunk(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	operatorSensors = 20
	operatorWaves   = 5
	operatorUnit    = 2.2 // makes the integrals' variance about 1
)

// integrals draws functions on the interval from 0 to 1, a level and waves of the same
// height, each with a point and the integral up to there, with noise.
// The sensors' scales run from Spread to 1 along the interval. A shift weighs the function
// with a slope that is so steep.
func (b *builder) integrals(rows int, noise float64) examples {
	x, y := make([]float32, 0, rows*(operatorSensors+1)), make([]float32, rows)
	for r := range y {
		level := b.data.NormFloat64()
		var sines, cosines [operatorWaves]float64
		for k := range sines {
			sines[k], cosines[k] = b.data.NormFloat64(), b.data.NormFloat64()
		}
		function := func(t float64) float64 {
			v := level
			for k := range sines {
				sine, cosine := math.Sincos(math.Pi * float64(k+1) * t)
				v += sines[k]*sine + cosines[k]*cosine
			}
			return v / 2
		}
		for i := range operatorSensors {
			at := float64(i) / (operatorSensors - 1)
			x = append(x, float32(math.Pow(b.spread(), 1-at)*function(at)))
		}
		end := b.data.Float64()
		x = append(x, float32(4*end-2))
		const pieces = 40 // the midpoint rule's
		var sum float64
		for i := range pieces {
			t := end * (float64(i) + 0.5) / pieces
			sum += (1 + b.Shift*(2*t-1)) * function(t) * end / pieces
		}
		y[r] = float32(b.Scale * (operatorUnit*sum + noise*b.error()))
	}
	return examples{tensor(x, int64(rows), operatorSensors+1), tensor(y, int64(rows), 1)}
}

// branchAndTrunk is the inner product of what one network makes of the sensors and
// another of the point, and a bias.
func (b *builder) branchAndTrunk() func(x *ts.Tensor, train bool) *ts.Tensor {
	products := int64(b.Width)
	branch, trunk := b.part("branch-", operatorSensors, products), b.part("trunk-", 1, products)
	level := b.bias("product", "bias", 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		values, point := x.MustNarrow(1, 0, operatorSensors, false), x.MustNarrow(1, operatorSensors, 1, false)
		defer values.MustDrop()
		defer point.MustDrop()
		weights := branch(values, train)
		defer weights.MustDrop()
		return trunk(point, train).MustMul(weights, true).MustSumDimIntlist([]int64{1}, true, gotch.Float, true).
			MustMulScalar(ts.FloatScalar(1/math.Sqrt(float64(products))), true).MustAdd(level, true)
	}
}
