package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// keypoints finds where two marks lie in a small noisy picture: a convolutional encoder
// and decoder, with what it saw at full size added again (Newell, Yang and Deng 2016),
// gives a heat map for each mark, which learns to be a bump at the mark's place (Tompson
// and others 2014). Nearly all of a map is to be 0.
func keypoints() *Program {
	return &Program{
		Name: "keypoints-heatmap",
		Plain: Recipe{Steps: 1000, Batch: 8, Rows: 1200, Optimizer: "adam", LR: 6e-3,
			Hidden: 1, Width: 6, Activation: "relu", Gain: 1, Scale: 1},
		Chance: 0.06, Solved: 0.6,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps"),
			resized(2),
			resized(40),
			clipped(0.05, 1),
			hard("a fifth of the bumps anywhere", func(r *Recipe) { r.Noise = 0.2 }).least(0.75),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2e-3, 1600 }).least(0.6),
			hard("few pictures, learnt by heart", func(r *Recipe) { r.Rows = 24 }).least(0.3),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 32, 0 }).least(0.4),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.75),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.01, 0.9 }).least(0.7),
			hard("a long flat start", func(r *Recipe) {
				r.Bare, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = true, "tanh", 0.28, "sgd", 0.025, 0.9, 2000
			}).least(0.5),
			tuned(800, 0.1, 0),
			tuned(800, 0.3, 0.6).least(0.75),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "no shortcut, ten sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Hidden, r.Activation, r.Optimizer, r.LR = true, 6, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "no shortcut, initialisation times 0.2, plain gradient descent", func(r *Recipe) {
				r.Bare, r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = true, 3, "tanh", 0.2, "sgd", 0.05
			}),
			fault(corpus.Exploding, "no shortcut, ten layers, initialisation times 5", func(r *Recipe) {
				r.Bare, r.Hidden, r.Gain, r.Optimizer, r.LR = true, 6, 5, "sgd", 0.01
			}),
			fault(corpus.Exploding, "no shortcut, eight layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Bare, r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR = true, 4, 4, 1, "sgd", 0.003
			}),
			bornDead(20),
			killed(30),
			bouncing(0.1, 75).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 2", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "sgd", 2
			}),
			faster(300).with("tanh"),
			poisoned(-30),
			mislabelled(10),
			nanOnce(),
			infOnce(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, one band in a unit of 30", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR = 30, "tanh", "sgd", 0.07
			}),
			fault(corpus.IllConditioned, "tanh, one band in a unit of 30, full batches", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR, r.Rows, r.Batch = 30, "tanh", "sgd", 0.06, 64, 0
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "no shortcut, tanh, small initialisation, momentum", func(r *Recipe) {
				r.Bare, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = true, "tanh", 0.14, "sgd", 0.025, 0.9, 2000
			}),
			steeper(2),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.markedPictures(b.Rows, b.Noise), test: b.markedPictures(120, 0),
				forward: b.markHourglass(), loss: squares, metric: marksFound,
			}, nil
		},
	}
}

const (
	marks      = 2 // a cross and a ring
	markSide   = 12
	markPixels = markSide * markSide
	markHeight = 6 // of the maps' bumps, which makes the maps' mean square about 1
)

