package programs

import (
	"math"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// circle is a ring around another, told apart by five narrow layers of tanh, after
// the Circle models of AUTOTRAINER (Zhang and others, ICSE 2021).
func circle() *Program {
	return &Program{
		Name: "circle-tanh",
		Plain: Recipe{Steps: 1600, Batch: 64, Rows: 700, Optimizer: "adam", LR: 5e-3,
			Hidden: 5, Width: 5, Activation: "tanh", Gain: 1},
		Chance: 0.5, Solved: 0.9,
		Cases: []Case{
			scheduled("steps"),
			resized(8),
			clipped(0.01, 1),
			hard("seventeen layers", func(r *Recipe) { r.Hidden, r.LR = 17, 2e-3; r.Steps = 1200 }).least(0.6),
			hard("full batches", func(r *Recipe) { r.Batch = 0 }),
			hard("a long flat start", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain, r.Optimizer, r.LR, r.Steps = 3, 20, 0.55, "sgd", 0.2, 2300
			}),
			tuned(1200, 0.1, 0),
			partly(2),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "eight sigmoid layers", func(r *Recipe) { r.Hidden, r.Activation, r.LR = 8, "sigmoid", 1e-3 }),
			fault(corpus.Vanishing, "thirteen sigmoid layers", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 13, "sigmoid", "sgd", 0.01
			}),
			fault(corpus.Exploding, "eight exponential layers", func(r *Recipe) { r.Hidden, r.Activation, r.LR = 8, "exp", 1e-3 }),
			fault(corpus.Dying, "biases far below 0", func(r *Recipe) { r.Activation, r.Bias = "relu", -5 }),
			fault(corpus.Oscillating, "Adam with learning rate 0.5", func(r *Recipe) { r.Hidden, r.Width, r.LR = 2, 20, 0.5 }),
			nanOnce(),
			emptyMask(),
			symmetric(0),
			fault(corpus.Escape, "small initialisation, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain, r.Optimizer, r.LR, r.Steps = 3, 20, 0.35, "sgd", 0.17, 2100
			}),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.rings(b.Rows, b.Noise), test: b.rings(300, 0),
				forward: b.mlp(2, 2), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

// rings draws points of two rings of radius 1 and 0.6 with noise 0.1.
func (b *builder) rings(rows int, wrong float64) examples {
	x, y := make([]float32, 0, 2*rows), make([]int64, rows)
	for i := range y {
		class := b.data.Int64N(2)
		angle, radius := 2*math.Pi*b.data.Float64(), 1-0.4*float64(class)
		x = append(x, float32(radius*math.Cos(angle)+0.1*b.data.NormFloat64()),
			float32(b.spread()*(radius*math.Sin(angle)+0.1*b.data.NormFloat64())))
		if y[i] = class; b.data.Float64() < wrong {
			y[i] = 1 - class
		}
	}
	return examples{tensor(x, int64(rows), 2), tensor(y, int64(rows))}
}
