package programs

import (
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// variational draws handwritten digits from a few random numbers, whose distribution
// an encoder infers from the picture (Kingma and Welling 2014). Its loss has a noise
// of its own, and a floor far above 0: the pictures are grey, and their pixels' own
// entropy stays whatever is learnt.
func variational() *Program {
	return &Program{
		Name: "vae-digits",

		Plain: Recipe{Steps: 1200, Batch: 32, Rows: 1500, Optimizer: "adam", LR: 3e-3,
			Hidden: 1, Width: 64, Activation: "relu", Gain: 1},
		Chance: 0, Solved: 0.4,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(4),
			resized(256),
			clipped(0.005, 1),
			hard("pictures with noise", func(r *Recipe) { r.Noise = 0.3 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 2000 }).least(0.4),
			hard("few pictures, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 150, 30 }).least(0.1),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 300 }).least(0.5),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 2, 0.9 }).least(0.6),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e7, "sgd", 1, 0.9 }).least(0.5),
			hard("a long flat start", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.LR, r.Steps = 2, "tanh", 0.4, 5e-4, 1800
			}).least(0.5),
			tuned(1200, 0.1, 0),
			partly(2).least(0.6),
			tooSlow(2e-4),
			fault(corpus.Vanishing, "seven tanh layers on either side, initialisation times 0.3, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 7, "tanh", 0.3, "sgd", 1
			}),
			fault(corpus.Vanishing, "five sigmoid layers on either side", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 5, "sigmoid", "sgd", 0.5, 0.9
			}),
			fault(corpus.Exploding, "four layers on either side, initialisation times 3", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 4, 3, "sgd", 0.1
			}),
			fault(corpus.Exploding, "three layers on either side, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = 3, 3, 0.1, "sgd", 0.1
			}),
			bornDead(15),
			killed(30),
			fault(corpus.Oscillating, "clipped, steps of thirty units", func(r *Recipe) {
				r.Activation, r.Clip, r.LR, r.Optimizer = "tanh", 0.01, 3000, "sgd"
			}),
			faster(100),
			tooFast(1000),
			poisoned(60),
			mislabelled(30),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, a quarter of the pixels from 0 to 200", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR = 200, "tanh", "sgd", 0.7
			}),
			symmetric(0),
			symmetric(0.1).with("tanh"),
			fault(corpus.Escape, "small initialisation, plain gradient descent", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Steps = "tanh", 0.075, "sgd", 13, 2200
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			training, test, err := b.digits()
			if err != nil {
				return nil, err
			}
			t := &task{
				training: examples{b.noisy(training.x), b.pictures(training.x)}, test: examples{test.x, b.pictures(test.x)},
				forward: b.inferred(), loss: bound, metric: drawn,
			}
			b.average(t.training.y)
			return t, nil
		},
	}
}

const (
	latents = 6
	hold    = 0.3 // weight of the divergence: little, so that the latent numbers are used
)

// noisy adds the recipe's noise to inputs (Im and others 2017).
func (b *builder) noisy(x *ts.Tensor) *ts.Tensor {
	if b.Noise == 0 {
		return x
	}
	shape := x.MustSize()
	noise := make([]float32, shape[0]*shape[1])
	for i := range noise {
		noise[i] = float32(b.Noise * b.data.NormFloat64())
	}
	return x.MustAdd(tensor(noise, shape...), false)
}

// inferred is the encoder, a draw from what it infers, and the decoder. The output
// is the pixels' logits, the latent numbers' means and the logarithms of their
// variances. Where nothing is trained the means are decoded.
func (b *builder) inferred() func(x *ts.Tensor, train bool) *ts.Tensor {
	encode, decode := b.part("encoder-", pixels, 2*latents), b.part("decoder-", latents, pixels)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		code := encode(x, train)
		defer code.MustDrop()
		z := code.MustNarrow(1, 0, latents, false)
		if train {
			deviations := code.MustNarrow(1, latents, latents, false).MustMulScalar(ts.FloatScalar(0.5), true).MustExp(true)
			draw := ts.MustRandn(deviations.MustSize(), gotch.Float, gotch.CPU)
			deviations = deviations.MustMul(draw, true)
			draw.MustDrop()
			z = z.MustAdd(deviations, true)
			deviations.MustDrop()
		}
		defer z.MustDrop()
		logits := decode(z, train)
		defer logits.MustDrop()
		return ts.MustCat([]*ts.Tensor{logits, code}, 1)
	}
}

// average starts from the mean picture, by the last biases.
func (b *builder) average(pictures *ts.Tensor) {
	mean := pictures.MustMeanDim([]int64{0}, false, gotch.Float, false).MustLogit([]float64{0.01}, true)
	defer mean.MustDrop()
	ts.NoGrad(func() { b.params[len(b.params)-1].tensor.Copy_(mean) })
}

// bound is the pixels' cross-entropy and the divergence of the latent numbers from
// the standard normal distribution, for each pixel.
func bound(out, y *ts.Tensor) *ts.Tensor {
	means := out.MustNarrow(1, pixels, latents, false).MustSquare(true)
	defer means.MustDrop()
	logs := out.MustNarrow(1, pixels+latents, latents, false)
	defer logs.MustDrop()
	divergence := logs.MustExp(false).MustSub(logs, true).MustAdd(means, true).MustAddScalar(ts.FloatScalar(-1), true).
		MustMean(gotch.Float, true).MustMulScalar(ts.FloatScalar(hold*latents/2/pixels), true)
	defer divergence.MustDrop()
	logits := out.MustNarrow(1, 0, pixels, false)
	defer logits.MustDrop()
	return binary(logits, y).MustAdd(divergence, true)
}

// drawn is the share of the cross-entropy under the mean picture that the drawn
// pictures save, of what could be saved: not the entropy of the grey pixels.
func drawn(out, y *ts.Tensor) float64 {
	logits := out.MustNarrow(1, 0, pixels, false)
	defer logits.MustDrop()
	mean := y.MustMeanDim([]int64{0}, true, gotch.Float, false)
	defer mean.MustDrop()
	same := mean.MustExpandAs(y, false)
	defer same.MustDrop()
	least, most := entropy(y, y), entropy(same, y)
	return atLeast(-1, (most-value(binary(logits, y)))/(most-least))
}

// entropy is the mean cross-entropy of bits with the probabilities p, where those
// with the probabilities y were expected.
func entropy(p, y *ts.Tensor) float64 {
	logits := p.MustLogit([]float64{1e-6}, false)
	defer logits.MustDrop()
	return value(binary(logits, y))
}
