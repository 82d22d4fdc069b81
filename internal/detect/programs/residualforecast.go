package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// residualForecast foretells the next values of series of a trend and seasons from the last
// ones by blocks of fully connected layers (Oreshkin and others 2020): each says what it
// makes of the past and of the future, the next block is given what is left of the past,
// and the forecast is the sum of theirs.
func residualForecast() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "residual-forecast",
		Plain: Recipe{Steps: 1100, Batch: 24, Rows: 3000, Optimizer: "adam", LR: 6e-3,
			Hidden: 2, Width: 24, Activation: "relu", Gain: 1, Noise: 0.1},
		Chance: 0, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(3).least(0.75),
			resized(120),
			clipped(0.1, 1),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.2, 1 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1300 }).least(0.5),
			hard("few series, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 60, 12 }).least(0.2),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.02) }).least(0.75),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.02) }).least(0.75),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 300 }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.Steps = 0.15, 1300; momentum(r, 0.03) }).least(0.5),
			tuned(900, 0.2, 0.3),
			partly(2).least(0.7),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "six sigmoid layers in each block, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation = 6, 12, "sigmoid"
				descent(r, 0.05)
			}),
			fault(corpus.Vanishing, "six layers of tanh in each block, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain = 6, 12, "tanh", 0.2
				momentum(r, 0.02)
			}),
			fault(corpus.Exploding, "four layers in each block, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain = 4, 4
				descent(r, 0.01)
			}),
			fault(corpus.Exploding, "initialisation times 4, clipped", func(r *Recipe) {
				r.Gain, r.Clip = 4, 1
				descent(r, 1e-3)
			}),
			bornDead(10),
			killed(15),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.3", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.3 }),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Clip = "tanh", 0.5
				momentum(r, 0.2)
				r.Momentum = 0.99
			}),
			bouncing(0.5, 4).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 5", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 5)
			}),
			faster(100),
			poisoned(10),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, older values in another currency, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Batch, r.Rows = "tanh", 100, 0, 300
				descent(r, 0.05)
			}),
			fault(corpus.IllConditioned, "a level that was not taken away, batches of 48", func(r *Recipe) {
				// The mean's direction is as much steeper than all others as its square is larger.
				r.Offset, r.Batch = 10, 48
				descent(r, 2.5e-4)
			}),
			symmetric(0),
			fault(corpus.Saddle, "all weights 0, tanh, full batches, momentum", func(r *Recipe) {
				r.Symmetric, r.Gain, r.Activation, r.Batch, r.Rows = true, 0, "tanh", 0, 200
				momentum(r, 0.02)
			}),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Steps = 0.015, 1700
				momentum(r, 0.015)
			}),
			fault(corpus.Escape, "tanh, small initialisation, full batches", func(r *Recipe) {
				r.Activation, r.Gain, r.Batch, r.Rows, r.Steps = "tanh", 0.01, 0, 200, 1700
				momentum(r, 0.012)
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 1e-3)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.seasonalWindows(b.Rows, b.Noise), test: b.seasonalWindows(400, 0),
				forward: b.backcastBlocks(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	seasonalPast   = 24
	seasonalFuture = 6
	seasonalBlocks = 3
)

// seasonalWindows draws series of a trend and two seasons, of which the longer has a length
// of its own in each, the last values and, with noise, the next ones. With a spread the
// older half is in a currency of that many times the newer half's numbers, an offset is
// added to the past and not to what is foretold. A shift makes the seasons longer.
func (b *builder) seasonalWindows(rows int, noise float64) examples {
	x, y := make([]float32, 0, rows*seasonalPast), make([]float32, 0, rows*seasonalFuture)
	for range rows {
		level, slope := 0.5*b.data.NormFloat64(), 0.04*b.data.NormFloat64()
		long, short := 9+3*b.data.Float64()+4*b.Shift, 4.0+b.Shift
		turn, strength := 2*math.Pi*b.data.Float64(), 0.8+0.6*b.data.Float64()
		begun, weaker := 2*math.Pi*b.data.Float64(), 0.4+0.4*b.data.Float64()
		for t := range seasonalPast + seasonalFuture {
			at := float64(t - seasonalPast)
			value := level + slope*at + strength*math.Sin(2*math.Pi*at/long+turn) + weaker*math.Sin(2*math.Pi*at/short+begun)
			if t >= seasonalPast {
				y = append(y, float32(value+noise*b.error()))
				continue
			}
			unit := math.Sqrt(b.spread())
			if t >= seasonalPast/2 {
				unit = 1 / unit
			}
			x = append(x, float32(unit*(value+0.1*b.data.NormFloat64())+b.Offset))
		}
	}
	return examples{tensor(x, int64(rows), seasonalPast), tensor(y, int64(rows), seasonalFuture)}
}

// backcastBlocks is the blocks, each an mlp from the past to itself and the future.
func (b *builder) backcastBlocks() func(x *ts.Tensor, train bool) *ts.Tensor {
	var blocks [seasonalBlocks]func(x *ts.Tensor, train bool) *ts.Tensor
	for i := range blocks {
		blocks[i] = b.part(fmt.Sprintf("block%d-", i+1), seasonalPast, seasonalPast+seasonalFuture)
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		left := x.MustShallowClone()
		defer func() { left.MustDrop() }()
		var sum *ts.Tensor
		for _, block := range blocks {
			made := block(left, train)
			back := made.MustNarrow(1, 0, seasonalPast, false)
			ahead := made.MustNarrow(1, seasonalPast, seasonalFuture, true)
			left = left.MustSub(back, true)
			back.MustDrop()
			if sum == nil {
				sum = ahead
				continue
			}
			sum = sum.MustAdd(ahead, true)
			ahead.MustDrop()
		}
		return sum
	}
}
