package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// patchesMixer tells silhouettes apart that are cut into patches: in each block one
// network mixes what the patches hold, channel by channel, and another the channels of
// each patch, both behind a layer norm and beside a shortcut (Tolstikhin and others 2021).
func patchesMixer() *Program {
	return &Program{
		Name: "patches-mixer",
		Plain: Recipe{Steps: 1000, Batch: 16, Rows: 2000, Optimizer: "adam", LR: 8e-3,
			Hidden: 2, Width: 16, Activation: "gelu", Gain: 1},
		Chance: 1.0 / silhouettes, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.7),
			resized(3).least(0.7),
			resized(96),
			clipped(0.05, 1),
			hard("a fifth of the labels wrong", func(r *Recipe) { r.Noise, r.LR = 0.2, 4e-3 }).least(0.65),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 2000 }).least(0.4),
			hard("few pictures, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 60, 12 }).least(0.15),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.2 }).least(0.8),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.05, 0.9 }).least(0.75),
			hard("a long flat start", func(r *Recipe) {
				r.Unnormed, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = true, 0.25, "sgd", 0.03, 0.9, 1500
			}).least(0.6),
			tuned(1000, 0.1, 0),
			tuned(1000, 0.3, 0.4).least(0.7),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "no shortcuts, four blocks of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Unnormed, r.Hidden, r.Activation, r.Optimizer, r.LR = true, true, 4, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "no shortcuts, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Unnormed, r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = true, true, 3, "tanh", 0.2, "sgd", 0.1
			}),
			fault(corpus.Exploding, "no layer norms, four blocks, initialisation times 6", func(r *Recipe) {
				r.Unnormed, r.Hidden, r.Gain, r.Optimizer, r.LR = true, 4, 6, "sgd", 0.05
			}),
			fault(corpus.Exploding, "no layer norms, initialisation times 5, clipped", func(r *Recipe) {
				r.Unnormed, r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = true, 3, 5, 1, "sgd", 0.002
			}),
			fault(corpus.Dying, "rectifiers without shortcuts, hidden biases far below 0", func(r *Recipe) {
				r.Bare, r.Activation, r.Bias = true, "relu", -12
			}),
			fault(corpus.Dying, "rectifiers without shortcuts, hidden biases far below 0 at a step", func(r *Recipe) {
				r.Bare, r.Activation, r.Fault = true, "relu", Fault{Kind: Kill, At: 0.35, Size: 20}
			}),
			bouncing(0.1, 60),
			faster(100),
			mislabelled(60),
			fault(corpus.Poisoned, "no layer norms, inputs too large", func(r *Recipe) {
				r.Unnormed, r.LR, r.Fault = true, 4e-3, Fault{Kind: BigInputs, At: 0.55, Size: -30}
			}),
			nanOnce(),
			infOnce(),
			logOfZero(),
			fault(corpus.IllConditioned, "no layer norms, tanh, a third of the pixels 100 times as bright", func(r *Recipe) {
				r.Spread, r.Unnormed, r.Activation, r.Optimizer, r.LR = 100, true, "tanh", "sgd", 0.02
			}),
			symmetric(0),
			symmetric(0.5),
			fault(corpus.Escape, "no layer norms, small initialisation", func(r *Recipe) {
				r.Unnormed, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = true, 0.05, "sgd", 0.013, 0.9, 1700
			}),
			fault(corpus.Cliffs, "no layer norms, next to a cliff", func(r *Recipe) {
				r.Unnormed, r.LR, r.Fault = true, 4e-3, Fault{Kind: Steeper, At: 0.4, Size: 2}
			}),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.silhouettes(b.Rows, b.Noise), test: b.silhouettes(300, 0),
				forward: b.mixer(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	silhouettes = 6 // disc, ring, square, plus, saltire, triangle
	canvas      = 12
	patchSide   = 3
	patchCount  = (canvas / patchSide) * (canvas / patchSide)
	patchPixels = patchSide * patchSide
)

