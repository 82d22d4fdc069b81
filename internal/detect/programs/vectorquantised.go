package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// vectorQuantised reconstructs what two sensors recorded from a code of two numbers of five
// bits: the encoder's vectors are replaced by the nearest of a codebook, and the decoder's
// gradient is passed on to the encoder as if they were not (van den Oord and others 2017).
func vectorQuantised() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "vector-quantised", HeldOut: true,
		Plain: Recipe{Steps: 1200, Batch: 24, Rows: 1500, Optimizer: "adam", LR: 5e-3,
			Hidden: 1, Width: 24, Activation: "relu", Gain: 1, Noise: 0.1},
		Chance: 0, Solved: 0.6,
		Cases: []Case{
			easy("plain gradient descent", func(r *Recipe) { descent(r, 0.1) }).least(0.7),
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(3).least(0.75),
			resized(144),
			clipped(0.1, 1),
			hard("records with much noise", func(r *Recipe) { r.Noise = 0.6 }).least(0.65),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.2, 0.5 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR = 1, 1e-3 }).least(0.5),
			hard("few records, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 40, 8 }).least(0.4),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 160, 0 }).least(0.7),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.02) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.02) }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Activation, r.Gain = "tanh", 0.12; momentum(r, 0.05) }).least(0.5),
			tuned(800, 0.2, 0.3),
			partly(2).least(0.7),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "five sigmoid layers in each part, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation = 5, "sigmoid"
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "five layers of tanh in each part, initialisation times 0.15, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain = 5, "tanh", 0.15
				momentum(r, 0.02)
			}),
			fault(corpus.Exploding, "five layers in each part, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain = 5, 5
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "three layers in each part, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 3, 4, 1
				descent(r, 1e-3)
			}),
			bornDead(10),
			killed(15),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 1", func(r *Recipe) { r.Activation, r.LR = "tanh", 1 }),
			bouncing(0.5, 8).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 5", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 5)
			}),
			faster(300).with("tanh"),
			poisoned(30),
			mislabelled(80),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "sensors in units 100 times apart, plain gradient descent", func(r *Recipe) {
				r.Spread = 100
				descent(r, 0.02)
			}),
			fault(corpus.IllConditioned, "tanh, sensors in units 60 times apart, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Rows, r.Batch = "tanh", 60, 160, 0
				descent(r, 0.1)
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Steps = "tanh", 0.055, 1800
				momentum(r, 0.05)
			}),
			fault(corpus.Escape, "two layers of tanh in each part, small initialisation, full batches", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Rows, r.Batch, r.Steps = 2, "tanh", 0.185, 160, 0, 1800
				momentum(r, 0.05)
			}),
			steeper(5),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 2e-3)
			}),
		},
		build: func(b *builder) (*task, error) {
			training := b.sensorPairs(b.Rows, b.Noise)
			return &task{
				training: training, test: b.sensorPairs(300, 0),
				forward: b.quantiser(training.x), loss: quantisedLoss, metric: quantisedMetric,
			}, nil
		},
	}
}

const (
	pairSamples  = 8 // of each of two sensors
	pairLength   = 2 * pairSamples
	codeVectors  = 32
	codeSize     = 4 // numbers of a vector
	codePlaces   = 2 // vectors of a record
	codeLength   = codePlaces * codeSize
	codeIncluded = 0.25 // the weight of the encoder's commitment to its code
)

