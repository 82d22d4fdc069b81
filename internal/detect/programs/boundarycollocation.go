package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// boundaryCollocation solves boundary value problems, u″ - k u = f between two ends at which u
// is given, without having seen a solution: the network says u at some places, and what is
// minimised is by how much the equation is missed there, with finite differences for the
// derivative, and the ends (Lagaris, Likas and Fotiadis 1998; Raissi, Perdikaris and
// Karniadakis 2019). An example is a problem, so that one network learns to solve them all.
// The differences make the loss much steeper for rough errors than for smooth ones. Success
// is measured by the true solutions of new problems.
func boundaryCollocation() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "boundary-collocation", HeldOut: true,
		Plain: Recipe{Steps: 1100, Batch: 24, Rows: 2000, Optimizer: "adam", LR: 8e-3,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1},
		Chance: 0, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(4).least(0.75),
			resized(120),
			clipped(0.2, 1),
			hard("forces as noisy as they are strong", func(r *Recipe) { r.Noise = 1 }).least(0.6),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.2, 1 }).least(0.7),
			hard("one problem in a step", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2.5e-3, 2000 }).least(0.5),
			hard("few problems, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 40, 10 }).least(0.2),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 1e-3) }).least(0.6),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 1e-3) }).least(0.6),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 200 }).least(0.6),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.Steps = 0.15, 1300; momentum(r, 1e-3) }).least(0.5),
			tuned(800, 0.2, 0.3),
			partly(2).least(0.6),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-7", func(r *Recipe) { momentum(r, 1e-7) }).most(0.2),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation = 8, 16, "sigmoid"
				descent(r, 3e-3)
			}),
			fault(corpus.Vanishing, "eight layers of tanh, initialisation times 0.15, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain = 8, 16, "tanh", 0.15
				momentum(r, 1e-3)
			}),
			fault(corpus.Exploding, "seven layers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain = 7, 4
				descent(r, 3e-3)
			}),
			fault(corpus.Exploding, "six layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 6, 3, 1
				descent(r, 1e-3)
			}),
			bornDead(12),
			killed(15),
			bouncing(0.5, 8).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 1", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 1)
			}),
			faster(200),
			mislabelled(60),
			poisoned(8),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, coefficients in units up to 300 times apart, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Batch, r.Rows = "tanh", 300, 0, 200
				descent(r, 3e-3)
			}),
			fault(corpus.IllConditioned, "tanh, coefficients in units up to 100 times apart, batches of 60", func(r *Recipe) {
				r.Activation, r.Spread, r.Batch = "tanh", 100, 60
				descent(r, 3e-3)
			}),
			fault(corpus.Saddle, "all weights 0, full batches", func(r *Recipe) {
				r.Symmetric, r.Gain, r.Batch, r.Rows = true, 0, 0, 200
			}),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation, full batches", func(r *Recipe) {
				r.Activation, r.Gain, r.Batch, r.Rows, r.Steps = "tanh", 0.002, 0, 200, 1800
				momentum(r, 0.01)
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 1e-4)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.twoPointProblems(b.Rows, b.Noise), test: b.twoPointProblems(300, 0),
				forward: b.mlp(twoPointFeatures, twoPointPlaces), loss: equationMissed, metric: solutionExplained,
			}, nil
		},
	}
}

const (
	twoPointWaves    = 3                 // of which a force is made
	twoPointFeatures = twoPointWaves + 3 // their strengths, the two ends and k
	twoPointParts    = 8                 // that the way is divided into
	twoPointInner    = twoPointParts - 1
	twoPointPlaces   = twoPointParts + 1
	twoPointKnown    = twoPointInner + 3 // what the loss is given: the force, the ends and k
	twoPointForce    = 20.0              // that counts as 1
)

// twoPointProblems draws problems and, as targets, the forces at the inner places, with
// noise, the ends and k, and behind them the solution, which only the metric looks at. With
// a spread the features are in units of that ratio. A shift makes k larger.
func (b *builder) twoPointProblems(rows int, noise float64) examples {
	const usual = 16 // k
	x := make([]float32, 0, rows*twoPointFeatures)
	y := make([]float32, 0, rows*(twoPointKnown+twoPointPlaces))
	for range rows {
		var features [twoPointFeatures]float64
		for i := range features {
			features[i] = math.Sqrt(3) * (2*b.data.Float64() - 1)
			x = append(x, float32(features[i]*math.Pow(b.spread(), float64(i)/(twoPointFeatures-1)-0.5)))
		}
		left, right := 0.7*features[twoPointWaves], 0.7*features[twoPointWaves+1]
		k := usual * math.Exp(0.5*features[twoPointWaves+2]+b.Shift)
		root := math.Sqrt(k)
		solution := make([]float32, twoPointPlaces)
		for i := range twoPointPlaces {
			at := float64(i) / twoPointParts
			u := (left*math.Sinh(root*(1-at)) + right*math.Sinh(root*at)) / math.Sinh(root)
			var force float64
			for w := range twoPointWaves {
				pitch := float64(w+1) * math.Pi
				wave := -features[w] / float64(w+1) * (pitch*pitch + usual) * math.Sin(pitch*at)
				force += wave
				u -= wave / (pitch*pitch + k)
			}
			if solution[i] = float32(u); i > 0 && i < twoPointParts {
				y = append(y, float32(force/twoPointForce+noise*b.error()))
			}
		}
		y = append(y, float32(left), float32(right), float32(k))
		y = append(y, solution...)
	}
	return examples{
		tensor(x, int64(rows), twoPointFeatures), tensor(y, int64(rows), twoPointKnown+twoPointPlaces),
	}
}

// equationMissed is the mean square of what is missing in the equation, and of what at the ends.
func equationMissed(out, y *ts.Tensor) *ts.Tensor {
	const steep = twoPointParts * twoPointParts / twoPointForce // of a second difference
	inner := out.MustNarrow(1, 1, twoPointInner, false)
	defer inner.MustDrop()
	before, after := out.MustNarrow(1, 0, twoPointInner, false), out.MustNarrow(1, 2, twoPointInner, false)
	defer before.MustDrop()
	force, k := y.MustNarrow(1, 0, twoPointInner, false), y.MustNarrow(1, twoPointInner+2, 1, false)
	defer force.MustDrop()
	defer k.MustDrop()
	bent := k.MustDivScalar(ts.FloatScalar(twoPointForce), false).MustAddScalar(ts.FloatScalar(2*steep), true).MustMul(inner, true)
	defer bent.MustDrop()
	missed := after.MustAdd(before, true).MustMulScalar(ts.FloatScalar(steep), true).MustSub(bent, true).MustSub(force, true).
		MustSquare(true).MustMean(gotch.Float, true)
	ends := out.MustSlice(1, []int64{0}, []int64{twoPointPlaces}, twoPointParts, false)
	defer ends.MustDrop()
	given := y.MustNarrow(1, twoPointInner, 2, false)
	defer given.MustDrop()
	apart := squares(ends, given).MustMulScalar(ts.FloatScalar(5), true)
	defer apart.MustDrop()
	return missed.MustAdd(apart, true)
}

// solutionExplained is R² of the true solutions.
func solutionExplained(out, y *ts.Tensor) float64 {
	solution := y.MustNarrow(1, twoPointKnown, twoPointPlaces, false)
	defer solution.MustDrop()
	return explained(out, solution)
}
