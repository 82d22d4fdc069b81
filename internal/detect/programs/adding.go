package programs

import (
	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// adding gives the sum of the two marked ones of a sequence's numbers, the adding
// problem (Hochreiter and Schmidhuber 1997), by a GRU (Cho and others 2014) and
// rectified layers that read its last state.
func adding() *Program {
	return &Program{
		Name: "adding-gru",
		Plain: Recipe{Steps: 1200, Batch: 32, Rows: 3000, Optimizer: "rmsprop", LR: 3e-3,
			Hidden: 1, Width: 24, Activation: "relu", Gain: 1, Recurrent: 1, Scale: 1},
		Chance: 0, Solved: 0.85,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(128),
			resized(4),
			clippedEarly(0.1, 1),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails, r.Noise = true, 0.1 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR = 1, 1e-3 }).least(0.7),
			hard("few examples, learnt by heart", func(r *Recipe) { r.Rows = 80; r.Batch = 16; r.Optimizer = "adam" }).least(0.3),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.LR, r.WeightDecay = "adamw", 5e-3, 0.3 }),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.05, 0.9 }),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.05, 0.9 }),
			hard("plain gradient descent at the edge of stability", func(r *Recipe) { r.Optimizer, r.LR = "sgd", 0.3 }),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR, r.Momentum = 0.12, 0.5, "sgd", 0.1, 0.9
			}),
			tuned(1000, 0.1, 0.5),
			partly(1),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "forgetful gates and a weak recurrence, plain gradient descent", func(r *Recipe) {
				r.Gate, r.Recurrent, r.Optimizer, r.LR = -6, 0.1, "sgd", 0.02
			}),
			fault(corpus.Vanishing, "small initialisation, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Optimizer, r.LR = 0.05, 0.01, "sgd", 0.1
			}),
			fault(corpus.Exploding, "recurrence times 30, plain gradient descent", func(r *Recipe) {
				r.Recurrent, r.Optimizer, r.LR = 30, "sgd", 0.05
			}),
			fault(corpus.Exploding, "recurrence times 30, clipped", func(r *Recipe) {
				r.Recurrent, r.Optimizer, r.LR, r.Clip = 30, "sgd", 0.05, 1
			}),
			fault(corpus.Exploding, "seven layers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 6, 4, "sgd", 0.05
			}),
			bornDead(10),
			killed(20),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.3", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "adam", 0.3
			}),
			fault(corpus.Oscillating, "tanh, learning rate 0.1", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.1 }),
			faster(300),
			poisoned(30),
			mislabelled(100),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, numbers of up to 20 beside marks of 1", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR = 20, "tanh", "sgd", 0.08
			}),
			symmetric(0),
			symmetric(1),
			fault(corpus.Escape, "tanh, small initialisation", func(r *Recipe) {
				r.Activation, r.Gain, r.Recurrent, r.Optimizer, r.LR, r.Momentum = "tanh", 0.035, 0.5, "sgd", 0.06, 0.9
			}),
			steeper(5),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.marked(b.Rows, b.Noise), test: b.marked(400, 0),
				forward: b.gru("gru", 2, 1), loss: squares, metric: explained,
			}, nil
		},
	}
}

// terms is the sequences' length.
const terms = 12

// marked draws, rows × terms × 2, numbers from U(-1, 1), which are multiplied by
// Spread, and the marks, one in each half of the sequence; the target is Scale times
// the sum of the marked numbers, with noise.
func (b *builder) marked(rows int, noise float64) examples {
	x, y := make([]float32, rows*terms*2), make([]float32, rows)
	for r := range y {
		row := x[r*terms*2 : (r+1)*terms*2]
		first, second := b.data.IntN(terms/2), terms/2+b.data.IntN(terms/2)
		sum := b.Shift
		for i := range terms {
			v := 2*b.data.Float64() - 1
			row[2*i] = float32(b.spread() * v)
			if i == first || i == second {
				row[2*i+1] = 1
				sum += v
			}
		}
		y[r] = float32(b.Scale * (sum + noise*b.error()))
	}
	return examples{tensor(x, int64(rows), terms, 2), tensor(y, int64(rows), 1)}
}
