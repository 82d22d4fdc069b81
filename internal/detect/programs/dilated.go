package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// dilated predicts a chaotic series with a season some steps ahead by causal convolutions
// whose dilation doubles from block to block, with shortcuts (Bai, Kolter and Koltun 2018).
// The series is that of Mackey and Glass (1977), a delay of whose equation makes it
// chaotic, and it is observed together with what the season is caused by.
func dilated() *Program {
	return &Program{
		Name: "dilated-series",
		Plain: Recipe{Steps: 1000, Batch: 32, Rows: 3000, Optimizer: "adam", LR: 5e-3,
			Hidden: 3, Width: 12, Activation: "relu", Gain: 1, Noise: 0.1},
		Chance: 0, Solved: 0.6,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(4).least(0.7),
			resized(160),
			clipped(0.05, 1),
			hard("as much noise as series", func(r *Recipe) { r.Noise, r.LR = 1, 1.5e-3 }).least(0.6),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.1, 1 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 2000 }).least(0.5),
			hard("few windows, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 100, 20 }).least(0.15),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.6),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.01, 0.9 }).least(0.6),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 100 }).least(0.15),
			hard("a long flat start", func(r *Recipe) {
				r.Bare, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = true, 0.31, "sgd", 0.01, 0.9, 1600
			}).least(0.5),
			tuned(900, 0.2, 0.3),
			partly(3).least(0.6),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "no shortcuts, four blocks of sigmoids, momentum", func(r *Recipe) {
				r.Bare, r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = true, 4, "sigmoid", "sgd", 0.01, 0.9
			}),
			fault(corpus.Vanishing, "no shortcuts, tanh, initialisation times 0.15, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Activation, r.Gain, r.Optimizer, r.LR = true, "tanh", 0.15, "sgd", 0.05
			}),
			fault(corpus.Exploding, "four blocks, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 4, 5, "sgd", 0.03
			}),
			fault(corpus.Exploding, "initialisation times 3, clipped", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Clip = 3, "sgd", 1e-3, 1
			}),
			fault(corpus.Dying, "no shortcuts, hidden biases far below 0", func(r *Recipe) { r.Bare, r.Bias = true, -10 }),
			fault(corpus.Dying, "no shortcuts, hidden biases far below 0 at a step", func(r *Recipe) {
				r.Bare, r.Fault = true, Fault{Kind: Kill, At: 0.35, Size: 20}
			}),
			bouncing(0.5, 6).with("tanh"),
			tooFast(3000).with("tanh"),
			faster(1500).with("tanh"),
			poisoned(8),
			mislabelled(30),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, the series in a unit of a hundred, full batches", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR, r.Batch, r.Rows = 100, "tanh", "sgd", 0.15, 0, 100
			}),
			fault(corpus.Saddle, "all weights 0, batches of 128", func(r *Recipe) { r.Symmetric, r.Gain, r.Batch = true, 0, 128 }),
			symmetric(1).with("tanh").most(0.75),
			fault(corpus.Escape, "tanh, no shortcuts, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Bare, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", true, 0.225, "sgd", 0.02, 0.9, 1600
			}),
			steeper(2.5),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.delayedSeries(b.Rows, b.Noise), test: b.delayedSeries(400, 0),
				forward: b.dilatedBlocks(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	seriesChannels = 2
	seriesWindow   = 18
	seriesAhead    = 3 // values that are predicted
	seriesInterval = 6 // units of time between observations, and between what is predicted
)

