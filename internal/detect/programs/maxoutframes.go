package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// maxoutFrames tells vowels apart by single frames of their spectra, from speakers whose
// formants (Peterson and Barney 1952) are higher or lower, by layers of maxout units
// (Goodfellow and others 2013). Rectifiers, where a case needs them, take their place.
func maxoutFrames() *Program {
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR = "sgd", lr }
	units := func(r *Recipe, activation string) { r.Pieces, r.Activation = 0, activation }
	rectified := func(c Case) Case {
		change := c.change
		c.Name += ", rectifiers"
		c.change = func(r *Recipe) {
			change(r)
			units(r, "relu")
		}
		return c
	}
	return &Program{
		Name: "maxout-frames",
		Plain: Recipe{Steps: 1100, Batch: 32, Rows: 3000, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 14, Activation: "relu", Pieces: 2, Gain: 1},
		Chance: 1.0 / float64(len(vowelFormants)), Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(4).least(0.75),
			resized(256),
			clipped(0.1, 1),
			hard("a quarter of the labels wrong", func(r *Recipe) { r.Noise = 0.25 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1300 }).least(0.5),
			hard("few frames, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 60, 12 }).least(0.4),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.2 }).least(0.8),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.03) }),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.02) }),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 300; momentum(r, 0.05) }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Gain = 0.08; momentum(r, 0.02) }).least(0.7),
			tuned(800, 0.2, 0.15),
			partly(2).least(0.7),
			tooSlow(1e-3),
			fault(corpus.TooSlow, "momentum, learning rate 1e-5", func(r *Recipe) { momentum(r, 1e-5) }),
			fault(corpus.Vanishing, "eight layers, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Gain = 8, 0.2
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "seven layers of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Hidden = 7
				units(r, "sigmoid")
				descent(r, 0.1)
			}),
			fault(corpus.Exploding, "ten layers, initialisation times 3", func(r *Recipe) {
				r.Hidden, r.Gain = 10, 3
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "seven layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 7, 3, 1
				descent(r, 1e-3)
			}),
			rectified(bornDead(15)),
			rectified(killed(20)),
			bouncing(0.5, 15),
			fault(corpus.Diverging, "momentum, learning rate 0.3", func(r *Recipe) { momentum(r, 0.3) }),
			fault(corpus.Diverging, "momentum, learning rate times 30 from the middle on", func(r *Recipe) {
				momentum(r, 0.03)
				r.Fault = Fault{Kind: LongSteps, At: 0.5, Size: 30}
			}),
			poisoned(100),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "bands of scales 1000 times apart, full batches", func(r *Recipe) {
				r.Spread, r.Batch, r.Rows = 1000, 0, 300
				descent(r, 0.01)
			}),
			fault(corpus.IllConditioned, "bands of scales 2000 times apart, batches of 100, momentum 0.5", func(r *Recipe) {
				r.Spread, r.Batch = 2000, 100
				descent(r, 6e-3)
				r.Momentum = 0.5
			}),
			symmetric(0),
			symmetric(1).most(0.7),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) { r.Gain, r.Steps = 0.02, 1300; momentum(r, 0.014) }),
			fault(corpus.Escape, "three layers, small initialisation, full batches", func(r *Recipe) {
				r.Hidden, r.Gain, r.Batch, r.Rows, r.Steps = 3, 0.08, 0, 300, 1300
				momentum(r, 0.02)
			}),
			steeper(5),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.vowelFrames(b.Rows, b.Noise), test: b.vowelFrames(800, 0),
				forward: b.maxoutLayers(spectrumBands, int64(len(vowelFormants))), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const spectrumBands = 20

// vowelFormants are the first two formants of American vowels, roughly, in Hz.
var vowelFormants = [...][2]float64{
	{270, 2290}, {390, 1990}, {660, 1720}, {730, 1090}, {640, 1190}, {490, 1350}, {300, 870},
}

// vowelFrames draws vowels and the logarithms of the energies in bands that are equally
// far apart for the ear, of voices of any size, loudness and tilt, with noise, varying by
// about 1. With a spread the highest band, where there are no formants, is so many times
// larger than the lowest. A share of the labels is any. A shift makes all voices higher.
func (b *builder) vowelFrames(rows int, wrong float64) examples {
	mel := func(f float64) float64 { return 1127 * math.Log(1+f/700) }
	x, y := make([]float32, 0, rows*spectrumBands), make([]int64, rows)
	for r := range y {
		y[r] = b.data.Int64N(int64(len(vowelFormants)))
		formants := vowelFormants[y[r]]
		size := math.Exp(0.12*b.data.NormFloat64() + b.Shift)
		loud, tilt := 0.4*b.data.NormFloat64(), 0.5*b.data.NormFloat64()
		for i := range spectrumBands {
			place := float64(i) / (spectrumBands - 1) // from 150 to 4000 Hz
			at := mel(150) + place*(mel(4000)-mel(150))
			energy := 0.02
			for k, f := range formants {
				off := (at - mel(f*size)) / 110
				energy += math.Pow(0.5, float64(k)) / (1 + off*off)
			}
			v := math.Log(energy) + 1.7 + loud + tilt*(place-0.5) + 0.3*b.data.NormFloat64()
			x = append(x, float32(v*math.Pow(b.spread(), place-0.5)))
		}
		if b.data.Float64() < wrong {
			y[r] = b.data.Int64N(int64(len(vowelFormants)))
		}
	}
	return examples{tensor(x, int64(rows), spectrumBands), tensor(y, int64(rows))}
}

// maxoutLayers is an mlp whose hidden units are each the largest of as many affine
// functions as there are Pieces; without any it is a plain one.
func (b *builder) maxoutLayers(in, out int64) func(x *ts.Tensor, train bool) *ts.Tensor {
	if b.Pieces == 0 {
		return b.mlp(in, out)
	}
	width, pieces := int64(b.Width), int64(b.Pieces)
	layers := make([]linear, b.Hidden)
	for i := range layers {
		layers[i] = b.linear(fmt.Sprintf("maxout%d", i+1), in, width*pieces, 1, true)
		in = width
	}
	last := b.linear("output", in, out, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := x.MustShallowClone()
		for _, l := range layers {
			y := l.forward(h).MustView([]int64{-1, width, pieces}, true).MustAmax([]int64{2}, false, true)
			h.MustDrop()
			h = b.drop(y, train)
		}
		defer h.MustDrop()
		return last.forward(h)
	}
}
