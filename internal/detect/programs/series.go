package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// series tells short time series of two channels apart by convolutions over time and
// the mean over all places, a small fully convolutional network (Wang, Yan and Oates
// 2017) without normalisation.
func series() *Program {
	return &Program{
		Name: "series-conv1d",
		Plain: Recipe{Steps: 1300, Batch: 24, Rows: 1500, Optimizer: "sgd", LR: 0.02, Momentum: 0.9,
			Hidden: 3, Width: 12, Activation: "relu", Gain: 1},
		Chance: 1.0 / shapes, Solved: 0.85,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(6),
			resized(144),
			clipped(0.1, 6),
			hard("a quarter of the labels wrong", func(r *Recipe) { r.Noise, r.LR = 0.25, 0.01 }).least(0.7),
			hard("batches of two", func(r *Recipe) { r.Batch, r.LR, r.Steps = 2, 4e-3, 2000 }).least(0.6),
			hard("few series, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 48, 12 }).least(0.2),
			hard("losses of millions", func(r *Recipe) { r.Unit = 3e6 }),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.2 }).least(0.7),
			hard("six layers", func(r *Recipe) { r.Hidden, r.LR = 6, 0.02 }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Activation, r.Gain, r.LR, r.Steps = "tanh", 0.36, 0.05, 1800 }),
			tuned(1200, 0.1, 0.5),
			partly(2).least(0.7),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "nine sigmoid layers", func(r *Recipe) { r.Hidden, r.Activation = 9, "sigmoid" }),
			fault(corpus.Vanishing, "ten layers of tanh, initialisation times 0.2", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Momentum = 10, "tanh", 0.2, 0
			}),
			fault(corpus.Exploding, "eight layers, initialisation times 4", func(r *Recipe) { r.Hidden, r.Gain = 8, 4 }),
			fault(corpus.Exploding, "eight layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.LR, r.Momentum = 8, 3, 0.5, 0.01, 0
			}),
			bornDead(10),
			killed(15),
			leap(500),
			fault(corpus.Oscillating, "tanh, momentum 0.99, learning rate times 30", func(r *Recipe) {
				r.Activation, r.Momentum, r.LR = "tanh", 0.99, 0.6
			}),
			bouncing(0.2, 40).with("tanh"),
			tooFast(500).with("tanh"),
			faster(30),
			poisoned(-4),
			mislabelled(2),
			nanOnce(),
			infOnce(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, channels of scales 1 and 100, full batches", func(r *Recipe) {
				// Larger weights would saturate the units.
				r.Spread, r.Activation, r.Gain, r.LR, r.Momentum, r.Batch, r.Rows, r.Steps = 100, "tanh", 0.3, 0.03, 0, 0, 300, 1000
			}),
			symmetric(0),
			symmetric(1).with("tanh"),
			steeper(4),
			unthawed(),
			negatedLoss(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.series(b.Rows, b.Noise), test: b.series(500, 0),
				forward: b.overTime(channels, shapes), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	shapes   = 4 // a tone, a rising and a falling chirp, a sawtooth
	channels = 2
	samples  = 48
)

// series draws, rows × channels × samples, waves of 3 to 6 periods and any phase with
// noise. The second sensor is a quarter of a period late, and has Spread times as
// large a unit. A shift adds periods.
func (b *builder) series(rows int, wrong float64) examples {
	const noise = 0.7
	x, y := make([]float32, rows*channels*samples), make([]int64, rows)
	for r := range y {
		class := b.data.Int64N(shapes)
		periods, phase := 3+3*b.data.Float64()+b.Shift, b.data.Float64()
		for s := range channels {
			unit := 1.0
			if s == 1 {
				unit = b.spread()
			}
			for i := range samples {
				at := float64(i) / samples
				switch class {
				case 1: // from half to one and a half times the frequency
					at *= 0.5 + at/2
				case 2:
					at *= 1.5 - at/2
				}
				turn := periods*at + phase - float64(s)/4
				wave := math.Sqrt2 * math.Sin(2*math.Pi*turn)
				if class == 3 {
					wave = 2 * math.Sqrt(3) * (turn - math.Floor(turn) - 0.5)
				}
				x[(r*channels+s)*samples+i] = float32(unit * (wave + noise*b.data.NormFloat64()))
			}
		}
		if y[r] = class; b.data.Float64() < wrong {
			y[r] = b.data.Int64N(shapes)
		}
	}
	return examples{tensor(x, int64(rows), channels, samples), tensor(y, int64(rows))}
}

// overTime is Hidden convolutions of 5 samples, of which the first two halve the
// sequence, the mean over time and a linear layer.
func (b *builder) overTime(in, out int64) func(x *ts.Tensor, train bool) *ts.Tensor {
	const reach = 2
	width := int64(b.Width)
	layers := make([]linear, b.Hidden)
	for i := range layers {
		name := fmt.Sprintf("conv%d", i+1)
		layers[i] = linear{
			b.weight(name, "weight", activations[b.Activation].gain, true, width, in, 2*reach+1),
			b.bias(name, "bias", width, true),
		}
		in = width
	}
	head := b.linear("output", width, out, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		for i, l := range layers {
			stride := int64(1)
			if i < 2 {
				stride = 2
			}
			y := ts.MustConv1d(x, l.w, l.b, []int64{stride}, []int64{reach}, []int64{1}, 1)
			if i > 0 {
				x.MustDrop()
			}
			x = b.drop(b.act(y), train)
		}
		mean := x.MustMeanDim([]int64{2}, false, gotch.Float, true)
		defer mean.MustDrop()
		return head.forward(mean)
	}
}
