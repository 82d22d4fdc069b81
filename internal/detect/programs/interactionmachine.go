package programs

import (
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// interactionMachine predicts how long offers are looked at from sparse and dense columns:
// each has an embedding, the products of all pairs of embeddings are summed, and layers see
// that sum, beside a linear part (He and Chua 2017, with the sum of a factorisation machine:
// Rendle 2010). Most of what can be known is in pairs.
func interactionMachine() *Program {
	return &Program{
		Name: "interaction-machine",
		Plain: Recipe{Steps: 1200, Batch: 64, Rows: 5000, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 24, Activation: "relu", Gain: 1, Scale: 1, Noise: 0.3},
		Chance: 0, Solved: 0.6,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps").least(0.75),
			scheduled("restarts"),
			resized(8).least(0.7),
			resized(400),
			clipped(0.1, 1),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Clip = true, 0.5 }).least(0.5),
			hard("as much noise as signal", func(r *Recipe) { r.Noise, r.LR = 1.2, 2e-3 }).least(0.5),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2e-3, 1800 }).least(0.3),
			hard("few rows, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 800, 40 }).least(0.2),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.03, 0.9 }).least(0.6),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.25, "sgd", 0.03, 0.9, 1400
			}).least(0.5),
			hard("embeddings learnt before, then frozen", func(r *Recipe) { r.Before, r.Untrained, r.LR = 800, 1, r.LR/4 }),
			tuned(900, 0.2, 0.2).least(0.7),
			tooSlow(1e-3),
			fault(corpus.Vanishing, "eight sigmoid layers, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 8, "sigmoid", "sgd", 0.01, 0.9
			}),
			fault(corpus.Vanishing, "six tanh layers, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = 6, "tanh", 0.2, "sgd", 0.02, 0.9
			}),
			fault(corpus.Exploding, "eight layers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 8, 4, "sgd", 0.03
			}),
			fault(corpus.Exploding, "six layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 6, 3, "sgd", 1e-3, 1
			}),
			bornDead(12),
			killed(15),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.5", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.5 }),
			bouncing(0.5, 4).with("tanh"),
			tooFast(1000),
			faster(1000).with("tanh"),
			poisoned(4),
			mislabelled(60),
			nanOnce(),
			emptyMask(),
			fault(corpus.IllConditioned, "dense columns of scales 1 to 30, momentum", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR, r.Momentum = 30, "tanh", "sgd", 8e-4, 0.9
			}),
			symmetric(0),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.175, "sgd", 0.03, 0.9, 1500
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			o := b.offerTastes()
			return &task{
				training: b.offersSeen(o, b.Rows, b.Noise, b.Tails), test: b.offersSeen(o, 1000, 0, false),
				forward: b.pooledPairs(), loss: squares, metric: explained,
			}, nil
		},
	}
}

// offerNumbers is how many dense columns there are.
const offerNumbers = 4

// offerFields are the numbers of categories of the sparse columns.
var offerFields = [...]int{10, 8, 6}

// offerTastes are the effects of categories and of their pairs with each other and with
// the dense columns.
type offerTastes struct {
	own    []float64 // of all categories, one field after the other
	slopes [len(offerFields)][]float64
	pairs  []float64 // of the first two fields
}

// offerTastes draws them. A shift moves them towards others.
func (b *builder) offerTastes() *offerTastes {
	o := &offerTastes{pairs: make([]float64, offerFields[0]*offerFields[1])}
	total := 0
	for i, f := range offerFields {
		o.slopes[i] = b.shifted(f, 0.5)
		total += f
	}
	o.own = b.shifted(total, 0.15)
	left, right := b.shifted(offerFields[0], 0.7), b.shifted(offerFields[1], 0.7)
	for i, l := range left {
		for j, r := range right {
			o.pairs[i*offerFields[1]+j] = l * r
		}
	}
	return o
}

// offersSeen draws examples: the dense columns, scaled from Spread down to 1, and a column
// of zeros and ones for each category.
func (b *builder) offersSeen(o *offerTastes, rows int, deviation float64, tails bool) examples {
	noise := b.tailed(tails)
	columns := offerNumbers + len(o.own)
	x, y := make([]float32, rows*columns), make([]float32, rows)
	for r := range y {
		row := x[r*columns : (r+1)*columns]
		var v [offerNumbers]float64
		for i := range v {
			v[i] = math.Sqrt(3) * (2*b.data.Float64() - 1)
			row[i] = float32(v[i] * math.Pow(b.spread(), 1-float64(i)/(offerNumbers-1)))
		}
		looked, at := 0.6*v[2]*v[3]+0.1*v[0], 0
		var drawn [len(offerFields)]int
		for i, f := range offerFields {
			drawn[i] = b.data.IntN(f)
			row[offerNumbers+at+drawn[i]] = 1
			looked += o.own[at+drawn[i]] + o.slopes[i][drawn[i]]*v[i+1]
			at += f
		}
		looked += o.pairs[drawn[0]*offerFields[1]+drawn[1]]
		y[r] = float32(b.Scale * 1.5 * math.Tanh(looked/1.5))
		if deviation > 0 {
			y[r] += float32(deviation * noise.error())
		}
	}
	return examples{tensor(x, int64(rows), int64(columns)), tensor(y, int64(rows), 1)}
}

// pooledPairs is an mlp of the sum of the products of all pairs of embeddings, each times
// its column, that is (Σvx)² - Σ(vx)² over 2, and a linear part.
func (b *builder) pooledPairs() func(x *ts.Tensor, train bool) *ts.Tensor {
	const size = 10
	columns := int64(offerNumbers)
	for _, f := range offerFields {
		columns += int64(f)
	}
	table := b.weight("embedding", "weight", 0.4*math.Sqrt(float64(columns)), false, size, columns)
	deep := b.mlp(size, 1)
	wide := b.weight("wide", "weight", 0.1, false, 1, columns)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		squared, tableSquared := x.MustSquare(false), table.MustSquare(false)
		defer squared.MustDrop()
		defer tableSquared.MustDrop()
		single := ts.MustLinear(squared, tableSquared, ts.NewTensor())
		defer single.MustDrop()
		pooled := ts.MustLinear(x, table, ts.NewTensor()).MustSquare(true).MustSub(single, true).
			MustMulScalar(ts.FloatScalar(0.5), true)
		defer pooled.MustDrop()
		linear := ts.MustLinear(x, wide, ts.NewTensor())
		defer linear.MustDrop()
		return deep(pooled, train).MustAdd(linear, true)
	}
}
