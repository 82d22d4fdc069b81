package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// multitask learns three things about the same inputs at once, a quantity, a class and a
// count, by layers that all three share and a small head for each (Caruana 1997). The
// loss is a weighted sum of a squared error, a cross-entropy and a Poisson likelihood,
// whose gradients meet in the shared layers.
func multitask() *Program {
	return &Program{
		Name: "multitask-heads",
		Plain: Recipe{Steps: 1100, Batch: 32, Rows: 3000, Optimizer: "sgd", LR: 0.02, Momentum: 0.9,
			Hidden: 2, Width: 40, Activation: "relu", Gain: 1, Scale: 1, Noise: 0.1},
		Chance: 0, Solved: 0.65,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(6).least(0.75),
			resized(200),
			clipped(0.2, 2),
			hard("a quantity in a large unit beside the others", func(r *Recipe) { r.Scale, r.LR = 5, 4e-3 }).least(0.6),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails, r.Noise, r.LR = true, 0.2, 0.01 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Momentum, r.Steps = 1, 5e-3, 0, 1800 }).least(0.5),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 250, 25 }).least(0.15),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.LR = 0, 1000, 0.02 }).least(0.5),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.15 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9 }),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.LR, r.Steps = 0.2, 0.02, 1500 }).least(0.6),
			tuned(1000, 0.2, 0.4),
			partly(2).least(0.6),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "ten shared layers of sigmoids", func(r *Recipe) { r.Hidden, r.Activation, r.Width = 10, "sigmoid", 16 }),
			fault(corpus.Vanishing, "eight shared layers of tanh, initialisation times 0.25", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Momentum, r.LR = 8, "tanh", 0.25, 0, 0.05
			}),
			fault(corpus.Exploding, "eight shared layers, initialisation times 3", func(r *Recipe) { r.Hidden, r.Gain = 8, 3 }),
			fault(corpus.Exploding, "seven shared layers, initialisation times 1.7, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.LR = 7, 1.7, 0.1, 1e-3
			}),
			bornDead(12),
			killed(20),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Momentum, r.LR, r.Clip = "tanh", 0.99, 0.1, 1
			}),
			bouncing(0.5, 6).with("tanh"),
			tooFast(10),
			faster(10).with("tanh"),
			poisoned(4),
			mislabelled(5),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, inputs of scales 1/500 to 1, full batches", func(r *Recipe) {
				r.Spread, r.Activation, r.LR, r.Momentum, r.Batch, r.Rows, r.Steps = 500, "tanh", 0.2, 0, 0, 500, 1000
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "small initialisation, full batches", func(r *Recipe) {
				r.Gain, r.LR, r.Momentum, r.Batch, r.Rows, r.Steps = 0.055, 0.1, 0, 0, 300, 1700
			}),
			steeper(1.4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.threefold(b.Rows, true), test: b.threefold(400, false),
				forward: b.heads(facets, 1, kindsOf, 1), loss: weighted, metric: meanScore,
			}, nil
		},
	}
}

const (
	facets  = 7
	kindsOf = 4
)

// threefold draws inputs of variance 1, scaled from 1/Spread up to 1, and as targets a
// quantity with noise, in a unit that is Scale times smaller, a class and a count, of
// which three factors decide all. Where nothing is drawn, the quantity has no noise and
// the rate stands for the count.
func (b *builder) threefold(rows int, drawn bool) examples {
	x, y := make([]float32, 0, rows*facets), make([]float32, 0, rows*3)
	for range rows {
		var u [facets]float64
		for i := range u {
			u[i] = math.Sqrt(3) * (2*b.data.Float64() - 1)
			x = append(x, float32(u[i]*math.Pow(b.spread(), float64(i)/(facets-1)-1)))
		}
		first := math.Sin(1.4*u[1]+b.Shift) + 0.4*u[0]
		second := math.Abs(u[6]) - 0.87 + 0.6*u[3]
		third := 0.7 * u[4] * u[5]
		quantity, rate := first+0.8*second+0.5*third, 1.5*math.Exp(0.4*first-0.6*second+0.5*third)
		class := 0.0
		if first+0.5*third > 0 {
			class += 2
		}
		if second-0.5*third > 0 {
			class++
		}
		if drawn {
			quantity += b.Noise * b.error()
			rate = distuv.Poisson{Lambda: rate, Src: b.data}.Rand()
		}
		y = append(y, float32(b.Scale*quantity), float32(class), float32(rate))
	}
	return examples{tensor(x, int64(rows), facets), tensor(y, int64(rows), 3)}
}

// heads computes what the heads say, side by side: each is half as wide as the Hidden
// layers that they share.
func (b *builder) heads(in int64, outs ...int64) func(x *ts.Tensor, train bool) *ts.Tensor {
	width, factor := int64(b.Width), activations[b.Activation].gain
	var shared []linear
	for i := range b.Hidden {
		shared = append(shared, b.linear(fmt.Sprintf("shared%d", i+1), in, width, factor, true))
		in = width
	}
	var inner, outer []linear
	for i, out := range outs {
		inner = append(inner, b.linear(fmt.Sprintf("head%d_hidden", i+1), width, width/2, factor, true))
		outer = append(outer, b.linear(fmt.Sprintf("head%d_output", i+1), width/2, out, 1, false))
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := x.MustShallowClone()
		for _, l := range shared {
			next := b.drop(b.act(l.forward(h)), train)
			h.MustDrop()
			h = next
		}
		defer h.MustDrop()
		said := make([]*ts.Tensor, len(outs))
		for i := range outs {
			hidden := b.act(inner[i].forward(h))
			said[i] = outer[i].forward(hidden)
			hidden.MustDrop()
		}
		all := ts.MustCat(said, 1)
		for _, s := range said {
			s.MustDrop()
		}
		return all
	}
}

// apart are the heads' outputs and their targets: the quantity, the class and the count.
func apart(out, y *ts.Tensor) (outs, targets [3]*ts.Tensor) {
	at := int64(0)
	for i, size := range []int64{1, kindsOf, 1} {
		outs[i], targets[i] = out.MustNarrow(1, at, size, false), y.MustNarrow(1, int64(i), 1, false)
		at += size
	}
	targets[1] = targets[1].MustView([]int64{-1}, true).MustTotype(gotch.Int64, true)
	return outs, targets
}

// weighted is the sum of the heads' losses.
func weighted(out, y *ts.Tensor) *ts.Tensor {
	outs, targets := apart(out, y)
	count := poisson(outs[2], targets[2]).MustMulScalar(ts.FloatScalar(0.5), true)
	defer count.MustDrop()
	class := crossEntropy(outs[1], targets[1])
	defer class.MustDrop()
	sum := squares(outs[0], targets[0]).MustAdd(class, true).MustAdd(count, true)
	for i := range outs {
		outs[i].MustDrop()
		targets[i].MustDrop()
	}
	return sum
}

// meanScore is the mean of what the heads explain, each 0 where it knows nothing and 1
// where it knows all.
func meanScore(out, y *ts.Tensor) float64 {
	outs, targets := apart(out, y)
	class := (accuracy(outs[1], targets[1]) - 1.0/kindsOf) / (1 - 1.0/kindsOf)
	score := explained(outs[0], targets[0]) + class + devianceExplained(outs[2], targets[2])
	for i := range outs {
		outs[i].MustDrop()
		targets[i].MustDrop()
	}
	return score / 3
}
