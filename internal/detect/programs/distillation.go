package programs

import (
	"math"
	"math/rand/v2"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// distillation teaches a small network the softened answers of a larger one that stays
// as it is (Hinton, Vinyals and Dean 2015), by the Kullback–Leibler divergence. As the
// answers are a function of the inputs, there is no floor but what the student is too
// small for, and the loss falls for as long as it is trained.
func distillation() *Program {
	return &Program{
		Name: "distillation-mlp",
		Plain: Recipe{Steps: 1500, Batch: 32, Rows: 4000, Optimizer: "adam", LR: 4e-3,
			Hidden: 2, Width: 32, Activation: "relu", Gain: 1, Scale: 0.5},
		Chance: 0.3, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(4),
			resized(256),
			clipped(0.02, 1),
			hard("a cold teacher", func(r *Recipe) { r.Scale = 4 }),
			hard("a hot teacher", func(r *Recipe) { r.Scale = 0.05 }),
			hard("answers as noisy as they differ", func(r *Recipe) { r.Noise = 1.5 }).least(0.7),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails, r.Noise = true, 0.5 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 2200 }).least(0.5),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 120, 20 }).least(0.3),
			hard("full batches", func(r *Recipe) { r.Batch, r.Rows = 0, 600 }).least(0.7),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.3 }),
			hard("losses of a billionth, momentum", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.05, 0.9
			}).least(0.7),
			hard("a long flat start", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 3, 0.1, "sgd", 0.03, 0.9, 1800
			}).least(0.7),
			tuned(1000, 0.1, 0.3),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "eight tanh layers, initialisation times 0.3, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = 8, "tanh", 0.3, "sgd", 0.02, 0.9
			}),
			fault(corpus.Exploding, "ten layers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 10, 4, "sgd", 0.05
			}),
			fault(corpus.Exploding, "seven layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = 7, 3, 1, "sgd", 1e-3
			}),
			bornDead(15),
			killed(20),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.5", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.5 }),
			bouncing(0.5, 10).with("tanh"),
			faster(300).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 30", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "sgd", 30
			}),
			poisoned(30),
			mislabelled(100),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "features of scales from 1 to 1/300, plain gradient descent", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR = 300, "sgd", 0.8
			}),
			symmetric(0),
			symmetric(0.3).with("tanh"),
			fault(corpus.Escape, "tanh, small initialisation, full batches", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = 3, "tanh", 0.047, "sgd", 0.03, 0.9
				r.Batch, r.Rows, r.Steps = 0, 600, 2200
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			master := b.master()
			t := &task{
				training: b.lessons(master, b.Rows, b.Noise), test: b.lessons(master, 1000, 0),
				forward: b.mlp(lessonFeatures, lessonClasses), metric: classAgreement,
			}
			t.loss = b.teacherDivergence
			return t, nil
		},
	}
}

const (
	lessonFeatures = 8
	lessonClasses  = 5
	lessonClusters = 6
	masterWidth    = 48
)

// A master is the teacher: two hidden layers of tanh, whose answers are evened out so
// that each class is the likeliest about as often; and the clusters it knows.
type master struct {
	centres       [lessonClusters][lessonFeatures]float64
	first, second []float64
	last          []float64
	mean, scale   [lessonClasses]float64
}

// master draws a teacher. A shift moves its first weights.
func (b *builder) master() *master {
	normal := func(count int, std float64) []float64 {
		v := make([]float64, count)
		for i := range v {
			v[i] = std * b.data.NormFloat64()
		}
		return v
	}
	m := &master{
		first:  normal(masterWidth*lessonFeatures, 1.2/math.Sqrt(lessonFeatures)),
		second: normal(masterWidth*masterWidth, 1.5/math.Sqrt(masterWidth)),
		last:   normal(lessonClasses*masterWidth, 1/math.Sqrt(masterWidth)),
	}
	for i := range m.centres {
		copy(m.centres[i][:], normal(lessonFeatures, 1))
	}
	for i, moved := range normal(len(m.first), 1.2/math.Sqrt(lessonFeatures)) {
		m.first[i] += b.Shift * moved
	}
	for k := range m.scale {
		m.scale[k] = 1
	}
	const sample = 500
	var sum, squares [lessonClasses]float64
	for range sample {
		for k, z := range m.logits(m.input(b.data)) {
			sum[k] += z / sample
			squares[k] += z * z / sample
		}
	}
	for k := range sum {
		m.mean[k], m.scale[k] = sum[k], 2/math.Sqrt(squares[k]-sum[k]*sum[k])
	}
	return m
}

// input draws an example of one of the clusters.
func (m *master) input(random *rand.Rand) []float64 {
	x := make([]float64, lessonFeatures)
	centre := m.centres[random.IntN(lessonClusters)]
	for i := range x {
		x[i] = centre[i] + 0.7*random.NormFloat64()
	}
	return x
}

func (m *master) logits(x []float64) (z [lessonClasses]float64) {
	layer := func(w, x []float64) []float64 {
		y := make([]float64, len(w)/len(x))
		for i := range y {
			for j, v := range x {
				y[i] += w[i*len(x)+j] * v
			}
		}
		return y
	}
	saturated := func(v []float64) []float64 {
		for i := range v {
			v[i] = math.Tanh(v[i])
		}
		return v
	}
	h := saturated(layer(m.second, saturated(layer(m.first, x))))
	for k, v := range layer(m.last, h) {
		z[k] = m.scale[k] * (v - m.mean[k])
	}
	return z
}

// lessons are examples and the teacher's answers, softened by the temperature 1/Scale,
// and with noise of what they are the softmax of. The features' scales go from 1 down
// to 1/Spread.
func (b *builder) lessons(m *master, rows int, noise float64) examples {
	x, y := make([]float32, 0, rows*lessonFeatures), make([]float32, 0, rows*lessonClasses)
	for range rows {
		input := m.input(b.data)
		z := m.logits(input)
		for i, v := range input {
			x = append(x, float32(v*math.Pow(b.spread(), -float64(i)/(lessonFeatures-1))))
		}
		most := math.Inf(-1)
		for k := range z {
			if noise > 0 {
				z[k] += noise * b.error()
			}
			most = max(most, z[k])
		}
		var total float64
		for k := range z {
			z[k] = math.Exp(b.Scale * (z[k] - most))
			total += z[k]
		}
		for _, v := range z {
			y = append(y, float32(v/total))
		}
	}
	return examples{tensor(x, int64(rows), lessonFeatures), tensor(y, int64(rows), lessonClasses)}
}

// teacherDivergence is that of the student's answers, at the same temperature, from the
// teacher's; times the temperature's square, so that gradients do not depend on it much.
func (b *builder) teacherDivergence(out, y *ts.Tensor) *ts.Tensor {
	rows := float64(y.MustSize()[0])
	logs := out.MustMulScalar(ts.FloatScalar(b.Scale), false).MustLogSoftmax(1, gotch.Float, true)
	return logs.MustKlDiv(y, 2, false, true).MustMulScalar(ts.FloatScalar(1/(rows*b.Scale*b.Scale)), true)
}

// classAgreement is the share of rows of which student and teacher hold the same class to be
// the likeliest.
func classAgreement(out, y *ts.Tensor) float64 {
	classes := y.MustArgmax([]int64{1}, false, false)
	defer classes.MustDrop()
	return accuracy(out, classes)
}
