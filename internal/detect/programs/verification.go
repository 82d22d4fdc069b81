package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// verification says whether one hand wrote two signatures: both go through the same
// layers, and the odds fall with the squared distance of what comes out (Bromley and
// others 1993). Each writer is a small cluster of curves, which differ from one another
// by slant, size and place more than the writers do.
func verification() *Program {
	return &Program{
		Name: "verification-siamese",
		Plain: Recipe{Steps: 1600, Batch: 48, Rows: 4000, Optimizer: "adam", LR: 3e-3,
			Hidden: 2, Width: 40, Activation: "relu", Gain: 1},
		Chance: 0.5, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(8),
			resized(256),
			clipped(0.05, 1),
			hard("a tenth of the labels wrong", func(r *Recipe) { r.Noise = 0.1 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 6e-4, 2200 }).least(0.4),
			hard("few pairs, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 120, 24 }).least(0.2),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.6),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.02, 0.9 }).least(0.7),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.22, "sgd", 0.02, 0.9, 2000
			}).least(0.6),
			hard("full batches", func(r *Recipe) {
				r.Batch, r.Rows, r.Activation, r.Optimizer, r.LR, r.Steps = 0, 600, "tanh", "sgd", 0.3, 1600
			}).least(0.4),
			tuned(1200, 0.1, 0.3),
			partly(2).least(0.6),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "eight sigmoid layers, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 8, "sigmoid", "sgd", 0.02, 0.9
			}),
			fault(corpus.Vanishing, "ten layers of tanh, initialisation times 0.3", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 10, "tanh", 0.3, "sgd", 0.1
			}),
			fault(corpus.Exploding, "eight layers, initialisation times 3", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 8, 3, "sgd", 0.02
			}),
			fault(corpus.Exploding, "ten layers of tanh, initialisation times 6, clipped", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Clip, r.Optimizer, r.LR = 10, "tanh", 6, 1, "sgd", 0.01
			}),
			bornDead(12),
			killed(20),
			fault(corpus.Oscillating, "tanh, learning rate 0.1", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.1 }),
			bouncing(0.5, 20).with("tanh"),
			tooFast(3000).with("tanh"),
			faster(300).with("tanh"),
			poisoned(20),
			mislabelled(60),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, in page widths, small batches", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR = 20, "tanh", "sgd", 0.17
			}),
			symmetric(0),
			symmetric(0.15).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.123, "sgd", 0.02, 0.9, 2000
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			hands := b.writers()
			return &task{
				training: b.signatures(hands, b.Rows, b.Noise), test: b.signatures(hands, 800, 0),
				forward: b.siamese(), loss: binary, metric: balancedAccuracy,
			}, nil
		},
	}
}

const (
	signers    = 40 // writers
	penWaves   = 4  // of which each coordinate of a signature is made
	penPoints  = 12
	handTraits = 6 // numbers that a signature is reduced to
)

// writers draws what each hand's curves are made of: by coordinate the strengths of
// sines and cosines.
func (b *builder) writers() [][]float64 {
	all := make([][]float64, signers)
	for i := range all {
		for range 2 {
			for w := range penWaves {
				strength := 1 / float64(1+w)
				all[i] = append(all[i], strength*b.data.NormFloat64(), strength*b.data.NormFloat64())
			}
		}
	}
	return all
}

// signatures draws pairs, rows × 2 × 2·penPoints, half of them of one hand; some of the
// labels are wrong. With a spread lengths are in a unit, the page's width say, in which the
// curves are so many times smaller than the differences of their places; a shift turns all.
func (b *builder) signatures(hands [][]float64, rows int, wrong float64) examples {
	x, y := make([]float32, 0, rows*4*penPoints), make([]float32, rows)
	sign := func(hand []float64) {
		angle := 0.8*(2*b.data.Float64()-1) + b.Shift
		sin, cos := math.Sincos(angle)
		size := (0.7 + 0.6*b.data.Float64()) / b.spread()
		right, up := 0.7*b.data.NormFloat64(), 0.7*b.data.NormFloat64()
		for p := range penPoints {
			var at [2]float64
			for c := range at {
				at[c] = 0.08 * b.data.NormFloat64()
				for w := range penWaves {
					s, k := math.Sincos(math.Pi * float64(w+1) * float64(p) / penPoints)
					at[c] += hand[2*(c*penWaves+w)]*s + hand[2*(c*penWaves+w)+1]*k
				}
			}
			x = append(x, float32(size*(cos*at[0]-sin*at[1])+right), float32(size*(sin*at[0]+cos*at[1])+up))
		}
	}
	for r := range y {
		first := b.data.IntN(len(hands))
		second := first
		if r%2 == 1 {
			second = (first + 1 + b.data.IntN(len(hands)-1)) % len(hands)
		} else {
			y[r] = 1
		}
		sign(hands[first])
		sign(hands[second])
		if b.data.Float64() < wrong {
			y[r] = 1 - y[r]
		}
	}
	return examples{tensor(x, int64(rows), 2, 2*penPoints), tensor(y, int64(rows))}
}

// siamese computes the logits of one hand: a threshold, which is learnt too, less the
// squared distance of the traits.
func (b *builder) siamese() func(x *ts.Tensor, train bool) *ts.Tensor {
	encode := b.mlp(2*penPoints, handTraits)
	threshold := b.add("threshold", "bias", []float32{1}, []int64{1}, param{role: bias})
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		t := encode(x, train)
		defer t.MustDrop()
		first, second := t.MustSelect(1, 0, false), t.MustSelect(1, 1, false)
		defer second.MustDrop()
		apart := first.MustSub(second, true).MustSquare(true).MustSumDimIntlist([]int64{1}, false, gotch.Float, true)
		defer apart.MustDrop()
		return threshold.MustSub(apart, false)
	}
}

// balancedAccuracy is the mean of the shares of pairs of one hand and of pairs of two
// that are told rightly.
func balancedAccuracy(out, y *ts.Tensor) float64 {
	var right, all [2]float64
	logits := out.Vals().([]float32)
	for i, label := range y.Vals().([]float32) {
		all[int(label)]++
		if (logits[i] > 0) == (label == 1) && logits[i] == logits[i] {
			right[int(label)]++
		}
	}
	return (right[0]/all[0] + right[1]/all[1]) / 2
}
