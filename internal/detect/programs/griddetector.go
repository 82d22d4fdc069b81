package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// gridDetector finds rings and crosses in small pictures in a single pass (Redmon and
// others 2016): a convolutional net says for each cell of a coarse grid whether an object
// of either kind has its centre there, and where in the cell. Most cells are empty, so that
// a net which says so everywhere has a low loss and has found nothing.
func gridDetector() *Program {
	return &Program{
		Name: "grid-detector",
		Plain: Recipe{Steps: 1000, Batch: 8, Rows: 1500, Optimizer: "adam", LR: 5e-3,
			Hidden: 1, Width: 6, Activation: "relu", Gain: 1},
		Chance: 0.15, Solved: 0.6,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(2).least(0.75),
			resized(48),
			clipped(0.05, 1).least(0.8),
			easy("momentum", func(r *Recipe) { r.Optimizer, r.LR, r.Momentum = "sgd", 0.06, 0.9 }),
			hard("a sixth of the objects not marked", func(r *Recipe) { r.Noise = 0.16 }).least(0.7),
			hard("goes on in batches of one", func(r *Recipe) { r.Before, r.Batch, r.LR = 800, 1, 3e-4 }).least(0.8),
			hard("few pictures, learnt by heart", func(r *Recipe) { r.Rows = 64 }).least(0.1),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 160, 0 }).least(0.5),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.2 }).least(0.7),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.06, 0.9 }),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.12, "sgd", 0.06, 0.9, 1400
			}).least(0.6),
			tuned(800, 0.1, 0),
			tuned(800, 0.3, 0.5).least(0.75),
			partly(2).least(0.7),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "plain gradient descent, learning rate 3e-5", func(r *Recipe) {
				r.Optimizer, r.LR = "sgd", 3e-5
			}).most(0.2),
			fault(corpus.Vanishing, "nine layers of sigmoids, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 7, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "seven layers of tanh, initialisation times 0.15, momentum", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = 5, "tanh", 0.15, "sgd", 0.05, 0.9
			}),
			fault(corpus.Exploding, "nine layers, initialisation times 5, momentum", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Momentum = 7, 5, "sgd", 0.03, 0.9
			}),
			fault(corpus.Exploding, "seven layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 5, 4, "sgd", 0.003, 1
			}),
			bornDead(20),
			killed(20),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 1", func(r *Recipe) {
				r.Activation, r.LR = "tanh", 1
			}),
			bouncing(0.5, 20).with("tanh"),
			tooFast(1000),
			faster(500),
			poisoned(-20),
			mislabelled(30),
			nanOnce(),
			infOnce(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, one band in a unit of 20, plain gradient descent, full batches", func(r *Recipe) {
				r.Activation, r.Spread, r.Optimizer, r.LR, r.Rows, r.Batch = "tanh", 20, "sgd", 0.08, 160, 0
			}),
			symmetric(0),
			symmetric(0.5),
			fault(corpus.Escape, "small initialisation, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Activation, r.Optimizer, r.LR, r.Steps = 0.12, "tanh", "sgd", 0.22, 1400
			}),
			fault(corpus.Escape, "very small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Activation, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.1, "tanh", "sgd", 0.036, 0.9, 1400
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.griddedScenes(b.Rows, b.Noise), test: b.griddedScenes(150, 0),
				forward: b.griddedNet(), loss: griddedLoss, metric: griddedFound,
			}, nil
		},
	}
}

const (
	griddedSide   = 12
	griddedCell   = 4 // pixels
	griddedCells  = griddedSide / griddedCell
	griddedKinds  = 2 // a ring and a cross
	griddedOut    = griddedKinds + 2
	griddedArea   = griddedCells * griddedCells
	griddedPixels = griddedSide * griddedSide
	griddedPlaces = 2.0 // how much places weigh beside objectness
)

