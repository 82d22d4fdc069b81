package programs

import (
	"cmp"
	"math"
	"slices"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// multilabel gives documents all tags that suit them, from the counts of their words, by
// a deep network with a sigmoid for each tag (Nam and others 2014). Most tags are topics;
// some belong to documents that are about two topics at once, which no sum of words can
// tell. What is minimised is the mean of all tags' cross-entropies, and the last biases
// begin with how frequent each tag is (Lin and others 2017).
func multilabel() *Program {
	return &Program{
		Name: "multilabel-tags",
		Plain: Recipe{Steps: 1200, Batch: 32, Rows: 3000, Optimizer: "adam", LR: 3e-3,
			Hidden: 3, Width: 32, Activation: "relu", Gain: 1},
		Chance: 0, Solved: 0.5,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(4).least(0.7),
			resized(256),
			clipped(0.01, 1),
			hard("a sixth of the tags wrong", func(r *Recipe) { r.Noise = 0.16 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 2000 }).least(0.4),
			hard("few documents, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 200, 25 }).least(0.15),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.2 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.3, 0.9 }).least(0.6),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.Steps = 0, 300, 1000 }).least(0.15),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.25, "sgd", 0.3, 0.9, 2000
			}).least(0.6),
			tuned(1000, 0.1, 0.2),
			partly(2).least(0.5),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "nine layers of sigmoids, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 9, "sigmoid", "sgd", 0.3, 0.9
			}),
			fault(corpus.Vanishing, "seven layers of tanh, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 7, "tanh", 0.2, "sgd", 0.5
			}),
			fault(corpus.Exploding, "ten layers, initialisation times 6", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 10, 6, "sgd", 0.3
			}),
			fault(corpus.Exploding, "eight layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 8, 3, "sgd", 1e-2, 1
			}),
			bornDead(10),
			killed(20),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.Momentum, r.LR, r.Clip = "tanh", "sgd", 0.99, 1.1, 0.3
			}),
			bouncing(0.1, 120).with("tanh"),
			tooFast(1000).with("tanh"),
			faster(300).with("tanh"),
			poisoned(60),
			mislabelled(50),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, counts of scales 1e-5 to 1, full batches", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR, r.Batch, r.Rows, r.Steps = 1e5, "tanh", "sgd", 2, 0, 300, 1000
			}),
			symmetric(0),
			symmetric(1).with("tanh"),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.095, "sgd", 0.3, 0.9, 2000
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			t := b.vocabularies()
			return &task{
				training: b.taggedDocuments(t, b.Rows, b.Noise), test: b.taggedDocuments(t, 500, 0),
				forward: b.taggers(), loss: binary, metric: meanAveragePrecision,
			}, nil
		},
	}
}

const (
	documentTopics = 8
	documentTags   = 11
	documentWords  = 80 // that are counted
	documentLength = 24
)

// jointTags are the pairs of topics that the tags after the topics' own stand for.
var jointTags = [documentTags - documentTopics][2]int{{0, 1}, {2, 3}, {4, 5}}

// vocabularies draws how probable, up to and with each, the words are in each topic, by
// Zipf's law in an order of the topic's own. A shift takes from that for another order.
func (b *builder) vocabularies() (upTo [documentTopics][documentWords]float64) {
	order := func() (p [documentWords]float64) {
		for rank, word := range b.data.Perm(documentWords) {
			p[word] = 1 / (2 + float64(rank))
		}
		return p
	}
	for t := range upTo {
		own, sum := order(), 0.0
		for w, other := range order() {
			sum += (1-b.Shift)*own[w] + b.Shift*other
			upTo[t][w] = sum
		}
		for w := range upTo[t] {
			upTo[t][w] /= sum
		}
	}
	return upTo
}

// taggedDocuments draws the logarithms of 1 and the words' counts, scaled from 1 down to
// 1/Spread, in documents about one to three topics that share the words evenly. A share
// of the tags is that of any document.
func (b *builder) taggedDocuments(upTo [documentTopics][documentWords]float64, rows int, wrong float64) examples {
	x, y := make([]float32, rows*documentWords), make([]float32, rows*documentTags)
	topics := func() (about []int, tags [documentTags]float32) {
		// Topics that go together are drawn together more often than others.
		about = b.data.Perm(documentTopics)[:1+b.data.IntN(3)]
		if pair := jointTags[b.data.IntN(len(jointTags))]; b.data.Float64() < 0.3 {
			about = pair[:]
		}
		for _, t := range about {
			tags[t] = 1
		}
		for i, pair := range jointTags {
			tags[documentTopics+i] = tags[pair[0]] * tags[pair[1]]
		}
		return about, tags
	}
	for r := range rows {
		about, tags := topics()
		row := x[r*documentWords : (r+1)*documentWords]
		for range documentLength {
			word, _ := slices.BinarySearch(upTo[about[b.data.IntN(len(about))]][:], b.data.Float64())
			row[min(word, documentWords-1)]++
		}
		for w := range row {
			row[w] = float32(math.Log1p(float64(row[w])) * math.Pow(b.spread(), -float64(w)/(documentWords-1)))
		}
		_, others := topics()
		for i := range tags {
			if b.data.Float64() < wrong {
				tags[i] = others[i]
			}
		}
		copy(y[r*documentTags:], tags[:])
	}
	return examples{tensor(x, int64(rows), documentWords), tensor(y, int64(rows), documentTags)}
}

// taggers is an mlp whose last biases are the logits of the tags' shares.
func (b *builder) taggers() func(x *ts.Tensor, train bool) *ts.Tensor {
	// Of a topic, and of a pair, as taggedDocuments draws them.
	const topic, pair = 0.245, 0.125
	network := b.mlp(documentWords, documentTags)
	last := b.params[len(b.params)-1].tensor
	values := make([]float32, documentTags)
	for i := range values {
		share := topic
		if i >= documentTopics {
			share = pair
		}
		values[i] = float32(math.Log(share / (1 - share)))
	}
	shares := tensor(values, documentTags)
	defer shares.MustDrop()
	ts.NoGrad(func() { last.Copy_(shares) })
	return network
}

// meanAveragePrecision is the mean over tags of the mean, over the documents with the
// tag, of the share of such documents among those that are not behind; 0 is what an order
// by chance gets and 1 the best.
func meanAveragePrecision(out, y *ts.Tensor) float64 {
	scores, want := out.Vals().([]float32), y.Vals().([]float32)
	rows := len(scores) / documentTags
	ranked := make([]int, rows)
	var sum float64
	for tag := range documentTags {
		for i := range ranked {
			ranked[i] = i
		}
		slices.SortStableFunc(ranked, func(i, j int) int {
			return cmp.Compare(scores[j*documentTags+tag], scores[i*documentTags+tag])
		})
		var found, precision float64
		for i, r := range ranked {
			if want[r*documentTags+tag] > 0 {
				found++
				precision += found / float64(i+1)
			}
		}
		share := found / float64(rows)
		sum += (precision/max(found, 1) - share) / (1 - share)
	}
	return sum / documentTags
}
