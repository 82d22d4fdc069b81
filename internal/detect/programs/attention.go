package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// recall answers with the value that a sequence of keys and values gives for the
// last key, by two blocks of self-attention (Vaswani and others 2017).
func recall() *Program {
	return &Program{
		Name:     "recall-attention",
		Revision: 1,
		Plain: Recipe{Steps: 1500, Batch: 32, Rows: 3000, Optimizer: "adamw", LR: 5e-3, WeightDecay: 0.01,
			Schedule: "warm-up and cosine", Hidden: 2, Width: 24, Activation: "gelu", Gain: 1},
		Chance: 1.0 / values, Solved: 0.9,
		Cases: []Case{
			scheduled("warm-up"),
			resized(8),
			clippedEarly(0.05, 1),
			hard("a twentieth of the labels wrong", func(r *Recipe) { r.Noise = 0.05 }).least(0.7),
			hard("weight decay", func(r *Recipe) { r.WeightDecay = 0.1 }).least(0.7),
			tuned(1200, 0.1, 0),
			partly(1).least(0.6),
			tooSlow(1e-5),
			fault(corpus.Exploding, "initialisation times 30, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR = 30, "sgd", 0.1
			}),
			faster(3000),
			mislabelled(300),
			emptyMask(),
			logOfZero(),
			symmetric(0),
			steeper(5),
			unthawed(),
			negatedLoss(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.dictionaries(b.Rows, b.Noise), test: b.dictionaries(400, 0),
				forward: b.transformer(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	keys   = 3
	values = 4
	tokens = keys + values
	places = 2*keys + 1
)

// dictionaries draws sequences of all keys in random order, each with a value
// behind it, and a key; the target is that key's value.
func (b *builder) dictionaries(rows int, wrong float64) examples {
	x, y := make([]int64, 0, rows*places), make([]int64, rows)
	for r := range y {
		asked := b.data.IntN(keys)
		for _, k := range b.data.Perm(keys) {
			v := b.data.Int64N(values)
			x = append(x, int64(k), keys+v)
			if k == asked {
				y[r] = v
			}
		}
		x = append(x, int64(asked))
		if b.data.Float64() < wrong {
			y[r] = b.data.Int64N(values)
		}
	}
	return examples{tensor(x, int64(rows), places), tensor(y, int64(rows))}
}

// transformer reads the answer off the last place.
func (b *builder) transformer() func(x *ts.Tensor, train bool) *ts.Tensor {
	type block struct {
		norm1, norm2               norm
		query, key, value, project linear
		inner, outer               linear
	}
	width := int64(b.Width)
	table := b.weight("tokens", "weight", 0.5*math.Sqrt(float64(width)), false, tokens, width)
	position := b.weight("places", "weight", 0.5*math.Sqrt(float64(width)), false, places, width)
	blocks := make([]block, b.Hidden)
	for i := range blocks {
		name := func(part string) string { return fmt.Sprintf("block%d_%s", i+1, part) }
		blocks[i] = block{
			norm1: b.norm(name("norm1"), width),
			query: b.linear(name("query"), width, width, 1, false), key: b.linear(name("key"), width, width, 1, false),
			value: b.linear(name("value"), width, width, 1, false), project: b.linear(name("project"), width, width, 0.5, false),
			norm2: b.norm(name("norm2"), width),
			inner: b.linear(name("inner"), width, 2*width, activations[b.Activation].gain, true),
			outer: b.linear(name("outer"), 2*width, width, 0.5, false),
		}
	}
	last := b.norm("output_norm", width)
	head := b.linear("output", width, values, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := ts.MustEmbedding(table, x, -1, false, false).MustAdd(position, true)
		for _, l := range blocks {
			h = l.norm1.around(h, func(n *ts.Tensor) *ts.Tensor {
				a := attend(l.query.forward(n), l.key.forward(n), l.value.forward(n))
				defer a.MustDrop()
				return l.project.forward(a)
			})
			h = l.norm2.around(h, func(n *ts.Tensor) *ts.Tensor {
				inner := b.act(l.inner.forward(n))
				defer inner.MustDrop()
				return l.outer.forward(inner)
			})
		}
		end := h.MustSelect(1, places-1, true)
		defer end.MustDrop()
		n := last.forward(end)
		defer n.MustDrop()
		return head.forward(n)
	}
}

// attend is softmax(QKᵀ/√d)·V, and drops all three.
func attend(q, k, v *ts.Tensor) *ts.Tensor {
	d := float64(q.MustSize()[2])
	defer v.MustDrop()
	k = k.MustTranspose(1, 2, true)
	defer k.MustDrop()
	scores := q.MustBmm(k, true).MustMulScalar(ts.FloatScalar(1/math.Sqrt(d)), true).MustSoftmax(-1, gotch.Float, true)
	return scores.MustBmm(v, true)
}
