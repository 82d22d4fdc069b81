package programs

import (
	"math"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// implicitField learns a picture as a function of the place: its brightness at points
// that were sampled, from random Fourier features of their coordinates and the
// coordinates themselves (Tancik and others 2020). What counts is the picture between
// the points.
func implicitField() *Program {
	return &Program{
		Name: "implicit-field",
		Plain: Recipe{Steps: 1500, Batch: 48, Rows: 1500, Optimizer: "adam", LR: 3e-3,
			Hidden: 3, Width: 32, Activation: "relu", Gain: 1, Scale: 1, Noise: 0.1},
		Chance: 0, Solved: 0.7,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("steps").least(0.7),
			scheduled("restarts"),
			resized(6).least(0.75),
			resized(400),
			clipped(0.05, 1),
			hard("brightness as noisy as it varies", func(r *Recipe) { r.Noise, r.LR = 1, 1e-3 }).least(0.5),
			hard("noise of infinite variance", func(r *Recipe) { r.Noise, r.Tails, r.LR = 0.1, true, 1e-3 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 5e-4, 2200 }).least(0.4),
			hard("few points, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 100, 20 }).least(0.15),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch, r.Steps = 500, 0, 1000 }).least(0.6),
			hard("losses of millions, momentum", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.02, 0.9
			}).least(0.7),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.085, "sgd", 0.03, 0.9, 2000
			}).least(0.5),
			tuned(1200, 0.2, 0.2).least(0.7),
			partly(2).least(0.6),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 7, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "seven tanh layers, initialisation times 0.12, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 6, "tanh", 0.12, "sgd", 0.1
			}),
			fault(corpus.Exploding, "seven layers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 6, 4, "sgd", 0.02
			}),
			fault(corpus.Exploding, "six layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = 5, 3, 1, "sgd", 2e-3
			}),
			bornDead(10),
			killed(10),
			bouncing(0.5, 8).with("tanh"),
			faster(300).with("tanh"),
			poisoned(10),
			mislabelled(60),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "coordinates in pixels, plain gradient descent", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR = 64, "sgd", 2e-4
			}),
			symmetric(0),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.046, "sgd", 0.05, 0.9, 2000
			}),
			steeper(2),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			picture, encode := b.fieldPicture(), b.fieldFeatures()
			return &task{
				training: b.fieldPoints(picture, encode, b.Rows, b.Noise), test: b.fieldPoints(picture, encode, 500, 0),
				forward: b.mlp(2+2*fieldFrequencies, 1), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	fieldFrequencies = 16
	fieldBand        = 4.0 // standard deviation of the features' wave numbers, in radians for half a side
)

// fieldPicture draws a picture on the square from -1 to 1: two gratings, a disc with a soft
// edge and blots, of a standard deviation of about 1. A shift turns it by so many radians.
func (b *builder) fieldPicture() func(u, v float64) float64 {
	between := func(low, high float64) float64 { return low + (high-low)*b.data.Float64() }
	type grating struct{ across, along, phase float64 }
	type blot struct{ u, v, radius, height float64 }
	var gratings [2]grating
	for i := range gratings {
		sine, cosine := math.Sincos(between(0, 2*math.Pi))
		wave := between(5, 9)
		gratings[i] = grating{wave * sine, wave * cosine, between(0, 2*math.Pi)}
	}
	var blots [10]blot
	for i := range blots {
		blots[i] = blot{between(-1, 1), between(-1, 1), between(0.12, 0.25), 1.5 * float64(1-2*(i%2))}
	}
	discU, discV, radius := between(-0.4, 0.4), between(-0.4, 0.4), between(0.4, 0.6)
	turned, kept := math.Sincos(b.Shift)
	return func(u, v float64) float64 {
		u, v = kept*u-turned*v, turned*u+kept*v
		brightness := 0.7 * math.Tanh((radius-math.Hypot(u-discU, v-discV))/0.06)
		for _, g := range gratings {
			brightness += 0.5 * math.Sin(g.across*u+g.along*v+g.phase)
		}
		for _, o := range blots {
			brightness += o.height * math.Exp(-((u-o.u)*(u-o.u)+(v-o.v)*(v-o.v))/(2*o.radius*o.radius))
		}
		return brightness
	}
}

// fieldFeatures draws frequencies and returns what the network sees of a place: the
// coordinates, and a sine and a cosine for each frequency. With a Spread the
// coordinates count pixels from a corner, 2·Spread to a side.
func (b *builder) fieldFeatures() func(x []float32, u, v float64) []float32 {
	var frequencies [fieldFrequencies][2]float64
	for i := range frequencies {
		frequencies[i] = [2]float64{fieldBand * b.data.NormFloat64(), fieldBand * b.data.NormFloat64()}
	}
	pixels := b.spread()
	return func(x []float32, u, v float64) []float32 {
		if pixels > 1 {
			x = append(x, float32(pixels*(u+1)), float32(pixels*(v+1)))
		} else {
			x = append(x, float32(u), float32(v))
		}
		for _, f := range frequencies {
			sine, cosine := math.Sincos(f[0]*u + f[1]*v)
			x = append(x, float32(sine), float32(cosine))
		}
		return x
	}
}

// fieldPoints samples points of the picture; their brightness has noise.
func (b *builder) fieldPoints(picture func(u, v float64) float64, encode func(x []float32, u, v float64) []float32, rows int, noise float64) examples {
	var x []float32
	y := make([]float32, rows)
	for r := range y {
		u, v := 2*b.data.Float64()-1, 2*b.data.Float64()-1
		x = encode(x, u, v)
		brightness := picture(u, v)
		if noise > 0 {
			brightness += noise * b.error()
		}
		y[r] = float32(b.Scale * brightness)
	}
	return examples{tensor(x, int64(rows), 2+2*fieldFrequencies), tensor(y, int64(rows), 1)}
}
