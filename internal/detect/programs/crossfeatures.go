package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// crossFeatures tells whether a customer buys, from numbers and two classes whose products
// matter more than they do by themselves, by a deep and cross network (Wang, Fu, Fu and
// Wang 2017): cross layers multiply the features by sums of them, beside an mlp. Bare, the
// mlp is not beside the cross layers but behind them (Wang and others 2021), so that all
// that is learnt goes through it.
func crossFeatures() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "cross-features",
		Plain: Recipe{Steps: 1100, Batch: 32, Rows: 4000, Optimizer: "adam", LR: 8e-3,
			Hidden: 2, Width: 24, Activation: "relu", Gain: 1},
		Chance: 0.5, Solved: 0.78,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(4).least(0.75),
			resized(160),
			clipped(0.1, 1),
			hard("a fifth of the labels wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.65),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2e-3, 1300 }).least(0.3),
			hard("few customers, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 80, 20 }).least(0.15),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 500 }).least(0.6),
			hard("dropout and weight decay", func(r *Recipe) {
				r.Optimizer, r.WeightDecay, r.Dropout = "adamw", 0.1, 0.2
			}).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.03) }).least(0.75),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Clip = 1e6, 1e6; momentum(r, 0.03) }).least(0.75),
			hard("the mlp behind the cross layers, a long flat start", func(r *Recipe) {
				r.Bare, r.Gain, r.Steps = true, 0.15, 1300
				momentum(r, 0.05)
			}).least(0.5),
			tuned(900, 0.2, 0.3),
			partly(2).least(0.7),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "seven sigmoid layers behind the cross layers, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Hidden, r.Width, r.Activation = true, 7, 16, "sigmoid"
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "seven layers of tanh behind the cross layers, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Bare, r.Hidden, r.Width, r.Activation, r.Gain = true, 7, 16, "tanh", 0.2
				momentum(r, 0.02)
			}),
			fault(corpus.Exploding, "six layers behind the cross layers, initialisation times 5", func(r *Recipe) {
				r.Bare, r.Hidden, r.Gain = true, 6, 5
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "five layers beside the cross layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 5, 4, 1
				descent(r, 1e-3)
			}),
			bornDead(15).behind(),
			killed(20).behind(),
			fault(corpus.Oscillating, "tanh behind the cross layers, Adam with learning rate 1", func(r *Recipe) {
				r.Bare, r.Activation, r.LR = true, "tanh", 1
			}),
			bouncing(0.5, 20).with("tanh").behind(),
			fault(corpus.Diverging, "plain gradient descent, learning rate 5", func(r *Recipe) { descent(r, 5) }),
			faster(100),
			poisoned(30),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "numbers in units up to 30 times apart, full batches", func(r *Recipe) {
				r.Spread, r.Batch, r.Rows = 30, 0, 500
				descent(r, 0.05)
			}),
			fault(corpus.IllConditioned, "tanh behind the cross layers, numbers in units up to 30 times apart, batches of 64", func(r *Recipe) {
				r.Bare, r.Activation, r.Spread, r.Batch = true, "tanh", 30, 64
				descent(r, 0.2)
			}),
			symmetric(0).behind(),
			symmetric(1).with("tanh").behind().most(0.65),
			fault(corpus.Escape, "the mlp behind the cross layers, small initialisation, momentum", func(r *Recipe) {
				r.Bare, r.Gain, r.Steps = true, 0.02, 1700
				momentum(r, 0.05)
			}),
			fault(corpus.Escape, "the mlp behind the cross layers, small initialisation, full batches", func(r *Recipe) {
				r.Bare, r.Gain, r.Batch, r.Rows, r.Steps = true, 0.025, 0, 400, 1700
				momentum(r, 0.03)
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 3e-3)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.shoppers(b.Rows, b.Noise), test: b.shoppers(500, 0),
				forward: b.deepAndCross(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

// behind has the mlp behind the cross layers.
func (c Case) behind() Case {
	change := c.change
	c.Name += ", the mlp behind the cross layers"
	c.change = func(r *Recipe) {
		change(r)
		r.Bare = true
	}
	return c
}

const (
	shopperNumbers = 8
	shopperClasses = 5 // of each of the two fields
	shopperVector  = 3 // numbers that a class is embedded in
	shopperCrosses = 2 // cross layers
)

// shoppers draws customers, rows × (numbers, the first field's class, the second's), and
// whether they buy: the price counts for more in some classes than in others, and some
// pairs of numbers matter together. With a spread the numbers are in units that are up to
// so many times apart. A shift gives the numbers a part in the decision that they had not.
func (b *builder) shoppers(rows int, wrong float64) examples {
	tastes := [shopperClasses]float64{-1.5, -0.8, 0, 0.8, 1.5}
	const columns = shopperNumbers + 2*shopperClasses
	x, y := make([]float32, rows*columns), make([]int64, rows)
	for r := range y {
		row := x[r*columns:][:columns]
		var v [shopperNumbers]float64
		for i := range v {
			v[i] = b.data.NormFloat64()
			unit := math.Pow(b.spread(), 0.5-float64(i)/(shopperNumbers-1))
			row[i] = float32(unit*v[i] + b.Offset)
		}
		first, second := b.data.IntN(shopperClasses), b.data.IntN(shopperClasses)
		row[shopperNumbers+first], row[shopperNumbers+shopperClasses+second] = 1, 1
		inclined := 1.5*v[0]*v[7] + v[2]*v[5] + 1.2*v[4]*tastes[first] + 0.7*tastes[first]*tastes[second] +
			0.8*v[1] + 0.8*v[6] + b.Shift*v[3]
		if inclined+0.4*b.data.NormFloat64() > 0 {
			y[r] = 1
		}
		if b.data.Float64() < wrong {
			y[r] = 1 - y[r]
		}
	}
	return examples{tensor(x, int64(rows), columns), tensor(y, int64(rows))}
}

// deepAndCross embeds the classes, and reads what the cross layers make of that and the
// numbers together with what an mlp does.
func (b *builder) deepAndCross() func(x *ts.Tensor, train bool) *ts.Tensor {
	const size = shopperNumbers + 2*shopperVector
	one := b.weight("first", "embedding", math.Sqrt(shopperClasses), false, shopperVector, shopperClasses)
	two := b.weight("second", "embedding", math.Sqrt(shopperClasses), false, shopperVector, shopperClasses)
	var crosses [shopperCrosses]linear
	for i := range crosses {
		name := fmt.Sprintf("cross%d", i+1)
		crosses[i] = linear{b.weight(name, "weight", 0.5, false, 1, size), b.bias(name, "bias", size, false)}
	}
	deep := b.mlp(size, 2)
	wide := linear{}
	if !b.Bare {
		wide = b.linear("wide", size, 2, 1, false)
	}
	embed := func(x, vectors *ts.Tensor, from int64) *ts.Tensor {
		class := x.MustNarrow(1, from, shopperClasses, false)
		defer class.MustDrop()
		across := vectors.MustT(false)
		defer across.MustDrop()
		return class.MustMatmul(across, false)
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		numbers := x.MustNarrow(1, 0, shopperNumbers, false)
		first, second := embed(x, one, shopperNumbers), embed(x, two, shopperNumbers+shopperClasses)
		all := ts.MustCat([]*ts.Tensor{numbers, first, second}, 1)
		for _, t := range []*ts.Tensor{numbers, first, second} {
			t.MustDrop()
		}
		defer all.MustDrop()
		crossed := all.MustShallowClone()
		for _, c := range crosses {
			sum := crossed.MustMul(c.w, false).MustSumDimIntlist([]int64{1}, true, gotch.Float, true)
			product := sum.MustMul(all, true)
			crossed = crossed.MustAdd(product, true).MustAdd(c.b, true)
			product.MustDrop()
		}
		defer crossed.MustDrop()
		if b.Bare {
			return deep(crossed, train)
		}
		out := deep(all, train)
		beside := wide.forward(crossed)
		defer beside.MustDrop()
		return out.MustAdd(beside, true)
	}
}
