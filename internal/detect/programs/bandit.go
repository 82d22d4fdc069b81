package programs

import (
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// bandit learns a policy for a contextual bandit by REINFORCE (Williams 1992): the
// loss is no measure of success, is as often negative as positive, and has no trend:
// neither it nor the gradients show a wrong sign, which is therefore no case.
func bandit() *Program {
	return &Program{
		Name: "bandit-policy",
		Plain: Recipe{Steps: 2000, Batch: 32, Rows: 4000, Optimizer: "rmsprop", LR: 2e-3,
			Hidden: 1, Width: 32, Activation: "tanh", Gain: 1, Noise: 0.3},
		Chance: 0, Solved: 0.7,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("steps"),
			resized(128),
			resized(4),
			clipped(0.02, 1),
			hard("plain gradient descent", func(r *Recipe) { r.Optimizer, r.LR = "sgd", 0.1 }),
			hard("noisy rewards", func(r *Recipe) { r.Noise = 2 }).least(0.7),
			hard("rewards of infinite variance", func(r *Recipe) { r.Tails = true }).least(0.6),
			tuned(1500, 0.2, 0),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Dying, "rectifiers with biases far below 0", func(r *Recipe) { r.Activation, r.Bias = "relu", -10 }),
			mislabelled(100),
			nanOnce(),
			logOfZero(),
			symmetric(0),
			unthawed(),
		},
		build: func(b *builder) (*task, error) {
			training, test := b.contexts(b.Rows), b.contexts(500)
			return &task{
				training: training, test: test,
				forward: b.mlp(contextSize, actions), loss: b.reinforce, metric: reward,
			}, nil
		},
	}
}

const (
	contextSize = 8
	actions     = 5
)

// contexts draws contexts, and as targets each action's expected reward, which is
// 1 for the action whose direction the context is nearest to and 0 for the others.
func (b *builder) contexts(rows int) examples {
	x, y := make([]float32, 0, rows*contextSize), make([]float32, rows*actions)
	for r := range rows {
		best, most := 0, 0.0
		for i := range contextSize {
			v := b.data.NormFloat64()
			if i < actions && (i == 0 || v > most) {
				best, most = i, v
			}
			scale := float32(1)
			if i%2 == 1 {
				scale = float32(b.spread())
			}
			x = append(x, scale*float32(v))
		}
		y[r*actions+best] = 1
	}
	return examples{tensor(x, int64(rows), contextSize), tensor(y, int64(rows), actions)}
}

// reinforce takes an action for each context by the policy's probabilities and
// returns the loss whose gradient is the policy's, with the batch's mean reward
// as the baseline.
func (b *builder) reinforce(out, y *ts.Tensor) *ts.Tensor {
	rows := int(y.MustSize()[0])
	logs := out.MustLogSoftmax(-1, gotch.Float, false)
	defer logs.MustDrop()
	known, rewards := logs.MustExp(false).Float64Values(true), y.Float64Values()
	taken, gained := make([]float32, rows*actions), make([]float64, rows)
	var baseline float64
	for r := range rows {
		u, a := b.data.Float64(), 0
		for ; a < actions-1 && u >= known[r*actions+a]; a++ {
			u -= known[r*actions+a]
		}
		taken[r*actions+a] = 1
		gained[r] = rewards[r*actions+a] + b.Noise*b.error()
		baseline += gained[r] / float64(rows)
	}
	for i := range taken {
		taken[i] *= float32(-(gained[i/actions] - baseline) / float64(rows))
	}
	weights := tensor(taken, int64(rows), actions)
	defer weights.MustDrop()
	return logs.MustMul(weights, false).MustSum(gotch.Float, true)
}

// reward is the expected reward of the policy's likeliest action, from 0 for
// chance to 1 for the best.
func reward(out, y *ts.Tensor) float64 {
	best := y.MustArgmax([]int64{-1}, false, false)
	defer best.MustDrop()
	return (accuracy(out, best) - 1.0/actions) / (1 - 1.0/actions)
}
