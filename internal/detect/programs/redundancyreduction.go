package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// redundancyReduction learns what two views of an object have in common, without labels and
// without pairs of different objects: over a batch, the cross-correlation matrix of the two
// representations is driven to the identity (Barlow Twins, Zbontar and others 2021). They are
// centred but not scaled, so that the identity sets their scale as well. Success is how often
// the nearest class mean is the right one, by labels that the training never sees.
func redundancyReduction() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "redundancy-reduction", HeldOut: true,
		Plain: Recipe{Steps: 1000, Batch: 64, Rows: 2000, Optimizer: "adam", LR: 3e-3,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1},
		// About what encoders with random weights come to.
		Chance: 0.4, Solved: 0.65,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(16).least(0.75),
			resized(256),
			clipped(0.05, 1),
			easy("plain gradient descent", func(r *Recipe) { descent(r, 0.05) }).least(0.7),
			easy("tanh, momentum", func(r *Recipe) { r.Activation = "tanh"; momentum(r, 0.02) }).least(0.7),
			hard("a tenth of the pairs wrong", func(r *Recipe) { r.Noise = 0.1 }).least(0.7),
			hard("batches of 10", func(r *Recipe) { r.Batch, r.LR = 10, 1e-3 }).least(0.6),
			hard("few objects, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 80, 40 }).least(0.2),
			hard("full batches, plain gradient descent", func(r *Recipe) { r.Rows, r.Batch = 300, 0; descent(r, 0.1) }).least(0.4),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Activation = 1e-9, "tanh"; momentum(r, 0.02) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.01) }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Activation, r.Gain = "tanh", 0.25; momentum(r, 0.03) }).least(0.5),
			tuned(800, 0.2, 0.2),
			partly(2).least(0.6),
			tooSlow(1e-4),
			fault(corpus.TooSlow, "tanh, momentum, learning rate 1e-6", func(r *Recipe) { r.Activation = "tanh"; momentum(r, 1e-6) }),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation = 8, 16, "sigmoid"
				descent(r, 0.05)
			}),
			fault(corpus.Vanishing, "seven layers, initialisation times 0.2, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain = 7, 16, 0.2
				momentum(r, 0.02)
			}),
			fault(corpus.Exploding, "six layers, initialisation times 3", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain = 6, 16, 3
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "six layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain, r.Clip = 6, 16, 3, 1
				descent(r, 1e-3)
			}),
			bornDead(15),
			killed(30),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.18", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.18 }),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum, r.Clip = "tanh", "sgd", 0.07, 0.99, 0.5
			}),
			bouncing(0.5, 5).with("tanh"),
			faster(300),
			fault(corpus.Diverging, "tanh, learning rate times 300 from early on", func(r *Recipe) {
				r.Activation = "tanh"
				r.Fault = Fault{Kind: LongSteps, At: 0.25, Size: 300}
			}),
			poisoned(10),
			mislabelled(100),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, sensors in units up to 10000 times apart, plain gradient descent", func(r *Recipe) {
				r.Activation, r.Spread, r.Gain = "tanh", 1e4, 0.2
				descent(r, 0.15)
			}),
			fault(corpus.IllConditioned, "tanh, sensors in units up to 10000 times apart, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Gain, r.Rows, r.Batch = "tanh", 1e4, 0.2, 300, 0
				descent(r, 0.3)
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Steps = "tanh", 0.165, 1700
				momentum(r, 0.03)
			}),
			fault(corpus.Escape, "small initialisation, full batches", func(r *Recipe) {
				r.Gain, r.Steps, r.Rows, r.Batch = 0.26, 1700, 300, 0
				descent(r, 0.1)
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "tanh, gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind, r.Activation = NegatedStep, "tanh"
				momentum(r, 0.02)
			}),
		},
		build: func(b *builder) (*task, error) {
			world := b.twinWorld()
			encode, training := b.mlp(twinSensors, twinNumbers), false
			seen, _ := b.twinViews(world, b.Rows, b.Noise)
			test, classes := b.twinViews(world, 400, 0)
			return &task{
				training: seen, test: test,
				forward: func(x *ts.Tensor, train bool) *ts.Tensor {
					training = train
					return encode(x, train)
				},
				// The second views go through the same encoder.
				loss: func(out, y *ts.Tensor) *ts.Tensor {
					second := encode(y, training)
					defer second.MustDrop()
					return twinRedundancy(out, second)
				},
				metric: func(out, _ *ts.Tensor) float64 { return twinNearest(out.Float64Values(), classes) },
			}, nil
		},
	}
}

