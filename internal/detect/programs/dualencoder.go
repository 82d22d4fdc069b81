package programs

import (
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// dualEncoder finds the document that answers a query: one network encodes the query, a bag of
// words, another one the document, a vector of attributes, and among a batch's documents the
// query's own shall have the largest inner product (Karpukhin and others 2020). The other
// queries' documents are the only wrong answers there are.
func dualEncoder() *Program {
	return &Program{
		Name: "dual-encoder",
		Plain: Recipe{Steps: 1000, Batch: 32, Rows: 3000, Optimizer: "adam", LR: 3e-3,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1},
		Chance: 1.0 / shelf, Solved: 0.4,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(8).least(0.75),
			resized(128),
			clipped(0.05, 1),
			hard("a tenth of the pairs wrong", func(r *Recipe) { r.Noise = 0.1 }).least(0.7),
			hard("few pairs, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 150, 50 }).least(0.1),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.03, 0.9 }).least(0.6),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 250, 0 }).least(0.2),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.5, "sgd", 0.03, 0.9, 1600
			}).least(0.6),
			tuned(1000, 0.3, 0.2),
			partly(2).least(0.6),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "six layers of tanh, initialisation times 0.3, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = 6, "tanh", 0.3, "sgd", 0.03, 0.9
			}),
			fault(corpus.Exploding, "six layers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 6, 4, "sgd", 0.03
			}),
			fault(corpus.Exploding, "eight layers of tanh, initialisation times 6, clipped", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Clip = 8, "tanh", 6, "sgd", 1e-3, 1
			}),
			bornDead(15),
			killed(20),
			bouncing(0.5, 20).with("tanh"),
			tooFast(1000),
			faster(1000).with("tanh"),
			poisoned(30),
			mislabelled(50),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			library := b.library()
			asked, answering, training := b.part("query_", queryWords, matchSize), b.part("document_", attributes, matchSize), false
			// matches are the inner products of all queries with all documents.
			matches := func(queries, documents *ts.Tensor, train bool) *ts.Tensor {
				d := answering(documents, train).MustT(true)
				defer d.MustDrop()
				return queries.MustMatmul(d, false).MustMulScalar(ts.FloatScalar(1/math.Sqrt(matchSize)), true)
			}
			return &task{
				training: b.asked(library, b.Rows, b.Noise), test: b.asked(library, 4*shelf, 0),
				forward: func(x *ts.Tensor, train bool) *ts.Tensor {
					training = train
					return asked(x, train)
				},
				loss: func(out, y *ts.Tensor) *ts.Tensor {
					all := matches(out, y, training)
					defer all.MustDrop()
					own := diagonal(all)
					defer own.MustDrop()
					return crossEntropy(all, own)
				},
				metric: func(out, y *ts.Tensor) float64 {
					all := matches(out, y, false)
					defer all.MustDrop()
					return foundFirst(all)
				},
			}, nil
		},
	}
}

const (
	shelf      = 64 // documents among which a query's own is looked for
	queryWords = 40
	queryLong  = 30 // words of a query
	attributes = 16 // of a document
	subjects   = 6  // numbers that say what a document is about
	matchSize  = 12 // of the encodings
)

// library draws how what a document is about decides its attributes and the words that are
// used to ask for it: a row of as many weights as there are subjects for each of them. A shift
// moves the words towards other meanings.
func (b *builder) library() [][subjects]float64 {
	rows := make([][subjects]float64, attributes+queryWords)
	for i := range rows {
		for j := range rows[i] {
			rows[i][j] = b.data.NormFloat64()
		}
	}
	for i := range queryWords {
		for j := range subjects {
			rows[attributes+i][j] += b.Shift * b.data.NormFloat64()
		}
	}
	return rows
}

// asked draws queries, as the logarithms of one more than the words' counts, and documents; a
// share of the queries has any document. With a spread every other attribute is in a unit that is
// so many times smaller than the others', and its numbers are so much larger.
func (b *builder) asked(library [][subjects]float64, rows int, wrong float64) examples {
	x, y := make([]float32, rows*queryWords), make([]float32, 0, rows*attributes)
	about := func(i int, subject *[subjects]float64) (sum float64) {
		for j, s := range subject {
			sum += library[i][j] * s
		}
		return sum
	}
	var subject [subjects]float64
	draw := func() {
		for j := range subject {
			subject[j] = b.data.NormFloat64()
		}
	}
	for r := range rows {
		draw()
		var until [queryWords]float64 // the sum of the words' odds
		var sum float64
		for w := range until {
			sum += math.Exp(about(attributes+w, &subject))
			until[w] = sum
		}
		query := x[r*queryWords:][:queryWords]
		for range queryLong {
			at, w := sum*b.data.Float64(), 0
			for w < queryWords-1 && until[w] < at {
				w++
			}
			query[w]++
		}
		for w, n := range query {
			query[w] = float32(math.Log1p(float64(n)))
		}
		if b.data.Float64() < wrong {
			draw()
		}
		for a := range attributes {
			v := 1.5*math.Tanh(about(a, &subject)/2) + 0.1*b.data.NormFloat64()
			if a%2 == 1 {
				v *= b.spread()
			}
			y = append(y, float32(v))
		}
	}
	return examples{tensor(x, int64(rows), queryWords), tensor(y, int64(rows), attributes)}
}

// foundFirst is the share of queries whose own document is the first one among those of its
// shelf.
func foundFirst(all *ts.Tensor) float64 {
	scores, size := all.Vals().([]float32), int(all.MustSize()[0])
	var found float64
	for q := range size {
		row, from := scores[q*size:][:size], q/shelf*shelf
		first := true
		for d := from; d < min(from+shelf, size); d++ {
			// What is not finite is not found.
			if d != q && !(row[d] < row[q]) {
				first = false
			}
		}
		if first {
			found++
		}
	}
	return found / float64(size)
}
