package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// prototypes tells substances that it has never met by their spectra, from two readings of
// each: a net embeds all readings, the mean of a substance's embeddings is its prototype, and
// the odds fall with the squared distance from it (Snell, Swersky and Zemel 2017). A step's
// examples are whole episodes, each with substances of its own.
func prototypes() *Program {
	return &Program{
		Name: "prototype-episodes",
		Plain: Recipe{Steps: 1000, Batch: 4, Rows: 4000, Optimizer: "adam", LR: 3e-3,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1},
		Chance: 1.0 / episodeWays, Solved: 0.6,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(1).least(0.75),
			resized(20),
			clipped(0.1, 1),
			hard("a tenth of the labels wrong", func(r *Recipe) { r.Noise = 0.1 }).least(0.75),
			hard("readings with spikes, clipped", func(r *Recipe) { r.Tails, r.Clip, r.LR = true, 1, 1.5e-3 }).least(0.4),
			hard("one episode in a step", func(r *Recipe) { r.Batch, r.LR = 1, 1.5e-3 }).least(0.7),
			hard("few episodes, learnt by heart", func(r *Recipe) { r.Rows = 32 }).least(0.2),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.6),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum, r.Clip = 1e-9, "sgd", 5e-3, 0.9, 1e-9 }).least(0.6),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 40, 0 }).least(0.2),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = "tanh", 0.2, "sgd", 0.02, 0.9
			}).least(0.5),
			tuned(800, 0.2, 0.5),
			partly(2).least(0.6),
			tooSlow(1e-4),
			fault(corpus.TooSlow, "momentum, learning rate 1e-7", func(r *Recipe) {
				r.Optimizer, r.LR, r.Momentum = "sgd", 1e-7, 0.9
			}),
			fault(corpus.Vanishing, "seven sigmoid layers, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 7, "sigmoid", "sgd", 0.02, 0.9
			}),
			fault(corpus.Vanishing, "six rectified layers, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 6, 0.2, "sgd", 0.02
			}),
			fault(corpus.Exploding, "six layers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 6, 4, "sgd", 5e-3
			}),
			fault(corpus.Exploding, "seven layers of tanh, initialisation times 10, clipped", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Clip = 7, "tanh", 10, "sgd", 1e-3, 1
			}),
			bornDead(40),
			killed(60),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum, r.Clip = "tanh", "sgd", 0.1, 0.99, 1
			}),
			bouncing(0.5, 10).with("tanh"),
			tooFast(300).with("tanh"),
			faster(300).with("tanh"),
			poisoned(15),
			mislabelled(40),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, channels of sensitivities up to 1000 times apart, full batches", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR, r.Rows, r.Batch = 1000, "tanh", "sgd", 0.01, 40, 0
			}).most(0.65),
			symmetric(0),
			symmetric(0.1),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.128, "sgd", 0.02, 0.9, 1400
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.spectralEpisodes(b.Rows, b.Noise), test: b.spectralEpisodes(80, 0),
				forward: b.prototypical(),
				loss: func(out, y *ts.Tensor) *ts.Tensor {
					labels := y.MustReshape([]int64{-1}, false)
					defer labels.MustDrop()
					return crossEntropy(out, labels)
				},
				metric: func(out, y *ts.Tensor) float64 {
					labels := y.MustReshape([]int64{-1}, false)
					defer labels.MustDrop()
					return accuracy(out, labels)
				},
			}, nil
		},
	}
}

const (
	episodeWays      = 5 // substances of an episode
	episodeShots     = 2 // readings of each that its prototype is made of
	episodeQueries   = 20
	episodeReadings  = episodeWays*episodeShots + episodeQueries
	spectrumChannels = 24
	spectrumLines    = 3 // of a substance
	spectrumEmbedded = 8
)

// spectralEpisodes draws, rows × readings × channels, episodes of substances that are made up
// for them: first the readings for the prototypes, substance by substance, then the queries in
// any order, whose substances are the targets, a share of them any. A reading is the lines at
// the substance's places, on a background that is brighter than they are and another one each
// time. With a spread the channels' sensitivities differ; a shift makes the lines wider.
func (b *builder) spectralEpisodes(rows int, wrong float64) examples {
	x, y := make([]float32, 0, rows*episodeReadings*spectrumChannels), make([]int64, 0, rows*episodeQueries)
	var substances [episodeWays][spectrumLines]float64
	width, roughness := 1.2+b.Shift, 0.3
	if b.Tails {
		roughness = 0.04
	}
	reading := func(lines []float64) {
		bright := 1.2 + 0.8*b.data.Float64()
		level, slope, bend := 1.5*b.data.NormFloat64(), 1.5*b.data.NormFloat64(), 1.5*b.data.NormFloat64()
		for c := range spectrumChannels {
			at := 2*float64(c)/(spectrumChannels-1) - 1
			v := level + slope*at + bend*(2*at*at-1) + roughness*b.error()
			for _, line := range lines {
				off := (float64(c) - line) / width
				v += bright * math.Exp(-off*off/2)
			}
			// Neighbouring channels are of any sensitivities.
			rank := float64(c*7%spectrumChannels) / (spectrumChannels - 1)
			x = append(x, float32(v*math.Pow(b.spread(), 0.5-rank)))
		}
	}
	for range rows {
		for s := range substances {
			for l := range substances[s] {
				substances[s][l] = (spectrumChannels - 1) * b.data.Float64()
			}
			for range episodeShots {
				reading(substances[s][:])
			}
		}
		for _, q := range b.data.Perm(episodeQueries) {
			label := q % episodeWays
			reading(substances[label][:])
			if b.data.Float64() < wrong {
				label = b.data.IntN(episodeWays)
			}
			y = append(y, int64(label))
		}
	}
	return examples{tensor(x, int64(rows), episodeReadings, spectrumChannels), tensor(y, int64(rows), episodeQueries)}
}

// prototypical computes the logits of all episodes' queries, one a row: the negative squared
// distances from their own episode's prototypes.
func (b *builder) prototypical() func(x *ts.Tensor, train bool) *ts.Tensor {
	embed := b.mlp(spectrumChannels, spectrumEmbedded)
	const support = episodeWays * episodeShots
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		all := embed(x, train)
		defer all.MustDrop()
		centres := all.MustNarrow(1, 0, support, false).
			MustReshape([]int64{-1, 1, episodeWays, episodeShots, spectrumEmbedded}, true).
			MustMeanDim([]int64{3}, false, gotch.Float, true)
		defer centres.MustDrop()
		return all.MustNarrow(1, support, episodeQueries, false).MustUnsqueeze(2, true).MustSub(centres, true).
			MustSquare(true).MustSumDimIntlist([]int64{3}, false, gotch.Float, true).MustNeg(true).
			MustReshape([]int64{-1, episodeWays}, true)
	}
}
