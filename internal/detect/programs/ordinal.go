package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// ordinalGrades grades items from poor to excellent by a network with layer normalisation
// that gives each a score: where the score lies between thresholds, which are learnt as well,
// makes the logits of being graded so or lower (McCullagh 1980). Success is the agreement with
// the true grades beyond chance, where being far off counts more (Cohen 1968).
func ordinalGrades() *Program {
	return &Program{
		Name: "ordinal-grades",
		Plain: Recipe{Steps: 1200, Batch: 32, Rows: 3000, Optimizer: "adam", LR: 5e-3,
			Hidden: 3, Width: 24, Activation: "relu", Gain: 1},
		Chance: 0, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(4).least(0.75),
			resized(256),
			clipped(0.05, 1),
			hard("a quarter of the grades wrong", func(r *Recipe) { r.Noise, r.LR = 0.25, 3e-3 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 2000 }).least(0.6),
			hard("few items, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 100, 20 }).least(0.2),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.03, 0.9 }).least(0.75),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.Steps = 0, 400, 1000 }).least(0.5),
			hard("a long flat start", func(r *Recipe) {
				r.Unnormed, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = true, "tanh", 0.4, "sgd", 0.03, 0.9, 1600
			}).least(0.6),
			tuned(900, 0.2, 0.3).least(0.75),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "no norms, eight layers of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Unnormed, r.Hidden, r.Activation, r.Optimizer, r.LR = true, 8, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "no norms, six layers, initialisation times 0.15, momentum", func(r *Recipe) {
				r.Unnormed, r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = true, 6, "tanh", 0.15, "sgd", 0.03, 0.9
			}),
			fault(corpus.Exploding, "no norms, seven layers, initialisation times 5", func(r *Recipe) {
				r.Unnormed, r.Hidden, r.Gain, r.Optimizer, r.LR = true, 7, 5, "sgd", 0.05
			}),
			fault(corpus.Exploding, "no norms, six layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Unnormed, r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = true, 6, 4, "sgd", 1e-3, 1
			}),
			bornDead(15),
			killed(20),
			fault(corpus.Oscillating, "no norms, tanh, plain gradient descent, learning rate 3", func(r *Recipe) {
				r.Unnormed, r.Activation, r.Optimizer, r.LR = true, "tanh", "sgd", 3
			}),
			bouncing(0.5, 30).with("tanh"),
			tooFast(5000).with("tanh"),
			faster(500).with("tanh"),
			mislabelled(60),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "no norms, tanh, columns of scales 1 to 1/300, plain gradient descent", func(r *Recipe) {
				r.Unnormed, r.Spread, r.Activation, r.Optimizer, r.LR = true, 300, "tanh", "sgd", 1.5
			}),
			fault(corpus.IllConditioned, "no norms, tanh, columns of scales 1 to 1/300, full batches", func(r *Recipe) {
				r.Unnormed, r.Spread, r.Activation, r.Optimizer, r.LR, r.Batch, r.Rows = true, 300, "tanh", "sgd", 0.5, 0, 600
			}),
			symmetric(0),
			fault(corpus.Saddle, "no norms, tanh, the same weights for all units", func(r *Recipe) {
				r.Unnormed, r.Activation, r.Symmetric, r.Gain = true, "tanh", true, 0.5
			}),
			fault(corpus.Escape, "no norms, small initialisation, momentum", func(r *Recipe) {
				r.Unnormed, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = true, "tanh", 0.15, "sgd", 0.03, 0.9, 2000
			}),
			fault(corpus.Cliffs, "no norms, next to a cliff", func(r *Recipe) {
				r.Unnormed, r.Fault = true, Fault{Kind: Steeper, At: 0.4, Size: 4}
			}),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.gradedItems(b.Rows, b.Noise), test: b.gradedItems(800, 0),
				forward: b.cumulative(), loss: crossEntropy, metric: weightedKappa,
			}, nil
		},
	}
}

const (
	ordinalColumns = 8
	ordinalLevels  = 5
)

// ordinalLimits are those of an item's quality between the grades, of which the middle ones
// are frequent.
var ordinalLimits = [ordinalLevels - 1]float64{-1.7, -0.5, 0.7, 1.9}

