package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// clicks predicts clicks from five categorical fields, each through a small embedding
// of its own, and two rectified layers (Covington, Adams and Sargin 2016). A fifth of the
// examples is positive, most of the loss is noise that nothing predicts, and a
// batch moves few of the rare categories' rows.
func clicks() *Program {
	return &Program{
		Name: "click-embedding",

		Plain: Recipe{Steps: 1200, Batch: 64, Rows: 20000, Optimizer: "rmsprop", LR: 1e-3,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1},
		Chance: 0, Solved: 0.15,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(8),
			resized(256),
			clipped(0.02, 1),
			hard("a tenth of the clicks by chance", func(r *Recipe) { r.Noise = 0.1 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 6e-4, 2000 }).least(0.3),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.1, 0.9 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.1, 0.9 }).least(0.7),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum = 0.3, "sgd", 0.15, 0.9
			}).least(0.6),
			hard("embeddings learnt before, then frozen", func(r *Recipe) { r.Before, r.Untrained, r.LR = 1000, len(fields), r.LR/4 }),
			tuned(1000, 0.3, 0.2),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "seven layers, initialisation times 0.25, momentum", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Momentum = 7, 0.25, "sgd", 0.02, 0.9
			}),
			fault(corpus.Exploding, "eight layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 8, 5, "sgd", 0.05
			}),
			fault(corpus.Exploding, "seven layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = 7, 4, 1, "sgd", 1e-3
			}),
			bornDead(10),
			killed(15),
			fault(corpus.Oscillating, "tanh, learning rate 0.3", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.3 }),
			bouncing(1, 30).with("tanh"),
			faster(500),
			fault(corpus.Diverging, "plain gradient descent, learning rate 30", func(r *Recipe) { r.Optimizer, r.LR = "sgd", 30 }),
			mislabelled(100),
			emptyMask(),
			logOfZero(),
			symmetric(0),
			symmetric(0.2),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Batch, r.Steps = 0.2, "sgd", 0.05, 0.9, 192, 1900
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			m := b.market()
			return &task{
				training: b.impressions(m, b.Rows, b.Noise), test: b.impressions(m, 2000, 0),
				forward: b.embedded(), loss: binary, metric: entropySaved,
			}, nil
		},
	}
}

// fields are the categorical fields' numbers of categories.
var fields = [...]int64{400, 150, 40, 12, 7}

// tastes is the number of factors in which the first two fields interact.
const tastes = 2

// market is what decides about clicks: each category's effect on the logit, and how
// categories of the first two fields go together.
type market struct {
	effects [len(fields)][]float64
	factors [2][]float64
	base    float64
}

// market draws one. A shift moves it towards another.
func (b *builder) market() *market {
	m := &market{}
	for i, f := range fields {
		m.effects[i] = b.shifted(int(f), 0.9)
	}
	for i := range m.factors {
		m.factors[i] = b.shifted(int(fields[i]*tastes), 0.9)
	}
	const sample = 1000
	for range sample { // a fifth of the impressions are clicked on, about
		m.base -= m.logit(b.categories()) / sample
	}
	m.base -= 2.4
	return m
}

// shifted draws from N(0, std²), and adds Shift times as much of other draws.
func (b *builder) shifted(count int, std float64) []float64 {
	values := make([]float64, count)
	for i := range values {
		values[i] = std * b.data.NormFloat64()
	}
	for i := range values {
		values[i] += b.Shift * std * b.data.NormFloat64()
	}
	return values
}

// categories draws one for each field by Zipf's law.
func (b *builder) categories() (drawn [len(fields)]int64) {
	for i, f := range fields {
		// The rank's logarithm is uniform.
		drawn[i] = int64(math.Pow(float64(f), b.data.Float64())) - 1
	}
	return drawn
}

// logit is that of a click's probability.
func (m *market) logit(drawn [len(fields)]int64) float64 {
	l := m.base
	for i, c := range drawn {
		l += m.effects[i][c]
	}
	for t := range int64(tastes) {
		l += m.factors[0][drawn[0]*tastes+t] * m.factors[1][drawn[1]*tastes+t]
	}
	return l
}

// impressions draws examples. A share of the labels is drawn without regard to the
// fields.
func (b *builder) impressions(m *market, rows int, chance float64) examples {
	x, y := make([]int64, 0, rows*len(fields)), make([]float32, rows)
	for r := range y {
		drawn := b.categories()
		x = append(x, drawn[:]...)
		p := 1 / (1 + math.Exp(-m.logit(drawn)))
		if b.data.Float64() < chance {
			p = 0.2
		}
		if b.data.Float64() < p {
			y[r] = 1
		}
	}
	return examples{tensor(x, int64(rows), int64(len(fields))), tensor(y, int64(rows), 1)}
}

// embedded is the fields' embeddings, side by side, and an mlp.
func (b *builder) embedded() func(x *ts.Tensor, train bool) *ts.Tensor {
	const size = 8
	var tables []*ts.Tensor
	for i, f := range fields {
		tables = append(tables, b.weight(fmt.Sprintf("embedding%d", i+1), "weight", 0.3*math.Sqrt(size), false, f, size))
	}
	head := b.mlp(int64(len(fields)*size), 1)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		var parts []*ts.Tensor
		for i, table := range tables {
			column := x.MustSelect(1, int64(i), false)
			parts = append(parts, ts.MustEmbedding(table, column, -1, false, false))
			column.MustDrop()
		}
		all := ts.MustCat(parts, 1)
		for _, p := range parts {
			p.MustDrop()
		}
		defer all.MustDrop()
		return head(all, train)
	}
}

// entropySaved is the share of the best constant's loss that is saved, at least -1:
// 1 less the normalised entropy (He and others 2014).
func entropySaved(out, y *ts.Tensor) float64 {
	p := value(y.MustMean(gotch.Float, false))
	constant := -p*math.Log(p) - (1-p)*math.Log(1-p)
	return atLeast(-1, 1-value(binary(out, y))/constant)
}
