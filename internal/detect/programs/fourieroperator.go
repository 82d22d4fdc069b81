package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// fourierOperator learns what becomes of a field that Burgers' equation carries round a
// ring, from the field at first and the force that acts on it: a small Fourier neural
// operator (Li and others 2021). Each of its layers mixes the channels of the lowest modes,
// a complex matrix for each of them, and adds what a pointwise layer does. The loss is the
// squared error relative to the field.
func fourierOperator() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "fourier-operator", HeldOut: true,
		Plain: Recipe{Steps: 1000, Batch: 12, Rows: 1000, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 10, Activation: "gelu", Gain: 1, Noise: 0.02},
		Chance: 0, Solved: 0.8,
		Cases: []Case{
			easy("plain gradient descent", func(r *Recipe) { descent(r, 0.1) }).least(0.75),
			easy("tanh, plain gradient descent, full batches", func(r *Recipe) {
				r.Activation, r.Batch, r.Rows = "tanh", 0, 60
				descent(r, 0.1)
			}).least(0.7),
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(2).least(0.75),
			resized(60),
			clipped(0.05, 1),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.05, 1 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2e-3, 1200 }).least(0.6),
			hard("few fields, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 16, 8 }).least(0.2),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.03) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Clip = 1e6, 1e6; momentum(r, 0.03) }).least(0.7),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 50 }).least(0.6),
			hard("a long flat start", func(r *Recipe) { r.Activation, r.Gain = "tanh", 0.06; momentum(r, 0.03) }).least(0.5),
			tuned(700, 0.2, 0.3),
			partly(2).least(0.7),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "six layers of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Steps = 6, "sigmoid", 1000
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "five layers of tanh, initialisation times 0.1, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain = 5, "tanh", 0.1
				momentum(r, 0.03)
			}),
			fault(corpus.Exploding, "five layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain = 5, 5
				descent(r, 0.05)
			}),
			fault(corpus.Exploding, "four layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip = 4, 4, 1
				descent(r, 1e-3)
			}),
			bornDead(10).with("relu"),
			killed(15).with("relu"),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 1", func(r *Recipe) { r.Activation, r.LR = "tanh", 1 }),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum, r.Clip = "tanh", "sgd", 0.3, 0.99, 0.5
			}),
			bouncing(0.5, 6).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 20", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 20)
			}),
			faster(300),
			faster(300).with("tanh"),
			poisoned(8),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, places in units 300 times smaller, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Batch, r.Rows = "tanh", 300, 0, 60
				descent(r, 0.05)
			}),
			symmetric(0),
			fault(corpus.Saddle, "all weights 0, tanh, full batches, momentum", func(r *Recipe) {
				r.Symmetric, r.Gain, r.Activation, r.Batch, r.Rows = true, 0, "tanh", 0, 50
				momentum(r, 0.03)
			}),
			fault(corpus.Escape, "tanh, initialisation times 0.032, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Steps = "tanh", 0.032, 1700
				momentum(r, 0.03)
			}),
			fault(corpus.Escape, "three layers of tanh, initialisation times 0.075, full batches", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Batch, r.Rows, r.Steps = 3, "tanh", 0.075, 0, 24, 1800
				momentum(r, 0.03)
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
				training: b.carriedFields(b.Rows, b.Noise), test: b.carriedFields(150, 0),
				forward: b.spectralOperator(), loss: relativeSquares, metric: explained,
			}, nil
		},
	}
}

const (
	ringPoints   = 24
	ringModes    = 6 // that a layer mixes, the mean among them
	ringChannels = 3 // the field, the force and the place
)