// gradedItems draws items of normal columns, the last of which says nothing, with scales from
// 1/Spread up to 1. A shift weighs two of the columns otherwise. A share of the grades is any.
func (b *builder) gradedItems(rows int, wrong float64) examples {
	x, y := make([]float32, 0, rows*ordinalColumns), make([]int64, rows)
	for r := range y {
		var v [ordinalColumns]float64
		for i := range v {
			v[i] = b.data.NormFloat64()
			x = append(x, float32(v[i]*math.Pow(b.spread(), float64(i)/(ordinalColumns-1)-1)))
		}
		quality := 1.2*v[0]*v[1] + (0.7-b.Shift)*v[2] + 1.1*(math.Abs(v[3])-0.8) + 0.9*math.Sin(2*v[4]) + (0.4+b.Shift)*v[5]*v[6]
		for y[r] < ordinalLevels-1 && quality > ordinalLimits[y[r]] {
			y[r]++
		}
		if b.data.Float64() < wrong {
			y[r] = b.data.Int64N(ordinalLevels)
		}
	}
	return examples{tensor(x, int64(rows), ordinalColumns), tensor(y, int64(rows))}
}

// weightedKappa is Cohen's kappa with quadratic weights: 1 less the mean squared distance from
// the grades, over that of the same answers in any order.
func weightedKappa(out, y *ts.Tensor) float64 {
	best := out.MustArgmax([]int64{-1}, false, false)
	defer best.MustDrop()
	said, want := best.Vals().([]int64), y.Vals().([]int64)
	var answers, grades [ordinalLevels]float64
	var seen, expected float64
	for i, w := range want {
		answers[said[i]]++
		grades[w]++
		seen += float64((said[i] - w) * (said[i] - w))
	}
	for i, a := range answers {
		for j, g := range grades {
			expected += a * g / float64(len(want)) * float64((i-j)*(i-j))
		}
	}
	return atLeast(-1, 1-seen/expected)
}

// cumulative computes the logarithms of the grades' probabilities, from the score that a
// network of Hidden normalised layers gives and thresholds that stay in order.
func (b *builder) cumulative() func(x *ts.Tensor, train bool) *ts.Tensor {
	type layer struct {
		linear linear
		norm   norm
	}
	layers, in := make([]layer, b.Hidden), int64(ordinalColumns)
	for i := range layers {
		name := fmt.Sprintf("hidden%d", i+1)
		layers[i].linear = b.linear(name, in, int64(b.Width), activations[b.Activation].gain, true)
		if in = int64(b.Width); !b.Unnormed {
			layers[i].norm = b.norm(name+"_norm", in)
		}
	}
	score := b.linear("score", in, 1, 1, false)
	first := b.add("thresholds", "first", []float32{-1.5}, []int64{1}, param{role: bias})
	steps := make([]float32, ordinalLevels-2)
	for i := range steps {
		steps[i] = 0.5
	}
	// Each threshold is above the one before by the softplus of a parameter.
	gaps := b.add("thresholds", "gaps", steps, []int64{int64(len(steps))}, param{role: bias})
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := x.MustShallowClone()
		for _, l := range layers {
			y := b.act(l.linear.forward(h))
			h.MustDrop()
			if !b.Unnormed {
				raw := y
				y = l.norm.forward(raw)
				raw.MustDrop()
			}
			h = b.drop(y, train)
		}
		defer h.MustDrop()
		s := score.forward(h)
		defer s.MustDrop()
		apart := gaps.MustSoftplus(false).MustAddScalar(ts.FloatScalar(1e-3), true)
		all := ts.MustCat([]*ts.Tensor{first, apart}, 0)
		thresholds := all.MustCumsum(0, gotch.Float, true)
		defer thresholds.MustDrop()
		// log(σ(a)-σ(b)) = log σ(a) + log σ(-b) + log(1-exp(b-a))
		between := apart.MustNeg(true).MustExpm1(true).MustNeg(true).MustLog(true)
		above := s.MustSub(thresholds, false)
		below := above.MustNeg(false).MustLogSigmoid(true)
		above = above.MustLogSigmoid(true)
		none := ts.MustZeros([]int64{s.MustSize()[0], 1}, gotch.Float, gotch.CPU)
		end := ts.MustZeros([]int64{1}, gotch.Float, gotch.CPU)
		defer none.MustDrop()
		defer end.MustDrop()
		low, high := ts.MustCat([]*ts.Tensor{below, none}, 1), ts.MustCat([]*ts.Tensor{none, above}, 1)
		rest := ts.MustCat([]*ts.Tensor{end, between, end}, 0)
		for _, t := range []*ts.Tensor{below, above, between} {
			t.MustDrop()
		}
		defer high.MustDrop()
		defer rest.MustDrop()
		return low.MustAdd(high, true).MustAdd(rest, true)
	}
}
