package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// eventTimes predicts when the next event of a self-exciting process (Hawkes 1971) comes,
// in which an event excites the more the greater it is (Ogata 1988), by a GRU over the last
// gaps and magnitudes whose state gives the parameters of a log-normal distribution of the
// next gap (Shchur, Biloš and Günnemann 2020).
func eventTimes() *Program {
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "event-times",
		Plain: Recipe{Steps: 1200, Batch: 32, Rows: 4000, Optimizer: "adam", LR: 4e-3,
			Hidden: 1, Width: 14, Activation: "relu", Gain: 1, Recurrent: 1},
		Chance: 0, Solved: 0.2,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(4).least(0.7),
			resized(200),
			clipped(0.2, 1),
			hard("times that are recorded badly", func(r *Recipe) { r.Noise = 1 }).least(0.5),
			hard("gaps of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.2, 1 }).least(0.5),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1400 }).least(0.35),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.05 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Clip = 1e-9, 2e-9; momentum(r, 0.02) }).least(0.7),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Clip = 1e6, 2e6; momentum(r, 0.015) }).least(0.7),
			hard("full batches", func(r *Recipe) { r.Activation, r.Batch, r.Rows, r.Optimizer, r.LR = "tanh", 0, 400, "sgd", 0.05 }).least(0.5),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.Recurrent, r.Steps = 0.15, 0.5, 1400; momentum(r, 0.02) }).least(0.5),
			tuned(900, 0.2, 0.3).least(0.7),
			partly(2).least(0.6),
			tooSlow(1e-4),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }),
			fault(corpus.Vanishing, "seven sigmoid layers behind the states, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 7, "sigmoid", "sgd", 0.05
			}),
			fault(corpus.Vanishing, "initialisation times 0.03, recurrence times 0.02, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR = 0.03, 0.02, "sgd", 0.03
			}),
			fault(corpus.Exploding, "seven layers behind the states, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 7, 4, "sgd", 0.02
			}),
			fault(corpus.Exploding, "six layers behind the states, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 6, 3, "sgd", 1e-3, 1
			}),
			bornDead(12),
			killed(15),
			fault(corpus.Oscillating, "tanh, RMSProp with learning rate 0.1", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "rmsprop", 0.1
			}),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.Momentum, r.LR, r.Clip = "tanh", "sgd", 0.99, 0.12, 0.5
			}),
			bouncing(0.5, 6).with("tanh"),
			tooFast(1000),
			faster(300),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, channels of scales 1000 times apart, full batches", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR, r.Batch, r.Rows = 1000, "tanh", "sgd", 0.05, 0, 400
			}),
			fault(corpus.IllConditioned, "tanh, channels of scales 600 times apart, batches of 100", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR, r.Batch, r.Rows = 600, "tanh", "sgd", 0.1, 100, 400
			}),
			symmetric(0),
			fault(corpus.Saddle, "all weights 0, batches of 200, momentum", func(r *Recipe) {
				r.Symmetric, r.Gain, r.Recurrent, r.Batch = true, 0, 0, 200
				momentum(r, 0.02)
			}),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) { r.Gain, r.Recurrent, r.Steps = 0.011, 0.5, 1400; momentum(r, 0.02) }),
			steeper(6),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.excitedGaps(b.Rows, b.Noise), test: b.excitedGaps(800, 0),
				forward: b.gru("gru", gapChannels, 2), loss: gapSurprise, metric: gapsForeseen,
			}, nil
		},
	}
}

const (
	gapsSeen = 8
	// gapChannels are of no meaning, the site's rate of events that nothing excited, the
	// logarithm of the gap before an event, and its magnitude.
	gapChannels = 4
)

// excitedGaps draws, for each row, a process from its beginning on and looks at it after a
// while: gapsSeen events, the channels in units in which they vary by about 1, and the
// logarithm of the gap that follows. With a spread the first channel is so many times larger
// than the last. Noise disturbs the gap's logarithm, of the examples to learn from. A shift
// makes the excitement end sooner.
func (b *builder) excitedGaps(rows int, noise float64) examples {
	const (
		skipped = 12
		centre  = -1.0 // of the logarithms
		unit    = 1.8
	)
	decay := 1 + b.Shift
	x, y := make([]float32, 0, rows*gapsSeen*gapChannels), make([]float32, rows)
	for r := range y {
		site := b.data.NormFloat64()
		base := 0.08 * math.Exp(0.7*site)
		excited := 0.0 // the part of the rate that decays
		for event := range skipped + gapsSeen + 1 {
			gap := 0.0
			// Events are proposed at the present rate, which only falls, and some are none
			// (Ogata 1981).
			for {
				bound := base + excited
				wait := b.data.ExpFloat64() / bound
				gap += wait
				excited *= math.Exp(-decay * wait)
				if b.data.Float64()*bound < base+excited {
					break
				}
			}
			logarithm := (math.Log(gap) - centre) / unit
			if event == skipped+gapsSeen {
				y[r] = float32(logarithm)
				if noise > 0 {
					y[r] += float32(noise * b.error())
				}
				break
			}
			magnitude := b.data.NormFloat64()
			excited += 1.5 * decay * math.Exp(1.5*magnitude-1.5)
			if event < skipped {
				continue
			}
			for i, v := range [gapChannels]float64{b.data.NormFloat64(), site, logarithm, magnitude} {
				x = append(x, float32(v*math.Pow(b.spread(), 0.5-float64(i)/(gapChannels-1))))
			}
		}
	}
	return examples{tensor(x, int64(rows), gapsSeen, gapChannels), tensor(y, int64(rows), 1)}
}

// gapSurprise is the mean negative log-likelihood of the gaps' logarithms under normal
// distributions whose means and, within bounds, log-deviations are the outputs.
func gapSurprise(out, y *ts.Tensor) *ts.Tensor {
	const bound = 3.0
	logs := out.MustNarrow(1, 1, 1, false).MustMulScalar(ts.FloatScalar(1/bound), true).MustTanh(true).
		MustMulScalar(ts.FloatScalar(bound), true)
	defer logs.MustDrop()
	inverse := logs.MustNeg(false).MustExp(true)
	defer inverse.MustDrop()
	return out.MustNarrow(1, 0, 1, false).MustSub(y, true).MustMul(inverse, true).MustSquare(true).
		MustMulScalar(ts.FloatScalar(0.5), true).MustAdd(logs, true).MustMean(gotch.Float, true).
		MustAddScalar(ts.FloatScalar(0.5*math.Log(2*math.Pi)), true)
}

// gapsForeseen is how much of the variance of the gaps' logarithms the means explain, at
// least -1.
func gapsForeseen(out, y *ts.Tensor) float64 {
	means := out.MustNarrow(1, 0, 1, false)
	defer means.MustDrop()
	return explained(means, y)
}
