package programs

import (
	"math"
	"slices"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// pointerSorting puts things in order by pointing at them, as pointer networks do (Vinyals,
// Fortunato and Jaitly 2015): the answer's symbols are the places of the input, so that each
// place of the order has a softmax over the things. A thing is known by a few readings, whose
// weighted sum decides, and it is compared with the mean of what a net makes of all of them.
func pointerSorting() *Program {
	return &Program{
		Name: "pointer-sorting",
		Plain: Recipe{Steps: 1000, Batch: 32, Rows: 2000, Optimizer: "adam", LR: 3e-3,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1},
		Chance: 1.0 / sortedThings, Solved: 0.7,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(4).least(0.75),
			resized(160),
			clipped(0.05, 1),
			hard("a fifth of the orders wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.7),
			hard("one set in a step", func(r *Recipe) { r.Batch, r.LR = 1, 1e-3 }).least(0.5),
			hard("few sets, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 40, 10 }).least(0.2),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 200, 0 }).least(0.5),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.05 }).least(0.6),
			hard("losses of millions", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.05, 0.9
			}).least(0.7),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = "tanh", 0.24, "sgd", 0.1, 0.9
			}).least(0.6),
			tuned(1000, 0.2, 0.4),
			partly(2).least(0.6),
			tooSlow(3e-4),
			fault(corpus.TooSlow, "tanh, momentum, learning rate 1e-6", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum = "tanh", "sgd", 1e-6, 0.9
			}),
			fault(corpus.Vanishing, "five sigmoid layers before the mean and five after it, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 5, "sigmoid", "sgd", 0.05, 0.9
			}),
			fault(corpus.Vanishing, "five rectified layers before the mean and five after it, initialisation times 0.25", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 5, 0.25, "sgd", 0.1
			}),
			fault(corpus.Exploding, "four layers before the mean and four after it, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 4, 5, "sgd", 0.05
			}),
			fault(corpus.Exploding, "five layers of tanh before the mean and five after it, initialisation times 10, clipped", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Clip = 5, "tanh", 10, "sgd", 3e-3, 1
			}),
			bornDead(20),
			killed(40),
			bouncing(0.5, 8).with("tanh"),
			fault(corpus.Diverging, "tanh, momentum, learning rate times 300 early on", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum = "tanh", "sgd", 0.05, 0.9
				r.Fault = Fault{Kind: LongSteps, At: 0.25, Size: 300}
			}),
			faster(200).with("tanh"),
			poisoned(40),
			mislabelled(40),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, readings in units up to 300 times apart, plain gradient descent", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR = "tanh", 300, "sgd", 0.5
			}),
			fault(corpus.IllConditioned, "tanh, readings in units up to 300 times apart, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR, r.Rows, r.Batch = "tanh", 300, "sgd", 0.3, 200, 0
			}),
			symmetric(0),
			symmetric(0.1),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = "tanh", 0.187, "sgd", 0.1, 0.9
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.unsortedThings(b.Rows, b.Noise), test: b.unsortedThings(300, 0),
				forward: b.pointers(),
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
	sortedThings   = 5
	thingReadings  = 4
	sortedSmallest = 0.15 // difference of two things
)

// unsortedThings draws, rows × things × readings, sets of things of which no two are nearly the
// same, and for each place of the order, the smallest first, where its thing stands; a share
// of the orders are any. With a spread the readings are in units that are up to so many times
// apart; a shift changes what they weigh.
func (b *builder) unsortedThings(rows int, wrong float64) examples {
	x, y := make([]float32, 0, rows*sortedThings*thingReadings), make([]int64, 0, rows*sortedThings)
	weights := [thingReadings]float64{0.5 + b.Shift, -0.5, 0.5, -0.5 + b.Shift}
	var things [sortedThings][thingReadings]float64
	var sizes [sortedThings]float64
	draw := func() (least float64) {
		for i := range things {
			sizes[i] = 0
			for j, w := range weights {
				things[i][j] = b.data.NormFloat64()
				sizes[i] += w * things[i][j]
			}
		}
		ordered := sizes
		slices.Sort(ordered[:])
		least = math.Inf(1)
		for i := range ordered[1:] {
			least = min(least, ordered[i+1]-ordered[i])
		}
		return least
	}
	for range rows {
		for draw() < sortedSmallest {
		}
		for i := range things {
			for j, v := range things[i] {
				x = append(x, float32(v*math.Pow(b.spread(), 0.5-float64(j)/(thingReadings-1))))
			}
		}
		places := b.data.Perm(sortedThings)
		if b.data.Float64() >= wrong {
			slices.SortFunc(places, func(i, j int) int {
				if sizes[i] < sizes[j] {
					return -1
				}
				return 1
			})
		}
		for _, p := range places {
			y = append(y, int64(p))
		}
	}
	return examples{tensor(x, int64(rows), sortedThings, thingReadings), tensor(y, int64(rows), sortedThings)}
}

// pointers computes, for all places of all sets, one a row, the logits of the things.
func (b *builder) pointers() func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	look, point := b.part("thing-", thingReadings, width), b.part("pointer-", 2*width, sortedThings)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		each := look(x, train)
		defer each.MustDrop()
		all := each.MustMeanDim([]int64{1}, true, gotch.Float, false)
		defer all.MustDrop()
		beside := all.MustExpand([]int64{-1, sortedThings, -1}, false, false)
		defer beside.MustDrop()
		both := ts.MustCat([]*ts.Tensor{each, beside}, 2)
		defer both.MustDrop()
		return point(both, train).MustTranspose(1, 2, true).MustReshape([]int64{-1, sortedThings}, true)
	}
}
