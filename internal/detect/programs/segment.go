package programs

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/internal/digits"
)

// segmentation tells the pixels of a handwritten digit from noise and strokes of
// clutter, in pictures of two bands, by a small convolutional encoder and decoder with
// skip connections (Ronneberger, Fischer and Brox 2015). Few of the pixels are the
// digit's, so that the loss falls fast at first, when nothing is told apart yet.
func segmentation() *Program {
	return &Program{
		Name:    "segment-digits",
		HeldOut: true,
		Plain: Recipe{Steps: 1000, Batch: 8, Rows: 1200, Optimizer: "adam", LR: 5e-3,
			Hidden: 1, Width: 4, Activation: "relu", Gain: 1},
		Chance: 0.15, Solved: 0.5,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			resized(2),
			resized(40),
			clipped(0.02, 1),
			hard("a tenth of the pixels' labels wrong", func(r *Recipe) { r.Noise = 0.1 }).least(0.75),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2e-3, 1500 }).least(0.6),
			hard("few pictures, learnt by heart", func(r *Recipe) { r.Rows = 24 }).least(0.3),
			hard("Dice loss", func(r *Recipe) { r.Dice = true }),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.3 }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.1, 0.9 }).least(0.7),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.3, "sgd", 0.1, 0.9, 1500
			}).least(0.6),
			tuned(800, 0.1, 0),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "no skip connections, ten sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Hidden, r.Activation, r.Optimizer, r.LR = true, 6, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "no skip connections, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = true, 4, "tanh", 0.2, "sgd", 0.1
			}),
			fault(corpus.Exploding, "four layers at the bottom, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 4, 5, "sgd", 0.05
			}),
			fault(corpus.Exploding, "initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = 2, 4, 1, "sgd", 0.005
			}),
			bornDead(20),
			killed(20),
			bouncing(0.1, 75).with("tanh"),
			faster(1000),
			tooFast(20000).with("tanh"),
			poisoned(-30),
			mislabelled(100),
			infOnce(),
			logOfZero(),
			symmetric(0),
			symmetric(0.3).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation, plain gradient descent", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Steps = "tanh", 0.04, "sgd", 0.1, 1500
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			training, test, err := b.scenes()
			if err != nil {
				return nil, err
			}
			t := &task{training: training, test: test, forward: b.digitSegmenter(), loss: binary, metric: overlap}
			if b.Dice {
				t.loss = dice
			}
			return t, nil
		},
	}
}

const (
	bands     = 2
	edge      = 12 // of the pictures, in pixels
	inked     = 0.4
	sceneRows = 120 // held out
)

// scenes draws pictures with digits and which of their pixels are the digits'.
func (b *builder) scenes() (training, test examples, err error) {
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
	return b.cluttered(first, b.Rows, b.Noise), b.cluttered(second, sceneRows, 0), nil
}

// cluttered halves pictures, without their margin, and adds strokes and noise. Both
// bands see digit and strokes, but not equally bright.
func (b *builder) cluttered(from digits.Images, rows int, wrong float64) examples {
	pictures, _ := from.Batch(b.data.Perm(from.Len())[:rows])
	x, y := make([]float32, rows*bands*edge*edge), make([]float32, rows*edge*edge)
	margin := digits.Side/2 - edge
	for r := range rows {
		picture := pictures[r*digits.Pixels:]
		strokes := b.strokes(3)
		for i := range edge * edge {
			at := (i/edge*2+margin)*digits.Side + i%edge*2 + margin
			ink := (picture[at] + picture[at+1] + picture[at+digits.Side] + picture[at+digits.Side+1]) / 4
			for band := range bands {
				v := max(float64(ink)*[bands]float64{1, 0.7}[band], strokes[i]*[bands]float64{0.7, 1}[band])
				x[(r*bands+band)*edge*edge+i] = float32(v + 0.25*b.data.NormFloat64())
			}
			told := ink > inked
			if b.data.Float64() < wrong {
				told = !told
			}
			if told {
				y[r*edge*edge+i] = 1
			}
		}
	}
	return examples{tensor(x, int64(rows), bands, edge, edge), tensor(y, int64(rows), edge*edge)}
}

