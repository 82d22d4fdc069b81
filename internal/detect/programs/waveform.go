package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// waveformDenoise cleans waveforms by convolutions over time (Jansson and others 2017;
// Stoller, Ewert and Dixon 2018). A second microphone hears the noise alone, as in Widrow
// and others (1975), but the noise reaches the first on a path that the network has to
// learn. What counts is how much of the clean wave is told on recordings not seen.
func waveformDenoise() *Program {
	return &Program{
		Name: "waveform-denoise",
		Plain: Recipe{Steps: 1000, Batch: 12, Rows: 1500, Optimizer: "adam", LR: 3e-3,
			Hidden: 2, Width: 12, Activation: "relu", Gain: 1, Scale: 1},
		Chance: 0, Solved: 0.6,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(2),
			resized(60),
			clipped(0.05, 1),
			hard("targets as noisy as the wave", func(r *Recipe) { r.Noise = 1 }).least(0.7),
			hard("targets with noise of infinite variance", func(r *Recipe) { r.Tails, r.Noise, r.LR = true, 0.2, 2e-3 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1.5e-3, 1600 }).least(0.7),
			hard("few recordings, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 12, 6 }).least(0.3),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 40, 0 }).least(0.6),
			hard("losses of a thousand-millionth, momentum", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.03, 0.9
			}).least(0.7),
			easy("plain gradient descent", func(r *Recipe) { r.Optimizer, r.LR = "sgd", 0.1 }),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.045, "sgd", 0.03, 0.9, 1500
			}).least(0.5),
			tuned(900, 0.2, 0.5).least(0.7),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "nine sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "seven tanh layers, initialisation times 0.1, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 6, "tanh", 0.1, "sgd", 0.1
			}),
			fault(corpus.Exploding, "eight layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 7, 5, "sgd", 0.02
			}),
			fault(corpus.Exploding, "six layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = 5, 3, 1, "sgd", 1e-3
			}),
			bornDead(10),
			killed(10),
			bouncing(0.5, 10).with("tanh"),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 3", func(r *Recipe) { r.Activation, r.LR = "tanh", 3 }),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 20", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "sgd", 20
			}),
			faster(300).with("tanh"),
			poisoned(10),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			fault(corpus.IllConditioned, "the first microphone a hundred times too quiet, plain gradient descent", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR = 100, "sgd", 0.2
			}),
			fault(corpus.IllConditioned, "the first microphone three hundred times too quiet, full batches, plain gradient descent", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR, r.Rows, r.Batch = 300, "sgd", 0.1, 40, 0
			}),
			symmetric(0),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.025, "sgd", 0.03, 0.9, 1500
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.noisyRecordings(b.Rows, b.Noise), test: b.noisyRecordings(150, 0),
				forward: b.waveFilter(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	waveSamples     = 40
	waveMicrophones = 2
	waveFilterSize  = 5 // samples that a convolution sees
)

// noisyRecordings are two microphones' recordings of a wave in noise, and the wave, of a
// standard deviation of about 1. The targets may be noisy themselves, as where there are
// only noisy takes to learn from (Lehtinen and others 2018). The first microphone is
// Spread times too quiet; an offset is added to both. A shift changes the noise's path.
func (b *builder) noisyRecordings(rows int, noise float64) examples {
	x, y := make([]float32, 0, rows*waveMicrophones*waveSamples), make([]float32, 0, rows*waveSamples)
	const echo = 2 // samples that the noise's path goes back
	for range rows {
		wave := b.cleanWave()
		source := make([]float64, waveSamples+echo)
		for i := range source {
			source[i] = b.data.NormFloat64()
			if i > 0 { // in the waves' band, so that no fixed filter removes it
				source[i] = 0.7*source[i-1] + 0.714*source[i]
			}
		}
		for i := range waveSamples {
			now, old, oldest := source[i+echo], source[i+echo-1], source[i]
			heard := (0.9-b.Shift)*now + (0.3+b.Shift)*old - 0.6*oldest + 0.4*(now*now-1)
			x = append(x, float32((wave[i]+heard+0.1*b.data.NormFloat64())/b.spread()))
		}
		for i := range waveSamples {
			x = append(x, float32(source[i+echo]))
		}
		for _, v := range wave {
			if noise > 0 {
				v += noise * b.error()
			}
			y = append(y, float32(b.Scale*v))
		}
	}
	return examples{tensor(x, int64(rows), waveMicrophones, waveSamples), tensor(y, int64(rows), waveSamples)}
}

// cleanWave is a chirp or a sum of two tones, each of which swells and fades.
func (b *builder) cleanWave() []float64 {
	between := func(low, high float64) float64 { return low + (high-low)*b.data.Float64() }
	wave := make([]float64, waveSamples)
	voices, glide := 2, 0.0
	if b.data.IntN(2) == 0 {
		voices, glide = 1, between(-0.008, 0.008)
	}
	for range voices {
		frequency, phase := between(0.25, 0.8), between(0, 2*math.Pi)
		centre, width := between(0, waveSamples), between(12, 30)
		height := between(1.2, 2) / math.Sqrt(float64(voices))
		for i := range wave {
			t := float64(i)
			from := (t - centre) / width
			wave[i] += height * math.Exp(-from*from/2) * math.Sin((frequency+glide*t/2)*t+phase)
		}
	}
	return wave
}

// waveFilter is 1 + Hidden convolutions and one that mixes their channels into a wave.
func (b *builder) waveFilter() func(x *ts.Tensor, train bool) *ts.Tensor {
	in, width := int64(waveMicrophones), int64(b.Width)
	layers := make([]linear, 1+b.Hidden)
	for i := range layers {
		name := fmt.Sprintf("conv%d", i+1)
		layers[i] = linear{
			b.weight(name, "weight", activations[b.Activation].gain, true, width, in, waveFilterSize),
			b.bias(name, "bias", width, true),
		}
		in = width
	}
	last := linear{b.weight("output", "weight", 1, false, 1, width, 1), b.bias("output", "bias", 1, false)}
	filter := func(l linear, x *ts.Tensor, around int64) *ts.Tensor {
		return ts.MustConv1d(x, l.w, l.b, []int64{1}, []int64{around}, []int64{1}, 1)
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := x.MustShallowClone()
		for _, l := range layers {
			y := b.drop(b.act(filter(l, h, waveFilterSize/2)), train)
			h.MustDrop()
			h = y
		}
		defer h.MustDrop()
		return filter(last, h, 0).MustSqueezeDim(1, true)
	}
}
