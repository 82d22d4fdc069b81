package programs

import (
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// completion fills in the ratings that users have not given yet: embeddings of users and
// items, side by side through rectified layers, and a bias for each user and item (He and
// others 2017). A table of low rank is a product, which the layers have to learn, and a
// row of an embedding has a gradient only when its user or item is in the batch.
func completion() *Program {
	return &Program{
		Name: "completion-embedding",
		Plain: Recipe{Steps: 1100, Batch: 48, Rows: 2000, Optimizer: "adam", LR: 1e-2,
			Hidden: 2, Width: 24, Activation: "relu", Gain: 1, Noise: 0.2},
		Chance: 0, Solved: 0.5,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.7),
			resized(8),
			resized(240),
			clipped(0.05, 1),
			hard("as much noise as ratings", func(r *Recipe) { r.Noise, r.LR = 0.8, 5e-3 }).least(0.3),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails, r.Noise = true, 0.1 }).least(0.5),
			hard("batches of four", func(r *Recipe) { r.Batch, r.LR, r.Steps = 4, 6e-3, 2200 }).least(0.3),
			hard("few ratings, learnt by heart", func(r *Recipe) { r.Rows = 1000 }).least(0.15),
			hard("popular items", func(r *Recipe) { r.Spread = 30 }).least(0.7),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.8),
			hard("losses of millions", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum, r.Steps = 1e6, "sgd", 0.1, 0.9, 1600
			}).least(0.5),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.5, "sgd", 0.1, 0.9, 2000
			}).least(0.5),
			hard("embeddings learnt before, then frozen", func(r *Recipe) { r.Before, r.Untrained, r.LR = 1000, 2, r.LR/4 }),
			tuned(1000, 0.2, 0.2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 8, "sigmoid", "sgd", 0.05, 0.9
			}),
			fault(corpus.Vanishing, "seven layers of tanh, initialisation times 0.25, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = 7, "tanh", 0.25, "sgd", 0.05, 0.9
			}),
			fault(corpus.Exploding, "nine layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 9, 5, "sgd", 0.05
			}),
			fault(corpus.Exploding, "seven layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = 7, 3, 1, "sgd", 1e-3
			}),
			bornDead(10),
			killed(15),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.5", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.5 }),
			bouncing(1, 2).with("tanh"),
			fault(corpus.Diverging, "plain gradient descent, learning rate 20", func(r *Recipe) { r.Optimizer, r.LR = "sgd", 20 }),
			faster(300),
			mislabelled(100),
			emptyMask(),
			logOfZero(),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			given, missing := b.ratings()
			return &task{
				training: given, test: missing,
				forward: b.collaborative(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	users        = 60
	items        = 40
	ratingRank   = 2
	missingPairs = 400
)

// ratings draws a table and which of it is known. The popularity of items goes from 1
// down to 1/Spread where ratings are given; those that are missing, and without noise,
// are of any item.
func (b *builder) ratings() (given, missing examples) {
	p, q := b.movedDraws(users*ratingRank), b.movedDraws(items*ratingRank)
	generous, liked := b.movedDraws(users), b.movedDraws(items)
	rating := func(pair int) float32 {
		u, i := pair/items, pair%items
		dot := 0.0
		for k := range ratingRank {
			dot += p[u*ratingRank+k] * q[i*ratingRank+k]
		}
		return float32(1.5*math.Tanh(0.8*dot) + 0.35*(generous[u]+liked[i]))
	}
	pairs := b.data.Perm(users * items)
	table := func(rows int, choose func() int, noise float64) examples {
		x, y := make([]int64, 0, 2*rows), make([]float32, rows)
		for r := range y {
			pair := choose()
			x = append(x, int64(pair/items), int64(pair%items))
			y[r] = rating(pair)
			if noise > 0 {
				y[r] += float32(noise * b.error())
			}
		}
		return examples{tensor(x, int64(rows), 2), tensor(y, int64(rows), 1)}
	}
	known := pairs[missingPairs:]
	next := 0
	given = table(b.Rows, func() int {
		for {
			pair := known[next%len(known)]
			next++
			if b.data.Float64() <= math.Pow(b.spread(), -float64(pair%items)/(items-1)) {
				return pair
			}
		}
	}, b.Noise)
	next = 0
	missing = table(missingPairs, func() int {
		next++
		return pairs[next-1]
	}, 0)
	return given, missing
}

// movedDraws are from N(0, 1), with Shift times as much of other draws.
func (b *builder) movedDraws(count int) []float64 {
	values := make([]float64, count)
	for i := range values {
		values[i] = b.data.NormFloat64()
	}
	for i := range values {
		values[i] += b.Shift * b.data.NormFloat64()
	}
	return values
}

// collaborative is the embeddings of user and item, an mlp and the two's biases.
func (b *builder) collaborative() func(x *ts.Tensor, train bool) *ts.Tensor {
	const size = 6
	names, counts := [2]string{"user", "item"}, [2]int64{users, items}
	var tables, biases [2]*ts.Tensor
	for i, name := range names {
		tables[i] = b.weight(name, "weight", 0.5*math.Sqrt(size), false, counts[i], size)
	}
	for i, name := range names {
		biases[i] = b.add(name, "bias", make([]float32, counts[i]), []int64{counts[i], 1}, param{role: bias})
	}
	head := b.mlp(2*size, 1)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		var parts []*ts.Tensor
		var sum *ts.Tensor
		for i := range tables {
			column := x.MustSelect(1, int64(i), false)
			parts = append(parts, ts.MustEmbedding(tables[i], column, -1, false, false))
			own := ts.MustEmbedding(biases[i], column, -1, false, false)
			column.MustDrop()
			if sum == nil {
				sum = own
				continue
			}
			sum = sum.MustAdd(own, true)
			own.MustDrop()
		}
		defer sum.MustDrop()
		both := ts.MustCat(parts, 1)
		for _, p := range parts {
			p.MustDrop()
		}
		defer both.MustDrop()
		return head(both, train).MustAdd(sum, true)
	}
}
