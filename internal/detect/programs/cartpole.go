package programs

import (
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// cartpoleDynamics learns how a cart and the pole on it (Barto, Sutton and Anderson 1983)
// answer to a force: a network predicts by how much the state changes until the next
// decision, as a controller that plans with a model needs it (Nagabandi and others 2018).
func cartpoleDynamics() *Program {
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR = "sgd", lr }
	return &Program{
		Name: "cartpole-dynamics",
		Plain: Recipe{Steps: 1100, Batch: 32, Rows: 3000, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 24, Activation: "tanh", Gain: 1, Noise: 0.05},
		Chance: 0, Solved: 0.85,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(4).least(0.75),
			resized(256),
			clipped(0.05, 1),
			hard("noise of infinite variance, Huber's loss", func(r *Recipe) { r.Tails, r.Noise = true, 0.3 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1.5e-3, 1300 }).least(0.7),
			hard("few transitions, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 40, 8 }).least(0.4),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.05) }).least(0.8),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.03) }).least(0.8),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 300 }).least(0.8),
			hard("a long flat start", func(r *Recipe) { r.Gain = 0.08; momentum(r, 0.02) }).least(0.6),
			tuned(800, 0.2, 0.3),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.TooSlow, "momentum, learning rate 3e-6", func(r *Recipe) { momentum(r, 3e-6) }),
			fault(corpus.Vanishing, "seven layers of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation = 7, 14, "sigmoid"
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "eight layers, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain = 8, 14, 0.2
				descent(r, 0.1)
			}),
			fault(corpus.Exploding, "eight layers of rectifiers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain = 8, 14, "relu", 4
				descent(r, 0.03)
			}),
			fault(corpus.Exploding, "eight layers, initialisation times 6, clipped", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain, r.Clip = 8, 14, 6, 1
				descent(r, 0.01)
			}),
			bornDead(15).with("relu"),
			killed(20).with("relu"),
			fault(corpus.Oscillating, "momentum 0.99, clipped", func(r *Recipe) {
				r.Optimizer, r.LR, r.Momentum, r.Clip = "sgd", 0.15, 0.99, 0.5
			}),
			fault(corpus.Oscillating, "RMSProp, learning rate 0.3", func(r *Recipe) { r.Optimizer, r.LR = "rmsprop", 0.3 }),
			bouncing(0.5, 6),
			tooFast(300),
			faster(100),
			poisoned(30).with("relu"),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "the cart's state in small units, full batches", func(r *Recipe) {
				r.Spread, r.Batch, r.Rows = 1000, 0, 300
				descent(r, 0.1)
			}),
			fault(corpus.IllConditioned, "the cart's state in small units, batches of 100, momentum 0.5", func(r *Recipe) {
				r.Spread, r.Batch = 1000, 100
				descent(r, 0.07)
				r.Momentum = 0.5
			}),
			symmetric(0),
			symmetric(1),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) { r.Gain, r.Steps = 0.02, 1300; momentum(r, 0.013) }),
			fault(corpus.Escape, "three layers, small initialisation, full batches", func(r *Recipe) {
				r.Hidden, r.Gain, r.Batch, r.Rows, r.Steps = 3, 0.08, 0, 300, 1200
				momentum(r, 0.022)
			}),
			steeper(5),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			loss := squares
			if b.Tails {
				loss = hubersError
			}
			return &task{
				training: b.cartTransitions(b.Rows, b.Noise), test: b.cartTransitions(500, 0),
				forward: b.mlp(cartInputs, cartTargets), loss: loss, metric: explainedEach,
			}, nil
		},
	}
}

const (
	cartInputs  = 6
	cartTargets = 4
)

// cartTransitions draws states and forces, as inputs of variance 1, and by how much the
// position, the velocity, the angle and the angular velocity change within a fifth of a
// second, in units of their usual size and with noise. With a spread what concerns the
// cart is so much larger than what concerns the pole. A shift makes the
// pole longer.
func (b *builder) cartTransitions(rows int, noise float64) examples {
	const (
		cart, pole = 1.0, 0.4 // masses
		gravity    = 9.8
		interval   = 0.2
		parts      = 10 // of the integration
		usual      = 1.7320508
	)
	half := 0.5 * (1 + b.Shift) // of the pole's length
	x, y := make([]float32, 0, rows*cartInputs), make([]float32, 0, rows*cartTargets)
	uniform := func() float64 { return usual * (2*b.data.Float64() - 1) }
	for range rows {
		position, velocity, force, turning := uniform(), uniform(), uniform(), uniform()
		angle := math.Pi * (2*b.data.Float64() - 1)
		sin, cos := math.Sincos(angle)
		for i, v := range [cartInputs]float64{position, velocity, force, turning, math.Sqrt2 * sin, math.Sqrt2 * cos} {
			x = append(x, float32(v*math.Pow(b.spread(), 0.5-float64(i)/(cartInputs-1))))
		}
		start := [cartTargets]float64{0, velocity, 0, 2.5 * turning}
		now := start
		for range parts {
			sin, cos := math.Sincos(angle + now[2])
			push := (6*force + pole*half*now[3]*now[3]*sin) / (cart + pole)
			turn := (gravity*sin - cos*push) / (half * (4.0/3 - pole*cos*cos/(cart+pole)))
			now[1] += (push - pole*half*turn*cos/(cart+pole)) * interval / parts
			now[3] += turn * interval / parts
			now[0] += now[1] * interval / parts
			now[2] += now[3] * interval / parts
		}
		for i, unit := range [cartTargets]float64{0.23, 1, 0.6, 2} {
			y = append(y, float32((now[i]-start[i])/unit+noise*b.error()))
		}
	}
	return examples{tensor(x, int64(rows), cartInputs), tensor(y, int64(rows), cartTargets)}
}

// hubersError is Huber's loss (1964): squares of small errors, and large ones as they are.
func hubersError(out, y *ts.Tensor) *ts.Tensor { return out.MustHuberLoss(y, 1, 1, false) }
