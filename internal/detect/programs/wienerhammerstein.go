package programs

import (
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// wienerHammerstein identifies a system of a linear filter, a static nonlinearity and another
// filter from its input and output (Billings and Fakhouri 1982), by learned filters of finite
// length around a small network. The signal between them is never seen.
func wienerHammerstein() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "wiener-hammerstein", HeldOut: true,
		Plain: Recipe{Steps: 1100, Batch: 12, Rows: 800, Optimizer: "adam", LR: 5e-3,
			Hidden: 1, Width: 12, Activation: "relu", Gain: 1, Noise: 0.1},
		Chance: 0, Solved: 0.7,
		Cases: []Case{
			easy("plain gradient descent", func(r *Recipe) { descent(r, 0.03) }).least(0.7),
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(2),
			resized(72),
			clipped(0.1, 1),
			hard("outputs with much noise", func(r *Recipe) { r.Noise = 1 }),
			hard("outputs with errors of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.4, 0.5 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR = 1, 3e-3 }).least(0.7),
			hard("short record, learnt by heart", func(r *Recipe) { r.Rows, r.Batch, r.Noise = 12, 4, 0.3 }).least(0.5),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 60, 0 }).least(0.8),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.02) }).least(0.75),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.02) }).least(0.75),
			hard("a long flat start", func(r *Recipe) { r.Activation, r.Gain = "tanh", 0.1; momentum(r, 0.02) }).least(0.5),
			hard("coloured input, Adam", func(r *Recipe) { r.Spread = 6 }).least(0.7),
			tuned(800, 0.2, 0.3),
			hard("the first filter taken from before and frozen on purpose", func(r *Recipe) {
				r.Before, r.Untrained, r.Shift = 800, 1, 0.4
			}),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "six sigmoid layers between the filters, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation = 6, "sigmoid"
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "six layers of tanh between the filters, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain = 6, "tanh", 0.2
				momentum(r, 0.02)
			}),
			fault(corpus.Exploding, "six layers between the filters, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain = 6, 5
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "five layers between the filters, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 5, 4, 1
				descent(r, 1e-3)
			}),
			bornDead(20),
			killed(15),
			bouncing(0.5, 3).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 5", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 5)
			}),
			faster(300).with("tanh"),
			poisoned(8),
			mislabelled(100),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			// A filter of an input that is mostly its mean: that direction is steep, all others are not.
			fault(corpus.IllConditioned, "operating point not taken out of the input, plain gradient descent", func(r *Recipe) {
				r.Offset = 14
				descent(r, 1.2e-3)
			}),
			symmetric(0),
			fault(corpus.Saddle, "all weights 0, full batches, plain gradient descent", func(r *Recipe) {
				r.Symmetric, r.Gain, r.Rows, r.Batch = true, 0, 60, 0
				descent(r, 0.03)
			}),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Steps = "tanh", 0.05, 1700
				momentum(r, 0.02)
			}),
			fault(corpus.Escape, "two layers of tanh, small initialisation, full batches", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Rows, r.Batch, r.Steps = 2, "tanh", 0.14, 60, 0, 1700
				momentum(r, 0.02)
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 2e-3)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.filteredRecords(b.Rows, b.Noise), test: b.filteredRecords(100, 0),
				forward: b.filterChain(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	filterTaps    = 8
	filterPaths   = 3
	recordInputs  = 34
	recordOutputs = recordInputs - 2*(filterTaps-1) // those of which all is known
)

// filteredRecords draws pieces of the input, white or, with a spread, coloured: the largest
// of its spectrum is then so many times the smallest, in amplitude, and neighbours resemble
// each other. An offset is the input's operating point. The first filter is a resonance that lets no constant through, the second a
// decay. What is between them saturates, and not alike on both sides. The outputs have errors.
// A shift makes the system's saturation come earlier.
func (b *builder) filteredRecords(rows int, noise float64) examples {
	b = b.tailed(b.Tails && noise > 0)
	pole := (b.spread() - 1) / (b.spread() + 1)
	first, second := filterResonance(pole), [filterTaps]float64{}
	for i := range second {
		second[i] = math.Pow(0.6, float64(i))
	}
	x, y := make([]float32, 0, rows*recordInputs), make([]float32, 0, rows*recordOutputs)
	for range rows {
		var input [recordInputs]float64
		last := b.data.NormFloat64()
		for i := range input {
			input[i] = last
			x = append(x, float32(last+b.Offset))
			last = pole*last + math.Sqrt(1-pole*pole)*b.data.NormFloat64()
		}
		var between [recordInputs - filterTaps + 1]float64
		for i := range between {
			var v float64
			for lag, w := range first {
				v += w * input[i+filterTaps-1-lag]
			}
			v *= 1 + b.Shift
			between[i] = math.Tanh(1.5*v) + 0.8*v*v/(1+0.5*v*v)
		}
		for i := range recordOutputs {
			out := -0.9
			for lag, w := range second {
				out += w * between[i+filterTaps-1-lag]
			}
			y = append(y, float32(out+noise*b.error()))
		}
	}
	return examples{tensor(x, int64(rows), recordInputs), tensor(y, int64(rows), recordOutputs)}
}

// filterResonance is the first filter. What comes out of it has variance 1 if each sample of
// the input is pole times the one before and something new.
func filterResonance(pole float64) (taps [filterTaps]float64) {
	for i := range taps {
		taps[i] = math.Pow(0.8, float64(i)) * math.Cos(1.3*float64(i))
	}
	centre := mean(taps[:])
	for i := range taps {
		taps[i] -= centre
	}
	var variance float64
	for i, v := range taps {
		for j, w := range taps {
			variance += v * w * math.Pow(pole, math.Abs(float64(i-j)))
		}
	}
	for i := range taps {
		taps[i] /= math.Sqrt(variance)
	}
	return taps
}

// filterChain is a few filters, an mlp of each sample that comes out of them, and as many
// filters whose outputs are added. One alone would often be stuck with the wrong phase.
func (b *builder) filterChain() func(x *ts.Tensor, train bool) *ts.Tensor {
	before := b.weight("filter1", "weight", 1, false, filterPaths, 1, filterTaps)
	shape := b.mlp(filterPaths, filterPaths)
	behind := linear{b.weight("filter2", "weight", 1, false, 1, filterPaths, filterTaps), b.bias("filter2", "bias", 1, false)}
	one, none := []int64{1}, []int64{0}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		in := x.MustUnsqueeze(1, false)
		defer in.MustDrop()
		absent := ts.NewTensor()
		filtered := ts.MustConv1d(in, before, absent, one, none, one, 1).MustTranspose(1, 2, true)
		defer filtered.MustDrop()
		shaped := shape(filtered, train).MustTranspose(1, 2, true)
		defer shaped.MustDrop()
		return ts.MustConv1d(shaped, behind.w, behind.b, one, none, one, 1).MustSqueezeDim(1, true)
	}
}
