package programs

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// wideDeep tells which apps are installed when a store shows them: a linear part with a
// weight for each pair of an app that the user has and one that is shown learns exceptions
// by heart, and a deep one beside it, with embeddings, generalises (Cheng and others 2016).
// The logits of both are added. Most of what can be known is in what the user's numbers
// mean in each category, which only the deep part can tell.
func wideDeep() *Program {
	return &Program{
		Name: "wide-deep",
		Plain: Recipe{Steps: 1000, Batch: 64, Rows: 6000, Optimizer: "adam", LR: 4e-3,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1},
		Chance: 0, Solved: 0.6,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(8).least(0.75),
			resized(400),
			clipped(0.02, 1),
			hard("a seventh of the labels wrong", func(r *Recipe) { r.Noise = 0.15 }).least(0.65),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1.2e-3, 2000 }).least(0.35),
			hard("few impressions, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 200, 25 }).least(0.2),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.15 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.1, 0.9 }).least(0.7),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 500 }).least(0.4),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.15, "sgd", 0.07, 0.9, 1400
			}).least(0.6),
			hard("embeddings learnt before, then frozen", func(r *Recipe) { r.Before, r.Untrained, r.LR = 800, len(storeFields), r.LR/4 }),
			tuned(800, 0.2, 0.2).least(0.75),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight layers of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "seven layers of tanh, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = 7, "tanh", 0.2, "sgd", 0.03, 0.9
			}),
			fault(corpus.Exploding, "ten layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 10, 5, "sgd", 0.1
			}),
			fault(corpus.Exploding, "eight layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 8, 4, "sgd", 1e-3, 1
			}),
			bornDead(10),
			killed(20),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.Momentum, r.LR, r.Clip = "tanh", "sgd", 0.99, 1, 0.5
			}),
			fault(corpus.Oscillating, "tanh, learning rate 0.5", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.5 }),
			tooFast(1000).with("tanh"),
			faster(500).with("tanh"),
			mislabelled(60),
			poisoned(20),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, numbers of scales 1e-4 to 1", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR = 1e4, "tanh", "sgd", 3
			}),
			fault(corpus.IllConditioned, "tanh, numbers of scales 0.001 to 1, full batches", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR, r.Batch, r.Rows = 1e3, "tanh", "sgd", 0.7, 0, 1500
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.035, "sgd", 0.04, 0.9, 1900
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			s := b.appStore()
			return &task{
				training: b.storeVisits(s, b.Rows, b.Noise), test: b.storeVisits(s, 1000, 0),
				forward: b.wideAndDeep(), loss: binary, metric: rankedApart,
			}, nil
		},
	}
}

// storeNumbers is how many numbers are known about a user.
const storeNumbers = 5

// storeFields are the numbers of categories: of apps that a user has, of apps that are
// shown, and of countries. The first two are crossed.
var storeFields = [...]int64{12, 10, 6}

// appStore is what decides about installations.
type appStore struct {
	exceptions []float64 // of pairs of the first two fields
	slopes     [3][]float64
}

// appStore draws it. A shift moves it towards another.
func (b *builder) appStore() *appStore {
	s := &appStore{exceptions: b.shifted(int(storeFields[0]*storeFields[1]), 0.5)}
	for i, f := range storeFields {
		s.slopes[i] = b.shifted(int(f), 0.7)
	}
	return s
}

