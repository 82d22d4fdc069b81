package programs

import (
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// contrast embeds two views of the same object near each other and far from those of
// the batch's other objects (InfoNCE, van den Oord and others 2018). What the loss
// can come to depends on the batch's size.
func contrast() *Program {
	return &Program{
		Name: "contrastive-pairs",
		Plain: Recipe{Steps: 1500, Batch: 64, Rows: 3000, Optimizer: "adamw", LR: 4e-3, WeightDecay: 0.01,
			Hidden: 2, Width: 48, Activation: "relu", Gain: 1},
		Chance: 1.0 / crowd, Solved: 0.5,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			resized(16).least(0.7),
			resized(256),
			clipped(0.05, 1),
			hard("a tenth of the pairs wrong", func(r *Recipe) { r.Noise = 0.1 }).least(0.6),
			hard("few objects, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 150, 50 }).least(0.1),
			hard("weight decay", func(r *Recipe) { r.WeightDecay = 0.1 }),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.5),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.02, 0.9 }).least(0.6),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.75, "sgd", 0.03, 0.9, 2200
			}).least(0.6),
			tuned(1000, 0.1, 0.1),
			partly(2).least(0.6),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "ten layers, initialisation times 0.4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Momentum = 10, 0.4, "sgd", 0.05, 0.9
			}),
			fault(corpus.Exploding, "eight layers, initialisation times 3", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 8, 3, "sgd", 0.01
			}),
			fault(corpus.Exploding, "eight layers of tanh, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 8, "tanh", 4, "sgd", 0.01
			}),
			fault(corpus.Exploding, "five layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = 5, 3, 1, "sgd", 0.01
			}),
			bornDead(10),
			killed(10),
			fault(corpus.Oscillating, "tanh, learning rate 0.5", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.5 }),
			faster(1000),
			fault(corpus.Diverging, "plain gradient descent, learning rate 10", func(r *Recipe) { r.Optimizer, r.LR = "sgd", 10 }),
			poisoned(50),
			mislabelled(20),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, features of scales 1 to 100", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR = 100, "tanh", "sgd", 0.1
			}),
			symmetric(0),
			symmetric(0.5),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			optics := b.optics()
			embed, training := b.mlp(sensors, embedding), false
			return &task{
				training: b.views(optics, b.Rows, b.Noise), test: b.views(optics, crowd, 0),
				forward: func(x *ts.Tensor, train bool) *ts.Tensor {
					training = train
					return embed(x, train)
				},
				// The second views go through the same network.
				loss: func(out, y *ts.Tensor) *ts.Tensor {
					s := similarities(out, embed(y, training))
					defer s.MustDrop()
					partners := diagonal(s)
					defer partners.MustDrop()
					return crossEntropy(s, partners)
				},
				metric: func(out, y *ts.Tensor) float64 {
					s := similarities(out, embed(y, false))
					defer s.MustDrop()
					partners := diagonal(s)
					defer partners.MustDrop()
					return accuracy(s, partners)
				},
			}, nil
		},
	}
}

const (
	crowd     = 200 // objects among which a partner is looked for
	object    = 6   // numbers that make an object
	nuisance  = 4   // numbers that differ from view to view
	sensors   = 16
	embedding = 8
)

// optics draws how objects and nuisances are mixed in what the sensors see. A shift
// moves it towards another mixture.
func (b *builder) optics() []float64 {
	mix := make([]float64, sensors*(object+nuisance))
	for i := range mix {
		mix[i] = b.data.NormFloat64()
	}
	for i := range mix {
		mix[i] += b.Shift * b.data.NormFloat64()
	}
	return mix
}

// views draws objects and two views of each; a share has the second view of another
// object. With a spread every other sensor has so much larger values.
func (b *builder) views(optics []float64, rows int, wrong float64) examples {
	first, second := make([]float32, 0, rows*sensors), make([]float32, 0, rows*sensors)
	var seen [object + nuisance]float64
	draw := func(v []float64) {
		for i := range v {
			v[i] = b.data.NormFloat64()
		}
	}
	view := func(to []float32) []float32 {
		draw(seen[object:])
		for s := range sensors {
			var v float64
			for i, o := range seen {
				v += optics[s*len(seen)+i] * o
			}
			v = math.Tanh(v/4) + 0.05*b.data.NormFloat64()
			if s%2 == 1 {
				v *= b.spread()
			}
			to = append(to, float32(v))
		}
		return to
	}
	for range rows {
		draw(seen[:object])
		first = view(first)
		if b.data.Float64() < wrong {
			draw(seen[:object])
		}
		second = view(second)
	}
	return examples{tensor(first, int64(rows), sensors), tensor(second, int64(rows), sensors)}
}

// similarities are the scaled dot products of all embeddings of first views with all
// of second views, which it drops.
func similarities(first, second *ts.Tensor) *ts.Tensor {
	second = second.MustT(true)
	defer second.MustDrop()
	return first.MustMatmul(second, false).MustMulScalar(ts.FloatScalar(1/math.Sqrt(embedding)), true)
}

// diagonal is the numbers of a square matrix's rows.
func diagonal(square *ts.Tensor) *ts.Tensor {
	numbers := make([]int64, square.MustSize()[0])
	for i := range numbers {
		numbers[i] = int64(i)
	}
	return tensor(numbers, int64(len(numbers)))
}
