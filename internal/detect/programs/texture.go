package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// textureExcitation tells textures in pictures of two bands apart by a convolutional network
// whose layers weigh each channel by a gate, which depends on the channels' means over the
// picture: squeeze and excitation (Hu and others 2018).
func textureExcitation() *Program {
	return &Program{
		Name: "texture-excitation",
		Plain: Recipe{Steps: 1000, Batch: 16, Rows: 1500, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 8, Activation: "relu", Gain: 1},
		Chance: 1.0 / textureClasses, Solved: 0.85,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(2).least(0.75),
			resized(64),
			clippedEarly(0.05, 1),
			hard("a fifth of the labels wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 2000 }).least(0.6),
			hard("few pictures, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 40, 8 }).least(0.2),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.2 }).least(0.75),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum, r.Steps = 1e6, "sgd", 0.05, 0.9, 1500 }).least(0.75),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 80, 0 }).least(0.5),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.42, "sgd", 0.03, 0.9, 1400
			}).least(0.6),
			tuned(700, 0.2, 0.3).least(0.75),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "seven layers of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 6, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "six layers of tanh, initialisation times 0.15, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = 5, "tanh", 0.15, "sgd", 0.03, 0.9
			}),
			fault(corpus.Exploding, "seven layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 6, 5, "sgd", 0.1
			}),
			fault(corpus.Exploding, "six layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 5, 4, "sgd", 1e-3, 1
			}),
			bornDead(20),
			killed(30),
			fault(corpus.Oscillating, "tanh, learning rate 2", func(r *Recipe) { r.Activation, r.LR = "tanh", 2 }),
			bouncing(0.5, 30).with("tanh"),
			tooFast(1000).with("tanh"),
			faster(300).with("tanh"),
			poisoned(50),
			mislabelled(60),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, one band 30 times as strong as the other, plain gradient descent", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR = 30, "tanh", "sgd", 2.5
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.2, "sgd", 0.03, 0.9, 1500
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.texturedPictures(b.Rows, b.Noise), test: b.texturedPictures(300, 0),
				forward: b.excited(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	textureBands      = 2
	textureDirections = 3
	textureGrains     = 2
	textureClasses    = textureDirections * textureGrains
	textureSide       = 12
)

// texturedPictures draws pictures with noise: stripes of any width and phase in the first
// band, the direction of which is one half of the class, and in the second one waves in all
// directions, which are coarse or fine: the other half. The first band is Spread times as
// strong as the second one. A shift turns the stripes. A share of the labels is any.
func (b *builder) texturedPictures(rows int, wrong float64) examples {
	const pixels = textureSide * textureSide
	x, y := make([]float32, 0, rows*textureBands*pixels), make([]int64, rows)
	wave := func(picture []float64, direction, period, strength float64) {
		sin, cos := math.Sincos(direction)
		phase := 2 * math.Pi * b.data.Float64()
		for i := range picture {
			along := cos*float64(i%textureSide) + sin*float64(i/textureSide)
			picture[i] += strength * math.Sin(2*math.Pi*along/period+phase)
		}
	}
	for r := range y {
		direction, grain := b.data.Int64N(textureDirections), b.data.Int64N(textureGrains)
		var stripes, grains [pixels]float64
		turn := math.Pi*(float64(direction)+b.Shift)/textureDirections + 0.1*b.data.NormFloat64()
		wave(stripes[:], turn, 3+2*b.data.Float64(), 0.8+0.6*b.data.Float64())
		const waves = 4
		for range waves {
			period := (3 + b.data.Float64()) * float64(1+grain)
			wave(grains[:], math.Pi*b.data.Float64(), period, 0.6+0.2*b.data.Float64())
		}
		for _, v := range stripes {
			x = append(x, float32(v+0.6*b.data.NormFloat64()))
		}
		for _, v := range grains {
			x = append(x, float32((v+0.3*b.data.NormFloat64())/b.spread()))
		}
		if y[r] = direction*textureGrains + grain; b.data.Float64() < wrong {
			y[r] = b.data.Int64N(textureClasses)
		}
	}
	return examples{tensor(x, int64(rows), textureBands, textureSide, textureSide), tensor(y, int64(rows))}
}

// excited is a convolution, after which the picture is halved, Hidden ones of the same width,
// all with gates for their channels, and a linear layer behind the channels' means.
func (b *builder) excited() func(x *ts.Tensor, train bool) *ts.Tensor {
	type layer struct {
		conv             convolution
		squeeze, gateway linear
	}
	width := int64(b.Width)
	layers, in := make([]layer, 1+b.Hidden), int64(textureBands)
	for i := range layers {
		name := fmt.Sprintf("conv%d", i+1)
		layers[i] = layer{
			// A gate lets half through.
			convolution{b.weight(name, "weight", 2*activations[b.Activation].gain, true, width, in, 3, 3), b.bias(name, "bias", width, true), 1},
			b.linear(name+"_squeeze", width, max(width/2, 1), math.Sqrt2, false),
			b.linear(name+"_gates", max(width/2, 1), width, 1, false),
		}
		in = width
	}
	head := b.linear("output", width, textureClasses, 1, false)
	means := func(h *ts.Tensor) *ts.Tensor { return h.MustMeanDim([]int64{2, 3}, false, gotch.Float, false) }
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := x.MustShallowClone()
		for i, l := range layers {
			y := b.act(l.conv.forward(h))
			h.MustDrop()
			squeezed := means(y)
			inner := l.squeeze.forward(squeezed).MustRelu(true)
			squeezed.MustDrop()
			gates := l.gateway.forward(inner).MustSigmoid(true).MustView([]int64{-1, width, 1, 1}, true)
			inner.MustDrop()
			h = y.MustMul(gates, true)
			gates.MustDrop()
			if i == 0 {
				whole := h
				h = whole.MaxPool2DDefault(2, false)
				whole.MustDrop()
			}
		}
		pooled := means(h)
		h.MustDrop()
		pooled = b.drop(pooled, train)
		defer pooled.MustDrop()
		return head.forward(pooled)
	}
}
