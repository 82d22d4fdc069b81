package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// additiveEffects tells how likely a patient is to come back, from eight numbers of which
// each has an effect of its own: a neural additive model (Agarwal and others 2021), one
// small network for each number, whose outputs are added.
func additiveEffects() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "additive-effects", HeldOut: true,
		Plain: Recipe{Steps: 1100, Batch: 32, Rows: 4000, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 12, Activation: "relu", Gain: 1},
		Chance: 0, Solved: 0.7,
		Cases: []Case{
			easy("plain gradient descent", func(r *Recipe) { descent(r, 0.1) }).least(0.75),
			easy("tanh, plain gradient descent, full batches", func(r *Recipe) {
				r.Activation, r.Batch, r.Rows = "tanh", 0, 600
				descent(r, 0.15)
			}).least(0.7),
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(4).least(0.75),
			resized(160),
			clipped(0.1, 1),
			hard("a fifth of the labels wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.75),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2e-3, 1300 }).least(0.5),
			hard("few patients, learnt by heart", func(r *Recipe) { r.Rows, r.Batch, r.Steps = 80, 20, 1300 }).least(0.2),
			hard("dropout and weight decay", func(r *Recipe) {
				r.Optimizer, r.WeightDecay, r.Dropout = "adamw", 0.1, 0.2
			}).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.03) }).least(0.75),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Clip = 1e6, 1e6; momentum(r, 0.03) }).least(0.75),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 500 }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Activation, r.Gain = "tanh", 0.02; momentum(r, 0.1) }).least(0.5),
			tuned(800, 0.2, 0.3),
			partly(2).least(0.7),
			tooSlow(1e-5).most(0.25),
			fault(corpus.TooSlow, "momentum, learning rate 3e-7", func(r *Recipe) { momentum(r, 3e-7) }).most(0.25),
			fault(corpus.Vanishing, "six sigmoid layers in each net, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation = 6, "sigmoid"
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "six layers of tanh in each net, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain = 6, "tanh", 0.2
				momentum(r, 0.03)
			}),
			fault(corpus.Exploding, "six layers in each net, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain = 6, 5
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "five layers in each net, initialisation times 5, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 5, 5, 1
				descent(r, 1e-3)
			}),
			bornDead(10),
			killed(15),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 1", func(r *Recipe) { r.Activation, r.LR = "tanh", 1 }),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.4", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.4 }),
			bouncing(0.5, 10).with("tanh"),
			faster(200),
			faster(400).with("tanh"),
			poisoned(30),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "numbers in units up to 2000 times apart, batches of 64", func(r *Recipe) {
				r.Spread, r.Batch = 2000, 64
				descent(r, 5e-4)
			}),
			symmetric(0),
			fault(corpus.Saddle, "all weights 0, tanh, full batches, momentum", func(r *Recipe) {
				r.Symmetric, r.Gain, r.Activation, r.Batch, r.Rows = true, 0, "tanh", 0, 500
				momentum(r, 0.03)
			}),
			fault(corpus.Escape, "tanh, initialisation times 0.006, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Steps = "tanh", 0.006, 1700
				momentum(r, 0.1)
			}),
			fault(corpus.Escape, "three layers of tanh in each net, initialisation times 0.045, full batches", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Batch, r.Rows, r.Steps = 3, "tanh", 0.045, 0, 400, 1700
				momentum(r, 0.1)
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 3e-3)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.returningPatients(b.Rows, b.Noise), test: b.returningPatients(800, 0),
				forward: b.addedNets(), loss: binary, metric: rankedApart,
			}, nil
		},
	}
}

// patientEffects are what the numbers do to the outcome's logit, each by itself.
var patientEffects = [...]func(v float64) float64{
	func(v float64) float64 { return 2.2 * math.Sin(1.8*v) },
	func(v float64) float64 { return 1.3 * (v*v - 1.33) },
	func(v float64) float64 { return 1.8 * math.Tanh(4*(v-0.7)) },
	func(v float64) float64 { return 3*math.Exp(-2*v*v) - 1.1 },
	func(v float64) float64 { return 1.2 * v },
	func(v float64) float64 { return 1.5 * (1 - math.Abs(v)) },
	func(v float64) float64 { return 1.5 * math.Cos(2.2*v+0.5) },
	func(v float64) float64 { return max(0, 1.5*(v-0.5)) - 0.4 },
}

const patientNumbers = int64(len(patientEffects))

// returningPatients draws patients' numbers and whether they come back, a share of them the wrong
// way. With a spread the numbers are in units that are up to so many times apart. A shift
// moves all effects by so much.
func (b *builder) returningPatients(rows int, wrong float64) examples {
	const numbers = int(patientNumbers)
	x, y := make([]float32, 0, rows*numbers), make([]float32, rows)
	for r := range y {
		var logit float64
		for i, effect := range patientEffects {
			v := 4*b.data.Float64() - 2
			unit := math.Pow(b.spread(), float64(i)/float64(numbers-1)-0.5)
			x = append(x, float32(unit*v))
			logit += effect(v - b.Shift)
		}
		back := b.data.Float64() < 1/(1+math.Exp(-1.5*logit))
		if back != (b.data.Float64() < wrong) {
			y[r] = 1
		}
	}
	return examples{tensor(x, int64(rows), patientNumbers), tensor(y, int64(rows), 1)}
}

// addedNets is a net of Hidden layers of Width units for each number, whose outputs are
// added. The first layers' biases are drawn, too, as they say where on the number's scale
// a unit bends.
func (b *builder) addedNets() func(x *ts.Tensor, train bool) *ts.Tensor {
	type layer struct{ w, b *ts.Tensor } // nets × from × to, nets × 1 × to
	var layers []layer
	in := int64(1)
	for i := range b.Hidden {
		name, out := fmt.Sprintf("hidden%d", i+1), int64(b.Width)
		w := b.weight(name, "weight", activations[b.Activation].gain*math.Sqrt(float64(out)), true, patientNumbers, in, out)
		var std float64
		if i == 0 {
			std = b.Gain
		}
		bends := b.normal(int(patientNumbers*out), std)
		for k := range bends {
			bends[k] += float32(b.Bias)
		}
		layers = append(layers, layer{w, b.add(name, "bias", bends, []int64{patientNumbers, 1, out}, param{role: bias, hidden: true})})
		in = out
	}
	// The sum of all nets is of the usual variance.
	w := b.weight("output", "weight", 1/math.Sqrt(float64(patientNumbers)), false, patientNumbers, in, 1)
	base := b.bias("output", "bias", 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := x.MustT(false).MustUnsqueeze(2, true)
		for _, l := range layers {
			h = b.drop(b.act(h.MustBmm(l.w, true).MustAdd(l.b, true)), train)
		}
		return h.MustBmm(w, true).MustSumDimIntlist([]int64{0}, false, gotch.Float, true).MustAdd(base, true)
	}
}
