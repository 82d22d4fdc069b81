package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// experts fits a function that is another one in each of four regions, by a mixture
// of four small networks and a gate that says whom to believe where (Jacobs and
// others 1991). A gate that comes to trust one expert leaves the others without
// gradients.
func experts() *Program {
	return &Program{
		Name: "experts-piecewise",

		Plain: Recipe{Steps: 1300, Batch: 32, Rows: 2000, Optimizer: "sgd", LR: 0.05, Momentum: 0.9,
			Hidden: 1, Width: 16, Activation: "tanh", Gain: 1, Scale: 1, Noise: 0.1},
		Chance: 0, Solved: 0.7,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(8).least(0.7),
			clipped(0.05, 4),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails, r.LR = true, 0.02 }).least(0.6),
			hard("targets with more noise than signal", func(r *Recipe) { r.Noise, r.LR = 1.2, 0.02 }).least(0.5),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Momentum, r.Steps = 1, 0.02, 0, 2200 }).least(0.5),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 60, 20 }).least(0.1),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.LR = 0, 400, 0.1 }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.LR, r.Momentum = 1e6, 0.02, 0.95 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.LR, r.Momentum = 1e-9, 0.1, 0.8 }),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.LR, r.Momentum, r.Steps = 0.05, 0.05, 0.5, 2200
			}).least(0.5),
			tuned(1300, 0.2, 0.2),
			partly(2).least(0.6),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "experts of six sigmoid layers", func(r *Recipe) { r.Hidden, r.Activation, r.LR, r.Momentum = 6, "sigmoid", 0.02, 0 }),
			fault(corpus.Vanishing, "experts of six layers, initialisation times 0.1, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Gain, r.Momentum = 6, 0.1, 0
			}),
			fault(corpus.Exploding, "experts of six rectified layers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.LR, r.Momentum = 6, "relu", 4, 0.01, 0
			}),
			fault(corpus.Exploding, "experts of six layers, initialisation times 8, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.LR, r.Momentum = 6, 8, 1, 0.01, 0
			}),
			bornDead(10).with("relu").most(0.7),
			killed(10).with("relu").most(0.7),
			fault(corpus.Oscillating, "Adam with learning rate 1", func(r *Recipe) { r.Optimizer, r.LR, r.Momentum = "adam", 1, 0 }),
			bouncing(0.1, 20),
			faster(50),
			poisoned(50),
			mislabelled(30),
			nanOnce(),
			infOnce(),
			emptyMask(),
			fault(corpus.IllConditioned, "features of scales 1 to 40", func(r *Recipe) {
				r.Spread, r.LR, r.Momentum, r.Batch = 40, 0.15, 0, 128
			}),
			symmetric(0),
			symmetric(1),
			fault(corpus.Escape, "small initialisation, plain gradient descent", func(r *Recipe) {
				r.Gain, r.LR, r.Momentum, r.Steps, r.Batch = 2e-5, 0.13, 0, 2200, 64
			}),
			steeper(5),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.pieces(b.Rows, b.Noise), test: b.pieces(500, 0),
				forward: b.gated(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	variables = 4
	advisers  = 4
)

// pieces draws four variables from U(-1, 1), the signs of the first two of which say
// which function of the others is the target, with noise. A shift moves the borders.
// With a spread the last two have so much larger values.
func (b *builder) pieces(rows int, noise float64) examples {
	x, y := make([]float32, 0, variables*rows), make([]float32, rows)
	for i := range y {
		var v [variables]float64
		for j := range v {
			v[j] = 2*b.data.Float64() - 1
			scale := 1.0
			if j >= 2 {
				scale = b.spread()
			}
			x = append(x, float32(scale*v[j]))
		}
		var f float64
		switch right, up := v[0] > b.Shift, v[1] > -b.Shift; {
		case right && up:
			f = 1.5 * v[2]
		case right:
			f = math.Sin(math.Pi * v[3])
		case up:
			f = 1 - 3*v[2]*v[2]
		default:
			f = 3 * v[2] * v[3]
		}
		y[i] = float32(b.Scale * (f + noise*b.error()))
	}
	return examples{tensor(x, int64(rows), variables), tensor(y, int64(rows), 1)}
}

// gated is the experts' mean, weighed by the gate's softmax.
func (b *builder) gated() func(x *ts.Tensor, train bool) *ts.Tensor {
	var opinions []func(x *ts.Tensor, train bool) *ts.Tensor
	for i := range advisers {
		opinions = append(opinions, b.part(fmt.Sprintf("expert%d-", i+1), variables, 1))
	}
	gate := b.linear("gate", variables, advisers, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		each := make([]*ts.Tensor, len(opinions))
		for i, opinion := range opinions {
			each[i] = opinion(x, train)
			defer each[i].MustDrop()
		}
		trust := gate.forward(x).MustSoftmax(-1, gotch.Float, true)
		defer trust.MustDrop()
		return ts.MustCat(each, 1).MustMul(trust, true).MustSumDimIntlist([]int64{1}, true, gotch.Float, true)
	}
}
