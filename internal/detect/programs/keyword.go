package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// keyword tells short spectrograms apart, in each of which a tone glides through noise
// as a word's formants do: convolutions over time, a GRU that reads what they see, and a
// linear layer (Arik and others 2017).
func keyword() *Program {
	return &Program{
		Name: "keyword-crnn",
		Plain: Recipe{Steps: 1000, Batch: 16, Rows: 1600, Optimizer: "adam", LR: 4e-3,
			Hidden: 2, Width: 16, Activation: "relu", Gain: 1, Recurrent: 1},
		Chance: 1.0 / keywords, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(4),
			resized(96),
			clipped(0.05, 1),
			hard("a quarter of the labels wrong", func(r *Recipe) { r.Noise, r.LR = 0.25, 2e-3 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1.5e-3, 2000 }).least(0.5),
			hard("few words, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 72, 12 }).least(0.2),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.2 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.05, 0.9 }).least(0.7),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.4, "sgd", 0.05, 0.9, 1500
			}).least(0.6),
			tuned(900, 0.1, 0),
			tuned(900, 0.3, 1).least(0.7),
			partly(2).least(0.7),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "eight sigmoid convolutions, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 8, "sigmoid", "sgd", 0.05, 0.9
			}),
			fault(corpus.Vanishing, "initialisation times 0.05, recurrence times 0.02, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR = 0.05, 0.02, "sgd", 0.1
			}),
			fault(corpus.Exploding, "recurrence times 40, plain gradient descent", func(r *Recipe) {
				r.Recurrent, r.Optimizer, r.LR = 40, "sgd", 0.1
			}),
			fault(corpus.Exploding, "recurrence times 70, clipped", func(r *Recipe) {
				r.Recurrent, r.Clip, r.Optimizer, r.LR = 70, 0.5, "sgd", 0.02
			}),
			bornDead(15),
			killed(20),
			fault(corpus.Oscillating, "tanh, momentum 0.99, learning rate 0.3", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum = "tanh", "sgd", 0.3, 0.99
			}),
			bouncing(0.1, 75).with("tanh"),
			tooFast(1000).with("tanh"),
			faster(150).with("tanh"),
			mislabelled(50),
			poisoned(-30),
			nanOnce(),
			infOnce(),
			logOfZero(),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.1, "sgd", 0.05, 0.9, 1600
			}),
			steeper(6),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.spoken(b.Rows, b.Noise), test: b.spoken(400, 0),
				forward: b.heard(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	keywords = 6 // level, up, down, up and down, down and up, two tones that meet
	melBands = 12
	frames   = 16
)

// glides are the tones' ways, in bands from where they begin, at a time from 0 to 1.
var glides = [keywords][]func(t float64) float64{
	{func(float64) float64 { return 0 }},
	{func(t float64) float64 { return 4 * (t - 0.5) }},
	{func(t float64) float64 { return 4 * (0.5 - t) }},
	{func(t float64) float64 { return 2 - 4*math.Abs(2*t-1) }},
	{func(t float64) float64 { return 4*math.Abs(2*t-1) - 2 }},
	{func(t float64) float64 { return 4 * (t - 0.5) }, func(t float64) float64 { return 4 * (0.5 - t) }},
}

// spoken draws, rows × melBands × frames, spectrograms with a tone around any of the
// middle bands that begins early or late. A shift raises the tones by so many bands.
func (b *builder) spoken(rows int, wrong float64) examples {
	const noise = 0.4
	x, y := make([]float32, rows*melBands*frames), make([]int64, rows)
	for r := range y {
		class := b.data.IntN(keywords)
		middle := 4 + 3*b.data.Float64() + b.Shift
		begins, lasts := 4*b.data.Float64(), 10+2*b.data.Float64()
		loud := 0.7 + 0.6*b.data.Float64()
		for f := range frames {
			t := (float64(f) - begins) / lasts
			for m := range melBands {
				v := noise * b.data.NormFloat64()
				if t >= 0 && t <= 1 {
					for _, way := range glides[class] {
						d := float64(m) - middle - way(t)
						v += loud * math.Exp(-d*d/1.5)
					}
				}
				x[(r*melBands+m)*frames+f] = float32(v)
			}
		}
		if y[r] = int64(class); b.data.Float64() < wrong {
			y[r] = b.data.Int64N(keywords)
		}
	}
	return examples{tensor(x, int64(rows), melBands, frames), tensor(y, int64(rows))}
}

// heard is Hidden convolutions over time, of which the first halves the frames, a GRU,
// and a linear layer that reads its last state.
func (b *builder) heard() func(x *ts.Tensor, train bool) *ts.Tensor {
	const reach = 2
	in, width := int64(melBands), int64(b.Width)
	layers := make([]linear, b.Hidden)
	for i := range layers {
		name := fmt.Sprintf("conv%d", i+1)
		layers[i] = linear{
			b.weight(name, "weight", activations[b.Activation].gain, true, width, in, 2*reach+1),
			b.bias(name, "bias", width, true),
		}
		in = width
	}
	weights := []*ts.Tensor{
		b.weight("gru", "weight_ih_l0", 1, true, 3*width, width),
		b.recurrence("gru", "weight_hh_l0", 3, width),
		b.gates("gru", "bias_ih_l0", width),
		b.bias("gru", "bias_hh_l0", 3*width, false),
	}
	head := b.linear("output", width, keywords, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		for i, l := range layers {
			stride := int64(1)
			if i == 0 {
				stride = 2
			}
			y := ts.MustConv1d(x, l.w, l.b, []int64{stride}, []int64{reach}, []int64{1}, 1)
			if i > 0 {
				x.MustDrop()
			}
			x = b.drop(b.act(y), train)
		}
		seen := x.MustTranspose(1, 2, true)
		defer seen.MustDrop()
		start := ts.MustZeros([]int64{1, seen.MustSize()[0], width}, gotch.Float, gotch.CPU)
		defer start.MustDrop()
		states, last := seen.MustGru(start, weights, true, 1, 0, train, false, true)
		states.MustDrop()
		last = last.MustView([]int64{-1, width}, true)
		defer last.MustDrop()
		return head.forward(last)
	}
}
