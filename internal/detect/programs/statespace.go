package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// stateSpace tells sequences apart by what happened early in them, with layers of diagonal
// linear recurrences, which are computed as causal convolutions with the sums of their damped
// oscillations (Gupta and others 2022), gates (Dauphin and others 2017) and shortcuts. As in
// the linear recurrences before them, nothing keeps the states' factors below 1.
func stateSpace() *Program {
	return &Program{
		Name: "diagonal-state-space",
		Plain: Recipe{Steps: 1000, Batch: 24, Rows: 3000, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 8, Activation: "relu", Gain: 1, Recurrent: 1},
		Chance: 1.0 / soundKinds, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.7),
			resized(4).least(0.75),
			resized(96),
			clipped(0.1, 1),
			hard("a fifth of the labels wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1600 }).least(0.4),
			hard("few sequences, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 48, 12 }).least(0.1),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.02, 0.9 }).least(0.7),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 150, 0 }).least(0.3),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.4, "sgd", 0.02, 0.9, 1600
			}).least(0.6),
			tuned(1000, 0.3, 0.3),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "states that forget at once, no shortcuts, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Recurrent, r.Optimizer, r.LR = true, 0.1, "sgd", 0.05
			}),
			fault(corpus.Vanishing, "six layers of tanh, no shortcuts, initialisation times 0.4", func(r *Recipe) {
				r.Hidden, r.Activation, r.Bare, r.Gain, r.Optimizer, r.LR, r.Momentum = 6, "tanh", true, 0.4, "sgd", 0.02, 0.9
			}),
			fault(corpus.Exploding, "states that grow, factors of up to 1.8", func(r *Recipe) {
				r.Recurrent, r.Optimizer, r.LR = 1.8, "sgd", 0.02
			}),
			fault(corpus.Exploding, "states that grow, factors of up to 1.7, tanh, clipped", func(r *Recipe) {
				r.Recurrent, r.Activation, r.Optimizer, r.LR, r.Clip = 1.7, "tanh", "sgd", 1e-3, 1
			}),
			bornDead(15),
			killed(20),
			bouncing(0.5, 10).with("tanh"),
			tooFast(100),
			faster(100),
			poisoned(30),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			symmetric(0),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.25, "sgd", 0.02, 0.9, 1600
			}),
			steeper(1.4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.soundings(b.Rows, b.Noise), test: b.soundings(400, 0),
				forward: b.stateSpaces(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	soundTones  = 3
	soundKinds  = 2 * soundTones // classes
	soundLength = 24
	soundParts  = 2 // channels
	soundStates = 4 // pairs of states of each channel of a layer
)

// soundings draws, rows × channels × times, in the first channel a burst of one of three tones
// in the sequence's first half, in the second one a pulse, upward or downward, in its first
// quarter, and noise in both; the class is the tone and the pulse's direction. A share of the
// labels is any. With a spread the tone's channel has so many times larger numbers. A shift
// makes the tones higher.
func (b *builder) soundings(rows int, wrong float64) examples {
	const burst = 8
	x, y := make([]float32, rows*soundParts*soundLength), make([]int64, rows)
	for r := range y {
		tone, down := b.data.IntN(soundTones), b.data.IntN(2)
		wave := x[r*soundParts*soundLength:][:soundLength]
		pulse := x[(r*soundParts+1)*soundLength:][:soundLength]
		for t := range soundLength {
			wave[t], pulse[t] = float32(0.2*b.data.NormFloat64()), float32(0.2*b.data.NormFloat64())
		}
		frequency, phase := 0.5+0.8*float64(tone)+0.5*b.Shift, 2*math.Pi*b.data.Float64()
		start := b.data.IntN(soundLength/2 - burst + 1)
		for t := range burst {
			wave[start+t] += float32(1.4 * math.Sin(frequency*float64(t)+phase))
		}
		at := b.data.IntN(soundLength/4 - 1)
		for t := at; t < at+2; t++ {
			pulse[t] += float32(1.5 * float64(1-2*down))
		}
		for t := range wave {
			wave[t] *= float32(b.spread())
		}
		y[r] = int64(2*tone + down)
		if b.data.Float64() < wrong {
			y[r] = b.data.Int64N(soundKinds)
		}
	}
	return examples{tensor(x, int64(rows), soundParts, soundLength), tensor(y, int64(rows))}
}

// modes makes the factors by which the states shrink in a step and the angles by which they
// turn. The slowest ones hold for the whole sequence.
func (b *builder) modes(layer string, size int) (factors, angles *ts.Tensor) {
	shrink, turn := make([]float32, size*soundStates), make([]float32, size*soundStates)
	for i := range shrink {
		shrink[i], turn[i] = float32(b.Recurrent), 1
		if !b.Symmetric {
			shrink[i] = float32(b.Recurrent * (0.8 + 0.2*b.random.Float64()))
			turn[i] = float32(math.Pi * math.Pow(b.random.Float64(), 2))
		}
	}
	shape := []int64{int64(size), soundStates, 1}
	return b.add(layer, "factor", shrink, shape, param{role: recurrent, hidden: true}),
		b.add(layer, "angle", turn, shape, param{role: gain, hidden: true})
}

// stateSpaces is a linear layer at each time, Hidden layers of recurrences with gates, and a
// linear layer that reads the last time.
func (b *builder) stateSpaces() func(x *ts.Tensor, train bool) *ts.Tensor {
	type layer struct {
		factors, angles, even, odd, offset *ts.Tensor
		mixed                              linear
	}
	width := int64(b.Width)
	into := linear{b.weight("input", "weight", 1, false, width, soundParts), b.bias("input", "bias", width, false)}
	var layers []layer
	for i := range b.Hidden {
		name := fmt.Sprintf("states%d", i+1)
		var l layer
		l.factors, l.angles = b.modes(name, b.Width)
		l.even = b.weight(name, "even", 0.5, true, width, soundStates, 1)
		l.odd = b.weight(name, "odd", 0.5, true, width, soundStates, 1)
		l.offset = b.bias(name, "bias", width, true)
		l.mixed = linear{
			b.weight(name+"_gate", "weight", activations[b.Activation].gain, true, 2*width, width),
			b.bias(name+"_gate", "bias", 2*width, false),
		}
		layers = append(layers, l)
	}
	head := b.linear("output", width, soundKinds, 1, false)
	ages := make([]float32, soundLength) // of the past in steps, the oldest first
	for i := range ages {
		ages[i] = float32(soundLength - 1 - i)
	}
	age := tensor(ages, 1, 1, soundLength)
	// The convolution is a product with a matrix whose rows are the kernel, moved on by a time
	// from row to row, and zeros for what is yet to come: past is 1 for what is not.
	moved, is := make([]int64, 0, soundLength*soundLength), make([]float32, 0, soundLength*soundLength)
	for now := range soundLength {
		for then := range soundLength {
			moved = append(moved, int64(min(soundLength-1-now+then, soundLength-1)))
			factor := float32(1)
			if then > now {
				factor = 0
			}
			is = append(is, factor)
		}
	}
	move, past := tensor(moved, soundLength*soundLength), tensor(is, 1, soundLength*soundLength)
	// kernel is what a layer's channels make of a pulse, from last to first.
	kernel := func(l layer) *ts.Tensor {
		turned := l.angles.MustMul(age, false)
		cos, sin := turned.MustCos(false).MustMul(l.even, true), turned.MustSin(true).MustMul(l.odd, true)
		waves := cos.MustAdd(sin, true)
		sin.MustDrop()
		left := l.factors.MustPow(age, false)
		defer left.MustDrop()
		return waves.MustMul(left, true).MustSumDimIntlist([]int64{1}, true, gotch.Float, true)
	}
	causal := func(k, x *ts.Tensor) *ts.Tensor {
		k = k.MustIndexSelect(2, move, true).MustMul(past, true).MustReshape([]int64{width, soundLength, soundLength}, true)
		defer k.MustDrop()
		return k.MustBmm(x, false)
	}
	// point is the same linear layer at each time; the channels come first.
	point := func(l linear, x *ts.Tensor) *ts.Tensor {
		shape := x.MustSize()
		flat, offset := x.MustReshape([]int64{shape[0], -1}, false), l.b.MustUnsqueeze(1, false)
		defer flat.MustDrop()
		defer offset.MustDrop()
		return l.w.MustMatmul(flat, false).MustAdd(offset, true).MustReshape([]int64{-1, shape[1], shape[2]}, true)
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		first := x.MustPermute([]int64{1, 2, 0}, false)
		h := point(into, first)
		first.MustDrop()
		for _, l := range layers {
			offset := l.offset.MustReshape([]int64{width, 1, 1}, false)
			y := causal(kernel(l), h).MustAdd(offset, true)
			offset.MustDrop()
			y = b.drop(b.act(y), train)
			both := point(l.mixed, y)
			y.MustDrop()
			gate := both.MustNarrow(0, width, width, false).MustSigmoid(true)
			y = both.MustNarrow(0, 0, width, true).MustMul(gate, true)
			gate.MustDrop()
			if !b.Bare {
				y = y.MustAdd(h, true)
			}
			h.MustDrop()
			h = y
		}
		last := h.MustSelect(1, -1, true).MustT(true)
		defer last.MustDrop()
		return head.forward(last)
	}
}
