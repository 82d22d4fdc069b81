package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// pixelAutoregression tells each pixel of small black and white pictures from those above
// it and to its left, by convolutions whose kernels are masked so that they see no others
// (van den Oord and others 2016). Nearly half of the kernels' weights have no gradient, as
// they are multiplied by 0. Success is measured where the rule that a picture is drawn by
// can be known from what came before.
func pixelAutoregression() *Program {
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	return &Program{
		Name: "pixel-autoregression", HeldOut: true,
		Plain: Recipe{Steps: 1000, Batch: 16, Rows: 2000, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 10, Activation: "relu", Gain: 1, Noise: 0.03},
		Chance: 0.5, Solved: 0.85,
		Cases: []Case{
			easy("tanh, plain gradient descent", func(r *Recipe) { r.Activation = "tanh"; descent(r, 0.5) }).least(0.7),
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(2).least(0.75),
			resized(64),
			clipped(0.05, 1),
			hard("a fifth of the pixels any", func(r *Recipe) { r.Noise = 0.2 }).least(0.6),
			hard("grey values with errors of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Clip = true, 0.5 }).least(0.5),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2e-3, 1300 }).least(0.6),
			hard("few pictures, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 24, 8 }).least(0.4),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.7),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 60, 0 }).least(0.6),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.1) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.1) }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Activation, r.Gain, r.Steps = "tanh", 0.1, 1200; momentum(r, 0.1) }).least(0.6),
			tuned(800, 0.2, 0.4).least(0.75),
			partly(2).least(0.6),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "seven layers of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation = 7, 6, "sigmoid"
				descent(r, 0.2)
			}),
			fault(corpus.Vanishing, "six layers of tanh, initialisation times 0.15, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain = 6, 6, "tanh", 0.15
				momentum(r, 0.05)
			}),
			fault(corpus.Exploding, "six layers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain = 6, 6, 4
				descent(r, 0.1)
			}),
			fault(corpus.Exploding, "five layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain, r.Clip = 5, 6, 4, 1
				descent(r, 1e-3)
			}),
			bornDead(10),
			killed(15),
			fault(corpus.Oscillating, "tanh, plain gradient descent, learning rate 60", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 60)
			}),
			bouncing(0.5, 100).with("tanh"),
			tooFast(4000).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 200", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 200)
			}),
			faster(300).with("tanh"),
			poisoned(40),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, grey values around 13, plain gradient descent", func(r *Recipe) {
				r.Activation, r.Offset = "tanh", 13
				descent(r, 0.05)
			}),
			fault(corpus.IllConditioned, "tanh, grey values around 13, full batches", func(r *Recipe) {
				r.Activation, r.Offset, r.Rows, r.Batch = "tanh", 13, 60, 0
				descent(r, 0.045)
			}),
			symmetric(0),
			fault(corpus.Saddle, "all weights 0, tanh, plain gradient descent", func(r *Recipe) {
				r.Symmetric, r.Gain, r.Activation = true, 0, "tanh"
				descent(r, 0.5)
			}),
			fault(corpus.Escape, "four layers of tanh, small initialisation, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain, r.Steps = 3, 8, "tanh", 0.138, 1700
				momentum(r, 0.1)
			}),
			fault(corpus.Escape, "tanh, small initialisation, full batches", func(r *Recipe) {
				r.Activation, r.Gain, r.Rows, r.Batch, r.Steps = "tanh", 0.05, 40, 0, 1700
				momentum(r, 0.1)
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 0.02)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.ruledPictures(b.Rows, b.Noise, b.Tails), test: b.ruledPictures(150, 0, false),
				forward: b.maskedConvolutions(), loss: binary, metric: ruledPixels,
			}, nil
		},
	}
}

const (
	ruledSide  = 8
	ruledRules = 4
	ruledKnown = 4 // rows and columns after which a picture's rule is known
)

