package programs

import (
	"fmt"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/internal/digits"
)

// digitsConv tells handwritten digits apart by convolutions.
func digitsConv() *Program {
	return &Program{
		Name: "digits-conv",
		Plain: Recipe{Steps: 1000, Batch: 16, Rows: 2000, Optimizer: "adam", LR: 2e-3,
			Hidden: 1, Width: 32, Activation: "relu", Gain: 1},
		Chance: 0.1, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("restarts"),
			resized(64),
			clipped(0.05, 1),
			hard("a quarter of the labels wrong", func(r *Recipe) { r.Noise = 0.25 }).least(0.75),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR = 1, 5e-4 }).least(0.45),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.4 }),
			tuned(600, 0.05, 0),
			partly(4),
			tooSlow(1e-5),
			fault(corpus.Vanishing, "six more layers, sigmoids", func(r *Recipe) { r.Hidden, r.Activation = 7, "sigmoid" }),
			fault(corpus.Exploding, "initialisation times 8, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 3, 8, "sgd", 0.01
			}),
			fault(corpus.Exploding, "six more layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 7, 4, "sgd", 0.02, 1
			}),
			bornDead(20),
			killed(30),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.3", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.3 }),
			faster(1000),
			poisoned(-20),
			mislabelled(1000),
			infOnce(),
			logOfZero(),
			fault(corpus.Escape, "tanh, small initialisation", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.11, "sgd", 0.05, 0.9, 1500
			}),
			symmetric(0),
			steeper(5),
			unthawed(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			training, test, err := b.digits()
			if err != nil {
				return nil, err
			}
			return &task{training: training, test: test,
				forward: b.convolutions(), loss: crossEntropy, metric: accuracy}, nil
		},
	}
}

// convolutions are two layers of 3 × 3, each halved by its maxima, and an mlp.
func (b *builder) convolutions() func(x *ts.Tensor, train bool) *ts.Tensor {
	type layer struct{ w, b *ts.Tensor }
	var layers []layer
	channels := int64(1)
	for i, out := range []int64{6, 12} {
		name := fmt.Sprintf("conv%d", i+1)
		layers = append(layers, layer{
			b.weight(name, "weight", activations[b.Activation].gain, true, out, channels, 3, 3),
			b.bias(name, "bias", out, true),
		})
		channels = out
	}
	head := b.mlp(channels*3*3, digits.Digits)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		x = x.MustView([]int64{-1, 1, side, side}, false)
		for _, l := range layers {
			y := ts.MustConv2d(x, l.w, l.b, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, 1)
			x.MustDrop()
			x = b.act(y).MaxPool2DDefault(2, true)
		}
		x = x.MustView([]int64{-1, channels * 3 * 3}, true)
		defer x.MustDrop()
		return head(x, train)
	}
}
