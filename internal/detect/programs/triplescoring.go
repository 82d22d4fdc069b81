package programs

import (
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// tripleScoring completes a small graph of knowledge: which entity stands in which relation
// to which other. A triple's embeddings meet in their product (Yang and others 2015) and in
// the difference that a translation leaves (Bordes and others 2013); a small network scores
// both, with the numbers that are known of the two entities beside them (Kristiadi and
// others 2019). Half of the triples are false, with the tail drawn anew. Success is measured
// by how many triples that were never seen are told true from false (Socher and others 2013).
func tripleScoring() *Program {
	return &Program{
		Name: "triple-scoring",
		Plain: Recipe{Steps: 1300, Batch: 64, Rows: 3000, Optimizer: "adam", LR: 1e-2,
			Hidden: 2, Width: 24, Activation: "relu", Gain: 1},
		Chance: 0.5, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine").least(0.7),
			scheduled("steps").least(0.6),
			scheduled("restarts").least(0.7),
			resized(4).least(0.6),
			resized(200),
			clipped(0.05, 1),
			easy("momentum", func(r *Recipe) { r.Optimizer, r.LR, r.Momentum = "sgd", 0.2, 0.9 }).least(0.5),
			hard("a tenth of the labels wrong", func(r *Recipe) { r.Noise = 0.1 }).least(0.4),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Before = 1, 2e-4, 900 }).least(0.8),
			hard("few triples, learnt by heart", func(r *Recipe) { r.Rows = 400 }).least(0.1),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 1500, 0 }).least(0.4),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.7),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.75),
			hard("losses of millions", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.2, 0.9
			}).least(0.5),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.2, "sgd", 0.2, 0.9, 1400
			}).least(0.5),
			tuned(800, 0.2, 0.15).least(0.75),
			hard("embeddings learnt before, then frozen", func(r *Recipe) { r.Before, r.Untrained, r.LR = 800, 2, r.LR/4 }),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-5", func(r *Recipe) {
				r.Optimizer, r.LR, r.Momentum = "sgd", 1e-5, 0.9
			}).most(0.2),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.3
			}),
			fault(corpus.Vanishing, "six layers of tanh, initialisation times 0.15, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = 6, "tanh", 0.15, "sgd", 0.05, 0.9
			}),
			fault(corpus.Exploding, "eight layers, initialisation times 4, momentum", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Momentum = 8, 4, "sgd", 0.05, 0.9
			}),
			fault(corpus.Exploding, "six layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 6, 3, "sgd", 1e-3, 1
			}),
			bornDead(10),
			killed(20),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 1", func(r *Recipe) { r.Activation, r.LR = "tanh", 1 }),
			bouncing(0.5, 40).with("tanh"),
			faster(300),
			mislabelled(20),
			injected(corpus.Poisoned, "relations mixed up with a large weight", BadLabels, 0.6, 40, false),
			emptyMask(),
			logOfZero(),
			symmetric(0),
			symmetric(0.5),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Activation, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.14, "tanh", "sgd", 0.15, 0.9, 1400
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			people, age := b.factWorld()
			known, unknown := b.factTriples(people, age)
			return &task{
				training: known, test: unknown,
				forward: b.factScores(b.factNumbersKnown(age)), loss: binary, metric: factsTold,
			}, nil
		},
	}
}

const (
	factEntities  = 30
	factRelations = 5
	factPeoples   = 3 // which an entity is of one of
	factHeldOut   = 400
	factNumbers   = 2 // known of each entity
	factSize      = 10
)

// factWorld draws what the entities are: of which people, and how old, from -1 to 1. Of a
// share of them, by the shift, the people is another.
func (b *builder) factWorld() (people [factEntities]int, age [factEntities]float64) {
	for e := range people {
		people[e], age[e] = e%factPeoples, 2*b.data.Float64()-1
		if other := 1 + b.data.IntN(factPeoples-1); b.data.Float64() < b.Shift {
			people[e] = (people[e] + other) % factPeoples
		}
	}
	return people, age
}

