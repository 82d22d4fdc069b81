package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// spirals tells three spiral arms apart by residual blocks with layer
// normalisation.
func spirals() *Program {
	return &Program{
		Name: "spirals-residual",
		Plain: Recipe{Steps: 1500, Batch: 32, Rows: 900, Optimizer: "adamw", LR: 2e-3, WeightDecay: 0.01,
			Hidden: 3, Width: 24, Activation: "gelu", Gain: 1},
		Chance: 1.0 / arms, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(128),
			clippedEarly(0.05, 1),
			hard("a fifth of the labels wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.7),
			hard("weight decay", func(r *Recipe) { r.WeightDecay = 0.3 }),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.75),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows = 60; r.Steps = 2000 }).least(0.3),
			tuned(1200, 0.1, 0.3),
			partly(2),
			tooSlow(1e-5),
			fault(corpus.Dying, "rectifiers, biases far below 0", func(r *Recipe) { r.Activation, r.Bias = "relu", -30 }),
			fault(corpus.Oscillating, "learning rate 1", func(r *Recipe) { r.LR = 1 }),
			faster(3000),
			mislabelled(300),
			nanOnce(),
			emptyMask(),
			symmetric(0),
			steeper(10),
			unthawed(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.arms(b.Rows, b.Noise), test: b.arms(300, 0),
				forward: b.residual(2, arms), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const arms = 3

// arms draws points of spirals that wind once around the origin.
func (b *builder) arms(rows int, wrong float64) examples {
	x, y := make([]float32, 0, 2*rows), make([]int64, rows)
	for i := range y {
		class := b.data.Int64N(arms)
		r := 0.2 + 0.8*b.data.Float64()
		angle := 2*math.Pi*(float64(class)/arms+r) + 0.15*b.data.NormFloat64() + b.Shift
		x = append(x, float32(2*r*math.Cos(angle)), float32(2*r*math.Sin(angle)))
		if y[i] = class; b.data.Float64() < wrong {
			y[i] = b.data.Int64N(arms)
		}
	}
	return examples{tensor(x, int64(rows), 2), tensor(y, int64(rows))}
}

// residual is a linear layer, blocks of x + W₂·act(W₁·norm(x)), and a linear layer.
func (b *builder) residual(in, out int64) func(x *ts.Tensor, train bool) *ts.Tensor {
	type block struct {
		norm          norm
		inner, output linear
	}
	width := int64(b.Width)
	first := b.linear("input", in, width, 1, false)
	blocks := make([]block, b.Hidden)
	for i := range blocks {
		name := fmt.Sprintf("block%d", i+1)
		blocks[i] = block{b.norm(name+"_norm", width),
			b.linear(name+"_inner", width, 2*width, activations[b.Activation].gain, true),
			b.linear(name+"_outer", 2*width, width, 0.5, false)}
	}
	last := b.norm("output_norm", width)
	head := b.linear("output", width, out, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := first.forward(x)
		for _, l := range blocks {
			h = l.norm.around(h, func(n *ts.Tensor) *ts.Tensor {
				inner := b.drop(b.act(l.inner.forward(n)), train)
				defer inner.MustDrop()
				return l.output.forward(inner)
			})
		}
		defer h.MustDrop()
		n := last.forward(h)
		defer n.MustDrop()
		return head.forward(n)
	}
}

// around adds to x what f makes of the normalised x, and drops x.
func (l norm) around(x *ts.Tensor, f func(*ts.Tensor) *ts.Tensor) *ts.Tensor {
	n := l.forward(x)
	defer n.MustDrop()
	y := f(n)
	defer y.MustDrop()
	return x.MustAdd(y, true)
}
