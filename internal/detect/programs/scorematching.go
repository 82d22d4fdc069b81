package programs

import (
	"math"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// scoreMatching learns the gradient of a density's logarithm, its score, in space by telling
// the noise that was added to its points (Vincent 2011), at several levels between which an
// mlp is told which it is, each weighted by its variance (Song and Ermon 2019). Most of the
// noise cannot be told, and the loss's floor is far above 0; success is measured against the
// score itself, which of normal distributions, blurred, has a closed form.
func scoreMatching() *Program {
	return &Program{
		Name: "score-matching",
		Plain: Recipe{Steps: 1200, Batch: 48, Rows: 6000, Optimizer: "adam", LR: 8e-3,
			Hidden: 2, Width: 32, Activation: "gelu", Gain: 1},
		Chance: 0, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(8).least(0.6),
			resized(400),
			clipped(0.05, 1),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails, r.Noise, r.LR = true, 0.1, 2e-3 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Schedule = 1, 2e-3, "warm-up and cosine" }).least(0.4),
			hard("few points, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 300, 30 }).least(0.2),
			hard("full batches, plain gradient descent", func(r *Recipe) {
				r.Optimizer, r.LR, r.Rows, r.Batch = "sgd", 0.1, 600, 0
			}).least(0.5),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.2 }),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.05, 0.9 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.05, 0.9 }).least(0.7),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum = 0.15, "sgd", 0.1, 0.9
			}).least(0.5),
			tuned(1000, 0.1, 0.2),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.TooSlow, "plain gradient descent, learning rate 1e-5", func(r *Recipe) { r.Optimizer, r.LR = "sgd", 1e-5 }),
			fault(corpus.Vanishing, "eight sigmoid layers, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 8, "sigmoid", "sgd", 0.05, 0.9
			}),
			fault(corpus.Vanishing, "eight tanh layers, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 8, "tanh", 0.2, "sgd", 0.2
			}),
			fault(corpus.Exploding, "six rectified layers, initialisation times 6", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 6, "relu", 6, "sgd", 0.05
			}),
			fault(corpus.Exploding, "eight rectified layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Clip, r.Optimizer, r.LR = 8, "relu", 3, 1, "sgd", 1e-3
			}),
			bornDead(8).with("relu"),
			killed(12).with("relu"),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.5", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.5 }),
			bouncing(0.1, 20).with("tanh"),
			tooFast(300).with("tanh"),
			faster(100),
			poisoned(20),
			mislabelled(50),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, coordinates of scales 30 to 1/30, plain gradient descent", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR = "tanh", 900, "sgd", 0.05
			}),
			fault(corpus.IllConditioned, "tanh, coordinates of scales 20 to 1/20, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR, r.Rows, r.Batch = "tanh", 400, "sgd", 0.05, 500, 0
			}),
			symmetric(0),
			symmetric(0.3).with("tanh"),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum = 0.02, "sgd", 0.055, 0.9
			}),
			fault(corpus.Escape, "tanh, small initialisation, full batches", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Rows, r.Batch = "tanh", 0.01, "sgd", 0.045, 0.9, 500, 0
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.blurredPoints(b.Rows, false), test: b.blurredPoints(800, true),
				forward: b.mlp(rodDimensions+rodLevels, rodDimensions), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	rodDimensions = 3
	rodLevels     = 5
	rodDistance   = 0.8
	rodLength     = 0.8 // standard deviations of a rod along its axis and across it
	rodThickness  = 0.12
)

// rodCentre and rodDeviation are those of the normal distributions, one rod along each of the
// axes, past which the two others go at a distance that a shift makes larger.
func rodCentre(rod, d int, shift float64) float64 {
	return rodDistance * (1 + shift) * [rodDimensions]float64{0, 1, -1}[(d-rod+rodDimensions)%rodDimensions]
}

func rodDeviation(rod, d int) float64 {
	if rod == d {
		return rodLength
	}
	return rodThickness
}

// blurredPoints draws points of the rods with noise of one of the levels, which follows them,
// one number for each. The targets are the negative noise in units of the level, with errors,
// or what it is to be expected to be: the score times the level. The coordinates' scales go
// from √Spread down to its inverse.
func (b *builder) blurredPoints(rows int, exact bool) examples {
	x, y := make([]float32, 0, rows*(rodDimensions+rodLevels)), make([]float32, 0, rows*rodDimensions)
	for range rows {
		rod, level := b.data.IntN(rodDimensions), b.data.IntN(rodLevels)
		sigma := 0.2 * math.Pow(1.5, float64(level))
		var point, target [rodDimensions]float64
		for d := range point {
			noise := b.data.NormFloat64()
			point[d] = rodCentre(rod, d, b.Shift) + rodDeviation(rod, d)*b.data.NormFloat64() + sigma*noise
			target[d] = -noise
			if !exact && b.Noise > 0 {
				target[d] += b.Noise * b.error()
			}
		}
		if exact {
			target = rodScore(point, sigma, b.Shift)
		}
		for d := range point {
			x = append(x, float32(point[d]*math.Pow(b.spread(), 0.5-float64(d)/(rodDimensions-1))))
			y = append(y, float32(target[d]))
		}
		told := make([]float32, rodLevels)
		told[level] = 1
		x = append(x, told...)
	}
	return examples{tensor(x, int64(rows), rodDimensions+rodLevels), tensor(y, int64(rows), rodDimensions)}
}

// rodScore is the gradient of the blurred density's logarithm times the blur: that of each
// rod, weighted by how likely the point is one of its.
func rodScore(point [rodDimensions]float64, sigma, shift float64) (score [rodDimensions]float64) {
	var weights float64
	for rod := range rodDimensions {
		likely := 1.0
		var pull [rodDimensions]float64
		for d := range point {
			variance := rodDeviation(rod, d)*rodDeviation(rod, d) + sigma*sigma
			far := point[d] - rodCentre(rod, d, shift)
			likely *= math.Exp(-far*far/(2*variance)) / math.Sqrt(variance)
			pull[d] = -far / variance
		}
		for d := range score {
			score[d] += likely * pull[d]
		}
		weights += likely
	}
	for d := range score {
		score[d] *= sigma / max(weights, math.SmallestNonzeroFloat64)
	}
	return score
}
