package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// flow learns the density of points along a curve in the plane, by affine couplings of
// the two coordinates (Dinh, Sohl-Dickstein and Bengio 2017): each is scaled and moved
// in turn by what a rectified network makes of the other. The density of the points is
// known, and so is how much of the way to it from the normal distribution of the same
// mean and covariance a flow has gone. Its loss ends below 0.
func flow() *Program {
	return &Program{
		Name: "flow-coupling",
		Plain: Recipe{Steps: 1000, Batch: 128, Rows: 4000, Optimizer: "adam", LR: 2.5e-3,
			Hidden: 1, Width: 32, Activation: "relu", Gain: 1},
		Chance: 0, Solved: 0.6,
		Cases: []Case{
			scheduled("warm-up and cosine").least(0.7),
			scheduled("restarts").least(0.65),
			resized(32).least(0.6),
			resized(600),
			clipped(0.3, 1.5).least(0.7),
			hard("some points far away, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.01, 2 }).least(0.5),
			hard("batches of sixteen, cosine", func(r *Recipe) { r.Batch, r.LR, r.Steps, r.Schedule = 16, 1.5e-3, 1500, "warm-up and cosine" }).least(0.4),
			hard("few points, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 600, 50 }).least(0.1),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 600 }).least(0.6),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum, r.Clip = 1e-9, "sgd", 0.004, 0.9, 2e-9 }).least(0.5),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum, r.Clip = 1e6, "sgd", 0.01, 0.9, 1e6 }).least(0.5),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.7),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Clip, r.Steps = "tanh", 0.1, "sgd", 0.025, 1, 1600
			}).least(0.4),
			tuned(1000, 0.1, 0.3).least(0.7),
			partly(4).least(0.5),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "six sigmoid layers in each coupling, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 6, "sigmoid", "sgd", 0.02
			}),
			fault(corpus.Vanishing, "six tanh layers, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 6, "tanh", 0.2, "sgd", 0.02
			}),
			fault(corpus.Exploding, "four layers in each coupling, initialisation times 3", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 4, 3, "sgd", 0.01
			}),
			fault(corpus.Exploding, "three layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = 3, 3, 1, "sgd", 0.001
			}),
			bornDead(15),
			killed(15),
			bouncing(0.1, 20).with("tanh"),
			faster(1000),
			tooFast(1000),
			poisoned(1.8),
			injected(corpus.Poisoned, "one batch that weighs far too much", BadLabels, 0.4, 60, false),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			symmetric(0),
			fault(corpus.Escape, "tanh, small initialisation, full batches", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Clip, r.Batch, r.Rows, r.Steps = "tanh", 0.06, "sgd", 0.008, 1, 0, 300, 2000
			}),
			steeper(2),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.alongCurve(b.Rows, b.Noise), test: b.alongCurve(800, 0),
				forward: b.couplings(), loss: surprise, metric: densityGained,
			}, nil
		},
	}
}

const (
	couplings  = 4
	mostScale  = 1.5  // logarithm of what one coupling scales by at most
	curveWidth = 0.05 // standard deviation of the points from the curve
	curveTurn  = 0.5  // angle of the curve's axis to the first coordinate's
)

