package programs

import (
	"math"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// sensorFusion says where a body on a spring is and how fast it moves, from the direction in
// which one sensor sees it and from the speed along the line of sight that another one
// measures. Either is noisy, the first is often missing, and neither is enough: a GRU filters
// them, where a Kalman filter (1960) would have to know the motion (Coskun and others 2017),
// and an mlp reads its last state.
func sensorFusion() *Program {
	return &Program{
		Name: "sensor-fusion",
		Plain: Recipe{Steps: 1000, Batch: 32, Rows: 3000, Optimizer: "adam", LR: 8e-3,
			Hidden: 1, Width: 16, Activation: "relu", Gain: 1, Recurrent: 1, Scale: 1},
		Chance: 0, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(4).least(0.75),
			resized(128),
			clipped(0.05, 1),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.2, 1 }).least(0.7),
			hard("targets twice as noisy as they vary", func(r *Recipe) { r.Noise, r.LR = 2, 2e-3 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1500 }).least(0.6),
			hard("few tracks, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 60, 12 }).least(0.3),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.02, 0.9 }).least(0.75),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.03, 0.5, "sgd", 0.02, 0.9, 1300
			}).least(0.6),
			tuned(1000, 0.2, 0.5).least(0.75),
			partly(1).least(0.7),
			tooSlow(1e-4),
			fault(corpus.TooSlow, "momentum, learning rate 1e-5", func(r *Recipe) {
				r.Optimizer, r.LR, r.Momentum = "sgd", 1e-5, 0.9
			}),
			fault(corpus.Vanishing, "small weights through time and depth, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Gain, r.Recurrent, r.Optimizer, r.LR = 3, 0.1, 0.02, "sgd", 0.05
			}),
			fault(corpus.Vanishing, "six sigmoid layers after the last state", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 6, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Exploding, "recurrence times 40, plain gradient descent", func(r *Recipe) {
				r.Recurrent, r.Optimizer, r.LR = 40, "sgd", 0.02
			}),
			fault(corpus.Exploding, "seven layers after the last state, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 7, 5, "sgd", 0.02
			}),
			bornDead(10),
			killed(20),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.3", func(r *Recipe) {
				r.Activation, r.LR = "tanh", 0.3
			}),
			bouncing(0.1, 40).with("tanh"),
			faster(200).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 5", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "sgd", 5
			}),
			poisoned(100),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "sensors in units 1000 times apart, plain gradient descent", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR = "tanh", 1000, "sgd", 0.06
			}),
			fault(corpus.IllConditioned, "sensors in units 500 times apart, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR, r.Rows, r.Batch = "tanh", 500, "sgd", 0.08, 200, 0
			}),
			symmetric(0),
			fault(corpus.Escape, "small initialisation, full batches", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR, r.Momentum, r.Rows, r.Batch, r.Steps = 0.02, 0.5, "sgd", 0.01, 0.9, 150, 0, 1200
			}),
			steeper(20),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.trackedBodies(b.Rows, b.Noise), test: b.trackedBodies(400, 0),
				forward: b.gru("filter", fusionSignals, 2), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	fusionTimes   = 8
	fusionSignals = 3 // the direction, whether it is there, and the speed along the line of sight
)

// trackedBodies draws, rows × fusionTimes × fusionSignals, what is measured of a body on a
// spring, and as targets where it is in the end and how fast, with noise. With a spread the
// speed is in a unit that makes it so many times larger than the direction. A shift moves the
// sensors.
func (b *builder) trackedBodies(rows int, noise float64) examples {
	const (
		interval = 0.4
		spring   = 0.5
		shaken   = 0.15
		missing  = 0.3 // share of the directions
		mast     = 0.7 // where the sensors are, at a distance of 1 from the line of the motion
	)
	large := math.Sqrt(b.spread())
	x, y := make([]float32, 0, rows*fusionTimes*fusionSignals), make([]float32, 0, 2*rows)
	for range rows {
		place, speed := b.data.NormFloat64(), b.data.NormFloat64()
		for range fusionTimes {
			place += interval * speed
			speed += interval*-spring*place + shaken*b.data.NormFloat64()
			along := place - mast - b.Shift
			direction, there := math.Atan(along)+0.15*b.data.NormFloat64(), 1.0
			if b.data.Float64() < missing {
				direction, there = 0, 0
			}
			sight := speed*along/math.Hypot(1, along) + 0.2*b.data.NormFloat64()
			x = append(x, float32(direction/large), float32(there/large), float32(sight*large))
		}
		y = append(y, float32(b.Scale*(place+noise*b.error())), float32(b.Scale*(speed+noise*b.error())))
	}
	return examples{tensor(x, int64(rows), fusionTimes, fusionSignals), tensor(y, int64(rows), 2)}
}
