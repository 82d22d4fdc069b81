package programs

import (
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// factors learns a matrix as a product of several, a deep linear network (Saxe,
// McClelland and Ganguli 2014), with plain gradient descent.
func factors() *Program {
	return &Program{
		Name: "factors-linear",
		Plain: Recipe{Steps: 2000, Batch: 32, Rows: 2000, Optimizer: "sgd", LR: 0.02,
			Hidden: 3, Width: 12, Activation: "linear", Gain: 0.8, Scale: 1, Noise: 0.02},
		Chance: 0, Solved: 0.9,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("steps"),
			resized(4),
			clippedEarly(0.1, 4),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 200 }),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails, r.Noise, r.LR = true, 0.1, 0.01 }).least(0.6),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9 }),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6 }),
			tuned(1500, 0.3, 0.2),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "twelve factors, initialisation times 0.2", func(r *Recipe) { r.Hidden, r.Gain = 12, 0.2 }),
			fault(corpus.Exploding, "ten factors, initialisation times 3", func(r *Recipe) { r.Hidden, r.Gain = 10, 3 }),
			fault(corpus.Exploding, "six factors, initialisation times 3, clipped", func(r *Recipe) { r.Hidden, r.Gain, r.Clip = 6, 3, 0.1 }),
			bouncing(0.5, 4),
			tooFast(300),
			faster(100),
			poisoned(10),
			mislabelled(20),
			infOnce(),
			emptyMask(),
			symmetric(0),
			fault(corpus.Escape, "small initialisation", func(r *Recipe) { r.Hidden, r.Gain, r.LR, r.Batch, r.Rows, r.Steps = 1, 1e-3, 0.012, 0, 200, 2500 }),
			steeper(1.5),
			unthawed(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			teacher := b.teacher()
			return &task{
				training: b.pairs(teacher, b.Rows, b.Noise), test: b.pairs(teacher, 300, 0),
				forward: b.mlp(size8, size8), loss: squares, metric: explained,
			}, nil
		},
	}
}

// size8 is the matrix's number of rows and of columns.
const size8 = 8

// teacher draws the matrix, of elements from N(0, 1/8).
func (b *builder) teacher() []float32 {
	m := make([]float32, size8*size8)
	for i := range m {
		m[i] = float32((b.data.NormFloat64() + b.Shift) / math.Sqrt(size8))
	}
	return m
}

// pairs draws vectors and the teacher's products with them, with noise. Features
// are scaled from 1 to Spread after that.
func (b *builder) pairs(teacher []float32, rows int, noise float64) examples {
	x := make([]float32, rows*size8)
	e := make([]float32, rows*size8)
	scales := make([]float32, size8)
	for i := range scales {
		scales[i] = float32(math.Pow(b.spread(), float64(i)/(size8-1)))
	}
	for i := range x {
		x[i] = float32(b.data.NormFloat64())
		e[i] = float32(noise * b.error())
	}
	inputs := tensor(x, int64(rows), size8)
	y := inputs.MustMatmul(tensor(teacher, size8, size8), false).MustAdd(tensor(e, int64(rows), size8), true)
	return examples{inputs.MustMul(tensor(scales, size8), true), y.MustMulScalar(ts.FloatScalar(b.Scale), true)}
}
