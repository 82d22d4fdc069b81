package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// mixedTabular classifies the rows of a table of numeric columns, whose distributions are
// normal, uniform, skewed and heavy-tailed, and of categorical ones, by embeddings and
// residual blocks with layer norms (Gorishniy and others 2021). Of the three classes one
// has most rows and one few, and counts as much.
func mixedTabular() *Program {
	return &Program{
		Name: "mixed-tabular",
		Plain: Recipe{Steps: 1200, Batch: 48, Rows: 4000, Optimizer: "adamw", LR: 5e-3, WeightDecay: 0.01,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1},
		Chance: 1.0 / 3, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(8),
			resized(300),
			clipped(0.1, 1),
			hard("a tenth of the labels wrong", func(r *Recipe) { r.Noise = 0.1 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1800 }).least(0.4),
			hard("few rows, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 150, 30 }).least(0.2),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.2 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum, r.WeightDecay = 1e-9, "sgd", 0.05, 0.9, 0 }).least(0.7),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.Steps = 0, 400, 1000 }).least(0.4),
			hard("a long flat start", func(r *Recipe) {
				r.Bare, r.Unnormed, r.Gain, r.Optimizer, r.LR, r.Momentum, r.WeightDecay, r.Steps = true, true, 0.42, "sgd", 0.03, 0.9, 0, 1600
			}).least(0.6),
			tuned(900, 0.1, 0.4),
			partly(5).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "no shortcuts, six blocks of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Unnormed, r.Hidden, r.Activation, r.Optimizer, r.LR, r.WeightDecay = true, true, 6, "sigmoid", "sgd", 0.1, 0
			}),
			fault(corpus.Vanishing, "no shortcuts, five blocks, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Bare, r.Unnormed, r.Hidden, r.Gain, r.Optimizer, r.LR, r.Momentum, r.WeightDecay = true, true, 5, 0.2, "sgd", 0.02, 0.9, 0
			}),
			fault(corpus.Exploding, "no layer norms, six blocks, initialisation times 4", func(r *Recipe) {
				r.Unnormed, r.Hidden, r.Gain, r.Optimizer, r.LR, r.WeightDecay = true, 6, 4, "sgd", 0.05, 0
			}),
			fault(corpus.Exploding, "no layer norms, four blocks, initialisation times 3, clipped", func(r *Recipe) {
				r.Unnormed, r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR, r.WeightDecay = true, 4, 3, 1, "sgd", 1e-3, 0
			}),
			fault(corpus.Dying, "no shortcuts, hidden biases far below 0", func(r *Recipe) { r.Bare, r.Bias = true, -15 }),
			fault(corpus.Dying, "no shortcuts, hidden biases far below 0 at a step", func(r *Recipe) {
				r.Bare, r.Fault = true, Fault{Kind: Kill, At: 0.25, Size: 20}
			}),
			fault(corpus.Oscillating, "learning rate 2", func(r *Recipe) { r.LR = 2 }),
			fault(corpus.Oscillating, "momentum 0.99, clipped", func(r *Recipe) {
				r.Optimizer, r.Momentum, r.LR, r.Clip, r.WeightDecay = "sgd", 0.99, 2, 0.5, 0
			}),
			faster(1000),
			tooFast(2000),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			logOfZero(),
			fault(corpus.IllConditioned, "columns of scales 1 to 100, full batches", func(r *Recipe) {
				r.Spread, r.Unnormed, r.Activation, r.Optimizer, r.LR, r.WeightDecay, r.Batch, r.Rows = 100, true, "tanh", "sgd", 2e-3, 0, 0, 400
			}),
			symmetric(0),
			symmetric(0.5),
			fault(corpus.Escape, "no shortcuts, small initialisation, momentum", func(r *Recipe) {
				r.Bare, r.Unnormed, r.Gain, r.Optimizer, r.LR, r.Momentum, r.WeightDecay, r.Steps = true, true, 0.3, "sgd", 0.03, 0.9, 0, 1600
			}),
			fault(corpus.Cliffs, "no layer norms, next to a cliff", func(r *Recipe) {
				r.Unnormed, r.Fault = true, Fault{Kind: Steeper, At: 0.4, Size: 2.5}
			}),
			unthawed(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			t := b.tableRules()
			return &task{
				training: b.tableRows(t, b.Rows, b.Noise), test: b.tableRows(t, 800, 0),
				forward: b.tableNetwork(), loss: crossEntropy, metric: balanced,
			}, nil
		},
	}
}

const (
	numericColumns = 6
	rowClasses     = 3
	embeddingSize  = 4
)

// categoryCounts are the categorical columns' numbers of categories.
var categoryCounts = [...]int{12, 6, 4}

// tableRules decide about the classes: two effects of each category, on the two scores
// above whose limits a row belongs to one of the smaller classes.
type tableRules struct {
	effects [len(categoryCounts)][][2]float64
	limits  [2]float64
}

