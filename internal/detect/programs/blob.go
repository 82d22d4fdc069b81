package programs

import (
	"math"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// blob is three Gaussian clouds in the plane and a small classifier, after the
// Blob models of AUTOTRAINER (Zhang and others, ICSE 2021).
func blob() *Program {
	return &Program{
		Name: "blob-mlp",
		Plain: Recipe{Steps: 2000, Batch: 32, Rows: 700, Optimizer: "adam", LR: 1e-3,
			Hidden: 1, Width: 50, Activation: "relu", Gain: 1},
		Chance: 1.0 / clouds, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("restarts"),
			resized(256),
			clipped(0.01, 1),
			hard("a fifth of the labels wrong", func(r *Recipe) { r.Noise = 0.2 }),
			hard("batches of one", func(r *Recipe) { r.Batch = 1; r.LR *= 0.3 }),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows = 24; r.Batch = 8; r.Steps = 2500; r.LR = 1e-2 }).least(0.7),
			tuned(1000, 0.1, 0.3),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "ten sigmoid layers", func(r *Recipe) { r.Hidden, r.Width, r.Activation = 10, 5, "sigmoid" }),
			fault(corpus.Exploding, "eight exponential layers", func(r *Recipe) { r.Hidden, r.Width, r.Activation = 8, 5, "exp" }),
			fault(corpus.Exploding, "ten layers, initialisation times 4, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain, r.Optimizer, r.LR = 10, 20, 4, "sgd", 1e-4
			}),
			bornDead(60),
			killed(100),
			bouncing(0.1, 150).with("tanh"),
			faster(10000),
			fault(corpus.Diverging, "learning rate 10", func(r *Recipe) { r.Optimizer, r.LR = "sgd", 10 }),
			poisoned(100),
			nanOnce(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, features of scales 1 to 1000", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR = 1000, "tanh", "sgd", 0.1
			}).most(0.7),
			symmetric(0),
			fault(corpus.Escape, "three layers of tanh, small initialisation", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain, r.Optimizer, r.LR, r.Batch = 3, 20, "tanh", 0.052, "sgd", 0.05, 64
			}),
			unthawed(),
			negatedLoss(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.clouds(b.Rows, b.Noise), test: b.clouds(500, 0),
				forward: b.mlp(2, clouds), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const clouds = 3

// clouds draws rows of three classes around centres on a circle, which a shift
// turns. With a spread the second feature has so much larger values.
func (b *builder) clouds(rows int, wrong float64) examples {
	const std = 2
	x, y := make([]float32, 0, 2*rows), make([]int64, rows)
	for i := range y {
		class := b.data.Int64N(clouds)
		angle := 2*math.Pi*float64(class)/clouds + b.Shift
		x = append(x, float32(4*math.Cos(angle)+std*b.data.NormFloat64()),
			float32(b.spread()*(4*math.Sin(angle)+std*b.data.NormFloat64())))
		if y[i] = class; b.data.Float64() < wrong {
			y[i] = b.data.Int64N(clouds)
		}
	}
	return examples{tensor(x, int64(rows), 2), tensor(y, int64(rows))}
}