// inSilhouette says whether a point is in the shape, whose size is 1.
func inSilhouette(shape int, u, v float64) bool {
	const bar = 0.3
	square := math.Max(math.Abs(u), math.Abs(v))
	switch shape {
	case 0:
		return math.Hypot(u, v) < 1
	case 1:
		d := math.Hypot(u, v)
		return d < 1.05 && d > 0.55
	case 2:
		return square < 0.85
	case 3:
		return square < 1 && (math.Abs(u) < bar || math.Abs(v) < bar)
	case 4:
		return square < 1 && math.Abs(math.Abs(u)-math.Abs(v)) < 1.4*bar
	}
	return v > -0.9 && v < 0.9 && math.Abs(u) < (v+0.9)/1.8
}

// silhouettes draws, patch by patch, pictures of shapes in noise, of any place and size
// that fit. A shift turns them by so many radians; with a spread a third of each patch's
// pixels are brighter.
func (b *builder) silhouettes(rows int, wrong float64) examples {
	const noise = 0.25
	x, y := make([]float32, 0, rows*canvas*canvas), make([]int64, rows)
	sine, cosine := math.Sincos(b.Shift)
	for r := range y {
		shape := b.data.IntN(silhouettes)
		size := 3.2 + 1.3*b.data.Float64()
		left, top := canvas/2-0.5+1.2*(2*b.data.Float64()-1), canvas/2-0.5+1.2*(2*b.data.Float64()-1)
		bright := 0.7 + 0.6*b.data.Float64()
		for p := range patchCount {
			for i := range patchPixels {
				u := (float64(p%(canvas/patchSide)*patchSide+i%patchSide) - left) / size
				v := (float64(p/(canvas/patchSide)*patchSide+i/patchSide) - top) / size
				pixel := noise * b.data.NormFloat64()
				if inSilhouette(shape, cosine*u-sine*v, sine*u+cosine*v) {
					pixel += bright
				}
				if i%3 == 0 {
					pixel *= b.spread()
				}
				x = append(x, float32(pixel))
			}
		}
		if y[r] = int64(shape); b.data.Float64() < wrong {
			y[r] = b.data.Int64N(silhouettes)
		}
	}
	return examples{tensor(x, int64(rows), patchCount, patchPixels), tensor(y, int64(rows))}
}

// mixer is a linear layer for all patches, Hidden blocks, and a linear layer that reads
// the mean over the patches.
func (b *builder) mixer() func(x *ts.Tensor, train bool) *ts.Tensor {
	// mixing is one of a block's two networks.
	type mixing struct {
		norm         norm
		inner, outer linear
	}
	width := int64(b.Width)
	normed := func(name string) (l norm) {
		if !b.Unnormed {
			l = b.norm(name, width)
		}
		return l
	}
	part := func(name string, size, hidden int64) mixing {
		return mixing{normed(name + "_norm"),
			b.linear(name+"_inner", size, hidden, activations[b.Activation].gain, true),
			b.linear(name+"_outer", hidden, size, 1, false)}
	}
	// mixed adds to h what the network makes of it, along the patches or the channels,
	// and drops h.
	mixed := func(l mixing, h *ts.Tensor, patches, train bool) *ts.Tensor {
		y := h.MustShallowClone()
		if !b.Unnormed {
			y.MustDrop()
			y = l.norm.forward(h)
		}
		if patches {
			y = y.MustTranspose(1, 2, true)
		}
		inner := b.drop(b.act(l.inner.forward(y)), train)
		y.MustDrop()
		y = l.outer.forward(inner)
		inner.MustDrop()
		if patches {
			y = y.MustTranspose(1, 2, true)
		}
		defer h.MustDrop()
		if b.Bare {
			return y
		}
		return y.MustAdd(h, true)
	}
	embed := b.linear("patches", patchPixels, width, 1, false)
	var places, channels []mixing
	for i := range b.Hidden {
		places = append(places, part(fmt.Sprintf("block%d_patches", i+1), patchCount, 2*patchCount))
		channels = append(channels, part(fmt.Sprintf("block%d_channels", i+1), width, 2*width))
	}
	last := normed("output_norm")
	head := b.linear("output", width, silhouettes, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := embed.forward(x)
		for i := range places {
			h = mixed(places[i], h, true, train)
			h = mixed(channels[i], h, false, train)
		}
		if !b.Unnormed {
			n := last.forward(h)
			h.MustDrop()
			h = n
		}
		h = h.MustMeanDim([]int64{1}, false, gotch.Float, true)
		defer h.MustDrop()
		return head.forward(h)
	}
}