// strokes are a picture with straight lines from border to border.
func (b *builder) strokes(count int) []float64 {
	picture := make([]float64, edge*edge)
	for range count {
		sin, cos := math.Sincos(math.Pi * b.data.Float64())
		away := (b.data.Float64() - 0.5) * edge
		bright := 0.5 + 0.5*b.data.Float64()
		for i := range picture {
			row, column := float64(i/edge)-(edge-1)/2.0, float64(i%edge)-(edge-1)/2.0
			if d := math.Abs(sin*row + cos*column - away); d < 1 {
				picture[i] = max(picture[i], bright*(1-d*d))
			}
		}
	}
	return picture
}

// convolution is a layer of 3 × 3, or of 1 × 1, that keeps the size.
type convolution struct {
	w, b *ts.Tensor
	pad  int64
}

func (b *builder) convolution(name string, in, out, size int64, hidden bool) convolution {
	factor := 1.0
	if hidden {
		factor = activations[b.Activation].gain
	}
	return convolution{b.weight(name, "weight", factor, hidden, out, in, size, size), b.bias(name, "bias", out, hidden), size / 2}
}

func (c convolution) forward(x *ts.Tensor) *ts.Tensor {
	return ts.MustConv2d(x, c.w, c.b, []int64{1, 1}, []int64{c.pad, c.pad}, []int64{1, 1}, 1)
}

// digitSegmenter halves the picture twice, with Hidden layers at the bottom, and doubles
// it again; what was there at each size is laid beside what comes from below, unless the
// recipe wants no shortcuts.
func (b *builder) digitSegmenter() func(x *ts.Tensor, train bool) *ts.Tensor {
	w := int64(b.Width)
	down1, down2 := b.convolution("down1", bands, w, 3, true), b.convolution("down2", w, 2*w, 3, true)
	var bottom []convolution
	for i := range b.Hidden {
		bottom = append(bottom, b.convolution(fmt.Sprintf("bottom%d", i+1), 2*w, 2*w, 3, true))
	}
	beside := int64(1)
	if b.Bare {
		beside = 0
	}
	up2, up1 := b.convolution("up2", 2*w+beside*2*w, w, 3, true), b.convolution("up1", w+beside*w, w, 3, true)
	last := b.convolution("output", w, 1, 1, false)
	double := func(x, same *ts.Tensor) *ts.Tensor {
		size := same.MustSize()
		x = x.MustUpsampleNearest2d(size[2:], nil, nil, true)
		if b.Bare {
			return x
		}
		defer x.MustDrop()
		return ts.MustCat([]*ts.Tensor{x, same}, 1)
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		large := b.act(down1.forward(x))
		defer large.MustDrop()
		half := large.MaxPool2DDefault(2, false)
		middle := b.act(down2.forward(half))
		half.MustDrop()
		defer middle.MustDrop()
		h := middle.MaxPool2DDefault(2, false)
		step := func(c convolution) {
			y := c.forward(h)
			h.MustDrop()
			h = b.act(y)
		}
		for _, c := range bottom {
			step(c)
		}
		h = b.drop(h, train)
		below := h
		h = double(below, middle)
		step(up2)
		h = double(h, large)
		step(up1)
		defer h.MustDrop()
		return last.forward(h).MustView([]int64{-1, edge * edge}, true)
	}
}

// dice is 1 less the soft Dice coefficient of each picture, on average (Milletari, Navab
// and Ahmadi 2016).
func dice(out, y *ts.Tensor) *ts.Tensor {
	p := out.MustSigmoid(false)
	defer p.MustDrop()
	sum := func(t *ts.Tensor) *ts.Tensor { return t.MustSumDimIntlist([]int64{1}, false, gotch.Float, true) }
	both := sum(p.MustMul(y, false)).MustMulScalar(ts.FloatScalar(2), true).MustAddScalar(ts.FloatScalar(1), true)
	all := sum(p.MustAdd(y, false)).MustAddScalar(ts.FloatScalar(1), true)
	defer all.MustDrop()
	return both.MustDiv(all, true).MustMean(gotch.Float, true).MustNeg(true).MustAddScalar(ts.FloatScalar(1), true)
}

// overlap is the digits' pixels that were found over these and those that were wrongly
// taken for them, of all pictures.
func overlap(out, y *ts.Tensor) float64 {
	found, is := out.Float64Values(false), y.Float64Values(false)
	both, either := 0, 0
	for i := range found {
		switch f := found[i] > 0; {
		case f && is[i] > 0.5:
			both++
			either++
		case f || is[i] > 0.5:
			either++
		}
	}
	return float64(both) / float64(max(either, 1))
}
