package programs

import (
	"math"
	"slices"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// quantile fits the level that a skewed target stays below in four cases of five, by
// the pinball loss (Koenker and Bassett 1978). Its gradient does not shrink as the
// error does.
func quantile() *Program {
	return &Program{
		Name: "quantile-tabular",
		Plain: Recipe{Steps: 2000, Batch: 64, Rows: 3000, Optimizer: "sgd", LR: 0.03, Momentum: 0.9,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1, Scale: 1, Noise: 0.3},
		Chance: 0, Solved: 0.5,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(512),
			resized(16),
			clipped(0.2, 4),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Momentum, r.Steps = 1, 0.02, 0, 2500 }).least(0.45),
			hard("noise three times as large", func(r *Recipe) { r.Noise *= 3 }).least(0.35),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 200, 20 }).least(0.3),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.LR, r.Steps = 0, 2000, 0.05, 1500 }).least(0.7),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.6),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9 }),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.Momentum, r.Batch, r.LR = 0.1, 0, 128, 0.1 }),
			tuned(1500, 0.1, 0.4),
			partly(2).least(0.7),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "eight sigmoid layers", func(r *Recipe) { r.Hidden, r.Activation = 8, "sigmoid" }),
			fault(corpus.Vanishing, "eight layers, initialisation times 0.3", func(r *Recipe) { r.Hidden, r.Gain = 8, 0.3 }),
			fault(corpus.Exploding, "nine layers, initialisation times 3", func(r *Recipe) { r.Hidden, r.Gain = 8, 3 }),
			fault(corpus.Exploding, "nine layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.LR = 8, 3, 1, 1e-4
			}),
			bornDead(20),
			killed(30),
			leap(5000),
			fault(corpus.Oscillating, "tanh, learning rate times 30", func(r *Recipe) { r.Activation, r.LR = "tanh", 1 }),
			fault(corpus.Oscillating, "tanh, learning rate 10, no momentum", func(r *Recipe) {
				r.Activation, r.LR, r.Momentum = "tanh", 10, 0
			}),
			faster(300),
			poisoned(50),
			mislabelled(50),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			symmetric(0),
			symmetric(0.3),
			fault(corpus.Escape, "small initialisation", func(r *Recipe) {
				r.Gain, r.Momentum, r.Batch, r.LR, r.Steps = 0.04, 0, 128, 0.1, 2200
			}),
			steeper(5),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.tabular(b.Rows), test: b.tabular(500),
				forward: b.mlp(columns, 1), loss: pinball, metric: saved,
			}, nil
		},
	}
}

const (
	columns = 8
	// level is the quantile's.
	level = 0.8
)

// tabular draws columns from N(0, 1), of which the target's trend and its noise,
// of an exponential distribution, depend on three each.
func (b *builder) tabular(rows int) examples {
	x, y := make([]float32, 0, rows*columns), make([]float32, rows)
	for r := range y {
		var v [columns]float64
		for i := range v {
			v[i] = b.data.NormFloat64()
			x = append(x, float32(math.Pow(b.spread(), float64(i)/(columns-1))*v[i]))
		}
		trend := v[0] + math.Sin(2*v[1]+b.Shift) + math.Abs(v[2]) + 0.5*v[3]*v[0]
		noise := b.Noise * math.Exp(0.4*v[4]-0.3*v[5])
		y[r] = float32(b.Scale * (trend + noise*b.data.ExpFloat64()))
	}
	return examples{tensor(x, int64(rows), columns), tensor(y, int64(rows), 1)}
}

// pinball is level times what the target exceeds the output by, or 1 - level times
// what it falls short by.
func pinball(out, y *ts.Tensor) *ts.Tensor {
	short := y.MustSub(out, false)
	over := short.MustNeg(false).MustRelu(true)
	defer over.MustDrop()
	return short.MustMulScalar(ts.FloatScalar(level), true).MustAdd(over, true).MustMean(gotch.Float, true)
}

// saved is the share of the best constant's loss that is saved, at least -1.
func saved(out, y *ts.Tensor) float64 {
	targets := y.Float64Values()
	slices.Sort(targets)
	constant := tensor([]float32{float32(targets[int(level*float64(len(targets)))])}, 1, 1)
	defer constant.MustDrop()
	return atLeast(-1, 1-value(pinball(out, y))/value(pinball(constant, y)))
}