// markedPictures draws pictures with both marks, a spot, a line and noise, on a slope of
// light, and maps of where the marks are. The second band sees nothing but the light, and in a
// unit that makes it Spread times larger. A share of the maps have their bumps anywhere. A
// shift turns the crosses by so many radians.
func (b *builder) markedPictures(rows int, wrong float64) examples {
	x, y := make([]float32, rows*2*markPixels), make([]float32, rows*marks*markPixels)
	draw := func(low, high float64) float64 { return low + (high-low)*b.data.Float64() }
	within := func() float64 { return draw(1.5, markSide-2.5) }
	for r := range rows {
		var at [marks + 1][2]float64 // of the marks and the spot
		for m := range at {
			for again := true; again; {
				at[m] = [2]float64{within(), within()}
				again = false
				for _, o := range at[:m] {
					again = again || math.Hypot(at[m][0]-o[0], at[m][1]-o[1]) < 4
				}
			}
		}
		bright, turn := draw(0.8, 1.3), b.Shift
		sine, cosine := math.Sincos(turn)
		across, along := math.Sincos(draw(0, 2*math.Pi))
		away := draw(-4, 4)
		slope, rise, level := draw(-0.1, 0.1), draw(-0.1, 0.1), draw(-0.5, 0.5)
		for i := range markPixels {
			row, column := float64(i/markSide), float64(i%markSide)
			light := level + slope*(row-markSide/2) + rise*(column-markSide/2)
			v := light + 0.2*b.data.NormFloat64()
			d := across*(row-markSide/2) + along*(column-markSide/2) - away
			v += 0.5 * math.Exp(-d*d)
			for m, p := range at {
				down, over := row-p[0], column-p[1]
				down, over = cosine*down-sine*over, sine*down+cosine*over
				far := math.Hypot(down, over)
				switch m {
				case 0:
					if near := min(math.Abs(down), math.Abs(over)); far < 2.6 {
						v += bright * math.Exp(-2*near*near)
					}
				case 1:
					v += bright * math.Exp(-2*(far-1.6)*(far-1.6))
				default:
					v += bright * math.Exp(-far*far/2)
				}
			}
			x[(2*r)*markPixels+i] = float32(v)
			x[(2*r+1)*markPixels+i] = float32(b.spread() * (light + 0.1*b.data.NormFloat64()))
		}
		for m := range marks {
			p := at[m]
			if b.data.Float64() < wrong {
				p = [2]float64{within(), within()}
			}
			for i := range markPixels {
				far := math.Hypot(float64(i/markSide)-p[0], float64(i%markSide)-p[1])
				y[(r*marks+m)*markPixels+i] = float32(b.Scale * markHeight * math.Exp(-far*far/2))
			}
		}
	}
	return examples{tensor(x, int64(rows), 2, markSide, markSide), tensor(y, int64(rows), marks, markPixels)}
}

// markHourglass halves the picture once, with Hidden layers at the bottom, and doubles it
// again; what was there before is added, unless the recipe wants no shortcuts.
func (b *builder) markHourglass() func(x *ts.Tensor, train bool) *ts.Tensor {
	w := int64(b.Width)
	first := b.convolution("first", 2, w, 3, true)
	bottom := []convolution{b.convolution("down", w, 2*w, 3, true)}
	for i := range b.Hidden {
		bottom = append(bottom, b.convolution(fmt.Sprintf("bottom%d", i+1), 2*w, 2*w, 3, true))
	}
	bottom = append(bottom, b.convolution("up", 2*w, w, 3, true))
	joined, last := b.convolution("joined", w, w, 3, true), b.convolution("output", w, marks, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		large := b.act(first.forward(x))
		defer large.MustDrop()
		h := large.MaxPool2DDefault(2, false)
		step := func(c convolution) {
			y := c.forward(h)
			h.MustDrop()
			h = b.act(y)
		}
		for _, c := range bottom {
			step(c)
		}
		h = b.drop(h, train).MustUpsampleNearest2d([]int64{markSide, markSide}, nil, nil, true)
		if !b.Bare {
			h = h.MustAdd(large, true)
		}
		step(joined)
		defer h.MustDrop()
		return last.forward(h).MustView([]int64{-1, marks, markPixels}, true)
	}
}

// marksFound is the share of marks that are less than two pixels from their map's
// highest one.
func marksFound(out, y *ts.Tensor) float64 {
	got, want := out.Float64Values(false), y.Float64Values(false)
	found, total := 0, len(got)/markPixels
	for m := range total {
		g, w := highest(got[m*markPixels:(m+1)*markPixels]), highest(want[m*markPixels:(m+1)*markPixels])
		if math.Hypot(float64(g/markSide-w/markSide), float64(g%markSide-w%markSide)) < 2 {
			found++
		}
	}
	return float64(found) / float64(total)
}

// highest is the number of a map's highest pixel, the first where there are several.
func highest(pixels []float64) int {
	at := 0
	for i, v := range pixels {
		if v > pixels[at] {
			at = i
		}
	}
	return at
}
