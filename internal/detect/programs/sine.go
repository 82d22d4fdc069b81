package programs

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// sine fits a wave in the plane with two layers of tanh and plain gradient descent.
func sine() *Program {
	return &Program{
		Name: "sine-regression",
		Plain: Recipe{Steps: 2000, Batch: 32, Rows: 1000, Optimizer: "sgd", LR: 0.1,
			Hidden: 2, Width: 32, Activation: "tanh", Gain: 1, Scale: 1, Noise: 0.05},
		Chance: 0, Solved: 0.8,
		Cases: []Case{
			scheduled("restarts"),
			resized(8),
			clipped(0.02, 5),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails, r.Noise, r.LR = true, 0.1, 0.02 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR = 1, 0.02 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9 }),
			hard("full batches at the edge of stability", func(r *Recipe) { r.Batch, r.Rows, r.LR = 0, 256, 0.12 }),
			hard("a long flat start", func(r *Recipe) {
				r.Hidden, r.Gain, r.Steps, r.Batch, r.Rows = 3, 0.45, 2300, 0, 256
			}),
			tuned(1500, 0.2, 0.4),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "ten sigmoid layers", func(r *Recipe) { r.Hidden, r.Activation = 10, "sigmoid" }),
			fault(corpus.Exploding, "ten rectified layers, initialisation times 3", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain = 10, "relu", 3
			}),
			fault(corpus.Dying, "rectifiers, biases far below 0 at a step", func(r *Recipe) {
				r.Activation, r.LR = "relu", 0.02
				r.Fault = Fault{Kind: Kill, At: 0.4, Size: 30}
			}),
			fault(corpus.Oscillating, "steps of a clipped gradient, far too long", func(r *Recipe) { r.Clip, r.LR = 0.1, 6 }),
			tooFast(100),
			faster(50),
			poisoned(100),
			mislabelled(10),
			nanOnce(),
			logOfZero(),
			fault(corpus.IllConditioned, "features of scales 1 to 300", func(r *Recipe) { r.Spread, r.LR = 300, 0.05 }),
			symmetric(0.3),
			fault(corpus.Escape, "small initialisation", func(r *Recipe) {
				r.Hidden, r.Gain, r.LR, r.Steps, r.Batch, r.Rows = 3, 0.19, 0.1, 2300, 0, 256
			}),
			steeper(5),
			unthawed(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.waves(b.Rows, b.Noise), test: b.waves(300, 0),
				forward: b.mlp(2, 1), loss: squares, metric: explained,
			}, nil
		},
	}
}

// waves draws points of the plane and Scale·sin(2a + shift)·cos(b) there, with noise.
func (b *builder) waves(rows int, noise float64) examples {
	x, y := make([]float32, 0, 2*rows), make([]float32, rows)
	for i := range y {
		u, v := 4*b.data.Float64()-2, 4*b.data.Float64()-2
		x = append(x, float32(u), float32(v*b.spread()))
		y[i] = float32(b.Scale * (math.Sin(2*u+b.Shift)*math.Cos(v) + noise*b.error()))
	}
	return examples{tensor(x, int64(rows), 2), tensor(y, int64(rows), 1)}
}

// error draws from N(0, 1), or from Student's t with 1.5 degrees of freedom.
func (b *builder) error() float64 {
	if b.Tails {
		return distuv.StudentsT{Sigma: 1, Nu: 1.5, Src: b.data}.Rand()
	}
	return b.data.NormFloat64()
}

// tailed draws from the same data with errors that have tails, or not, whatever the recipe says.
func (b *builder) tailed(tails bool) *builder {
	r := *b.Recipe
	r.Tails = tails
	return &builder{Recipe: &r, data: b.data}
}
