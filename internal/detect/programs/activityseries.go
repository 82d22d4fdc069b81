package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// activitySeries tells movements apart by what a sensor on the body records, whenever they
// begin and however fast they are: convolutions over time, the mean of what they see over
// all samples, and a linear layer (Wang, Yan and Oates 2017). Samples share the gradient of
// that mean.
func activitySeries() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "activity-series",
		Plain: Recipe{Steps: 1000, Batch: 16, Rows: 1500, Optimizer: "adam", LR: 1e-2,
			Hidden: 2, Width: 12, Activation: "relu", Gain: 1},
		Chance: 1.0 / activities, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(3).least(0.75),
			resized(96),
			clipped(0.1, 1),
			hard("a quarter of the labels wrong", func(r *Recipe) { r.Noise = 0.25 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1300 }).least(0.4),
			hard("few recordings, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 48, 12 }).least(0.2),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 80 }).least(0.5),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.15 }).least(0.75),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.03) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Clip = 1e6, 2e6; momentum(r, 0.03) }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.Steps = 0.3, 1200; momentum(r, 0.05) }).least(0.5),
			tuned(800, 0.2, 0.4),
			partly(2).least(0.7),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "eight sigmoid convolutions, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation = 8, 8, "sigmoid"
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "seven tanh convolutions, initialisation times 0.15, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain = 7, 8, "tanh", 0.15
				momentum(r, 0.02)
			}),
			fault(corpus.Exploding, "seven convolutions, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain = 7, 8, 5
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "seven convolutions, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain, r.Clip = 7, 8, 4, 1
				descent(r, 1e-3)
			}),
			bornDead(10),
			killed(15),
			fault(corpus.Oscillating, "tanh, momentum 0.99, learning rate 0.5", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum = "tanh", "sgd", 0.5, 0.99
			}),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 1.5", func(r *Recipe) { r.Activation, r.LR = "tanh", 1.5 }),
			bouncing(0.5, 40).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 30", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 30)
			}),
			faster(300).with("tanh"),
			poisoned(30),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "channels in very different units, batches of 32", func(r *Recipe) {
				r.Spread, r.Batch = 100, 32
				descent(r, 0.2)
			}),
			symmetric(0),
			symmetric(1).with("tanh"),
			fault(corpus.Escape, "three tanh convolutions, small initialisation, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain, r.Steps = 3, 10, "tanh", 0.155, 1200
				momentum(r, 0.05)
			}),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Steps = 0.037, 1300
				momentum(r, 0.04)
			}),
			steeper(8),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 5e-3)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.activityRecordings(b.Rows, b.Noise), test: b.activityRecordings(300, 0),
				forward: b.activityNet(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	activities       = 6 // circling either way, swinging, stepping, knocking, turning once
	activityChannels = 3
	activitySamples  = 24
)

// activityRecordings draws, rows × channels × samples, movements of any phase, speed and
// strength in noise, by a sensor that sits a little askew. Circles of both directions look
// the same in each channel by itself. With a spread the last channel is that much larger
// than the first. A shift tilts the sensor.
func (b *builder) activityRecordings(rows int, wrong float64) examples {
	const noise = 0.8
	scales := [activityChannels]float64{1 / math.Sqrt(b.spread()), 1 / math.Sqrt(b.spread()), math.Sqrt(b.spread())}
	x, y := make([]float32, rows*activityChannels*activitySamples), make([]int64, rows)
	for r := range y {
		class := b.data.Int64N(activities)
		phase, speed := 2*math.Pi*b.data.Float64(), 2*math.Pi/(6+5*b.data.Float64())
		strength := 0.7 + 0.6*b.data.Float64()
		sin, cos := math.Sincos(b.Shift + 0.2*b.data.NormFloat64())
		for t := range activitySamples {
			u, v, w := activityAt(class, phase+speed*float64(t), (float64(t)-activitySamples/2)/2+phase-math.Pi)
			v, w = cos*v-sin*w, sin*v+cos*w
			for c, value := range [activityChannels]float64{u, v, w} {
				value = strength*value + noise*b.data.NormFloat64()
				x[(r*activityChannels+c)*activitySamples+t] = float32(scales[c]*value + b.Offset)
			}
		}
		if y[r] = class; b.data.Float64() < wrong {
			y[r] = b.data.Int64N(activities)
		}
	}
	return examples{tensor(x, int64(rows), activityChannels, activitySamples), tensor(y, int64(rows))}
}

// activityAt is the movement at an angle of its cycle; one that comes once has a time.
func activityAt(class int64, angle, time float64) (u, v, w float64) {
	sin, cos := math.Sincos(angle)
	switch class {
	case 0:
		return cos, sin, 0
	case 1:
		return cos, -sin, 0
	case 2:
		return cos, cos, 0
	case 3: // up and down twice while the body sways once
		return cos, 0, math.Cos(2 * angle)
	case 4:
		return 0, 0, 2 * math.Exp(6*(cos-1))
	}
	return math.Tanh(time), math.Tanh(time), 0
}

// activityNet is Hidden convolutions over time, the mean over all samples and a linear
// layer.
func (b *builder) activityNet() func(x *ts.Tensor, train bool) *ts.Tensor {
	const reach = 2
	in, width := int64(activityChannels), int64(b.Width)
	layers := make([]linear, b.Hidden)
	for i := range layers {
		name := fmt.Sprintf("conv%d", i+1)
		layers[i] = linear{
			b.weight(name, "weight", activations[b.Activation].gain, true, width, in, 2*reach+1),
			b.bias(name, "bias", width, true),
		}
		in = width
	}
	head := b.linear("output", width, activities, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := x.MustShallowClone()
		for _, l := range layers {
			y := ts.MustConv1d(h, l.w, l.b, []int64{1}, []int64{reach}, []int64{1}, 1)
			h.MustDrop()
			h = b.drop(b.act(y), train)
		}
		seen := h.MustMeanDim([]int64{2}, false, gotch.Float, true)
		defer seen.MustDrop()
		return head.forward(seen)
	}
}
