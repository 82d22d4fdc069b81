package programs

import (
	"fmt"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// autoencoder compresses handwritten digits into a few numbers and draws them from
// these (Deep Learning, chapter 14).
func autoencoder() *Program {
	return &Program{
		Name: "autoencoder",
		Plain: Recipe{Steps: 1000, Batch: 32, Rows: 1500, Optimizer: "adam", LR: 3e-3,
			Hidden: 1, Width: 64, Activation: "relu", Gain: 1},
		Chance: 0, Solved: 0.4,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(4),
			clipped(0.002, 1),
			hard("weight decay as a penalty", func(r *Recipe) { r.Penalty = 1e-6 }),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e7; r.Optimizer, r.LR, r.Momentum = "sgd", 2, 0.9 }).least(0.6),
			tuned(800, 0.1, 0),
			partly(1),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "ten sigmoid layers", func(r *Recipe) { r.Hidden, r.Activation = 5, "sigmoid" }),
			fault(corpus.Exploding, "twelve layers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 6, 4, "sgd", 0.1
			}),
			bornDead(20),
			killed(20),
			faster(300),
			poisoned(50),
			infOnce(),
			emptyMask(),
			fault(corpus.IllConditioned, "tanh, a quarter of the pixels from 0 to 255", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR = 255, "tanh", "sgd", 30
			}),
			symmetric(0),
			steeper(6),
			unthawed(),
			negatedLoss(),
		},
		build: func(b *builder) (*task, error) {
			training, test, err := b.digits()
			if err != nil {
				return nil, err
			}
			return &task{
				training: examples{training.x, b.pictures(training.x)}, test: examples{test.x, b.pictures(test.x)},
				forward: b.hourglass(), loss: binary,
				metric: func(out, y *ts.Tensor) float64 {
					p := out.MustSigmoid(false)
					defer p.MustDrop()
					return explained(p, y)
				},
			}, nil
		},
	}
}

// pictures are the pictures with all pixels from 0 to 1, whatever the inputs' spread.
func (b *builder) pictures(x *ts.Tensor) *ts.Tensor {
	unit := make([]float32, pixels)
	for i := range unit {
		if unit[i] = 1; i%4 == 0 {
			unit[i] = float32(1 / b.spread())
		}
	}
	return x.MustMul(tensor(unit, pixels), false)
}

// hourglass is Hidden layers, a waist of 12 units, Hidden layers, and the logits of
// the pixels.
func (b *builder) hourglass() func(x *ts.Tensor, train bool) *ts.Tensor {
	const waist = 12
	factor := activations[b.Activation].gain
	var layers []linear
	in := int64(pixels)
	for half := range 2 {
		for i := range b.Hidden {
			layers = append(layers, b.linear(fmt.Sprintf("%s%d", []string{"encoder", "decoder"}[half], i+1), in, int64(b.Width), factor, true))
			in = int64(b.Width)
		}
		if half == 0 {
			layers = append(layers, b.linear("waist", in, waist, factor, true))
			in = waist
		}
	}
	layers = append(layers, b.linear("output", in, pixels, 1, false))
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		for i, l := range layers {
			y := l.forward(x)
			if i > 0 {
				x.MustDrop()
			}
			if i < len(layers)-1 {
				y = b.act(y)
			}
			x = y
		}
		return x
	}
}
