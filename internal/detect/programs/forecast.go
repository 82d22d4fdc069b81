package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// forecastTransformer predicts the next values of three sensors from a window of the
// last ones, which is cut into patches that are the tokens of a small encoder (Nie and
// others 2023): attention with two heads and a feed-forward part, each behind a layer
// norm and with a shortcut around it, and one linear layer that reads all tokens.
func forecastTransformer() *Program {
	return &Program{
		Name: "forecast-transformer",
		Plain: Recipe{Steps: 1000, Batch: 24, Rows: 2000, Optimizer: "adam", LR: 3e-3,
			Hidden: 1, Width: 16, Activation: "gelu", Gain: 1, Scale: 1, Noise: 0.1},
		Chance: 0, Solved: 0.6,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps").least(0.7),
			scheduled("restarts"),
			resized(4).least(0.75),
			resized(144),
			clipped(0.05, 1),
			hard("as much noise as series", func(r *Recipe) { r.Noise = 1 }).least(0.6),
			hard("noise of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Noise, r.Clip = true, 0.15, 1 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 2000 }).least(0.5),
			hard("few windows, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 60, 12 }).least(0.15),
			easy("dropout", func(r *Recipe) { r.Dropout = 0.1 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.05, 0.9 }).least(0.7),
			hard("a long flat start", func(r *Recipe) {
				r.Unnormed, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = true, 0.003, "sgd", 0.003, 0.9, 1400
			}).least(0.6),
			tuned(1000, 0.2, 0.4).least(0.7),
			partly(2).least(0.75),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "no shortcuts, five blocks of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Unnormed, r.Hidden, r.Activation, r.Optimizer, r.LR = true, true, 4, "sigmoid", "sgd", 0.05
			}),
			fault(corpus.Exploding, "no layer norms, four blocks, initialisation times 5", func(r *Recipe) {
				r.Unnormed, r.Hidden, r.Gain, r.Optimizer, r.LR = true, 3, 5, "sgd", 0.05
			}),
			fault(corpus.Exploding, "no layer norms, three blocks, initialisation times 4, clipped", func(r *Recipe) {
				r.Unnormed, r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = true, 3, 4, 1, "sgd", 2e-3
			}),
			fault(corpus.Dying, "rectifiers without shortcuts, hidden biases far below 0", func(r *Recipe) {
				r.Bare, r.Activation, r.Bias = true, "relu", -12
			}),
			fault(corpus.Dying, "rectifiers without shortcuts, hidden biases far below 0 at a step", func(r *Recipe) {
				r.Bare, r.Activation, r.Fault = true, "relu", Fault{Kind: Kill, At: 0.3, Size: 20}
			}),
			bouncing(0.5, 10),
			fault(corpus.Diverging, "no layer norms, plain gradient descent, learning rate 1", func(r *Recipe) {
				r.Unnormed, r.Optimizer, r.LR = true, "sgd", 1
			}),
			faster(300),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			logOfZero(),
			fault(corpus.IllConditioned, "windows that are not centred, plain gradient descent", func(r *Recipe) {
				r.Offset, r.Optimizer, r.LR = 60, "sgd", 0.1
			}),
			fault(corpus.IllConditioned, "no layer norms, tanh, windows that are not centred, plain gradient descent", func(r *Recipe) {
				r.Offset, r.Unnormed, r.Activation, r.Gain, r.Optimizer, r.LR = 12, true, "tanh", 0.5, "sgd", 0.0025
			}),
			symmetric(0),
			symmetric(0.5),
			fault(corpus.Escape, "no layer norms, small initialisation, momentum", func(r *Recipe) {
				r.Unnormed, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = true, 2e-5, "sgd", 0.001, 0.9, 2100
			}),
			fault(corpus.Cliffs, "no layer norms, next to a cliff", func(r *Recipe) {
				r.Unnormed, r.Fault = true, Fault{Kind: Steeper, At: 0.4, Size: 2}
			}),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.sensorWindows(b.Rows, b.Noise), test: b.sensorWindows(300, 0),
				forward: b.patchEncoder(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	sensorCount   = 3
	sensorPatch   = 4                         // samples of each sensor in a token
	sensorTokens  = 6                         // tokens of a window
	sensorAhead   = 4                         // samples that are predicted
	sensorFeature = sensorCount * sensorPatch // of a token
)

// sensorWindows draws windows, rows × tokens × features, and what the sensors show after
// them, which alone has noise. The first sensor is a slow wave and another of twice its
// frequency, the second a fast wave whose height follows the first, the third the first a
// little later and saturated; no two windows have the same periods. In the windows all lie
// Offset above 0. A shift makes the waves slower.
func (b *builder) sensorWindows(rows int, noise float64) examples {
	const observed = 0.05 // the noise of the windows
	between := func(low, high float64) float64 { return low + (high-low)*b.data.Float64() }
	x, y := make([]float32, rows*sensorTokens*sensorFeature), make([]float32, 0, rows*sensorAhead*sensorCount)
	for r := range rows {
		slow := 2 * math.Pi / (between(16, 26) * (1 + b.Shift))
		fast := 2 * math.Pi / (between(6, 9) * (1 + b.Shift))
		phase, second, third := between(0, 2*math.Pi), between(0, 2*math.Pi), between(0, 2*math.Pi)
		height := between(0.7, 1.3)
		first := func(t float64) float64 {
			return height * (1.2*math.Sin(slow*t+phase) + 0.6*math.Sin(2*slow*t+second))
		}
		at := func(i int) [sensorCount]float64 {
			t := float64(i)
			return [sensorCount]float64{
				first(t),
				1.2 * (1 + 0.5*first(t)) * math.Sin(fast*t+third),
				1.3 * math.Tanh(1.5*first(t-3)),
			}
		}
		for i := range sensorTokens * sensorPatch {
			for s, v := range at(i) {
				v += b.Offset + observed*b.data.NormFloat64()
				x[(r*sensorTokens+i/sensorPatch)*sensorFeature+s*sensorPatch+i%sensorPatch] = float32(v)
			}
		}
		for i := range sensorAhead {
			for _, v := range at(sensorTokens*sensorPatch + i) {
				if noise > 0 {
					v += noise * b.error()
				}
				y = append(y, float32(b.Scale*v))
			}
		}
	}
	return examples{tensor(x, int64(rows), sensorTokens, sensorFeature), tensor(y, int64(rows), sensorAhead*sensorCount)}
}

// patchEncoder is the embedding, Hidden + 1 blocks and the head.
func (b *builder) patchEncoder() func(x *ts.Tensor, train bool) *ts.Tensor {
	const heads = 2
	type block struct {
		norm1, norm2                 norm
		mixed, project, inner, outer linear
	}
	width := int64(b.Width)
	normed := func(name string) (l norm) {
		if !b.Unnormed {
			l = b.norm(name, width)
		}
		return l
	}
	embed := b.linear("patches", sensorFeature, width, 1, false)
	position := b.weight("places", "weight", 0.5*math.Sqrt(float64(width)), false, sensorTokens, width)
	blocks := make([]block, b.Hidden+1)
	for i := range blocks {
		name := func(part string) string { return fmt.Sprintf("block%d_%s", i+1, part) }
		blocks[i] = block{
			norm1: normed(name("norm1")),
			mixed: b.linear(name("attention"), width, 3*width, 1, false), project: b.linear(name("project"), width, width, 1, false),
			norm2: normed(name("norm2")),
			inner: b.linear(name("inner"), width, 2*width, activations[b.Activation].gain, true),
			outer: b.linear(name("outer"), 2*width, width, 1, false),
		}
	}
	last := normed("output_norm")
	head := b.linear("output", sensorTokens*width, sensorAhead*sensorCount, 1, false)
	// before is the layer norm of h where there is one.
	before := func(l norm, h *ts.Tensor) *ts.Tensor {
		if b.Unnormed {
			return h.MustShallowClone()
		}
		return l.forward(h)
	}
	// beside drops h and returns y, added to it where there are shortcuts.
	beside := func(h, y *ts.Tensor, train bool) *ts.Tensor {
		defer h.MustDrop()
		if y = b.drop(y, train); b.Bare {
			return y
		}
		return y.MustAdd(h, true)
	}
	// split makes rows × heads batches of one head's share each.
	split := func(all *ts.Tensor, part int64) *ts.Tensor {
		share := width / heads
		t := all.MustNarrow(2, part*width, width, false).MustView([]int64{-1, sensorTokens, heads, share}, true)
		return t.MustTranspose(1, 2, true).MustReshape([]int64{-1, sensorTokens, share}, true)
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := embed.forward(x).MustAdd(position, true)
		for _, l := range blocks {
			n := before(l.norm1, h)
			all := l.mixed.forward(n)
			n.MustDrop()
			seen := attend(split(all, 0), split(all, 1), split(all, 2))
			all.MustDrop()
			seen = seen.MustView([]int64{-1, heads, sensorTokens, width / heads}, true).MustTranspose(1, 2, true).
				MustReshape([]int64{-1, sensorTokens, width}, true)
			h = beside(h, l.project.forward(seen), train)
			seen.MustDrop()
			n = before(l.norm2, h)
			inner := b.act(l.inner.forward(n))
			n.MustDrop()
			h = beside(h, l.outer.forward(inner), train)
			inner.MustDrop()
		}
		n := before(last, h)
		h.MustDrop()
		flat := n.MustReshape([]int64{-1, sensorTokens * width}, true)
		defer flat.MustDrop()
		return head.forward(flat)
	}
}
