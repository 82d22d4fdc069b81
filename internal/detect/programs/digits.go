package programs

import (
	"context"
	"time"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/internal/digits"
)

// digitsMLP tells handwritten digits apart.
func digitsMLP() *Program {
	return &Program{
		Name: "digits-mlp",
		Plain: Recipe{Steps: 1200, Batch: 32, Rows: 2000, Optimizer: "sgd", LR: 0.05, Momentum: 0.9,
			Hidden: 3, Width: 64, Activation: "relu", Gain: 1},
		Chance: 0.1, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			resized(256),
			resized(12),
			clipped(0.1, 4),
			hard("a third of the labels wrong", func(r *Recipe) { r.Noise = 0.33; r.LR = 0.02 }).least(0.75),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.5 }).least(0.7),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows = 100 }).least(0.6),
			hard("weight decay", func(r *Recipe) { r.WeightDecay = 2e-3 }),
			hard("a long flat start", func(r *Recipe) { r.Activation, r.Gain, r.LR, r.Steps = "tanh", 0.12, 0.1, 1800 }),
			tuned(800, 0.1, 0),
			partly(2),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers", func(r *Recipe) { r.Hidden, r.Activation = 8, "sigmoid" }),
			fault(corpus.Vanishing, "eight layers, initialisation times 0.3", func(r *Recipe) { r.Hidden, r.Gain = 8, 0.3 }),
			fault(corpus.Exploding, "eight layers, initialisation times 4", func(r *Recipe) { r.Hidden, r.Gain = 8, 4 }),
			bornDead(20),
			fault(corpus.Exploding, "eight layers, initialisation times 3, clipped", func(r *Recipe) { r.Hidden, r.Gain, r.Clip = 8, 3, 1 }),
			killed(50),
			leap(500),
			fault(corpus.Oscillating, "momentum 0.99", func(r *Recipe) { r.Activation, r.LR, r.Momentum = "tanh", 0.2, 0.99 }),
			faster(100),
			poisoned(-2),
			mislabelled(5),
			infOnce(),
			emptyMask(),
			fault(corpus.IllConditioned, "tanh, a quarter of the pixels from 0 to 255", func(r *Recipe) {
				r.Spread, r.Activation, r.LR, r.Momentum = 255, "tanh", 0.1, 0
			}),
			fault(corpus.Saddle, "tanh, the same weights for all units", func(r *Recipe) { r.Symmetric, r.Activation = true, "tanh" }),
			fault(corpus.Escape, "tanh, small initialisation", func(r *Recipe) {
				r.Activation, r.Gain, r.LR, r.Steps = "tanh", 0.06, 0.1, 1800
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
		},
		build: func(b *builder) (*task, error) {
			training, test, err := b.digits()
			if err != nil {
				return nil, err
			}
			return &task{training: training, test: test,
				forward: b.mlp(pixels, digits.Digits), loss: crossEntropy, metric: accuracy}, nil
		},
	}
}

const (
	side   = digits.Side / 2
	pixels = side * side
)

// digits draws images, halved in each direction, and their digits.
func (b *builder) digits() (training, test examples, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	folder, err := digits.Folder(ctx, "")
	if err != nil {
		return training, test, err
	}
	first, second, err := digits.Load(folder)
	if err != nil {
		return training, test, err
	}
	return b.images(first, b.Rows, b.Noise), b.images(second, 500, 0), nil
}

func (b *builder) images(from digits.Images, rows int, wrong float64) examples {
	pictures, labels := from.Batch(b.data.Perm(from.Len())[:rows])
	x := make([]float32, 0, rows*pixels)
	for r := range rows {
		picture := pictures[r*digits.Pixels:]
		for i := range pixels {
			at := i/side*2*digits.Side + i%side*2
			v := (picture[at] + picture[at+1] + picture[at+digits.Side] + picture[at+digits.Side+1]) / 4
			if i%4 == 0 {
				v *= float32(b.spread())
			}
			x = append(x, v)
		}
		if b.data.Float64() < wrong {
			labels[r] = b.data.Int64N(digits.Digits)
		}
	}
	return examples{tensor(x, int64(rows), pixels), tensor(labels, int64(rows))}
}
