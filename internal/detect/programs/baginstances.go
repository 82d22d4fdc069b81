package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// bagInstances tells whether a bag holds an item of one certain kind, of which nobody says
// which item it is (Dietterich and others 1997): one network looks at each item, gated
// attention says how much each counts, and another network reads the mean that it gives
// (Ilse, Tomczak and Welling 2018). Until attention finds the item that decides, the others
// hide most of what it has to say.
func bagInstances() *Program {
	return &Program{
		Name: "bag-instances",
		Plain: Recipe{Steps: 1000, Batch: 32, Rows: 3000, Optimizer: "adam", LR: 4e-3,
			Hidden: 1, Width: 24, Activation: "relu", Gain: 1},
		Chance: 0.5, Solved: 0.85,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(4).least(0.75),
			resized(128),
			clipped(0.05, 1),
			hard("a fifth of the bags mislabelled", func(r *Recipe) { r.Noise = 0.4 }).least(0.6),
			hard("few bags, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 60, 12 }).least(0.05),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 150, 0 }).least(0.25),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.05, 0.9 }).least(0.75),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.35, "sgd", 0.05, 0.9, 1300
			}).least(0.6),
			tuned(1000, 0.2, 0.3),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.TooSlow, "momentum, learning rate 1e-5", func(r *Recipe) {
				r.Optimizer, r.LR, r.Momentum = "sgd", 1e-5, 0.9
			}),
			fault(corpus.Vanishing, "five sigmoid layers for each item and five for the bag", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 5, "sigmoid", "sgd", 0.02, 0.9
			}),
			fault(corpus.Vanishing, "four tanh layers for each item and four for the bag, initialisation times 0.2", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 4, "tanh", 0.2, "sgd", 0.1
			}),
			fault(corpus.Exploding, "four layers for each item and four for the bag, initialisation times 6", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 4, 6, "sgd", 0.05
			}),
			fault(corpus.Exploding, "three layers for each item and three for the bag, initialisation times 5, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 3, 5, "sgd", 1e-3, 1
			}),
			bornDead(15),
			killed(20),
			bouncing(0.5, 25).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 20", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "sgd", 20
			}),
			faster(200),
			poisoned(30),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "features in units up to 3000 times apart, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR, r.Rows, r.Batch = "tanh", 3000, "sgd", 0.2, 150, 0
			}),
			symmetric(0),
			symmetric(1),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.2, "sgd", 0.05, 0.9, 1400
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.itemBags(b.Rows, b.Noise), test: b.itemBags(400, 0),
				forward: b.attendedBag(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	bagFewest   = 5 // items of a bag
	bagMost     = 8 // and of the largest
	bagIdle     = 3 // features of an item that say nothing
	bagTelling  = 3 // and that say what kind it is
	bagFeatures = bagIdle + bagTelling
)

// itemBags draws, rows × bagMost × (bagFeatures + 1), bags of items of nine kinds, eight of
// them around the corners of a cube and one around its middle; a bag with one or two of the
// last is of class 1, one without of class 0. The last number is 1 for an item that is there
// and 0 where a bag has fewer. A share of the labels is any. With a spread the features are in
// units up to so many times apart. A shift moves the cube.
func (b *builder) itemBags(rows int, wrong float64) examples {
	const deviation = 0.3
	x, y := make([]float32, rows*bagMost*(bagFeatures+1)), make([]int64, rows)
	for r := range y {
		count := bagFewest + b.data.IntN(bagMost-bagFewest+1)
		y[r] = b.data.Int64N(2)
		sought := 0
		if y[r] == 1 {
			sought = 1 + b.data.IntN(2)
		}
		for i, place := range b.data.Perm(count) {
			item := x[(r*bagMost+place)*(bagFeatures+1):][:bagFeatures+1]
			for f := range bagFeatures {
				v := b.data.NormFloat64()
				if f%2 == 0 {
					if v *= deviation; i >= sought {
						v += float64(2*b.data.IntN(2) - 1)
					}
				}
				if f == 0 {
					v += b.Shift
				}
				item[f] = float32(v * math.Pow(b.spread(), 0.5-float64(f)/(bagFeatures-1)))
			}
			item[bagFeatures] = 1
		}
		if b.data.Float64() < wrong {
			y[r] = b.data.Int64N(2)
		}
	}
	return examples{tensor(x, int64(rows), bagMost, bagFeatures+1), tensor(y, int64(rows))}
}

// attendedBag is a network for each item, the mean of what it makes of them with weights from
// gated attention, and a network for the bag.
func (b *builder) attendedBag() func(x *ts.Tensor, train bool) *ts.Tensor {
	const attentive = 12
	width := int64(b.Width)
	look := b.part("item-", bagFeatures, width)
	content := b.linear("attention-content", width, attentive, 1, false)
	gate := b.linear("attention-gate", width, attentive, 1, false)
	score := b.weight("attention", "weight", 1, false, 1, attentive)
	read := b.part("bag-", width, 2)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		items := x.MustNarrow(2, 0, bagFeatures, false)
		defer items.MustDrop()
		seen := look(items, train)
		defer seen.MustDrop()
		open := gate.forward(seen).MustSigmoid(true)
		defer open.MustDrop()
		heard := content.forward(seen).MustTanh(true).MustMul(open, true)
		defer heard.MustDrop()
		// Minus infinity, nearly, where there is no item.
		absent := x.MustNarrow(2, bagFeatures, 1, false).MustSubScalar(ts.FloatScalar(1), true).MustMulScalar(ts.FloatScalar(1e4), true)
		defer absent.MustDrop()
		flat := score.MustTranspose(0, 1, false)
		defer flat.MustDrop()
		shares := heard.MustMatmul(flat, false).MustAdd(absent, true).MustSoftmax(1, gotch.Float, true)
		defer shares.MustDrop()
		mean := seen.MustMul(shares, false).MustSumDimIntlist([]int64{1}, false, gotch.Float, true)
		defer mean.MustDrop()
		return read(mean, train)
	}
}