// factTriples draws triples of head, relation and tail, half of them true, and whether they
// are; those held out are none of the others. Each relation has a law: by people, by age or
// by both. A part of the known ones is labelled wrongly.
func (b *builder) factTriples(people [factEntities]int, age [factEntities]float64) (known, unknown examples) {
	law := func(head, relation, tail int) bool {
		same, next := people[head] == people[tail], (people[head]+1)%factPeoples == people[tail]
		older := age[tail] - age[head]
		switch relation {
		case 0: // brother
			return same
		case 1: // neighbour
			return next
		case 2: // parent
			return older > 0.3 && older < 1.1
		case 3: // friend
			return math.Abs(older) < 0.35
		}
		return older > 0 && !same // teacher
	}
	var sorted [2][][3]int64
	for _, i := range b.data.Perm(factEntities * factEntities * factRelations) {
		head, relation, tail := i/factRelations/factEntities, i%factRelations, i/factRelations%factEntities
		if head == tail {
			continue
		}
		is := 0
		if law(head, relation, tail) {
			is = 1
		}
		sorted[is] = append(sorted[is], [3]int64{int64(head), int64(relation), int64(tail)})
	}
	table := func(rows int, wrong float64, from func(is, n int) [3]int64) examples {
		x, y := make([]int64, 0, 3*rows), make([]float32, rows)
		for r := range y {
			triple := from(r%2, r/2)
			x = append(x, triple[:]...)
			if y[r] = float32(r % 2); b.data.Float64() < wrong {
				y[r] = 1 - y[r]
			}
		}
		return examples{tensor(x, int64(rows), 3), tensor(y, int64(rows), 1)}
	}
	unknown = table(factHeldOut, 0, func(is, n int) [3]int64 { return sorted[is][n] })
	known = table(b.Rows, b.Noise, func(is, n int) [3]int64 {
		left := sorted[is][factHeldOut/2:]
		return left[n%len(left)]
	})
	return known, unknown
}

// factNumbersKnown are two numbers of each entity: its age, not exactly, and one that means
// nothing.
func (b *builder) factNumbersKnown(age [factEntities]float64) *ts.Tensor {
	values := make([]float32, factEntities*factNumbers)
	for i := range values {
		if v := b.data.NormFloat64(); i%factNumbers == 0 {
			values[i] = float32(age[i/factNumbers] + 0.3*v)
		} else {
			values[i] = float32(v)
		}
	}
	return tensor(values, factEntities, factNumbers)
}

// factScores is embeddings, what a product and a translation make of them, and an mlp.
func (b *builder) factScores(numbers *ts.Tensor) func(x *ts.Tensor, train bool) *ts.Tensor {
	entities := b.weight("entities", "weight", math.Sqrt(factSize), false, factEntities, factSize)
	relations := b.weight("relations", "weight", math.Sqrt(factSize), false, factRelations, factSize)
	score := b.mlp(2*factSize+2*factNumbers, 1)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		look := func(table *ts.Tensor, column int64) *ts.Tensor {
			which := x.MustSelect(1, column, false)
			defer which.MustDrop()
			return ts.MustEmbedding(table, which, -1, false, false)
		}
		head, relation, tail := look(entities, 0), look(relations, 1), look(entities, 2)
		product := head.MustMul(relation, false).MustMul(tail, true)
		left := head.MustAdd(relation, true).MustSub(tail, true)
		parts := []*ts.Tensor{product, left, look(numbers, 0), look(numbers, 2)}
		all := ts.MustCat(parts, 1)
		for _, p := range append(parts, relation, tail) {
			p.MustDrop()
		}
		defer all.MustDrop()
		return score(all, train)
	}
}

// factsTold is the share of triples whose score has the right sign.
func factsTold(out, y *ts.Tensor) float64 {
	got, want := out.Float64Values(false), y.Float64Values(false)
	right := 0.0
	for i := range got {
		switch {
		case got[i] == 0, math.IsNaN(got[i]):
			right += 0.5
		case (got[i] > 0) == (want[i] == 1):
			right++
		}
	}
	return right / float64(len(got))
}