// delayedSeries draws windows of a long series, with what comes after them, of a standard
// deviation of about 1; only that has noise. The season's cause is half of the season's
// period early; the unit of the series makes it Spread times smaller than that. A shift makes the delay
// longer by ten times as many units of time.
func (b *builder) delayedSeries(rows int, noise float64) examples {
	const (
		perUnit = 4 // steps of the integration
		stride  = 5 // units of time between windows
		burnIn  = 500
		period  = 50.0
		season  = 0.6
	)
	delay := perUnit * (17 + int(10*b.Shift))
	span := (seriesWindow + seriesAhead) * seriesInterval
	total := perUnit * (burnIn + stride*rows + span)
	v := make([]float64, total)
	for i := range v {
		if i <= delay {
			v[i] = 0.9 + 0.4*b.data.Float64()
			continue
		}
		late := v[i-1-delay]
		v[i] = v[i-1] + (0.2*late/(1+math.Pow(late, 10))-0.1*v[i-1])/perUnit
	}
	phase := 2 * math.Pi * b.data.Float64()
	at := func(unit int) (value, cause float64) {
		turn := phase + 2*math.Pi*float64(unit)/period
		return (v[perUnit*unit]-0.93)/0.23 + season*math.Sqrt2*math.Sin(turn), math.Sqrt2 * math.Cos(turn)
	}
	x, y := make([]float32, rows*seriesChannels*seriesWindow), make([]float32, rows*seriesAhead)
	for r := range rows {
		from := burnIn + stride*r
		for i := range seriesWindow {
			value, cause := at(from + i*seriesInterval)
			x[r*seriesChannels*seriesWindow+i] = float32(value / b.spread())
			x[(r*seriesChannels+1)*seriesWindow+i] = float32(cause + 0.1*b.data.NormFloat64())
		}
		for i := range seriesAhead {
			value, _ := at(from + (seriesWindow+i)*seriesInterval)
			if noise > 0 {
				value += noise * b.error()
			}
			y[r*seriesAhead+i] = float32(value)
		}
	}
	return examples{tensor(x, int64(rows), seriesChannels, seriesWindow), tensor(y, int64(rows), seriesAhead)}
}

// dilatedBlocks is Hidden blocks of two convolutions, of 2 samples that are 1, 2 and 4 apart
// and again, with a shortcut around both, which in the first block is a convolution of one
// sample, and a linear layer that reads the last time. Nothing is padded: a shortcut loses
// the times at the beginning for which the convolutions have no past.
func (b *builder) dilatedBlocks() func(x *ts.Tensor, train bool) *ts.Tensor {
	const kernel = 2
	type block struct{ first, second linear }
	in, width := int64(seriesChannels), int64(b.Width)
	var around linear
	second := 0.5 // what the blocks add to the shortcuts is small at first
	if b.Bare {
		second = 1
	}
	blocks := make([]block, b.Hidden)
	for i := range blocks {
		name := fmt.Sprintf("block%d", i+1)
		layer := func(part string, in int64, factor float64) linear {
			return linear{
				b.weight(name+part, "weight", factor*activations[b.Activation].gain, true, width, in, kernel),
				b.bias(name+part, "bias", width, true),
			}
		}
		blocks[i] = block{layer("_conv1", in, 1), layer("_conv2", width, second)}
		if i == 0 && !b.Bare {
			around = linear{b.weight("shortcut", "weight", 1, false, width, in, 1), b.bias("shortcut", "bias", width, false)}
		}
		in = width
	}
	head := b.linear("output", width, seriesAhead, 1, false)
	convolve := func(l linear, x *ts.Tensor, dilation int64) *ts.Tensor {
		return ts.MustConv1d(x, l.w, l.b, []int64{1}, []int64{0}, []int64{dilation}, 1)
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := x.MustShallowClone()
		for i, l := range blocks {
			dilation := int64(1) << (i % 3)
			inner := b.drop(b.act(convolve(l.first, h, dilation)), train)
			y := b.drop(b.act(convolve(l.second, inner, dilation)), train)
			inner.MustDrop()
			switch {
			case b.Bare:
				h.MustDrop()
				h = y
				continue
			case i == 0:
				own := convolve(around, h, 1)
				h.MustDrop()
				h = own
			}
			h = h.MustNarrow(2, 2*dilation, y.MustSize()[2], true).MustAdd(y, true)
			y.MustDrop()
		}
		last := h.MustSelect(2, -1, true)
		defer last.MustDrop()
		return head.forward(last)
	}
}