// sensorPairs draws records of a wave of any phase and, by another sensor, of a pulse at any
// place, both with noise, and what is to be reconstructed: the same, with the mean and the
// units of the sensors taken out. With a spread the first sensor's unit is so many times as
// large as the second's. A shift shortens the wave and widens the pulse by that part.
func (b *builder) sensorPairs(rows int, noise float64) examples {
	b = b.tailed(b.Tails && noise > 0)
	x, y := make([]float32, 0, rows*pairLength), make([]float32, 0, rows*pairLength)
	for range rows {
		phase, place := 2*math.Pi*b.data.Float64(), 0.5+6*b.data.Float64()
		for i := range pairLength {
			unit, at := math.Sqrt(b.spread()), float64(i%pairSamples)
			v := 0.9 * math.Sin(phase+2*math.Pi*(1+b.Shift)*at/pairSamples)
			if i >= pairSamples {
				off := (at - place) / (1.1 * (1 + b.Shift))
				unit, v = 1/unit, 3*math.Exp(-off*off)-0.7
			}
			v += noise * b.error()
			x, y = append(x, float32(unit*v+b.Offset)), append(y, float32(v))
		}
	}
	return examples{tensor(x, int64(rows), pairLength), tensor(y, int64(rows), pairLength)}
}

// quantiser is an encoder and a decoder, mlps both, with the codebook between them. It begins
// with vectors that the encoder gives for some of the records. The output is the
// reconstruction, the encoder's vectors and those that stand for them.
func (b *builder) quantiser(x *ts.Tensor) func(x *ts.Tensor, train bool) *ts.Tensor {
	encode := b.part("encoder_", pairLength, codeLength)
	first := x.MustNarrow(0, 0, codeVectors/codePlaces, false)
	begin := encode(first, false)
	book := b.add("codebook", "weight", begin.Vals().([]float32), []int64{codeVectors, codeSize}, param{role: gain})
	first.MustDrop()
	begin.MustDrop()
	decode := b.part("decoder_", codeLength, pairLength)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		z := encode(x, train)
		defer z.MustDrop()
		number := nearestCode(z, book)
		q := book.MustIndexSelect(0, number, false).MustView([]int64{-1, codeLength}, true)
		number.MustDrop()
		defer q.MustDrop()
		moved := q.MustSub(z, false).MustDetach(true)
		code := z.MustAdd(moved, false)
		moved.MustDrop()
		defer code.MustDrop()
		out := decode(code, train)
		defer out.MustDrop()
		return ts.MustCat([]*ts.Tensor{out, z, q}, 1)
	}
}

// nearestCode is the number of the codebook's vector that is nearest to each of z's.
func nearestCode(z, book *ts.Tensor) *ts.Tensor {
	v, e := z.MustDetach(false).MustView([]int64{-1, codeSize}, true), book.MustDetach(false)
	defer e.MustDrop()
	across := e.MustT(false)
	defer across.MustDrop()
	far := v.MustMm(across, true).MustMulScalar(ts.FloatScalar(-2), true)
	long := e.MustSquare(false).MustSumDimIntlist([]int64{1}, false, gotch.Float, true)
	defer long.MustDrop()
	return far.MustAdd(long, true).MustArgmin([]int64{1}, false, true)
}

// quantisedLoss is the reconstruction's squared error, and that between the encoder's vectors
// and the code's: what moves the code to the encoder's, and a part that moves the encoder's
// to the code.
func quantisedLoss(out, y *ts.Tensor) *ts.Tensor {
	shown := out.MustNarrow(1, 0, pairLength, false)
	defer shown.MustDrop()
	z, q := out.MustNarrow(1, pairLength, codeLength, false), out.MustNarrow(1, pairLength+codeLength, codeLength, false)
	defer z.MustDrop()
	defer q.MustDrop()
	fixed, code := z.MustDetach(false), q.MustDetach(false)
	defer fixed.MustDrop()
	defer code.MustDrop()
	// A vector's distance counts in full, not by its elements' mean: each vector sees few examples.
	follow := squares(q, fixed).MustMulScalar(ts.FloatScalar(codeSize), true)
	defer follow.MustDrop()
	commit := squares(z, code).MustMulScalar(ts.FloatScalar(codeSize*codeIncluded), true)
	defer commit.MustDrop()
	return squares(shown, y).MustAdd(follow, true).MustAdd(commit, true)
}

// quantisedMetric is the reconstruction's R².
func quantisedMetric(out, y *ts.Tensor) float64 {
	shown := out.MustNarrow(1, 0, pairLength, false)
	defer shown.MustDrop()
	return explained(shown, y)
}
