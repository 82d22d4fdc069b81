package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// warpedFigures names small figures that are turned and shifted: a first network looks where
// the figure is and how it lies, the picture is sampled again through the affine map that it
// gives, and a second one reads the result (Jaderberg and others 2015).
func warpedFigures() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "warped-figures",
		Plain: Recipe{Steps: 1000, Batch: 16, Rows: 2000, Optimizer: "adam", LR: 5e-3,
			Hidden: 1, Width: 24, Activation: "relu", Gain: 1},
		Chance: 0.2, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(2).least(0.7),
			resized(96),
			clipped(0.1, 1),
			hard("a third of the labels wrong", func(r *Recipe) { r.Noise = 0.33 }).least(0.65),
			hard("pixels with errors of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Clip = true, 0.5 }).least(0.45),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1300 }).least(0.4),
			hard("few figures, learnt by heart", func(r *Recipe) { r.Rows = 100 }).least(0.4),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.2 }).least(0.6),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.75),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 160, 0 }).least(0.5),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.05) }).least(0.5),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.05) }).least(0.5),
			hard("a long flat start", func(r *Recipe) { r.Activation, r.Gain = "tanh", 0.1; momentum(r, 0.05) }).least(0.5),
			tuned(800, 0.2, 0.3),
			partly(2).least(0.6),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "six sigmoid layers in each part, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation = 6, "sigmoid"
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "six layers of tanh in each part, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain = 6, "tanh", 0.2
				momentum(r, 0.03)
			}),
			fault(corpus.Exploding, "six layers in each part, initialisation of the reading one times 6", func(r *Recipe) {
				r.Hidden, r.Gain = 6, 6
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "five layers in each part, initialisation of the reading one times 5, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 5, 5, 1
				descent(r, 1e-3)
			}),
			bornDead(8),
			killed(12),
			fault(corpus.Oscillating, "tanh, momentum 0.99", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum = "tanh", "sgd", 0.3, 0.99
			}),
			bouncing(0.5, 12).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 50", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 50)
			}),
			faster(300),
			faster(300).with("tanh"),
			poisoned(-30),
			mislabelled(80),
			injected(corpus.Poisoned, "labels mixed up with a very large weight", BadLabels, 0.6, 300, false),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, pixels around 5, full batches", func(r *Recipe) {
				r.Activation, r.Offset, r.Rows, r.Batch = "tanh", 5, 160, 0
				descent(r, 0.03)
			}),
			symmetric(0),
			symmetric(0.5).with("tanh").most(0.7),
			fault(corpus.Escape, "two layers of tanh in each part, small initialisation, full batches", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Rows, r.Batch, r.Steps = 2, "tanh", 0.025, 160, 0, 1800
				momentum(r, 0.03)
			}),
			fault(corpus.Escape, "two layers of tanh in each part, small initialisation, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Steps = 2, "tanh", 0.042, 1800
				momentum(r, 0.02)
			}),
			steeper(6),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 0.02)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.figuresWarped(b.Rows, b.Noise), test: b.figuresWarped(300, 0),
				forward: b.figureReader(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	figureSide   = 8 // pixels of a picture's side
	figurePixels = figureSide * figureSide
	figureView   = 6 // and of what is sampled of it
	figureKinds  = 5
)

// figureStrokes are the figures, as strokes from one point to another: an L, a T, a Z, a
// cross and a square.
var figureStrokes = [figureKinds][][4]float64{
	{{-1.2, -2, -1.2, 2}, {-1.2, 2, 1.5, 2}},
	{{-1.7, -2, 1.7, -2}, {0, -2, 0, 2}},
	{{-1.6, -1.8, 1.6, -1.8}, {1.6, -1.8, -1.6, 1.8}, {-1.6, 1.8, 1.6, 1.8}},
	{{-2, 0, 2, 0}, {0, -2, 0, 2}},
	{{-1.5, -1.5, 1.5, -1.5}, {1.5, -1.5, 1.5, 1.5}, {1.5, 1.5, -1.5, 1.5}, {-1.5, 1.5, -1.5, -1.5}},
}

