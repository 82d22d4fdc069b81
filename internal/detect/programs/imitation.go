package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// imitation clones the behaviour (Pomerleau 1989) of a controller that steers a mass to
// a goal against a force that nobody is told of: it knows the speed and adds up the past
// errors. The policy, a GRU (Cho and others 2014) with rectified layers behind it, sees
// where the mass is, and the goal at the first step only: it has to remember the goal and
// to find out the speed and the force from the positions.
func imitation() *Program {
	return &Program{
		Name: "imitation-gru",
		Plain: Recipe{Steps: 1200, Batch: 16, Rows: 1600, Optimizer: "adam", LR: 1e-2,
			Hidden: 1, Width: 20, Activation: "relu", Gain: 1, Recurrent: 1, Noise: 0.1},
		Chance: 0, Solved: 0.85,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(4),
			resized(96),
			clipped(0.05, 1),
			hard("demonstrations with errors of infinite variance", func(r *Recipe) { r.Tails, r.Noise = true, 0.15 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 3e-3, 2000 }).least(0.7),
			hard("few demonstrations, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 48, 12 }).least(0.4),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.03, 0.9 }).least(0.75),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.15, 0.5, "sgd", 0.03, 0.9, 1700
			}).least(0.6),
			hard("full batches", func(r *Recipe) {
				r.Batch, r.Rows, r.Activation, r.Optimizer, r.LR, r.Steps = 0, 100, "tanh", "sgd", 0.3, 1500
			}).least(0.6),
			hard("tanh, plain gradient descent", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Steps = "tanh", "sgd", 0.3, 2000
			}).least(0.75),
			tuned(1000, 0.1, 0.3),
			partly(1),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "eight sigmoid layers behind the memory, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 8, "sigmoid", "sgd", 0.03, 0.9
			}),
			fault(corpus.Vanishing, "initialisation times 0.01, recurrence times 0.02, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR = 0.01, 0.02, "sgd", 0.1
			}),
			fault(corpus.Exploding, "eight layers behind the memory, initialisation times 6", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 8, 6, "sgd", 0.1
			}),
			fault(corpus.Exploding, "recurrence times 50, clipped", func(r *Recipe) {
				r.Recurrent, r.Clip, r.Optimizer, r.LR = 50, 0.5, "sgd", 0.02
			}),
			bornDead(12),
			killed(20),
			fault(corpus.Oscillating, "tanh, momentum 0.99, learning rate 0.03", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum = "tanh", "sgd", 0.03, 0.99
			}),
			fault(corpus.Oscillating, "tanh, learning rate 0.6", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.6 }),
			tooFast(400).with("tanh"),
			faster(80).with("tanh"),
			poisoned(40),
			mislabelled(50),
			nanOnce(),
			infOnce(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, positions in a large unit, small batches", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR, r.Steps = 50, "tanh", "sgd", 0.3, 2000
			}),
			symmetric(0),
			fault(corpus.Escape, "tanh, small initialisation", func(r *Recipe) {
				r.Activation, r.Gain, r.Recurrent, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.007, 1, "sgd", 0.025, 0.9, 2200
			}),
			steeper(6),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.demonstrations(b.Rows, b.Noise), test: b.demonstrations(400, 0),
				forward: b.clonedPolicy(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	commands   = 16 // of a demonstration
	percepts   = 3  // the position, the goal and a mark at the step at which it is shown
	controlGap = 0.4
)

// demonstrations draws, rows × commands × percepts, what the policy sees while the
// controller steers, and as targets the controller's commands, with noise. With a
// spread positions are so many times smaller; a shift makes the controller hastier.
func (b *builder) demonstrations(rows int, noise float64) examples {
	x, y := make([]float32, 0, rows*commands*percepts), make([]float32, 0, rows*commands)
	for range rows {
		goal, force := 3*b.data.Float64()-1.5, 1.6*b.data.Float64()-0.8
		position, speed, sum := 3*b.data.Float64()-1.5, 0.7*b.data.NormFloat64(), 0.0
		for i := range commands {
			seen := float32((position + 0.02*b.data.NormFloat64()) / b.spread())
			if i == 0 {
				x = append(x, seen, float32(goal), 1)
			} else {
				x = append(x, seen, 0, 0)
			}
			sum += controlGap * (goal - position)
			command := 1.5 * math.Tanh((1+b.Shift)*(goal-position)-speed+0.5*sum)
			y = append(y, float32(command+noise*b.error()))
			speed += controlGap * (command + force - 0.3*speed)
			position += controlGap * speed
		}
	}
	return examples{tensor(x, int64(rows), commands, percepts), tensor(y, int64(rows), commands)}
}

// clonedPolicy gives a command after each thing seen.
func (b *builder) clonedPolicy() func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	weights := []*ts.Tensor{
		b.weight("memory", "weight_ih_l0", 1, true, 3*width, percepts),
		b.recurrence("memory", "weight_hh_l0", 3, width),
		b.gates("memory", "bias_ih_l0", width),
		b.bias("memory", "bias_hh_l0", 3*width, false),
	}
	head := b.mlp(width, 1)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		start := ts.MustZeros([]int64{1, x.MustSize()[0], width}, gotch.Float, gotch.CPU)
		defer start.MustDrop()
		states, last := x.MustGru(start, weights, true, 1, 0, train, false, true)
		last.MustDrop()
		defer states.MustDrop()
		return head(states, train).MustView([]int64{-1, commands}, true)
	}
}
