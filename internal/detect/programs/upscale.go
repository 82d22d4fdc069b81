package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// upscaling doubles the size of small pictures by convolutions without pooling (Dong and
// others 2014), the last of which makes four pixels of one (Shi and others 2016). It sees
// two coarse shots, the second moved by half a pixel, and learns what plain interpolation
// of the first misses, as most of the rest is there already (Kim and others 2016).
func upscaling() *Program {
	return &Program{
		Name: "upscale-conv",
		Plain: Recipe{Steps: 1200, Batch: 8, Rows: 1000, Optimizer: "adam", LR: 4e-3,
			Hidden: 2, Width: 10, Activation: "relu", Gain: 1, Scale: 1},
		Chance: 0, Solved: 0.5,
		Cases: []Case{
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(2),
			resized(40),
			clipped(0.02, 1),
			hard("targets as noisy as they are large", func(r *Recipe) { r.Noise = 1 }).least(0.6),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails, r.Noise = true, 0.3 }).least(0.7),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 2e-3, 1600 }).least(0.6),
			hard("few pictures, learnt by heart", func(r *Recipe) { r.Rows = 36 }).least(0.25),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch, r.Steps = 60, 0, 1000 }).least(0.6),
			hard("losses of a millionth, momentum", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-6, "sgd", 0.05, 0.9
			}).least(0.6),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.18, "sgd", 0.05, 0.9, 1500
			}).least(0.5),
			tuned(800, 0.1, 0.5),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "ten sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR, r.Width = 9, "sigmoid", "sgd", 0.1, 8
			}),
			fault(corpus.Vanishing, "eight tanh layers, initialisation times 0.3, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Width = 7, "tanh", 0.3, "sgd", 0.1, 8
			}),
			fault(corpus.Exploding, "eight layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Width = 7, 5, "sgd", 0.02, 8
			}),
			fault(corpus.Exploding, "six layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Clip, r.Optimizer, r.LR, r.Width = 5, 4, 1, "sgd", 0.005, 8
			}),
			bornDead(10),
			killed(10),
			bouncing(0.1, 70).with("tanh"),
			faster(300).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 20", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "sgd", 20
			}),
			poisoned(-40),
			mislabelled(50),
			nanOnce(),
			infOnce(),
			symmetric(0),
			fault(corpus.Escape, "tanh, small initialisation, momentum", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = "tanh", 0.08, "sgd", 0.05, 0.9, 1500
			}),
			steeper(2.8),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.coarseShots(b.Rows, b.Noise), test: b.coarseShots(150, 0),
				forward: b.subPixel(), loss: charbonnier, metric: explained,
			}, nil
		},
	}
}

const (
	coarseSide   = 6 // pixels along a side
	fineSide     = 2 * coarseSide
	sceneSide    = fineSide + 1 // as the second shot begins a pixel later
	detailsScale = 5.5          // makes the details' variance about 1
)

// coarseShots are two coarse pictures of a scene each, and the details of the fine one that
// interpolation does not give. A shift makes the sensor see less of the lower half of
// each pixel.
func (b *builder) coarseShots(rows int, noise float64) examples {
	x, y := make([]float32, 0, rows*2*coarseSide*coarseSide), make([]float32, 0, rows*fineSide*fineSide)
	for range rows {
		scene := b.scenery()
		var first []float64
		for shot := range 2 {
			for i := range coarseSide * coarseSide {
				at := (i/coarseSide*2+shot)*sceneSide + i%coarseSide*2 + shot
				upper, lower := 0.25*(1+b.Shift), 0.25*(1-b.Shift)
				v := upper*(scene[at]+scene[at+1]) + lower*(scene[at+sceneSide]+scene[at+sceneSide+1])
				if shot == 0 {
					first = append(first, v)
				}
				x = append(x, float32(v))
			}
		}
		for i := range fineSide * fineSide {
			row, column := i/fineSide, i%fineSide
			detail := detailsScale * (scene[row*sceneSide+column] - interpolatedPixel(first, row, column))
			if noise > 0 {
				detail += noise * b.error()
			}
			y = append(y, float32(b.Scale*detail))
		}
	}
	return examples{tensor(x, int64(rows), 2, coarseSide, coarseSide), tensor(y, int64(rows), fineSide*fineSide)}
}

// scenery is a smooth field, an edge and two blobs.
func (b *builder) scenery() []float64 {
	scene := make([]float64, sceneSide*sceneSide)
	draw := func(low, high float64) float64 { return low + (high-low)*b.data.Float64() }
	sign := func() float64 { return float64(2*b.data.IntN(2) - 1) }
	across, along := math.Sincos(draw(0, 2*math.Pi))
	wave, phase := draw(0.2, 0.5), draw(0, 2*math.Pi)
	edgeX, edgeY := math.Sincos(draw(0, 2*math.Pi))
	away, contrast := draw(-4, 4), draw(0.5, 1.2)
	var blobs [2]struct{ row, column, radius, height float64 }
	for i := range blobs {
		blobs[i].row, blobs[i].column = draw(0, sceneSide-1), draw(0, sceneSide-1)
		blobs[i].radius, blobs[i].height = draw(0.8, 2), sign()*draw(0.7, 1.5)
	}
	for i := range scene {
		row, column := float64(i/sceneSide), float64(i%sceneSide)
		v := 0.5 * math.Sin(wave*(across*row+along*column)+phase)
		d := edgeX*(row-sceneSide/2) + edgeY*(column-sceneSide/2) - away
		v += contrast * max(-0.5, min(0.5, d))
		for _, o := range blobs {
			r2 := (row-o.row)*(row-o.row) + (column-o.column)*(column-o.column)
			v += o.height * math.Exp(-r2/(2*o.radius*o.radius))
		}
		scene[i] = v
	}
	return scene
}

// interpolatedPixel is a fine pixel of a coarse picture, between the centres of whose pixels
// the brightness is bilinear.
func interpolatedPixel(picture []float64, row, column int) float64 {
	place := func(p int) (low, high int, part float64) {
		at := max(0, min(coarseSide-1, (float64(p)-0.5)/2))
		low = int(at)
		return low, min(low+1, coarseSide-1), at - float64(low)
	}
	top, bottom, down := place(row)
	left, right, over := place(column)
	upper := (1-over)*picture[top*coarseSide+left] + over*picture[top*coarseSide+right]
	lower := (1-over)*picture[bottom*coarseSide+left] + over*picture[bottom*coarseSide+right]
	return (1-down)*upper + down*lower
}

// subPixel is 1 + Hidden convolutions and one whose four channels are laid out as the
// fine pixels of each coarse one.
func (b *builder) subPixel() func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	layers := []convolution{b.convolution("conv1", 2, width, 3, true)}
	for i := range b.Hidden {
		layers = append(layers, b.convolution(fmt.Sprintf("conv%d", i+2), width, width, 3, true))
	}
	last := b.convolution("output", width, 4, 3, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		h := b.act(layers[0].forward(x))
		for _, l := range layers[1:] {
			y := b.drop(b.act(l.forward(h)), train)
			h.MustDrop()
			h = y
		}
		defer h.MustDrop()
		return last.forward(h).MustPixelShuffle(2, true).MustView([]int64{-1, fineSide * fineSide}, true)
	}
}

// charbonnier is the absolute error with its corner rounded off (Lai and others 2017).
func charbonnier(out, y *ts.Tensor) *ts.Tensor {
	const corner = 0.1
	e := out.MustSub(y, false).MustSquare(true).MustAddScalar(ts.FloatScalar(corner*corner), true)
	return e.MustSqrt(true).MustMean(gotch.Float, true)
}