// carriedFields draws fields on a ring and the forces that act on them, rows × points ×
// channels, and the fields some time later, with noise: each is a sum of three waves. With
// a spread the place is that many times larger, as in another unit, than the field and
// the force. A shift makes the time longer.
func (b *builder) carriedFields(rows int, noise float64) examples {
	const (
		fine      = 2 // points of the solution between two of the grid
		points    = fine * ringPoints
		apart     = 2 * math.Pi / points
		steps     = 50
		viscosity = 0.15
	)
	step := 1.2 * (1 + b.Shift) / steps
	wave := func(size float64) (f [points]float64) {
		for k := 1.0; k <= 3; k++ {
			size, phase := size*b.data.NormFloat64()/k, 2*math.Pi*b.data.Float64()
			for i := range f {
				f[i] += size * math.Sin(k*apart*float64(i)+phase)
			}
		}
		return f
	}
	small, large := 1/math.Sqrt(b.spread()), math.Sqrt(b.spread())
	x, y := make([]float32, 0, rows*ringPoints*ringChannels), make([]float32, 0, rows*ringPoints)
	for range rows {
		u, force := wave(1.2), wave(0.8)
		rate := func(u *[points]float64) (r [points]float64) {
			for i, v := range u {
				left, right := u[(i+points-1)%points], u[(i+1)%points]
				r[i] = (left*left-right*right)/(4*apart) + viscosity*(left-2*v+right)/(apart*apart) + force[i]
			}
			return r
		}
		for i := 0; i < points; i += fine {
			x = append(x, float32(small*u[i]), float32(small*force[i]), float32(large*(float64(i)/points-0.5)))
		}
		for range steps { // Heun's method
			now, next := rate(&u), u
			for i := range next {
				next[i] += step * now[i]
			}
			then := rate(&next)
			for i := range u {
				u[i] += step * (now[i] + then[i]) / 2
			}
		}
		for i := 0; i < points; i += fine {
			y = append(y, float32(u[i]+noise*b.error()))
		}
	}
	return examples{tensor(x, int64(rows), ringPoints, ringChannels), tensor(y, int64(rows), ringPoints)}
}

// ringWaves are the cosines and sines of the modes, modes × 2 × points, each of norm 1; turned,
// they are a quarter of a period ahead.
func ringWaves(turned bool) *ts.Tensor {
	values := make([]float32, 0, 2*ringModes*ringPoints)
	for mode := range ringModes {
		norm := math.Sqrt(2.0 / ringPoints)
		if mode == 0 {
			norm = math.Sqrt(1.0 / ringPoints)
		}
		for part := range 2 {
			for i := range ringPoints {
				angle := 2 * math.Pi * float64(mode*i) / ringPoints
				c, s := norm*math.Cos(angle), norm*math.Sin(angle)
				switch {
				case turned && part == 0:
					c = s
				case turned:
					c = -c
				case part == 1:
					c = s
				}
				values = append(values, float32(c))
			}
		}
	}
	return tensor(values, 2*ringModes, ringPoints)
}

// spectralOperator lifts the channels to Width of them, and has Hidden Fourier layers and a
// pointwise linear one.
func (b *builder) spectralOperator() func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	lift := b.linear("lift", ringChannels, width, 1, false)
	type layer struct {
		point      linear
		real, turn *ts.Tensor // modes × from × to: what is mixed in phase and out of it
	}
	layers := make([]layer, b.Hidden)
	for i := range layers {
		name := fmt.Sprintf("fourier%d", i+1)
		// Each half of the variance; that of the modes is shared by the two parts.
		part := activations[b.Activation].gain / math.Sqrt2
		mixing := part / math.Sqrt2 * math.Sqrt(float64(width))
		layers[i] = layer{
			b.linear(name, width, width, part, true),
			b.weight(name, "real", mixing, true, ringModes, width, width),
			b.weight(name, "imaginary", mixing, true, ringModes, width, width),
		}
	}
	last := b.linear("output", width, 1, 1, false)
	there, ahead := ringWaves(false), ringWaves(true)
	back := there.MustT(false)
	mix := func(h, basis, weights *ts.Tensor) *ts.Tensor { // modes × (rows × 2) × channels
		return basis.MustMatmul(h, false).MustView([]int64{-1, ringModes, 2, width}, true).
			MustTranspose(0, 1, true).MustReshape([]int64{ringModes, -1, width}, true).MustBmm(weights, true)
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := lift.forward(x)
		for _, l := range layers {
			modes, out := mix(h, there, l.real), mix(h, ahead, l.turn)
			modes = modes.MustAdd(out, true).MustView([]int64{ringModes, -1, 2, width}, true).
				MustTranspose(0, 1, true).MustReshape([]int64{-1, 2 * ringModes, width}, true)
			out.MustDrop()
			mixed := back.MustMatmul(modes, false)
			modes.MustDrop()
			next := l.point.forward(h).MustAdd(mixed, true)
			mixed.MustDrop()
			h.MustDrop()
			h = b.drop(b.act(next), train)
		}
		defer h.MustDrop()
		return last.forward(h).MustSqueezeDim(2, true)
	}
}

// relativeSquares is the squared error of each field over its squares, in the mean.
func relativeSquares(out, y *ts.Tensor) *ts.Tensor {
	size := y.MustSquare(false).MustSumDimIntlist([]int64{1}, false, gotch.Float, true)
	defer size.MustDrop()
	return out.MustSub(y, false).MustSquare(true).MustSumDimIntlist([]int64{1}, false, gotch.Float, true).
		MustDiv(size, true).MustMean(gotch.Float, true)
}
