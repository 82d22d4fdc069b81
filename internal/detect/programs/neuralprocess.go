package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// neuralProcess predicts a tide from a few readings of it, every example another tide: a net
// looks at each reading, the mean of what it makes of them stands for the curve, and another
// net gives a Gaussian for the height at any other time (a conditional neural process: Garnelo
// and others 2018). The deviation has a floor, as usual, and a ceiling, and the loss counts from
// what a certain answer at the floor would cost, so that it stays above 0.
func neuralProcess() *Program {
	return &Program{
		Name: "neural-process",
		Plain: Recipe{Steps: 1000, Batch: 24, Rows: 2000, Optimizer: "adam", LR: 5e-3,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1, Noise: 0.1},
		Chance: 0, Solved: 0.7,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps").least(0.75),
			scheduled("restarts"),
			resized(3).least(0.75),
			resized(120),
			clipped(0.3, 1),
			hard("readings four times as noisy", func(r *Recipe) { r.Noise = 0.4 }).least(0.6),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Clip, r.LR = true, 1, 1e-3 }).least(0.4),
			hard("one tide in a step", func(r *Recipe) { r.Batch, r.LR = 1, 1e-3 }).least(0.5),
			hard("few tides, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 30, 10 }).least(0.2),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 150, 0 }).least(0.4),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.8),
			hard("losses of 1e-9", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum, r.Clip = 1e-9, "sgd", 0.01, 0.9, 3e-9
			}).least(0.6),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = "tanh", 0.8, "sgd", 0.03, 0.9
			}).least(0.5),
			tuned(1000, 0.2, 0.1),
			partly(2).least(0.6),
			tooSlow(1e-4),
			fault(corpus.TooSlow, "tanh, momentum, learning rate 1e-7", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum = "tanh", "sgd", 1e-7, 0.9
			}),
			fault(corpus.Vanishing, "five sigmoid layers before the mean and five after it, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Momentum = 5, "sigmoid", "sgd", 0.01, 0.9
			}),
			fault(corpus.Vanishing, "five tanh layers before the mean and five after it, initialisation times 0.2", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 5, "tanh", 0.2, "sgd", 0.02
			}),
			fault(corpus.Exploding, "four layers before the mean and four after it, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 4, 4, "sgd", 0.01
			}),
			fault(corpus.Exploding, "four layers before the mean and four after it, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 4, 3, "sgd", 1e-3, 1
			}),
			bornDead(15),
			killed(30),
			fault(corpus.Oscillating, "tanh, momentum 0.99, clipped", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Momentum, r.Clip = "tanh", "sgd", 0.15, 0.99, 0.5
			}),
			bouncing(0.5, 5).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 3", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "sgd", 3
			}),
			faster(500),
			poisoned(3),
			mislabelled(40),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, readings on a scale 100 times that of the times, plain gradient descent", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR = "tanh", 100, "sgd", 0.1
			}),
			fault(corpus.IllConditioned, "tanh, readings on a scale 100 times that of the times, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR, r.Rows, r.Batch = "tanh", 100, "sgd", 0.1, 400, 0
			}),
			symmetric(0),
			symmetric(1).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.6, "sgd", 0.03, 0.9, 1500
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.tides(b.Rows), test: b.tides(300),
				forward: b.conditional(), loss: flooredSurprise,
				metric: func(out, y *ts.Tensor) float64 {
					heights := out.MustSelect(2, 0, false)
					defer heights.MustDrop()
					return explained(heights, y)
				},
			}, nil
		},
	}
}

const (
	tideReadings  = 8  // that are known
	tideQuestions = 12 // times that are asked for
	tideSurest    = 0.1
	tideWidest    = 1.1
)

// tides draws levels and waves of any height and phase, and lists the times and heights of the
// readings and the times in question; the targets are the heights then. With a spread the readings
// have another unit than the times, so that their scales differ by as much. A shift is that of the waves' frequency.
func (b *builder) tides(rows int) examples {
	x := make([]float32, 0, rows*(2*tideReadings+tideQuestions))
	y := make([]float32, 0, rows*tideQuestions)
	var times [tideReadings + tideQuestions]float64
	root := math.Sqrt(b.spread())
	for range rows {
		level, height, phase := 0.5*b.data.NormFloat64(), 0.7+0.6*b.data.Float64(), 2*math.Pi*b.data.Float64()
		read := func(t float64) float32 {
			return float32(level + height*math.Sin((1.5+b.Shift)*t+phase) + b.Noise*b.error())
		}
		for i := range times {
			times[i] = 4*b.data.Float64() - 2
		}
		for _, t := range times[:tideReadings] {
			x = append(x, float32(t/root))
		}
		for _, t := range times[:tideReadings] {
			x = append(x, float32(root)*read(t))
		}
		for _, t := range times[tideReadings:] {
			x, y = append(x, float32(t/root)), append(y, read(t))
		}
	}
	return examples{tensor(x, int64(rows), 2*tideReadings+tideQuestions), tensor(y, int64(rows), tideQuestions)}
}

// conditional computes, rows × times × 2, the heights and what the deviations come from.
func (b *builder) conditional() func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	look, tell := b.part("reading-", 2, width), b.part("answer-", width+1, 2)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		columns := func(from, count int64) *ts.Tensor { return x.MustNarrow(1, from, count, false).MustUnsqueeze(2, true) }
		times, heights, asked := columns(0, tideReadings), columns(tideReadings, tideReadings), columns(2*tideReadings, tideQuestions)
		readings := ts.MustCat([]*ts.Tensor{times, heights}, 2)
		defer readings.MustDrop()
		times.MustDrop()
		heights.MustDrop()
		curve := look(readings, train).MustMeanDim([]int64{1}, true, gotch.Float, true)
		defer curve.MustDrop()
		beside := curve.MustExpand([]int64{-1, tideQuestions, -1}, false, false)
		questions := ts.MustCat([]*ts.Tensor{beside, asked}, 2)
		defer questions.MustDrop()
		beside.MustDrop()
		asked.MustDrop()
		return tell(questions, train)
	}
}

// flooredSurprise is the mean negative log-likelihood of the targets, less that of an exact
// answer with the least deviation.
func flooredSurprise(out, y *ts.Tensor) *ts.Tensor {
	deviations := out.MustSelect(2, 1, false).MustSigmoid(true).
		MustMulScalar(ts.FloatScalar(tideWidest-tideSurest), true).MustAddScalar(ts.FloatScalar(tideSurest), true)
	defer deviations.MustDrop()
	logs := deviations.MustLog(false)
	defer logs.MustDrop()
	return out.MustSelect(2, 0, false).MustSub(y, true).MustDiv(deviations, true).MustSquare(true).
		MustMulScalar(ts.FloatScalar(0.5), true).MustAdd(logs, true).MustMean(gotch.Float, true).
		MustAddScalar(ts.FloatScalar(-math.Log(tideSurest)), true)
}
