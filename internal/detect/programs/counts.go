package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// counts is a regression of counts, Poisson's likelihood with a logarithmic link
// (Nelder and Wedderburn 1972), in which the linear predictor has become a network
// of rectifiers, by plain gradient descent. Its loss has no bottom at 0, and the
// gradient grows as the exponential of the output.
func counts() *Program {
	return &Program{
		Name: "counts-poisson",
		Plain: Recipe{Steps: 1600, Batch: 32, Rows: 3000, Optimizer: "sgd", LR: 0.03,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1, Scale: 1},
		Chance: 0, Solved: 0.6,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("steps"),
			resized(8),
			resized(256),
			clipped(0.2, 5),
			hard("large counts, losses below 0", func(r *Recipe) { r.Scale, r.LR = 10, 0.01 }),
			hard("more variance than Poisson's", func(r *Recipe) { r.Noise, r.LR = 0.8, 0.02 }).least(0.7),
			hard("counts of infinite variance", func(r *Recipe) { r.Tails, r.LR = true, 0.02 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR = 1, 5e-3 }).least(0.7),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows, r.Batch, r.LR = 200, 10, 0.01 }).least(0.3),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9 }),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows, r.LR = 0, 1000, 0.05 }).least(0.65),
			hard("a long flat start", func(r *Recipe) { r.Hidden, r.Gain, r.LR = 3, 0.19, 0.07 }),
			tuned(1200, 0.2, 0.3),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "ten sigmoid layers", func(r *Recipe) { r.Hidden, r.Width, r.Activation, r.Steps = 10, 16, "sigmoid", 1200 }),
			fault(corpus.Vanishing, "eight layers, initialisation times 0.3", func(r *Recipe) { r.Hidden, r.Gain = 8, 0.3 }),
			fault(corpus.Exploding, "eight layers, initialisation times 3", func(r *Recipe) { r.Hidden, r.Gain = 8, 3 }),
			fault(corpus.Exploding, "six layers, initialisation times 1.8, clipped", func(r *Recipe) { r.Hidden, r.Gain, r.Clip = 6, 1.8, 0.1 }),
			bornDead(10),
			killed(20),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Momentum, r.LR, r.Clip = "tanh", 0.99, 0.06, 1
			}),
			bouncing(0.5, 5).with("tanh"),
			tooFast(40),
			faster(15),
			poisoned(2),
			mislabelled(30),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "features of scales 1 to 1/300, full batches", func(r *Recipe) {
				r.Spread, r.LR, r.Batch, r.Rows = 300, 0.3, 0, 600
			}),
			symmetric(0),
			fault(corpus.Escape, "small initialisation, full batches", func(r *Recipe) {
				r.Hidden, r.Gain, r.LR, r.Batch, r.Rows = 3, 0.1, 0.07, 0, 800
			}),
			steeper(1.45),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.counts(b.Rows, true), test: b.counts(500, false),
				forward: b.mlp(covariates, 1), loss: poisson, metric: devianceExplained,
			}, nil
		},
	}
}

const covariates = 6

// counts draws covariates of variance 1, scaled from 1 down to 1/Spread, and counts of rates
// around Scale that five of them determine; the rates themselves where nothing is
// drawn. Noise and Tails make the rates vary beyond that.
func (b *builder) counts(rows int, drawn bool) examples {
	x, y := make([]float32, 0, covariates*rows), make([]float32, rows)
	for r := range y {
		var u [covariates]float64
		for i := range u {
			u[i] = math.Sqrt(3) * (2*b.data.Float64() - 1)
			x = append(x, float32(u[i]*math.Pow(b.spread(), -float64(i)/(covariates-1))))
		}
		rate := b.Scale * math.Exp(0.8*math.Sin(1.5*u[1]+b.Shift)+0.4*u[2]*u[3]+0.6*math.Abs(u[4])-0.5*u[5]-0.9)
		if drawn {
			rate = distuv.Poisson{Lambda: rate * b.frailty(), Src: b.data}.Rand()
		}
		y[r] = float32(rate)
	}
	return examples{tensor(x, int64(rows), covariates), tensor(y, int64(rows), 1)}
}

// frailty is a factor of mean 1, logarithmically normal, or of infinite variance
// (Pareto's distribution with exponent 1.5).
func (b *builder) frailty() float64 {
	if b.Tails {
		return math.Pow(1-b.data.Float64(), -1/1.5) / 3
	}
	return math.Exp(b.Noise*b.data.NormFloat64() - b.Noise*b.Noise/2)
}

// poisson is the mean of μ - y·log μ, given the logarithm of μ.
func poisson(out, y *ts.Tensor) *ts.Tensor {
	return ts.MustPoissonNllLoss(out, y, true, false, 0, 1)
}

// devianceExplained is the share of the deviance of the best constant that the
// network saves, at least -1.
func devianceExplained(out, y *ts.Tensor) float64 {
	saturated := y.MustSub(y.MustXlogy(y, false), false)
	best := value(saturated.MustMean(gotch.Float, true))
	mean := value(y.MustMean(gotch.Float, false))
	constant := mean - mean*math.Log(mean)
	return atLeast(-1, 1-(value(poisson(out, y))-best)/(constant-best))
}