// alongCurve draws points near a wave of which neither coordinate is a function of the
// other; noise moves them further away. The targets are the logarithms of their density
// and of that of a normal distribution. A shift moves the wave along its axis.
func (b *builder) alongCurve(rows int, noise float64) examples {
	x, y := make([]float32, 0, 2*rows), make([]float32, 0, 2*rows)
	sin, cos := math.Sincos(curveTurn)
	var sum [2]float64
	var square [3]float64
	for range rows {
		u, n := b.data.NormFloat64(), b.data.NormFloat64()
		v := math.Sin(1.7*u+b.Shift) + curveWidth*n
		if noise > 0 {
			v += noise * b.error()
		}
		p, q := cos*u-sin*v, sin*u+cos*v
		x = append(x, float32(p), float32(q))
		sum[0], sum[1] = sum[0]+p, sum[1]+q
		square[0], square[1], square[2] = square[0]+p*p, square[1]+p*q, square[2]+q*q
		y = append(y, float32(-(u*u+n*n)/2-math.Log(2*math.Pi*curveWidth)), 0)
	}
	// The mean log-likelihood of the points under the normal distribution that suits
	// them best is all that the metric needs of it.
	size := float64(rows)
	for i := range sum {
		sum[i] /= size
	}
	determinant := (square[0]/size-sum[0]*sum[0])*(square[2]/size-sum[1]*sum[1]) - math.Pow(square[1]/size-sum[0]*sum[1], 2)
	for i := 1; i < len(y); i += 2 {
		y[i] = float32(-math.Log(2*math.Pi*math.E) - math.Log(determinant)/2)
	}
	return examples{tensor(x, int64(rows), 2), tensor(y, int64(rows), 2)}
}

// couplings take the points to those of a standard normal distribution. The output is
// these and the logarithm of the determinant.
func (b *builder) couplings() func(x *ts.Tensor, train bool) *ts.Tensor {
	var nets []func(x *ts.Tensor, train bool) *ts.Tensor
	for i := range couplings {
		nets = append(nets, b.conditioner(fmt.Sprintf("coupling%d-", i+1)))
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		kept, moved := x.MustNarrow(1, 0, 1, false), x.MustNarrow(1, 1, 1, false)
		volume := moved.MustZerosLike(false)
		for _, net := range nets {
			out := net(kept, train)
			scale := out.MustNarrow(1, 0, 1, false).MustTanh(true).MustMulScalar(ts.FloatScalar(mostScale), true)
			shift := out.MustNarrow(1, 1, 1, true)
			volume = volume.MustAdd(scale, true)
			moved = moved.MustMul(scale.MustExp(true), true).MustAdd(shift, true)
			shift.MustDrop()
			kept, moved = moved, kept
		}
		defer func() { kept.MustDrop(); moved.MustDrop(); volume.MustDrop() }()
		return ts.MustCat([]*ts.Tensor{kept, moved, volume}, 1)
	}
}

// conditioner is a network of one coordinate that scales and moves the other. Its last
// layer is small at first, so that the flow begins not far from leaving all as it is.
func (b *builder) conditioner(name string) func(x *ts.Tensor, train bool) *ts.Tensor {
	var layers []linear
	in := int64(1)
	for i := range b.Hidden {
		layers = append(layers, b.linear(fmt.Sprintf("%shidden%d", name, i+1), in, int64(b.Width), activations[b.Activation].gain, true))
		in = int64(b.Width)
	}
	last := b.linear(name+"output", in, 2, 0.1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := x.MustShallowClone()
		for _, l := range layers {
			y := l.forward(h)
			h.MustDrop()
			h = b.drop(b.act(y), train)
		}
		defer h.MustDrop()
		return last.forward(h)
	}
}

// surprise is the mean negative log-likelihood of the points.
func surprise(out, _ *ts.Tensor) *ts.Tensor {
	squares := out.MustNarrow(1, 0, 2, false).MustSquare(true).MustMean(gotch.Float, true)
	volume := out.MustNarrow(1, 2, 1, false).MustMean(gotch.Float, true)
	defer volume.MustDrop()
	return squares.MustSub(volume, true).MustAddScalar(ts.FloatScalar(math.Log(2*math.Pi)), true)
}

// densityGained is how much of the way from a normal distribution's log-likelihood to
// that of the density itself the flow has gone.
func densityGained(out, y *ts.Tensor) float64 {
	both := y.MustMeanDim([]int64{0}, false, gotch.Float, false)
	bounds := both.Float64Values(true)
	return atLeast(-1, (-value(surprise(out, y))-bounds[1])/(bounds[0]-bounds[1]))
}