// storeVisits draws examples: the numbers, scaled from 1/Spread up to 1, and then a column
// of zeros and ones for each category. A share of the labels is any.
func (b *builder) storeVisits(s *appStore, rows int, wrong float64) examples {
	columns := storeNumbers
	for _, f := range storeFields {
		columns += int(f)
	}
	x, y := make([]float32, rows*columns), make([]float32, rows)
	for r := range y {
		row := x[r*columns : (r+1)*columns]
		var v [storeNumbers]float64
		for i := range v {
			v[i] = b.data.NormFloat64()
			row[i] = float32(v[i] * math.Pow(b.spread(), float64(i)/(storeNumbers-1)-1))
		}
		var drawn [len(storeFields)]int64
		at := int64(storeNumbers)
		for i, f := range storeFields {
			drawn[i] = int64(float64(f) * math.Pow(b.data.Float64(), 1.3)) // the first are frequent
			row[at+drawn[i]] = 1
			at += f
		}
		logit := s.exceptions[drawn[0]*storeFields[1]+drawn[1]] +
			s.slopes[0][drawn[0]]*v[0] + s.slopes[1][drawn[1]]*v[1] + 0.7*s.slopes[2][drawn[2]] +
			1.3*(math.Abs(v[2])-0.8) + v[3]*v[4] + 0.3*v[4]
		positive := b.data.Float64() < 1/(1+math.Exp(-3*logit))
		if b.data.Float64() < wrong {
			positive = b.data.Float64() < 0.5
		}
		if positive {
			y[r] = 1
		}
	}
	return examples{tensor(x, int64(rows), int64(columns)), tensor(y, int64(rows), 1)}
}

// wideAndDeep adds the logits of an mlp that sees the numbers and the categories'
// embeddings, and of weights of the categories and of the pairs of the first two.
func (b *builder) wideAndDeep() func(x *ts.Tensor, train bool) *ts.Tensor {
	const size = 4
	var tables []*ts.Tensor
	categories := int64(0)
	for i, f := range storeFields { // one category at a time
		tables = append(tables, b.weight(fmt.Sprintf("embedding%d", i+1), "weight", 0.7*math.Sqrt(float64(f)), false, size, f))
		categories += f
	}
	deep := b.mlp(storeNumbers+size*int64(len(storeFields)), 1)
	pairs := storeFields[0] * storeFields[1]
	wide := b.weight("wide", "weight", 0.1, false, 1, categories+pairs)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		ones := x.MustNarrow(1, storeNumbers, categories, false)
		defer ones.MustDrop()
		seen := []*ts.Tensor{x.MustNarrow(1, 0, storeNumbers, false)}
		var fields []*ts.Tensor
		at := int64(0)
		for i, f := range storeFields {
			field := ones.MustNarrow(1, at, f, false)
			fields = append(fields, field)
			seen = append(seen, ts.MustLinear(field, tables[i], ts.NewTensor()))
			at += f
		}
		all := ts.MustCat(seen, 1)
		for _, t := range seen {
			t.MustDrop()
		}
		defer all.MustDrop()
		has, shown := fields[0].MustUnsqueeze(2, false), fields[1].MustUnsqueeze(1, false)
		crossed := has.MustMul(shown, true).MustView([]int64{-1, pairs}, true)
		shown.MustDrop()
		for _, t := range fields {
			t.MustDrop()
		}
		sparse := ts.MustCat([]*ts.Tensor{ones, crossed}, 1)
		crossed.MustDrop()
		defer sparse.MustDrop()
		learnt := ts.MustLinear(sparse, wide, ts.NewTensor())
		defer learnt.MustDrop()
		return deep(all, train).MustAdd(learnt, true)
	}
}

// rankedApart is by how much a positive example's score is more often above than below
// that of a negative one: twice the area under the ROC curve, less 1.
func rankedApart(out, y *ts.Tensor) float64 {
	scores, want := out.Vals().([]float32), y.Vals().([]float32)
	ranked := make([]int, len(scores))
	for i := range ranked {
		ranked[i] = i
		if math.IsNaN(float64(scores[i])) {
			return 0
		}
	}
	slices.SortFunc(ranked, func(i, j int) int { return cmp.Compare(scores[i], scores[j]) })
	var won, positives, below float64
	for i := 0; i < len(ranked); {
		var ties, found float64 // of the same score
		for same := scores[ranked[i]]; i < len(ranked) && scores[ranked[i]] == same; i++ {
			ties++
			found += float64(want[ranked[i]])
		}
		negatives := ties - found
		won += found * (below + negatives/2)
		positives += found
		below += negatives
	}
	return 2*won/max(positives*below, 1) - 1
}
