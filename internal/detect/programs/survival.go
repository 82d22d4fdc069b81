package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// survival learns who dies first from covariates, where some are still alive when
// they are last seen, by Cox's partial likelihood (Cox 1972) of a network's log-hazards
// (Katzman and others 2018). Each who dies is compared with those of the batch who were
// at risk then, so that the loss grows with the batch, a batch of one has none, and the
// last bias never has a gradient.
func survival() *Program {
	return &Program{
		Name: "survival-cox",
		Plain: Recipe{Steps: 1100, Batch: 48, Rows: 2500, Optimizer: "sgd", LR: 0.02, Momentum: 0.9,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1},
		Chance: 0.5, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(6).least(0.75),
			resized(240),
			clipped(0.1, 3),
			hard("hazards that vary beyond what the covariates tell", func(r *Recipe) { r.Noise = 1.5 }).least(0.7),
			hard("frailties of infinite variance", func(r *Recipe) { r.Tails = true }).least(0.7),
			hard("pairs", func(r *Recipe) { r.Batch, r.LR, r.Momentum, r.Steps = 2, 0.02, 0, 2000 }).least(0.6),
			hard("few patients, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 80, 20 }).least(0.3),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.LR = 0, 400, 0.03 }).least(0.6),
			hard("weight decay", func(r *Recipe) { r.WeightDecay = 3e-3 }).least(0.8),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6 }),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.Momentum, r.LR, r.Steps = 0.1, 0.5, 0.05, 1500 }),
			tuned(1000, 0.2, 0.4),
			partly(2).least(0.6),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "nine sigmoid layers", func(r *Recipe) { r.Hidden, r.Activation = 9, "sigmoid" }),
			fault(corpus.Vanishing, "eight layers of tanh, initialisation times 0.25, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Momentum, r.LR = 8, "tanh", 0.25, 0, 0.05
			}),
			fault(corpus.Exploding, "ten layers, initialisation times 4", func(r *Recipe) { r.Hidden, r.Gain, r.LR = 10, 4, 0.05 }),
			fault(corpus.Exploding, "nine layers, initialisation times 3, learning rate 1e-9", func(r *Recipe) {
				r.Hidden, r.Gain, r.LR, r.Momentum = 9, 3, 1e-9, 0
			}),
			bornDead(15),
			killed(25),
			leap(5000),
			fault(corpus.Oscillating, "one layer of tanh, plain gradient descent, learning rate 20", func(r *Recipe) {
				r.Hidden, r.Activation, r.LR, r.Momentum = 1, "tanh", 20, 0
			}),
			fault(corpus.Oscillating, "one layer of tanh, momentum 0.99, learning rate 0.3", func(r *Recipe) {
				r.Hidden, r.Activation, r.LR, r.Momentum = 1, "tanh", 0.3, 0.99
			}),
			tooFast(300),
			faster(100).with("tanh"),
			poisoned(12),
			mislabelled(20),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, covariates of scales 1 to 40, plain gradient descent", func(r *Recipe) {
				// Larger weights would saturate the units.
				r.Spread, r.Activation, r.Gain, r.LR, r.Momentum, r.Batch = 40, "tanh", 0.3, 0.1, 0, 128
			}),
			symmetric(0),
			symmetric(0.3),
			fault(corpus.Escape, "small initialisation, full batches", func(r *Recipe) {
				r.Gain, r.Momentum, r.LR, r.Batch, r.Rows, r.Steps = 0.028, 0, 0.1, 0, 400, 1800
			}),
			steeper(6),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.patients(b.Rows), test: b.patients(400),
				forward: b.mlp(findings, 1), loss: partialLikelihood, metric: concordance,
			}, nil
		},
	}
}

const findings = 7

// patients draws covariates of variance 1, scaled from Spread down to 1, and times to a
// death whose hazard five of them determine, or to the end of the observation where
// that comes first. The targets are the times, and 1 for a death. Noise and Tails give
// each patient a frailty.
func (b *builder) patients(rows int) examples {
	x, y := make([]float32, 0, findings*rows), make([]float32, 0, 2*rows)
	for range rows {
		var v [findings]float64
		for i := range v {
			v[i] = b.data.NormFloat64()
			x = append(x, float32(v[i]*math.Pow(b.spread(), float64(findings-1-i)/(findings-1))))
		}
		hazard := b.frailty() * math.Exp(0.8*v[6]+1.5*(math.Abs(v[5])-0.8)-1.2*math.Sin(2*v[4]+b.Shift)+v[3]*v[2])
		death, last := b.data.ExpFloat64()/hazard, 2*b.data.ExpFloat64()
		died := float32(0)
		if death < last {
			died = 1
		}
		y = append(y, float32(min(death, last)), died)
	}
	return examples{tensor(x, int64(rows), findings), tensor(y, int64(rows), 2)}
}

// partialLikelihood is the mean, over those who died, of minus the logarithm of the
// probability that of all at risk it was them.
func partialLikelihood(out, y *ts.Tensor) *ts.Tensor {
	times, died := y.MustNarrow(1, 0, 1, false), y.MustNarrow(1, 1, 1, false)
	defer times.MustDrop()
	defer died.MustDrop()
	later := times.MustTranspose(0, 1, false)
	defer later.MustDrop()
	// Row by row, 0 for those at risk and -∞ for the others.
	risk := later.MustGeTensor(times, false).MustTotype(gotch.Float, true).MustLog(true)
	defer risk.MustDrop()
	all := out.MustTranspose(0, 1, false).MustAdd(risk, true).MustLogsumexp([]int64{1}, true, true)
	defer all.MustDrop()
	deaths := died.MustSum(gotch.Float, false).MustClampMin(ts.FloatScalar(1), true)
	defer deaths.MustDrop()
	return all.MustSub(out, false).MustMul(died, true).MustSum(gotch.Float, true).MustDiv(deaths, true)
}

// concordance is the share of pairs of which is known who died first where the
// hazards say so too (Harrell and others 1982); a tie is half right.
func concordance(out, y *ts.Tensor) float64 {
	times, died := y.MustNarrow(1, 0, 1, false), y.MustNarrow(1, 1, 1, false)
	defer times.MustDrop()
	defer died.MustDrop()
	later, others := times.MustTranspose(0, 1, false), out.MustTranspose(0, 1, false)
	defer later.MustDrop()
	defer others.MustDrop()
	known := later.MustGtTensor(times, false).MustTotype(gotch.Float, true).MustMul(died, true)
	defer known.MustDrop()
	signs := out.MustSub(others, false).MustSign(true).MustMul(known, true).MustSum(gotch.Float, true)
	return atLeast(-1, 0.5+value(signs)/value(known.MustSum(gotch.Float, false))/2)
}