// ruledPictures draws pictures of bars, upright or level, of slanting stripes or of
// checkers, with black and white of two or three pixels in turn, from any pixel on. The
// targets are the pictures' pixels. A share of both is any. A shift is the share of pictures
// whose slanting stripes lean to the other side. All pictures are
// brighter by Offset.
func (b *builder) ruledPictures(rows int, wrong float64, tails bool) examples {
	const errors = 0.05
	x, y := make([]float32, 0, rows*ruledSide*ruledSide), make([]float32, 0, rows*ruledSide*ruledSide)
	noise := b.tailed(true)
	for range rows {
		rule, thick, from := b.data.IntN(ruledRules), 2+b.data.IntN(2), b.data.IntN(6)
		lean := b.data.Float64() < b.Shift
		for i := range ruledSide * ruledSide {
			row, column := i/ruledSide, i%ruledSide
			var ink int
			switch rule {
			case 0:
				ink = (column + from) / thick
			case 1:
				ink = (row + from) / thick
			case 2:
				ink = (row + column + from) / thick
				if lean {
					ink = (ruledSide + row - column + from) / thick
				}
			default:
				ink = (row+from)/thick + (column+from)/thick
			}
			ink %= 2
			if b.data.Float64() < wrong {
				ink = b.data.IntN(2)
			}
			grey := float64(2*ink - 1)
			if tails {
				grey += errors * noise.error()
			}
			x = append(x, float32(b.Offset+grey))
			y = append(y, float32(ink))
		}
	}
	shape := []int64{int64(rows), 1, ruledSide, ruledSide}
	return examples{tensor(x, shape...), tensor(y, shape...)}
}

// ruledPixels is the share of pixels that are told, of those that the rule determines.
func ruledPixels(out, y *ts.Tensor) float64 {
	logits, want := out.Vals().([]float32), y.Vals().([]float32)
	var right, all float64
	for i, w := range want {
		if row, column := i/ruledSide%ruledSide, i%ruledSide; row < ruledKnown || column < ruledKnown {
			continue
		}
		all++
		if !math.IsNaN(float64(logits[i])) && (logits[i] > 0) == (w > 0.5) {
			right++
		}
	}
	return right / all
}

// A maskedConvolution sees what comes before a pixel in the order of reading, and the pixel
// itself unless it is the first one.
type maskedConvolution struct {
	w, b, mask *ts.Tensor
	pad        int64
}

func (b *builder) maskedConvolution(name string, in, out, size int64, first bool) maskedConvolution {
	mask := make([]float32, size*size)
	seen := size * size / 2
	if !first {
		seen++
	}
	for i := range seen {
		mask[i] = 1
	}
	// The variance is that of as many inputs as are seen.
	factor := activations[b.Activation].gain * math.Sqrt(float64(size*size)/float64(seen))
	return maskedConvolution{
		b.weight(name, "weight", factor, true, out, in, size, size), b.bias(name, "bias", out, true),
		tensor(mask, 1, 1, size, size), size / 2,
	}
}

func (c maskedConvolution) forward(x *ts.Tensor) *ts.Tensor {
	w := c.w.MustMul(c.mask, false)
	defer w.MustDrop()
	return ts.MustConv2d(x, w, c.b, []int64{1, 1}, []int64{c.pad, c.pad}, []int64{1, 1}, 1)
}

// maskedConvolutions is one of 7 × 7 that does not see the pixel itself, Hidden of 3 × 3 that
// see what was made of it, and one of single pixels.
func (b *builder) maskedConvolutions() func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	layers := []maskedConvolution{b.maskedConvolution("conv1", 1, width, 7, true)}
	for i := range b.Hidden {
		layers = append(layers, b.maskedConvolution(fmt.Sprintf("conv%d", i+2), width, width, 3, false))
	}
	head := b.convolution("output", width, 1, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := x
		for i, l := range layers {
			y := b.drop(b.act(l.forward(h)), train)
			if i > 0 {
				h.MustDrop()
			}
			h = y
		}
		defer h.MustDrop()
		return head.forward(h)
	}
}