// tableRules draws them. A shift moves them towards others.
func (b *builder) tableRules() *tableRules {
	t := &tableRules{limits: [2]float64{1.2, 1.7}}
	for i, count := range categoryCounts {
		values := b.shifted(2*count, 0.9)
		for j := range count {
			t.effects[i] = append(t.effects[i], [2]float64{values[2*j], values[2*j+1]})
		}
	}
	return t
}

// tableRows draws examples: the numeric columns, scaled from 1 up to Spread, and then one
// column of zeros and ones for each category. A share of the labels is any.
func (b *builder) tableRows(t *tableRules, rows int, wrong float64) examples {
	columns := numericColumns
	for _, c := range categoryCounts {
		columns += c
	}
	x, y := make([]float32, rows*columns), make([]int64, rows)
	for r := range y {
		row := x[r*columns : (r+1)*columns]
		normal := b.data.NormFloat64()
		u := [numericColumns]float64{
			normal,
			math.Sqrt(3) * (2*b.data.Float64() - 1),
			b.data.ExpFloat64() - 1,
			0.6*normal + 0.8*b.data.NormFloat64(), // goes with the first
			math.Exp(0.7*b.data.NormFloat64()) - 1.28,
			float64(b.data.IntN(5)-2) / math.Sqrt2,
		}
		for i, v := range u {
			row[i] = float32(v * math.Pow(b.spread(), 1-float64(i)/(numericColumns-1)))
		}
		first, second := 0.9*u[1]+0.7*u[0]*u[5], 1.2*math.Abs(u[3])-1+0.6*u[2]-0.5*u[4]
		at := numericColumns
		for i, count := range categoryCounts {
			c := int(float64(count) * math.Pow(b.data.Float64(), 1.5)) // the first are frequent
			row[at+c] = 1
			at += count
			first += t.effects[i][c][0]
			second += t.effects[i][c][1]
		}
		switch {
		case b.data.Float64() < wrong:
			y[r] = b.data.Int64N(rowClasses)
		case first > t.limits[0]:
			y[r] = 1
		case second > t.limits[1]:
			y[r] = 2
		}
	}
	return examples{tensor(x, int64(rows), int64(columns)), tensor(y, int64(rows))}
}

// balanced is the mean of the classes' shares of rows that are found.
func balanced(out, y *ts.Tensor) float64 {
	best := out.MustArgmax([]int64{-1}, false, false)
	defer best.MustDrop()
	said, want := best.Vals().([]int64), y.Vals().([]int64)
	var found, all [rowClasses]float64
	for i, c := range want {
		all[c]++
		if said[i] == c {
			found[c]++
		}
	}
	var sum float64
	for c := range all {
		sum += found[c] / max(all[c], 1)
	}
	return sum / rowClasses
}

// tableNetwork embeds the categories and is blocks of x + W₂·act(W₁·norm(x)) behind that.
func (b *builder) tableNetwork() func(x *ts.Tensor, train bool) *ts.Tensor {
	type block struct {
		norm         norm
		inner, outer linear
	}
	var tables []*ts.Tensor
	for i, count := range categoryCounts { // one category at a time
		tables = append(tables, b.weight(fmt.Sprintf("embedding%d", i+1), "weight", 0.7*math.Sqrt(float64(count)), false, embeddingSize, int64(count)))
	}
	width := int64(b.Width)
	first := b.linear("input", int64(numericColumns+embeddingSize*len(categoryCounts)), width, 1, false)
	normed := func(name string) (l norm) {
		if !b.Unnormed {
			l = b.norm(name, width)
		}
		return l
	}
	blocks := make([]block, b.Hidden)
	for i := range blocks {
		name := fmt.Sprintf("block%d", i+1)
		blocks[i] = block{normed(name + "_norm"),
			b.linear(name+"_inner", width, 2*width, activations[b.Activation].gain, true),
			b.linear(name+"_outer", 2*width, width, 1, false)}
	}
	last := normed("output_norm")
	head := b.linear("output", width, rowClasses, 1, false)
	before := func(l norm, h *ts.Tensor) *ts.Tensor {
		if b.Unnormed {
			return h.MustShallowClone()
		}
		return l.forward(h)
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		parts := []*ts.Tensor{x.MustNarrow(1, 0, numericColumns, false)}
		at := int64(numericColumns)
		for i, count := range categoryCounts {
			ones := x.MustNarrow(1, at, int64(count), false)
			parts = append(parts, ts.MustLinear(ones, tables[i], ts.NewTensor()))
			ones.MustDrop()
			at += int64(count)
		}
		all := ts.MustCat(parts, 1)
		for _, p := range parts {
			p.MustDrop()
		}
		h := first.forward(all)
		all.MustDrop()
		for _, l := range blocks {
			n := before(l.norm, h)
			inner := b.drop(b.act(l.inner.forward(n)), train)
			n.MustDrop()
			y := l.outer.forward(inner)
			inner.MustDrop()
			if !b.Bare {
				y = y.MustAdd(h, true)
			}
			h.MustDrop()
			h = y
		}
		defer h.MustDrop()
		n := before(last, h)
		defer n.MustDrop()
		return head.forward(n)
	}
}
