package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// denseBlocks tells figures apart that are drawn with two pens, one over the other, by a
// convolutional network in which every layer of a block sees the maps of all layers before
// it (Huang and others 2017), trained by gradient descent with momentum as theirs is, but
// without batch normalisation. Without its connections it is a plain stack of layers.
func denseBlocks() *Program {
	return &Program{
		Name: "dense-blocks",
		Plain: Recipe{Steps: 1000, Batch: 8, Rows: 1500, Optimizer: "sgd", LR: 0.02, Momentum: 0.9,
			Hidden: 2, Width: 5, Activation: "relu", Gain: 1},
		Chance: 1.0 / penClasses, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(2).least(0.7),
			resized(40),
			clipped(0.1, 3),
			hard("a fifth of the labels wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Momentum = 1, 0.01, 0.8 }).least(0.35),
			hard("few pictures, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 60, 10 }).least(0.2),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 80, 0 }).least(0.3),
			hard("Adam, dropout and weight decay", func(r *Recipe) {
				r.Optimizer, r.LR, r.Momentum, r.WeightDecay, r.Dropout = "adamw", 5e-3, 0, 0.1, 0.2
			}).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9 }),
			hard("a long flat start", func(r *Recipe) { r.Gain = 0.25 }).least(0.6),
			tuned(1000, 0.1, 0.3),
			partly(4).least(0.7),
			tooSlow(1e-4),
			fault(corpus.TooSlow, "Adam, learning rate 1e-6", func(r *Recipe) { r.Optimizer, r.LR, r.Momentum = "adam", 1e-6, 0 }),
			fault(corpus.Vanishing, "ten sigmoid layers without connections", func(r *Recipe) {
				r.Hidden, r.Bare, r.Activation = 4, true, "sigmoid"
			}),
			fault(corpus.Vanishing, "ten tanh layers without connections, initialisation times 0.2", func(r *Recipe) {
				r.Hidden, r.Bare, r.Activation, r.Gain = 4, true, "tanh", 0.2
			}),
			fault(corpus.Exploding, "initialisation times 5", func(r *Recipe) { r.Hidden, r.Gain = 3, 5 }),
			fault(corpus.Exploding, "ten layers without connections, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Bare, r.Gain, r.Clip, r.LR, r.Momentum = 4, true, 3, 1, 1e-3, 0
			}),
			bornDead(10),
			killed(20),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.2", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum = "tanh", "adam", 0.2, 0
			}),
			bouncing(0.5, 30).with("tanh"),
			tooFast(100).with("tanh"),
			faster(100).with("tanh"),
			mislabelled(2),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			symmetric(0),
			fault(corpus.Escape, "small initialisation", func(r *Recipe) { r.Gain, r.Steps = 0.2, 1200 }),
			fault(corpus.Escape, "without connections, small initialisation", func(r *Recipe) { r.Bare, r.Hidden, r.Gain, r.Steps = true, 1, 0.41, 1300 }),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.penFigures(b.Rows, b.Noise), test: b.penFigures(120, 0),
				forward: b.denselyConnected(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	pens       = 2
	penShapes  = 3
	penClasses = penShapes * penShapes
	penSide    = 8
)

// penStrokes are the figures, each of some straight strokes between two places.
var penStrokes = [penShapes][][4]float64{
	{{-1, -1, -1, 1}, {-1, 1, 1, 1}},                 // a corner
	{{-1, -1, 1, -1}, {0, -1, 0, 1}},                 // a T
	{{-1, -1, 1, -1}, {1, -1, -1, 1}, {-1, 1, 1, 1}}, // a Z
}

// penFigures draws pictures of two bands, one for each pen, with a figure in each: both make
// the class. They are of any size and place and turned a little, by a shift of so many radians
// more. The first pen is Spread times as strong as the second. A share of the labels is any.
func (b *builder) penFigures(rows int, wrong float64) examples {
	x, y := make([]float32, 0, rows*pens*penSide*penSide), make([]int64, rows)
	for r := range y {
		y[r] = 0
		for pen := range pens {
			shape := b.data.IntN(penShapes)
			y[r] = y[r]*penShapes + int64(shape)
			strength := math.Pow(b.spread(), 0.5-float64(pen))
			for _, v := range b.penPicture(penStrokes[shape]) {
				x = append(x, float32(strength*(v+0.35*b.data.NormFloat64())))
			}
		}
		if b.data.Float64() < wrong {
			y[r] = b.data.Int64N(penClasses)
		}
	}
	return examples{tensor(x, int64(rows), pens, penSide, penSide), tensor(y, int64(rows))}
}

// penPicture draws the strokes with soft edges.
func (b *builder) penPicture(strokes [][4]float64) (picture [penSide * penSide]float64) {
	const thickness = 0.65
	sin, cos := math.Sincos(b.Shift + 0.3*(2*b.data.Float64()-1))
	size := 2 + 0.8*b.data.Float64()
	across, down := 3+b.data.Float64(), 3+b.data.Float64()
	for i := range picture {
		// The pixel's place in the figure's own units.
		px, py := (float64(i%penSide)-across)/size, (float64(i/penSide)-down)/size
		px, py = cos*px+sin*py, cos*py-sin*px
		nearest := math.Inf(1)
		for _, s := range strokes {
			dx, dy := s[2]-s[0], s[3]-s[1]
			along := min(max(((px-s[0])*dx+(py-s[1])*dy)/(dx*dx+dy*dy), 0), 1)
			nearest = min(nearest, math.Hypot(px-s[0]-along*dx, py-s[1]-along*dy))
		}
		far := nearest * size / thickness
		picture[i] = 2*math.Exp(-far*far) - 0.5
	}
	return picture
}

// denselyConnected is a convolution that halves the picture, and two blocks of Hidden ones, each of which adds Width maps to those that it sees; between the blocks a
// convolution of single pixels leaves half of the maps. A linear layer sees the means of all.
func (b *builder) denselyConnected() func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	stem, maps := b.convolution("stem", pens, width, 3, true), width
	grow := func(block string) []convolution {
		layers := make([]convolution, b.Hidden)
		for i := range layers {
			layers[i] = b.convolution(fmt.Sprintf("%s_%d", block, i+1), maps, width, 3, true)
			if !b.Bare {
				maps += width
			}
		}
		return layers
	}
	first := grow("first")
	kept := max(maps/2, width)
	transition := b.convolution("transition", maps, kept, 1, true)
	maps = kept
	second := grow("second")
	head := b.linear("output", maps, penClasses, 1, false)
	apply := func(layers []convolution, h *ts.Tensor) *ts.Tensor {
		for _, l := range layers {
			y := b.act(l.forward(h))
			if b.Bare {
				h.MustDrop()
				h = y
				continue
			}
			both := ts.MustCat([]*ts.Tensor{h, y}, 1)
			h.MustDrop()
			y.MustDrop()
			h = both
		}
		return h
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := apply(first, b.act(ts.MustConv2d(x, stem.w, stem.b, []int64{2, 2}, []int64{1, 1}, []int64{1, 1}, 1)))
		between := b.act(transition.forward(h))
		h.MustDrop()
		h = apply(second, between)
		pooled := b.drop(h.MustMeanDim([]int64{2, 3}, false, gotch.Float, true), train)
		defer pooled.MustDrop()
		return head.forward(pooled)
	}
}
