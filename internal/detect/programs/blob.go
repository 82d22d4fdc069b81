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
		Chance: 1.0 / 3,
		Cases: []Case{
			hard("warm-up", func(r *Recipe) { r.Schedule = "warm-up" }),
			tooSlow(1e-5),
			{Name: "vanishing, eight sigmoid layers", Class: corpus.Vanishing, change: func(r *Recipe) {
				r.Hidden, r.Width, r.Activation = 8, 5, "sigmoid"
			}},
		},
		build: func(b *builder) *task {
			return &task{
				training: b.clouds(b.Rows, b.Noise), test: b.clouds(300, 0),
				forward: b.mlp(2, 3), loss: crossEntropy, metric: accuracy,
			}
		},
	}
}

const clouds = 3

// clouds draws rows of three classes around centres that are at least as far from
// each other as three of the clouds' standard deviations.
func (b *builder) clouds(rows int, wrong float64) examples {
	const std = 2
	centre := func(class int64) (x, y float64) {
		angle := 2*math.Pi*float64(class)/clouds + b.Shift
		return 4 * math.Cos(angle), 4 * math.Sin(angle)
	}
	x, y := make([]float32, 0, 2*rows), make([]int64, rows)
	for i := range y {
		class := b.data.Int64N(clouds)
		cx, cy := centre(class)
		x = append(x, float32(cx+std*b.data.NormFloat64()), float32((cy+std*b.data.NormFloat64())/b.spread()))
		if y[i] = class; b.data.Float64() < wrong {
			y[i] = b.data.Int64N(clouds)
		}
	}
	return examples{tensor(x, int64(rows), 2), tensor(y, int64(rows))}
}
