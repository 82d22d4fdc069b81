package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// sets tells what a cloud of points was drawn from, whichever way it is turned and in
// whatever order the points come: a network looks at each point, and another one reads
// the mean of what the first makes of them (Zaheer and others 2017). The mean divides the
// first network's gradients among the points.
func sets() *Program {
	return &Program{
		Name: "sets-pooling",
		Plain: Recipe{Steps: 1100, Batch: 32, Rows: 3000, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1},
		Chance: 1.0 / outlines, Solved: 0.85,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(4).least(0.75),
			resized(128),
			clipped(0.05, 1),
			hard("a third of the labels wrong", func(r *Recipe) { r.Noise = 0.33 }).least(0.7),
			hard("batches of two", func(r *Recipe) { r.Batch, r.LR, r.Steps = 2, 1e-3, 2000 }).least(0.3),
			hard("few sets, learnt by heart", func(r *Recipe) { r.Rows, r.Batch, r.Steps = 40, 10, 1500 }).least(0.2),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.LR = 0, 200, 5e-3 }).least(0.6),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.15 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.03, 0.9 }).least(0.75),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.55, "sgd", 0.05, 0.9, 1600
			}).least(0.6),
			tuned(1000, 0.2, 0.5),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "five sigmoid layers before the mean and five after it", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 5, "sigmoid", "sgd", 0.05, 0.9
			}),
			fault(corpus.Vanishing, "four tanh layers before the mean and four after it, initialisation times 0.2", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 4, "tanh", 0.2, "sgd", 0.1
			}),
			fault(corpus.Exploding, "five layers before the mean and five after it, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 5, 4, "sgd", 0.05
			}),
			fault(corpus.Exploding, "four layers before the mean and four after it, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 4, 3, "sgd", 1e-3, 1
			}),
			bornDead(10),
			killed(20),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.5", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.5 }),
			bouncing(0.5, 40).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 30", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "sgd", 30
			}),
			faster(500),
			poisoned(40),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			fault(corpus.IllConditioned, "coordinates an eighth as large, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Spread, r.Optimizer, r.LR = 1, 8, "sgd", 0.4
			}),
			symmetric(0),
			symmetric(1).with("tanh"),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 1, 0.25, "sgd", 0.024, 0.9, 2000
			}),
			steeper(5),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.sets(b.Rows, b.Noise), test: b.sets(400, 0),
				forward: b.pooled(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	outlines = 4  // that clouds have
	fewest   = 10 // points of a cloud
	slots    = 16 // points of the largest
	aspects  = 3  // features of a point: two coordinates and its brightness
)

// sets draws, rows × slots × (aspects + 1), points of rings, of round clouds, of pairs of
// clusters and of lines, all of about the same size and turned at random. The last number
// is 1 for a point that is there and 0 where a cloud has fewer. The brightness means
// nothing, and the coordinates are divided by Spread. A shift moves clouds off the origin.
func (b *builder) sets(rows int, wrong float64) examples {
	x, y := make([]float32, 0, rows*slots*(aspects+1)), make([]int64, rows)
	for r := range y {
		shape := b.data.Int64N(outlines)
		sin, cos := math.Sincos(2 * math.Pi * b.data.Float64())
		count := fewest + b.data.IntN(slots-fewest+1)
		for i := range slots {
			if i >= count {
				x = append(x, make([]float32, aspects+1)...)
				continue
			}
			u, v := b.point(shape)
			x = append(x, float32((cos*u-sin*v+b.Shift)/b.spread()), float32((sin*u+cos*v)/b.spread()), float32(0.5*b.data.NormFloat64()), 1)
		}
		if y[r] = shape; b.data.Float64() < wrong {
			y[r] = b.data.Int64N(outlines)
		}
	}
	return examples{tensor(x, int64(rows), slots, aspects+1), tensor(y, int64(rows))}
}

// point draws one of an outline that is not turned.
func (b *builder) point(shape int64) (u, v float64) {
	u, v = b.data.NormFloat64(), b.data.NormFloat64()
	switch shape {
	case 0: // a ring
		r := math.Sqrt2 * (1 + 0.05*b.data.NormFloat64()) / math.Hypot(u, v)
		return r * u, r * v
	case 1: // a round cloud
		return u, v
	case 2: // two clusters
		return math.Copysign(1.4, b.data.Float64()-0.5) + 0.3*u, 0.3 * v
	}
	return 2.4 * (2*b.data.Float64() - 1), 0.2 * v // a line
}

// pooled is the mean of what a network makes of each point that is there, and another
// network.
func (b *builder) pooled() func(x *ts.Tensor, train bool) *ts.Tensor {
	look, read := b.part("point-", aspects, int64(b.Width)), b.part("cloud-", int64(b.Width), outlines)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		points := x.MustNarrow(2, 0, aspects, false)
		defer points.MustDrop()
		there := x.MustNarrow(2, aspects, 1, false)
		defer there.MustDrop()
		count := there.MustSumDimIntlist([]int64{1}, false, gotch.Float, false)
		defer count.MustDrop()
		mean := look(points, train).MustMul(there, true).MustSumDimIntlist([]int64{1}, false, gotch.Float, true).MustDiv(count, true)
		defer mean.MustDrop()
		return read(mean, train)
	}
}
