package programs

import (
	"math"
	"slices"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// sinkhornSorting puts items in order by a matrix that is nearly a permutation (Mena and
// others 2018): a net scores each item, which it sees alone, for each place, and rows and
// columns of the exponentials are normalised in turn (Sinkhorn 1964), so that items compete
// for places and places for items. A hidden function of an item's readings decides.
func sinkhornSorting() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "sinkhorn-sorting", HeldOut: true,
		Plain: Recipe{Steps: 1000, Batch: 32, Rows: 1500, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 24, Activation: "relu", Gain: 1},
		Chance: 1.0 / sinkhornItems, Solved: 0.65,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(4).least(0.75),
			resized(160),
			clipped(0.05, 1),
			easy("plain gradient descent", func(r *Recipe) { descent(r, 0.3) }).least(0.7),
			easy("tanh, momentum", func(r *Recipe) { r.Activation = "tanh"; momentum(r, 0.05) }).least(0.7),
			hard("a quarter of the orders wrong", func(r *Recipe) { r.Noise = 0.25 }).least(0.7),
			hard("one set in a step", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1300 }).least(0.5),
			hard("few sets, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 30, 10 }).least(0.2),
			hard("full batches, plain gradient descent", func(r *Recipe) { r.Rows, r.Batch = 150, 0; descent(r, 0.5) }).least(0.6),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.05 }).least(0.6),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.05) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Activation = 1e6, "tanh"; descent(r, 0.5) }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Activation, r.Gain = "tanh", 0.05; momentum(r, 0.1) }).least(0.6),
			tuned(800, 0.2, 0.4),
			partly(2).least(0.6),
			tooSlow(2e-4).most(0.3),
			fault(corpus.TooSlow, "momentum, learning rate 2e-6", func(r *Recipe) { momentum(r, 2e-6) }).most(0.3),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation = 8, 16, "sigmoid"
				descent(r, 0.3)
			}),
			fault(corpus.Vanishing, "seven tanh layers, initialisation times 0.15, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain = 7, 16, "tanh", 0.15
				momentum(r, 0.05)
			}),
			fault(corpus.Exploding, "six layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain = 6, 16, 5
				descent(r, 0.3)
			}),
			fault(corpus.Exploding, "six layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain, r.Clip = 6, 16, 4, 1
				descent(r, 2e-3)
			}),
			bornDead(20),
			killed(40),
			bouncing(0.5, 60).with("tanh"),
			faster(300),
			fault(corpus.Diverging, "tanh, momentum, learning rate times 300 from early on", func(r *Recipe) {
				r.Activation = "tanh"
				momentum(r, 0.05)
				r.Fault = Fault{Kind: LongSteps, At: 0.25, Size: 300}
			}),
			poisoned(40),
			mislabelled(40),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "readings in units up to 1000 times apart, full batches", func(r *Recipe) {
				r.Spread, r.Gain, r.Rows, r.Batch = 1000, 0.3, 150, 0
				descent(r, 0.08)
			}),
			fault(corpus.IllConditioned, "readings in units up to 1000 times apart, batches of 32", func(r *Recipe) {
				r.Spread, r.Gain = 1000, 0.3
				descent(r, 0.08)
			}),
			symmetric(0),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Steps = "tanh", 0.0024, 1700
				momentum(r, 0.1)
			}),
			fault(corpus.Escape, "small initialisation, full batches", func(r *Recipe) {
				r.Gain, r.Steps, r.Rows, r.Batch = 0.006, 1700, 150, 0
				descent(r, 0.5)
			}),
			steeper(5),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 0.05)
			}),
		},
		build: func(b *builder) (*task, error) {
			score := b.mlp(sinkhornReadings, sinkhornItems)
			return &task{
				training: b.jumbledItems(b.Rows, b.Noise), test: b.jumbledItems(300, 0),
				forward: func(x *ts.Tensor, train bool) *ts.Tensor { return sinkhornRounds(score(x, train)) },
				loss: func(out, y *ts.Tensor) *ts.Tensor {
					places := y.MustReshape([]int64{-1}, false)
					defer places.MustDrop()
					return crossEntropy(out, places)
				},
				metric: func(out, y *ts.Tensor) float64 {
					places := y.MustReshape([]int64{-1}, false)
					defer places.MustDrop()
					return accuracy(out, places)
				},
			}, nil
		},
	}
}

const (
	sinkhornItems    = 5
	sinkhornReadings = 4
	sinkhornTimes    = 5    // that columns and rows are normalised
	sinkhornApart    = 0.15 // what two items differ by at least
)

// jumbledItems draws sets of items, rows × items × readings, and each item's place in the
// order; a share of the orders are any. With a spread the readings are in units that are up
// to so many times apart. A shift changes what they count for.
func (b *builder) jumbledItems(rows int, wrong float64) examples {
	x, y := make([]float32, 0, rows*sinkhornItems*sinkhornReadings), make([]int64, 0, rows*sinkhornItems)
	var items [sinkhornItems][sinkhornReadings]float64
	var sizes [sinkhornItems]float64
	draw := func() bool {
		for i := range items {
			v := &items[i]
			for j := range v {
				v[j] = b.data.NormFloat64()
			}
			sizes[i] = v[0] + (b.Shift-1)*v[1] + math.Tanh(2*v[2]) + (0.8-b.Shift)*math.Abs(v[3])
		}
		ordered := sizes
		slices.Sort(ordered[:])
		for i := range ordered[1:] {
			if ordered[i+1]-ordered[i] < sinkhornApart {
				return false
			}
		}
		return true
	}
	for range rows {
		for !draw() {
		}
		any, wrong := b.data.Perm(sinkhornItems), b.data.Float64() < wrong
		for i, item := range items {
			for j, v := range item {
				x = append(x, float32(v*math.Pow(b.spread(), 0.5-float64(j)/(sinkhornReadings-1))))
			}
			place := 0
			for _, size := range sizes {
				if size < sizes[i] {
					place++
				}
			}
			if wrong {
				place = any[i]
			}
			y = append(y, int64(place))
		}
	}
	return examples{tensor(x, int64(rows), sinkhornItems, sinkhornReadings), tensor(y, int64(rows), sinkhornItems)}
}

// sinkhornRounds normalises the scores, which it drops, over items and places in turn, and
// gives the logarithms of the shares that items have in places, an item a row.
func sinkhornRounds(scores *ts.Tensor) *ts.Tensor {
	for range sinkhornTimes {
		scores = scores.MustLogSoftmax(1, gotch.Float, true).MustLogSoftmax(2, gotch.Float, true)
	}
	return scores.MustReshape([]int64{-1, sinkhornItems}, true)
}
