package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// radialUnits predicts a chaotic series, that of Mackey and Glass (1977), from a few of its
// past values: Gaussian units whose centres are examples at first and whose widths are the
// examples' usual distance, both trained, and layers that read them (Broomhead and Lowe
// 1988; Moody and Darken 1989, from whom the series is, too).
func radialUnits() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "radial-units",
		Plain: Recipe{Steps: 1100, Batch: 24, Rows: 2000, Optimizer: "adam", LR: 1e-2,
			Hidden: 1, Width: 24, Activation: "relu", Gain: 1, Noise: 0.05},
		Chance: 0, Solved: 0.7,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(3).least(0.75),
			resized(120),
			clipped(0.05, 1),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.1, 1 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2e-3, 1300 }).least(0.6),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 150, 10 }).least(0.2),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.05) }).least(0.6),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.05) }).least(0.6),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 200 }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.Hidden = 0.2, 2; momentum(r, 0.05) }).least(0.5),
			tuned(800, 0.2, 0.2),
			partly(2).least(0.6),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "seven sigmoid layers behind the units, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation = 7, "sigmoid"
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "seven layers of tanh behind the units, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain = 7, "tanh", 0.2
				momentum(r, 0.03)
			}),
			fault(corpus.Exploding, "seven layers behind the units, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain = 7, 5
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "six layers behind the units, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 6, 4, 1
				descent(r, 1e-3)
			}),
			bornDead(8),
			killed(15),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.7", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.7 }),
			bouncing(0.5, 8).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 20", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 20)
			}),
			faster(300),
			faster(500).with("tanh"),
			mislabelled(60),
			injected(corpus.Poisoned, "targets mixed up with a very large weight", BadLabels, 0.6, 300, false),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "past values in units up to 100 times apart, full batches", func(r *Recipe) {
				r.Spread, r.Batch, r.Rows = 100, 0, 300
				descent(r, 0.3)
			}),
			fault(corpus.IllConditioned, "tanh, past values in units up to 100 times apart, batches of 40", func(r *Recipe) {
				r.Activation, r.Spread, r.Batch = "tanh", 100, 40
				descent(r, 0.1)
			}),
			fault(corpus.Saddle, "all weights 0, full batches", func(r *Recipe) {
				r.Symmetric, r.Gain, r.Batch, r.Rows = true, 0, 0, 300
			}),
			symmetric(0.5).with("tanh").most(0.7),
			fault(corpus.Escape, "two layers of tanh, small initialisation, full batches", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Batch, r.Rows = 2, "tanh", 0.022, 0, 300
				momentum(r, 0.01)
			}),
			fault(corpus.Escape, "two layers of tanh, small initialisation, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain = 2, "tanh", 0.025
				momentum(r, 0.01)
			}),
			steeper(5),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 3e-3)
			}),
		},
		build: func(b *builder) (*task, error) {
			training := b.chaoticSeries(b.Rows, b.Noise)
			return &task{
				training: training, test: b.chaoticSeries(400, 0),
				forward: b.gaussianUnits(training.x), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	chaoticLags    = 4 // past values
	chaoticApart   = 6 // time between them
	chaoticHorizon = 15
)

// chaoticSeries draws moments of the series, rows × lags, and with noise what its value is
// some time later. With a spread the past values are in units that are up to so many times
// apart. A shift makes the series' own delay shorter by so large a part.
func (b *builder) chaoticSeries(rows int, noise float64) examples {
	const (
		substeps    = 4 // of a unit of time
		settled     = 300
		usual, wide = 0.9, 0.27 // mean and standard deviation
	)
	delay := int(math.Round(30 * (1 - b.Shift) * substeps))
	before := (chaoticLags - 1) * chaoticApart
	moments := before + rows + chaoticHorizon
	course := make([]float64, 0, delay+(settled+moments)*substeps)
	for level := 0.6 + 0.6*b.data.Float64(); len(course) < delay+1; {
		course = append(course, level)
	}
	for len(course) < cap(course) {
		now, past := course[len(course)-1], course[len(course)-1-delay]
		course = append(course, now+(0.2*past/(1+math.Pow(past, 10))-0.1*now)/substeps)
	}
	at := func(moment int) float64 { return (course[delay+(settled+moment)*substeps-1] - usual) / wide }
	x, y := make([]float32, 0, rows*chaoticLags), make([]float32, 0, rows)
	for r := range rows {
		for lag := range chaoticLags {
			unit := math.Pow(b.spread(), 0.5-float64(lag)/(chaoticLags-1))
			x = append(x, float32(unit*at(before+r-lag*chaoticApart)))
		}
		y = append(y, float32(at(before+r+chaoticHorizon)+noise*b.error()))
	}
	return examples{tensor(x, int64(rows), chaoticLags), tensor(y, int64(rows), 1)}
}

// gaussianUnits is Width Gaussian units and an mlp of what they say.
func (b *builder) gaussianUnits(x *ts.Tensor) func(x *ts.Tensor, train bool) *ts.Tensor {
	units, rows := int64(b.Width), x.Vals().([]float32)
	centres, widths := make([]float32, 0, units*chaoticLags), make([]float32, units)
	var distance float64 // mean square, of an example from the series' mean
	for _, v := range rows {
		distance += float64(v*v) / float64(len(rows)/chaoticLags)
	}
	for i := range widths {
		row := chaoticLags * b.random.IntN(len(rows)/chaoticLags)
		for _, v := range rows[row : row+chaoticLags] {
			if b.Symmetric {
				v = 0
			}
			centres = append(centres, v)
		}
		widths[i] = float32(math.Log(distance / 2))
	}
	centre := b.add("units", "centres", centres, []int64{units, chaoticLags}, param{role: gain})
	width := b.add("units", "log_variances", widths, []int64{units}, param{role: gain})
	head := b.mlp(units, 1)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		far := x.MustUnsqueeze(1, false).MustSub(centre, true).MustSquare(true).
			MustSumDimIntlist([]int64{2}, false, gotch.Float, true)
		sharp := width.MustNeg(false).MustExp(true).MustMulScalar(ts.FloatScalar(-0.5), true)
		defer sharp.MustDrop()
		near := far.MustMul(sharp, true).MustExp(true)
		defer near.MustDrop()
		return head(near, train)
	}
}