// figuresWarped draws pictures of figures that are turned, shifted and of any size, and
// which figures they are. A share of the latter is wrong. With a spread the picture
// is so much darker at its right than at its left, and a shift turns all of them further.
func (b *builder) figuresWarped(rows int, wrong float64) examples {
	const (
		turned, moved = 0.9, 1.0
		thick         = 0.6
		speckled      = 0.1
	)
	x, y := make([]float32, 0, rows*figurePixels), make([]int64, rows)
	for r := range rows {
		kind := b.data.IntN(figureKinds)
		sin, cos := math.Sincos(b.Shift + turned*(2*b.data.Float64()-1))
		size := 0.8 + 0.4*b.data.Float64()
		left, up := moved*(2*b.data.Float64()-1), moved*(2*b.data.Float64()-1)
		for i := range figurePixels {
			column, row := float64(i%figureSide), float64(i/figureSide)
			u, v := column-(figureSide-1)/2.0-left, row-(figureSide-1)/2.0-up
			u, v = (cos*u+sin*v)/size, (cos*v-sin*u)/size
			far := math.Inf(1)
			for _, s := range figureStrokes[kind] {
				far = min(far, figureDistance(u, v, s))
			}
			ink := math.Exp(-far*far/(2*thick*thick)) + speckled*b.error()
			x = append(x, float32(b.Offset+ink*math.Pow(b.spread(), 0.5-column/(figureSide-1))))
		}
		y[r] = int64(kind)
		if b.data.Float64() < wrong {
			y[r] = b.data.Int64N(figureKinds)
		}
	}
	return examples{tensor(x, int64(rows), figurePixels), tensor(y, int64(rows))}
}

// figureDistance is that of a point from a stroke.
func figureDistance(u, v float64, s [4]float64) float64 {
	along, across := s[2]-s[0], s[3]-s[1]
	t := ((u-s[0])*along + (v-s[1])*across) / (along*along + across*across)
	t = min(1, max(0, t))
	return math.Hypot(u-s[0]-t*along, v-s[1]-t*across)
}

// figureReader is an mlp that gives an affine map, near the identity at first, bilinear
// sampling of the picture through it, and an mlp that reads what was sampled. The sampling is
// a product with the tents of the rows and those of the columns, for which derivatives of
// all orders are known.
func (b *builder) figureReader() func(x *ts.Tensor, train bool) *ts.Tensor {
	const (
		middle   = (figureSide - 1) / 2.0
		careful  = 0.3 // what the map's deviation from the identity is multiplied by
		far      = 3.0 // pixels to which a shift of 1 amounts
		viewWide = 1.1 // pixels between samples
	)
	// Too large a map would look past the picture, so that its network never starts with
	// more than the usual weights.
	usual := b.Gain
	b.Gain = min(usual, 1)
	locate := b.part("locate_", figurePixels, 6)
	b.Gain = usual
	read := b.part("read_", figureView*figureView, figureKinds)
	identity := tensor([]float32{1, 0, 0, 0, 1, 0}, 6)
	points, centres := make([]float32, 3*figureView*figureView), make([]float32, figureSide)
	for i := range figureView * figureView {
		points[i] = float32(viewWide * (float64(i%figureView) - (figureView-1)/2.0))
		points[i+figureView*figureView] = float32(viewWide * (float64(i/figureView) - (figureView-1)/2.0))
		points[i+2*figureView*figureView] = far
	}
	for i := range centres {
		centres[i] = float32(float64(i) - middle)
	}
	grid, places := tensor(points, 3, figureView*figureView), ts.MustOfSlice(centres)
	tents := func(at *ts.Tensor, axis int64) *ts.Tensor {
		return at.MustNarrow(1, axis, 1, false).MustView([]int64{-1, figureView * figureView, 1}, true).
			MustSub(places, true).MustAbs(true).MustNeg(true).MustAddScalar(ts.FloatScalar(1), true).MustRelu(true)
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		at := locate(x, train).MustMulScalar(ts.FloatScalar(careful), true).MustAdd(identity, true).
			MustView([]int64{-1, 2, 3}, true).MustMatmul(grid, true)
		defer at.MustDrop()
		columns, rows := tents(at, 0), tents(at, 1)
		defer columns.MustDrop()
		picture := x.MustView([]int64{-1, figureSide, figureSide}, false)
		defer picture.MustDrop()
		sampled := rows.MustBmm(picture, true).MustMul(columns, true).MustSumDimIntlist([]int64{2}, false, gotch.Float, true)
		defer sampled.MustDrop()
		return read(sampled, train)
	}
}
