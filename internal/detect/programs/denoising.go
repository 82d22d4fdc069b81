package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// denoising tells the noise of points in the plane at many levels, which is their
// distribution's score but for a factor (Vincent 2011; Song and Ermon 2019), by residual
// blocks without normalisation. Its loss has a floor far above 0, as most of a little
// noise cannot be told; its success is measured against the score itself, which of a
// mixture of normal distributions is known.
func denoising() *Program {
	return &Program{
		Name: "denoising-scores",
		Plain: Recipe{Steps: 1800, Batch: 64, Rows: 8000, Optimizer: "adam", LR: 3e-3,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1, Scale: 1},
		Chance: 0, Solved: 0.7,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(8).least(0.7),
			resized(400),
			clipped(0.05, 1),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails, r.Noise, r.LR = true, 0.15, 2e-3 }).least(0.55),
			hard("batches of two, cosine", func(r *Recipe) { r.Batch, r.LR, r.Steps, r.Schedule = 2, 2e-3, 2200, "warm-up and cosine" }).least(0.4),
			hard("few points, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 300, 30 }).least(0.2),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.Steps = 0, 1200, 1500 }).least(0.6),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.3 }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 2e6, "sgd", 0.03, 0.9 }).least(0.6),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum = 0.1, "sgd", 0.05, 0.9
			}).least(0.5),
			tuned(1500, 0.1, 0.2),
			partly(2).least(0.7),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "ten sigmoid layers without shortcuts", func(r *Recipe) {
				r.Hidden, r.Activation, r.Bare, r.Optimizer, r.LR = 5, "sigmoid", true, "sgd", 0.1
			}),
			fault(corpus.Vanishing, "twelve tanh layers without shortcuts, initialisation times 0.3", func(r *Recipe) {
				r.Hidden, r.Activation, r.Bare, r.Gain, r.Optimizer, r.LR = 6, "tanh", true, 0.3, "sgd", 0.1
			}),
			fault(corpus.Exploding, "eight blocks, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 8, 4, "sgd", 0.05
			}),
			fault(corpus.Exploding, "six blocks, initialisation times 2, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = 6, 2, 1, "sgd", 0.001
			}),
			bornDead(15),
			killed(15),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.Momentum, r.LR, r.Clip = "tanh", "sgd", 0.99, 0.08, 0.7
			}),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.5", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.5 }),
			bouncing(0.1, 20).with("tanh"),
			faster(60).with("tanh"),
			tooFast(300),
			poisoned(5),
			mislabelled(50),
			nanOnce(),
			infOnce(),
			logOfZero(),
			fault(corpus.IllConditioned, "coordinates of scales 1 and 1/100, full batches", func(r *Recipe) {
				r.Spread, r.Gain, r.Optimizer, r.LR, r.Batch, r.Rows, r.Steps = 100, 0.5, "sgd", 0.15, 0, 500, 1200
			}),
			fault(corpus.Saddle, "all weights 0, large batches", func(r *Recipe) { r.Symmetric, r.Gain, r.Batch, r.Steps = true, 0, 400, 1200 }),
			symmetric(0.1).with("tanh"),
			fault(corpus.Escape, "small initialisation, no shortcuts", func(r *Recipe) {
				r.Hidden, r.Bare, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 1, true, 0.067, "sgd", 0.03, 0.9, 2000
			}),
			steeper(1.8),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.noisyPoints(b.Rows, false), test: b.noisyPoints(1000, true),
				forward: b.shortcuts(3, 2), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	islands     = 6
	islandWidth = 0.08
	leastNoise  = 0.1
	mostNoise   = 1.0
)

// noisyPoints draws points of normal distributions on a circle with noise of a standard
// deviation between the least and the most, on a logarithmic scale. The inputs are the
// points, the second coordinate Spread times as small, and the level; the targets are
// the noise in units of its standard deviation, or what is to be expected of it given
// the inputs. A shift turns the circle.
func (b *builder) noisyPoints(rows int, expected bool) examples {
	x, y := make([]float32, 0, 3*rows), make([]float32, 0, 2*rows)
	for range rows {
		angle := 2*math.Pi*float64(b.data.IntN(islands))/islands + b.Shift
		level := b.data.Float64()
		sigma := leastNoise * math.Pow(mostNoise/leastNoise, level)
		var p, noise [2]float64
		for i, centre := range [2]float64{math.Cos(angle), math.Sin(angle)} {
			noise[i] = b.data.NormFloat64()
			p[i] = math.Sqrt2*centre + islandWidth*b.data.NormFloat64() + sigma*noise[i]
		}
		x = append(x, float32(p[0]), float32(p[1]/b.spread()), float32(2*level-1))
		if expected {
			noise = expectedNoise(p, sigma, b.Shift)
		}
		for _, n := range noise {
			if !expected && b.Noise > 0 {
				n += b.Noise * b.error()
			}
			y = append(y, float32(b.Scale*n))
		}
	}
	return examples{tensor(x, int64(rows), 3), tensor(y, int64(rows), 2)}
}

// expectedNoise is -σ times the score at p: each island's, weighted by how likely p is
// of it.
func expectedNoise(p [2]float64, sigma, shift float64) (noise [2]float64) {
	variance := islandWidth*islandWidth + sigma*sigma
	var total float64
	for i := range islands {
		angle := 2*math.Pi*float64(i)/islands + shift
		dx, dy := p[0]-math.Sqrt2*math.Cos(angle), p[1]-math.Sqrt2*math.Sin(angle)
		likely := math.Exp(-(dx*dx + dy*dy) / (2 * variance))
		total += likely
		noise[0] += likely * sigma * dx / variance
		noise[1] += likely * sigma * dy / variance
	}
	return [2]float64{noise[0] / total, noise[1] / total}
}

// shortcuts is a hidden layer, blocks of x + W₂·act(W₁·x), and a linear layer; where the
// recipe wants no shortcuts, all layers follow each other.
func (b *builder) shortcuts(in, out int64) func(x *ts.Tensor, train bool) *ts.Tensor {
	width, factor := int64(b.Width), activations[b.Activation].gain
	first := b.linear("input", in, width, factor, true)
	inner, outer := make([]linear, b.Hidden), make([]linear, b.Hidden)
	for i := range inner {
		inner[i] = b.linear(fmt.Sprintf("block%d_inner", i+1), width, width, factor, true)
		outer[i] = b.linear(fmt.Sprintf("block%d_outer", i+1), width, width, b.outward(), b.Bare)
	}
	last := b.linear("output", width, out, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := b.act(first.forward(x))
		for i := range inner {
			hidden := b.drop(b.act(inner[i].forward(h)), train)
			y := outer[i].forward(hidden)
			hidden.MustDrop()
			if b.Bare {
				h.MustDrop()
				h = b.act(y)
				continue
			}
			h = h.MustAdd(y, true)
			y.MustDrop()
		}
		defer h.MustDrop()
		return last.forward(h)
	}
}

// outward is the factor of a block's second weights: half, where they are added to what
// is there.
func (b *builder) outward() float64 {
	if b.Bare {
		return activations[b.Activation].gain
	}
	return 0.5
}
