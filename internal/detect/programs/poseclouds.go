package programs

import (
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// poseClouds finds how a cloud of points was turned from the points and where they are now.
// The network says two columns of the rotation's matrix, a representation that does not
// jump (Zhou and others 2019), by their squared error; only success is measured after they
// were made orthonormal, so that the loss keeps the outputs' scale.
func poseClouds() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "pose-clouds",
		Plain: Recipe{Steps: 1100, Batch: 32, Rows: 2000, Optimizer: "adam", LR: 1e-2,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1, Noise: 0.05},
		Chance: 0, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(4).least(0.75),
			resized(128),
			clipped(0.05, 1),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.1, 1 }).least(0.7),
			hard("targets as noisy as they are large", func(r *Recipe) { r.Noise = 0.6 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 5e-4, 1300 }).least(0.4),
			hard("few clouds, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 30, 10 }).least(0.2),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 150 }).least(0.6),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.05) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Clip = 1e6, 1e6; momentum(r, 0.05) }).least(0.7),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.Steps = 0.05, 1200; momentum(r, 0.05) }).least(0.6),
			tuned(800, 0.2, 0.5),
			partly(2).least(0.7),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation = 8, 16, "sigmoid"
				descent(r, 0.2)
			}),
			fault(corpus.Vanishing, "seven tanh layers, initialisation times 0.1, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain = 7, 16, "tanh", 0.1
				momentum(r, 0.03)
			}),
			fault(corpus.Exploding, "six layers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain = 6, 16, 4
				descent(r, 0.02)
			}),
			fault(corpus.Exploding, "six layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain, r.Clip = 6, 16, 3, 1
				descent(r, 1e-3)
			}),
			bornDead(15),
			killed(20),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum, r.Clip = "tanh", "sgd", 0.4, 0.99, 0.5
			}),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.3", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.3 }),
			bouncing(0.5, 10).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 10", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 10)
			}),
			faster(100),
			faster(300).with("tanh"),
			poisoned(-8),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "points and images in different units, plain gradient descent", func(r *Recipe) {
				r.Spread, r.Gain = 25, 0.5
				descent(r, 0.15)
			}),
			fault(corpus.IllConditioned, "tanh, clouds far from the origin, full batches", func(r *Recipe) {
				// Larger weights would saturate the units.
				r.Activation, r.Gain, r.Offset, r.Batch, r.Rows = "tanh", 0.12, 8, 0, 150
				descent(r, 0.1)
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "three tanh layers, small initialisation, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain, r.Steps = 3, 20, "tanh", 0.083, 1300
				momentum(r, 0.08)
			}),
			fault(corpus.Escape, "small initialisation, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Steps = 0.03, 1300
				descent(r, 0.3)
			}),
			steeper(5),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 5e-3)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.turnedClouds(b.Rows, b.Noise), test: b.turnedClouds(200, 0),
				forward: b.mlp(2*3*posePoints, poseNumbers), loss: squares, metric: poseFound,
			}, nil
		},
	}
}

const (
	posePoints  = 5
	poseNumbers = 6 // of a rotation: two of its matrix's columns
)

// poseShape is the cloud of which all others are deformations.
var poseShape = [posePoints][3]float64{{1.2, 0, 0.2}, {-0.6, 1, 0}, {-0.5, -0.9, 0.4}, {0.1, 0.3, 1.1}, {0, -0.4, -1.2}}

// turnedClouds draws clouds and their images under any rotation, with a little noise, as
// the rows' features, and two columns of the rotation's matrix. With a spread the images
// are that much smaller than the clouds. A shift turns all images further.
func (b *builder) turnedClouds(rows int, noise float64) examples {
	const deformed, blurred = 0.3, 0.05
	large, small := math.Sqrt(b.spread()), 1/math.Sqrt(b.spread())
	x, y := make([]float32, 0, rows*2*3*posePoints), make([]float32, 0, rows*poseNumbers)
	for range rows {
		turn := b.poseTurn()
		for _, point := range poseShape {
			for k := range point {
				point[k] += deformed * b.data.NormFloat64()
			}
			image := turn.apply(point)
			sin, cos := math.Sincos(b.Shift)
			image[0], image[1] = cos*image[0]-sin*image[1], sin*image[0]+cos*image[1]
			for k := range point {
				x = append(x, float32(large*point[k]+b.Offset), float32(small*(image[k]+blurred*b.data.NormFloat64())+b.Offset))
			}
		}
		for column := range 2 {
			for k := range 3 {
				y = append(y, float32(turn[k][column]+noise*b.error()))
			}
		}
	}
	return examples{tensor(x, int64(rows), 2*3*posePoints), tensor(y, int64(rows), poseNumbers)}
}

// poseMatrix is a rotation.
type poseMatrix [3][3]float64

func (m poseMatrix) apply(v [3]float64) (turned [3]float64) {
	for k := range turned {
		turned[k] = m[k][0]*v[0] + m[k][1]*v[1] + m[k][2]*v[2]
	}
	return turned
}

// poseTurn draws a rotation, all as likely as each other: that of a quaternion in any
// direction (Shoemake 1992).
func (b *builder) poseTurn() poseMatrix {
	var q [4]float64
	var size float64
	for i := range q {
		q[i] = b.data.NormFloat64()
		size += q[i] * q[i]
	}
	for i := range q {
		q[i] /= math.Sqrt(size)
	}
	w, i, j, k := q[0], q[1], q[2], q[3]
	return poseMatrix{
		{1 - 2*(j*j+k*k), 2 * (i*j - k*w), 2 * (i*k + j*w)},
		{2 * (i*j + k*w), 1 - 2*(i*i+k*k), 2 * (j*k - i*w)},
		{2 * (i*k - j*w), 2 * (j*k + i*w), 1 - 2*(i*i+j*j)},
	}
}

// poseFound is 1 less the mean angle between the rotation that was found and the right one,
// over that of guesses, π/2 + 2/π.
func poseFound(out, y *ts.Tensor) float64 {
	found, right := out.Float64Values(), y.Float64Values()
	var sum float64
	rows := len(found) / poseNumbers
	for r := range rows {
		a, b := poseColumns(found[r*poseNumbers:]), poseColumns(right[r*poseNumbers:])
		var trace float64
		for c := range a {
			for k := range 3 {
				trace += a[c][k] * b[c][k]
			}
		}
		sum += math.Acos(min(1, max(-1, (trace-1)/2)))
	}
	return atLeast(-1, 1-sum/float64(rows)/(math.Pi/2+2/math.Pi))
}

// poseColumns makes a rotation's columns of two that need not be orthonormal, by Gram and
// Schmidt's method.
func poseColumns(v []float64) [3][3]float64 {
	unit := func(v [3]float64) [3]float64 {
		size := math.Sqrt(v[0]*v[0]+v[1]*v[1]+v[2]*v[2]) + 1e-12
		return [3]float64{v[0] / size, v[1] / size, v[2] / size}
	}
	a := unit([3]float64{v[0], v[1], v[2]})
	along := a[0]*v[3] + a[1]*v[4] + a[2]*v[5]
	c := unit([3]float64{v[3] - along*a[0], v[4] - along*a[1], v[5] - along*a[2]})
	return [3][3]float64{a, c, {a[1]*c[2] - a[2]*c[1], a[2]*c[0] - a[0]*c[2], a[0]*c[1] - a[1]*c[0]}}
}
