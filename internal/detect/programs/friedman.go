package programs

import (
	"math"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// friedman fits a function of ten variables, five of which do not matter
// (Friedman 1991), in its own unit: targets of thousands, losses of millions.
func friedman() *Program {
	return &Program{
		Name: "friedman-millions",
		Plain: Recipe{Steps: 1800, Batch: 32, Rows: 1500, Optimizer: "adam", LR: 2e-2,
			Hidden: 2, Width: 48, Activation: "relu", Gain: 1, Scale: 200, Noise: 0.5},
		Chance: 0, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			resized(4),
			clipped(100, 1),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails, r.Noise = true, 1 }).least(0.45),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows, r.Batch, r.Steps = 32, 8, 2500 }).least(0.1),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-16; r.Optimizer, r.LR, r.Scale = "sgd", 3e-2, 0.2 }).least(0.7),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			tuned(1500, 0.1, 0.2),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Optimizer, r.LR, r.Scale = 8, 16, "sigmoid", "sgd", 0.02, 0.2
			}),
			fault(corpus.Exploding, "ten layers, initialisation times 3", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 10, 3, "sgd", 1e-6
			}),
			bornDead(30),
			killed(30),
			faster(1000),
			poisoned(20),
			mislabelled(100),
			nanOnce(),
			emptyMask(),
			symmetric(0),
			symmetric(0.1),
			steeper(10),
			unthawed(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.friedman(b.Rows, b.Noise), test: b.friedman(300, 0),
				forward: b.mlp(features, 1), loss: squares, metric: explained,
			}, nil
		},
	}
}

const features = 10

// friedman draws features from U(-1, 1), scaled from 1 to Spread, and
// Scale·(10 sin(π·x1·x2) + 20 (x3 - 0.5)² + 10 x4 + 5 x5 - 14) of x = (feature + 1)/2,
// with noise.
func (b *builder) friedman(rows int, noise float64) examples {
	x, y := make([]float32, 0, features*rows), make([]float32, rows)
	for r := range y {
		var u [features]float64
		for i := range u {
			u[i] = b.data.Float64()
			scale := math.Pow(b.spread(), float64(i)/(features-1))
			x = append(x, float32(scale*(2*u[i]-1)))
		}
		f := 10*math.Sin(math.Pi*(u[0]+b.Shift)*u[1]) + 20*(u[2]-0.5)*(u[2]-0.5) + 10*u[3] + 5*u[4] - 14
		y[r] = float32(b.Scale * (f + noise*b.error()))
	}
	return examples{tensor(x, int64(rows), features), tensor(y, int64(rows), 1)}
}