const (
	twinClasses  = 6
	twinShared   = 5 // numbers that an object's views have in common
	twinNuisance = 5 // numbers that differ from view to view
	twinSensors  = 16
	twinNumbers  = 6   // of a representation
	twinOff      = 0.3 // what the square of a correlation of two numbers weighs
)

// A twinMaker is what views are made by: how the sensors mix the numbers and the middles of
// the classes.
type twinMaker struct {
	mix     [twinSensors][twinShared + twinNuisance]float64
	middles [twinClasses][twinShared]float64
}

// twinWorld draws it; a shift moves the sensors' mixture.
func (b *builder) twinWorld() *twinMaker {
	w := &twinMaker{}
	for c := range w.middles {
		for k := range w.middles[c] {
			w.middles[c][k] = 1.2 * b.data.NormFloat64()
		}
	}
	for s := range w.mix {
		for k := range w.mix[s] {
			w.mix[s][k] = b.data.NormFloat64() + b.Shift*b.data.NormFloat64()
		}
	}
	return w
}

// twinViews draws objects of all classes and two views of each, of which a share has the
// second one of another object, and their classes. With a spread the sensors are in units
// that are up to so many times apart.
func (b *builder) twinViews(w *twinMaker, rows int, wrong float64) (examples, []int) {
	const within, changing, noise = 0.5, 1.5, 0.05
	first, second := make([]float32, 0, rows*twinSensors), make([]float32, 0, rows*twinSensors)
	classes := make([]int, rows)
	var numbers [twinShared + twinNuisance]float64
	object := func(class int) {
		for k, m := range w.middles[class] {
			numbers[k] = m + within*b.data.NormFloat64()
		}
	}
	view := func(to []float32) []float32 {
		for k := range twinNuisance {
			numbers[twinShared+k] = changing * b.data.NormFloat64()
		}
		for s := range twinSensors {
			var v float64
			for k, n := range numbers {
				v += w.mix[s][k] * n
			}
			v = 2*math.Tanh(v/6) + noise*b.data.NormFloat64()
			to = append(to, float32(v*math.Pow(b.spread(), 0.5-float64(s)/(twinSensors-1))))
		}
		return to
	}
	for r := range rows {
		classes[r] = b.data.IntN(twinClasses)
		object(classes[r])
		first = view(first)
		if b.data.Float64() < wrong {
			object(b.data.IntN(twinClasses))
		}
		second = view(second)
	}
	return examples{tensor(first, int64(rows), twinSensors), tensor(second, int64(rows), twinSensors)}, classes
}

// twinRedundancy is the squared distance of the cross-correlation matrix from the identity,
// a number's mean, where what is off the diagonal weighs less.
func twinRedundancy(first, second *ts.Tensor) *ts.Tensor {
	centred := func(z *ts.Tensor) *ts.Tensor {
		middle := z.MustMeanDim([]int64{0}, true, gotch.Float, false)
		defer middle.MustDrop()
		return z.MustSub(middle, false)
	}
	identity, weights := make([]float32, twinNumbers*twinNumbers), make([]float32, twinNumbers*twinNumbers)
	for i := range identity {
		weights[i] = twinOff / twinNumbers
		if i%(twinNumbers+1) == 0 {
			identity[i], weights[i] = 1, 1.0/twinNumbers
		}
	}
	wanted, weigh := tensor(identity, twinNumbers, twinNumbers), tensor(weights, twinNumbers, twinNumbers)
	defer wanted.MustDrop()
	defer weigh.MustDrop()
	a, b := centred(first).MustT(true), centred(second)
	defer a.MustDrop()
	defer b.MustDrop()
	rows := float64(first.MustSize()[0])
	return a.MustMatmul(b, false).MustMulScalar(ts.FloatScalar(1/rows), true).MustSub(wanted, true).
		MustSquare(true).MustMul(weigh, true).MustSum(gotch.Float, true)
}

// twinNearest is the share of the second half's representations to which their own class's
// mean in the first half is the nearest one.
func twinNearest(z []float64, classes []int) float64 {
	var means [twinClasses][twinNumbers]float64
	var sizes [twinClasses]float64
	half := len(classes) / 2
	for r, c := range classes[:half] {
		sizes[c]++
		for k := range means[c] {
			means[c][k] += z[r*twinNumbers+k]
		}
	}
	right := 0
	for r := half; r < len(classes); r++ {
		nearest, least := 0, math.Inf(1)
		for c := range means {
			var d float64
			for k := range means[c] {
				e := z[r*twinNumbers+k] - means[c][k]/sizes[c]
				d += e * e
			}
			if d < least {
				nearest, least = c, d
			}
		}
		if nearest == classes[r] {
			right++
		}
	}
	return float64(right) / float64(len(classes)-half)
}
