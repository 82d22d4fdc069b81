package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// unrolledShrinkage finds sparse codes from half as many measurements: a few iterations of
// shrinkage and thresholding, whose matrices and thresholds are learnt (Gregor and LeCun 2010).
// All iterations have the same matrix, so that gradients come back through it as often.
func unrolledShrinkage() *Program {
	return &Program{
		Name: "unrolled-shrinkage",
		Plain: Recipe{Steps: 1000, Batch: 64, Rows: 6000, Optimizer: "adam", LR: 8e-3,
			Hidden: 5, Width: 48, Activation: "relu", Gain: 1, Recurrent: 0.5, Bias: -0.1},
		Chance: 0, Solved: 0.6,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(8).least(0.7),
			resized(400),
			clipped(0.05, 1),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.2, 1 }).least(0.6),
			hard("targets with more noise than signal", func(r *Recipe) { r.Noise = 1.5 }).least(0.5),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1400 }).least(0.4),
			hard("few codes, learnt by heart", func(r *Recipe) { r.Rows = 128 }).least(0.1),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 300, 0 }).least(0.2),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.1, 0.9 }).least(0.6),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.2, 0.9 }).least(0.6),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Bias, r.Optimizer, r.LR, r.Momentum = 0.1, 0, "sgd", 0.1, 0.9
			}).least(0.5),
			tuned(800, 0.2, 0.2),
			partly(1).least(0.6),
			tooSlow(3e-4),
			fault(corpus.TooSlow, "plain gradient descent, learning rate 1e-4", func(r *Recipe) {
				r.Optimizer, r.LR = "sgd", 1e-4
			}),
			fault(corpus.Vanishing, "the measurements at the start only, recurrence times 0.05, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Recurrent, r.Bias, r.Optimizer, r.LR = true, 0.05, 0, "sgd", 0.1
			}),
			fault(corpus.Vanishing, "the measurements at the start only, eight iterations of sigmoid units", func(r *Recipe) {
				r.Bare, r.Hidden, r.Activation, r.Bias, r.Recurrent, r.Optimizer, r.LR, r.Momentum = true, 8, "sigmoid", 0, 1, "sgd", 0.02, 0.9
			}),
			fault(corpus.Exploding, "eight iterations, recurrence times 6", func(r *Recipe) {
				r.Hidden, r.Recurrent, r.Optimizer, r.LR = 8, 6, "sgd", 0.05
			}),
			fault(corpus.Exploding, "six iterations, recurrence times 5, clipped", func(r *Recipe) {
				r.Hidden, r.Recurrent, r.Optimizer, r.LR, r.Clip = 6, 5, "sgd", 1e-3, 1
			}),
			bornDead(20),
			killed(20),
			fault(corpus.Oscillating, "units of tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum, r.Clip = "tanh", "sgd", 1, 0.99, 0.5
			}),
			bouncing(0.5, 40).with("tanh"),
			fault(corpus.Diverging, "plain gradient descent, learning rate 30", func(r *Recipe) {
				r.Optimizer, r.LR = "sgd", 30
			}),
			faster(100),
			poisoned(10),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "measurements in scales up to 100 times apart, full batches", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR, r.Rows, r.Batch = 100, "sgd", 0.03, 1000, 0
			}),
			symmetric(0),
			symmetric(0.1),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			atoms := b.measuredAtoms()
			return &task{
				training: b.sparseCodes(atoms, b.Rows, b.Noise), test: b.sparseCodes(atoms, 500, 0),
				forward: b.thresholdings(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	sparseMeasured = 12
	sparseEntries  = 24
	sparseActive   = 2 // entries of a code that are not 0
)

// measuredAtoms draws what each entry of a code adds to the measurements. A shift moves it
// towards others.
func (b *builder) measuredAtoms() []float64 {
	atoms := make([]float64, sparseMeasured*sparseEntries)
	for i := range atoms {
		atoms[i] = b.data.NormFloat64()
	}
	for i := range atoms {
		atoms[i] = (atoms[i] + b.Shift*b.data.NormFloat64()) / math.Sqrt(sparseEntries)
	}
	return atoms
}

// sparseCodes draws measurements of codes, and the codes, of variance 1, with noise. With a
// spread the measurements are in units that differ so much.
func (b *builder) sparseCodes(atoms []float64, rows int, noise float64) examples {
	x, y := make([]float32, 0, rows*sparseMeasured), make([]float32, 0, rows*sparseEntries)
	strength := math.Sqrt(sparseEntries / sparseActive)
	for range rows {
		var code [sparseEntries]float64
		for _, i := range b.data.Perm(sparseEntries)[:sparseActive] {
			code[i] = strength * b.data.NormFloat64()
		}
		for m := range sparseMeasured {
			v := 0.03 * b.data.NormFloat64()
			for i, c := range code {
				v += atoms[m*sparseEntries+i] * c
			}
			x = append(x, float32(v*math.Pow(b.spread(), 0.5-float64(m)/(sparseMeasured-1))))
		}
		for _, c := range code {
			y = append(y, float32(c+noise*b.error()))
		}
	}
	return examples{tensor(x, int64(rows), sparseMeasured), tensor(y, int64(rows), sparseEntries)}
}

// thresholdings is Hidden iterations over Width units, and a linear layer that reads the code
// off the last one. The measurements enter each of them, or, without shortcuts, the first
// only. Rectifiers shrink from both sides: the biases are the negative thresholds.
func (b *builder) thresholdings() func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	enter := b.weight("measurements", "weight", 1, true, width, sparseMeasured)
	again := b.recurrence("iteration", "weight", 1, width)
	var thresholds []*ts.Tensor
	for i := range b.Hidden {
		thresholds = append(thresholds, b.bias(fmt.Sprintf("threshold%d", i+1), "bias", width, true))
	}
	head := b.linear("output", width, sparseEntries, 0.3, false)
	none := ts.NewTensor()
	unit := func(v, bias *ts.Tensor) *ts.Tensor {
		if b.Activation != "relu" {
			return b.act(v.MustAdd(bias, false))
		}
		below := v.MustNeg(false).MustAdd(bias, true).MustRelu(true)
		defer below.MustDrop()
		return v.MustAdd(bias, false).MustRelu(true).MustSub(below, true)
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		entered := ts.MustLinear(x, enter, none)
		defer entered.MustDrop()
		z := unit(entered, thresholds[0])
		for _, bias := range thresholds[1:] {
			v := ts.MustLinear(z, again, none)
			z.MustDrop()
			if !b.Bare {
				v = v.MustAdd(entered, true)
			}
			z = b.drop(unit(v, bias), train)
			v.MustDrop()
		}
		defer z.MustDrop()
		return head.forward(z)
	}
}