// griddedScenes draws pictures of two bands with up to one object in each cell, specks that
// are none, and noise. Of the objects a part is not marked in the targets. The second band
// is that of warmth, in which all objects look alike and the ground is uneven; with a spread it
// is in a unit that makes it so many times larger. A shift makes the objects larger.
func (b *builder) griddedScenes(rows int, unmarked float64) examples {
	x, y := make([]float32, rows*2*griddedPixels), make([]float32, rows*griddedOut*griddedArea)
	draw := func(low, high float64) float64 { return low + (high-low)*b.data.Float64() }
	size := 1 + b.Shift
	for r := range rows {
		var light, warmth [griddedPixels]float64
		level, down, over := draw(-0.5, 0.5), draw(-0.2, 0.2), draw(-0.2, 0.2)
		for i := range light {
			row, column := float64(i/griddedSide)-griddedSide/2, float64(i%griddedSide)-griddedSide/2
			light[i] = 0.1 * b.data.NormFloat64()
			warmth[i] = level + down*row + over*column + 0.3*b.data.NormFloat64()
		}
		for cell := range griddedArea {
			kind := b.data.IntN(2 * griddedKinds)
			at := [2]float64{draw(-1, 1), draw(-1, 1)} // in halves of a cell
			centre := [2]float64{}
			for i, c := range [2]int{cell / griddedCells, cell % griddedCells} {
				centre[i] = (float64(c)+0.5)*griddedCell - 0.5 + 0.75*at[i]*griddedCell/2
			}
			bright := draw(1.2, 1.8)
			for i := range light {
				dr, dc := float64(i/griddedSide)-centre[0], float64(i%griddedSide)-centre[1]
				far := math.Hypot(dr, dc) / size
				switch {
				case kind == 0:
					light[i] += bright * math.Exp(-3*(far-1.4)*(far-1.4))
				case kind == 1 && far < 2.2:
					near := min(math.Abs(dr), math.Abs(dc)) / size
					light[i] += bright * math.Exp(-3*near*near)
				case kind == griddedKinds: // a speck
					light[i] += bright * math.Exp(-2*far*far)
				}
				if kind < griddedKinds {
					warmth[i] += 0.3 * math.Exp(-far*far/2)
				}
			}
			if kind < griddedKinds && b.data.Float64() >= unmarked {
				target := y[r*griddedOut*griddedArea+cell:]
				target[kind*griddedArea] = 1
				for i := range at {
					target[(griddedKinds+i)*griddedArea] = float32(at[i])
				}
			}
		}
		for i := range light {
			x[2*r*griddedPixels+i] = float32(light[i])
			x[(2*r+1)*griddedPixels+i] = float32(b.spread() * warmth[i])
		}
	}
	return examples{tensor(x, int64(rows), 2, griddedSide, griddedSide), tensor(y, int64(rows), griddedOut, griddedArea)}
}

// griddedNet is convolutions, with the size halved after the first and before the last, at
// which one pixel is a cell.
func (b *builder) griddedNet() func(x *ts.Tensor, train bool) *ts.Tensor {
	w := int64(b.Width)
	first := b.convolution("first", 2, w, 3, true)
	middle := []convolution{b.convolution("second", w, 2*w, 3, true)}
	for i := range b.Hidden {
		middle = append(middle, b.convolution(fmt.Sprintf("middle%d", i+1), 2*w, 2*w, 3, true))
	}
	last := b.convolution("output", 2*w, griddedOut, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		large := b.act(first.forward(x))
		h := large.MaxPool2DDefault(2, true)
		for _, c := range middle {
			y := c.forward(h)
			h.MustDrop()
			h = b.act(y)
		}
		h = b.drop(h.MaxPool2DDefault(2, true), train)
		defer h.MustDrop()
		return last.forward(h).MustView([]int64{-1, griddedOut, griddedArea}, true)
	}
}

// griddedLoss is the cross-entropy of what is in the cells, and the squared error of the
// places in those cells that have an object.
func griddedLoss(out, y *ts.Tensor) *ts.Tensor {
	part := func(t *ts.Tensor, from, count int64) *ts.Tensor { return t.MustNarrow(1, from, count, false) }
	logits, there := part(out, 0, griddedKinds), part(y, 0, griddedKinds)
	defer logits.MustDrop()
	defer there.MustDrop()
	loss := binary(logits, there)
	any := there.MustSumDimIntlist([]int64{1}, true, gotch.Float, false)
	defer any.MustDrop()
	got, want := part(out, griddedKinds, 2), part(y, griddedKinds, 2)
	defer want.MustDrop()
	far := got.MustSub(want, true).MustSquare(true).MustMul(any, true).MustMean(gotch.Float, true).
		MustMulScalar(ts.FloatScalar(griddedPlaces), true)
	defer far.MustDrop()
	return loss.MustAdd(far, true)
}

// griddedFound is the harmonic mean of precision and recall. An object is found if the cell's
// objectness is above one half and the place less than a pixel and a half off.
func griddedFound(out, y *ts.Tensor) float64 {
	got, want := out.Float64Values(false), y.Float64Values(false)
	var found, said, there float64
	for r := 0; r < len(got); r += griddedOut * griddedArea {
		for cell := range griddedArea {
			at := func(channel int) int { return r + channel*griddedArea + cell }
			off := 0.75 * griddedCell / 2 * math.Hypot(got[at(griddedKinds)]-want[at(griddedKinds)], got[at(griddedKinds+1)]-want[at(griddedKinds+1)])
			for k := range griddedKinds {
				is, told := want[at(k)] == 1, got[at(k)] > 0
				if is {
					there++
				}
				if told {
					said++
				}
				if is && told && off < 1.5 {
					found++
				}
			}
		}
	}
	return 2 * found / max(said+there, 1)
}
