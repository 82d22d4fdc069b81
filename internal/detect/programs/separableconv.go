package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// separableConv tells marks in small pictures of two bands apart by convolutions that see
// each map by itself, followed by ones of single pixels that mix the maps (Howard and others
// 2017).
func separableConv() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "separable-conv",
		Plain: Recipe{Steps: 1000, Batch: 16, Rows: 1200, Optimizer: "rmsprop", LR: 3e-3,
			Hidden: 2, Width: 8, Activation: "relu", Gain: 1},
		Chance: 1.0 / sealClasses, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("steps"),
			scheduled("warm-up and cosine"),
			resized(3).least(0.75),
			resized(64),
			clipped(0.1, 1),
			hard("a fifth of the labels wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1800 }).least(0.4),
			hard("few pictures, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 40, 8 }).least(0.2),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 80, 0 }).least(0.4),
			hard("weight decay and dropout", func(r *Recipe) { r.Optimizer, r.WeightDecay, r.Dropout = "adamw", 0.1, 0.1 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.03) }).least(0.6),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.03) }).least(0.6),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.Steps = 0.55, 1300; momentum(r, 0.03) }).least(0.5),
			tuned(800, 0.2, 0.4).least(0.75),
			partly(2).least(0.6),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "five blocks of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation = 5, "sigmoid"
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "four blocks of tanh, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain = 4, "tanh", 0.2
				momentum(r, 0.03)
			}),
			fault(corpus.Exploding, "four blocks, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain = 4, 4
				descent(r, 0.1)
			}),
			fault(corpus.Exploding, "four blocks, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 4, 3, 1
				descent(r, 1e-3)
			}),
			bornDead(10),
			killed(20),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.5", func(r *Recipe) { r.Activation, r.Optimizer, r.LR = "tanh", "adam", 0.5 }),
			bouncing(0.5, 15).with("tanh"),
			tooFast(1000).with("tanh"),
			faster(300).with("tanh"),
			poisoned(50),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, one band 70 times as strong as the other, plain gradient descent", func(r *Recipe) {
				r.Activation, r.Spread, r.Gain = "tanh", 70, 0.5
				descent(r, 0.5)
			}).most(0.75),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Steps = "tanh", 0.315, 1700
				momentum(r, 0.03)
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.sealedPictures(b.Rows, b.Noise), test: b.sealedPictures(240, 0),
				forward: b.separable(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	sealBands   = 2
	sealShapes  = 3
	sealClasses = sealShapes * sealBands
	sealSide    = 8
)

// sealedPictures draws pictures with noise, with a ring, a cross or a bar in one of the
// bands: the class is which of them, and in which band. The other band has a spot, which
// means nothing. The first band is Spread times as strong as the second, and all pictures
// are brighter by Offset. A shift turns the marks by so many radians. A share of the labels
// is any.
func (b *builder) sealedPictures(rows int, wrong float64) examples {
	x, y := make([]float32, 0, rows*sealBands*sealSide*sealSide), make([]int64, rows)
	for r := range y {
		shape, band := b.data.IntN(sealShapes), b.data.IntN(sealBands)
		for i := range sealBands {
			drawn := shape
			if i != band {
				drawn = -1
			}
			strength := math.Pow(b.spread(), 0.5-float64(i))
			for _, v := range b.seal(drawn) {
				x = append(x, float32(strength*(v+0.5*b.data.NormFloat64()+b.Offset)))
			}
		}
		if y[r] = int64(band*sealShapes + shape); b.data.Float64() < wrong {
			y[r] = b.data.Int64N(sealClasses)
		}
	}
	return examples{tensor(x, int64(rows), sealBands, sealSide, sealSide), tensor(y, int64(rows))}
}

// seal draws one, soft, somewhere near the middle and turned a little; a spot for -1.
func (b *builder) seal(shape int) (picture [sealSide * sealSide]float64) {
	sin, cos := math.Sincos(b.Shift + 0.15*b.data.NormFloat64())
	across, down, size := 2.8+1.4*b.data.Float64(), 2.8+1.4*b.data.Float64(), 2+0.7*b.data.Float64()
	for i := range picture {
		dx, dy := float64(i%sealSide)-across, float64(i/sealSide)-down
		u, v := cos*dx+sin*dy, cos*dy-sin*dx
		var off float64 // the stroke
		switch far := math.Hypot(u, v); shape {
		case 0:
			off = math.Abs(far - size)
		case 1:
			off = math.Max(math.Min(math.Abs(u), math.Abs(v)), far-size)
		case 2:
			off = math.Max(math.Abs(u), far-size)
		default:
			off = far
		}
		picture[i] = 1.8*math.Exp(-off*off) - 0.4
	}
	return picture
}

// A separableBlock is a convolution of each map by itself and one of single pixels.
type separableBlock struct {
	depth *ts.Tensor
	bias  *ts.Tensor
	point convolution
}

// separable is a convolution that halves the picture, Hidden separable ones and a linear
// layer behind the maps' means.
func (b *builder) separable() func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	stem := b.convolution("stem", sealBands, width, 3, true)
	blocks := make([]separableBlock, b.Hidden)
	for i := range blocks {
		name := fmt.Sprintf("block%d", i+1)
		blocks[i] = separableBlock{
			b.weight(name+"_depth", "weight", activations[b.Activation].gain, true, width, 1, 3, 3),
			b.bias(name+"_depth", "bias", width, true),
			b.convolution(name+"_point", width, width, 1, true),
		}
	}
	head := b.linear("output", width, sealClasses, 1, false)
	one := []int64{1, 1}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := b.act(ts.MustConv2d(x, stem.w, stem.b, []int64{2, 2}, one, one, 1))
		for _, l := range blocks {
			single := b.act(ts.MustConv2d(h, l.depth, l.bias, one, one, one, width))
			h.MustDrop()
			h = b.act(l.point.forward(single))
			single.MustDrop()
		}
		pooled := b.drop(h.MustMeanDim([]int64{2, 3}, false, gotch.Float, true), train)
		defer pooled.MustDrop()
		return head.forward(pooled)
	}
}
