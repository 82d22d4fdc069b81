package programs

import (
	"fmt"
	"math"
	"slices"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// strokeLabels reads the two or three signs of a line of handwriting from the pen's
// movements, of which nobody has said where one sign ends: convolutions, a recurrence and
// the connectionist temporal classification loss (Graves and others 2006; Graves and others
// 2009 for the pen).
func strokeLabels() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "stroke-labels", HeldOut: true,
		Plain: Recipe{Steps: 1100, Batch: 16, Rows: 2000, Optimizer: "adam", LR: 4e-3,
			Hidden: 1, Width: 20, Activation: "relu", Gain: 1, Recurrent: 1},
		Chance: 0, Solved: 0.7,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			scheduled("steps").least(0.75),
			resized(3).least(0.7),
			resized(80),
			clipped(0.2, 1),
			hard("a quarter of the signs named wrongly", func(r *Recipe) { r.Noise = 0.25 }).least(0.6),
			hard("movements with errors of infinite variance, clipped", func(r *Recipe) { r.Tails, r.Clip = true, 1 }).least(0.3),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1500 }).least(0.3),
			hard("few lines, learnt by heart", func(r *Recipe) { r.Rows = 100 }).least(0.3),
			hard("dropout", func(r *Recipe) { r.Dropout = 0.2 }).least(0.6),
			hard("weight decay", func(r *Recipe) { r.Optimizer, r.WeightDecay = "adamw", 0.1 }).least(0.75),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.02) }).least(0.5),
			hard("a long flat start", func(r *Recipe) { r.Gain = 0.15; momentum(r, 0.02) }).least(0.4),
			tuned(900, 0.2, 0.4),
			partly(2).least(0.6),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "seven sigmoid convolutions, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation = 7, "sigmoid"
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "initialisation times 0.03, recurrence times 0.02, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Recurrent = 0.03, 0.02
				descent(r, 0.1)
			}),
			fault(corpus.Exploding, "recurrence times 6, plain gradient descent", func(r *Recipe) {
				r.Recurrent = 6
				descent(r, 0.1)
			}),
			fault(corpus.Exploding, "recurrence times 4, clipped", func(r *Recipe) {
				r.Recurrent, r.Clip = 4, 1
				descent(r, 1e-3)
			}),
			bornDead(10),
			killed(20),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.5", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.5 }),
			bouncing(0.5, 25).with("tanh"),
			tooFast(1000).with("tanh"),
			faster(300).with("tanh"),
			poisoned(-30),
			mislabelled(100),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, movements around 5, full batches", func(r *Recipe) {
				r.Activation, r.Offset, r.Batch, r.Rows = "tanh", 5, 0, 150
				descent(r, 0.05)
			}),
			fault(corpus.IllConditioned, "directions in units 100 times apart, batches of 40", func(r *Recipe) {
				r.Spread, r.Batch = 100, 40
				descent(r, 0.02)
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "small initialisation, hardly any recurrence, plain gradient descent", func(r *Recipe) {
				r.Gain, r.Recurrent, r.Steps = 0.05, 0.02, 1800
				descent(r, 0.1)
			}),
			fault(corpus.Escape, "small initialisation, full batches", func(r *Recipe) {
				r.Gain, r.Rows, r.Batch, r.Steps = 0.05, 150, 0, 1800
				momentum(r, 0.01)
			}),
			steeper(4),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 0.01)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.penLines(b.Rows, b.Noise), test: b.penLines(300, 0),
				forward: b.penReader(), loss: alignedLoss, metric: linesRead,
			}, nil
		},
	}
}

const (
	penSigns     = 4 // a peak, a valley and loops in either direction
	penLongest   = 3 // signs of a line
	penMovements = 24
	penRough     = 0.25 // standard deviation of a movement's error
)

// penLines draws the pen's movements to the right and up, rows × 2 × penMovements, and the
// signs that they mean, numbered from 1, with zeros behind those of short lines. A share of
// the lines has one sign named by chance. A spread gives the two directions units that are
// so many times apart, a shift slants the hand.
func (b *builder) penLines(rows int, wrong float64) examples {
	x, y := make([]float32, rows*2*penMovements), make([]int64, rows*penLongest)
	for r := range rows {
		signs := penLongest - 1 + b.data.IntN(2)
		var line [penMovements][2]float64
		for i := range line {
			line[i][0] = 0.4
		}
		at := 0
		for s := range signs {
			sign, lasts := b.data.IntN(penSigns), 5+b.data.IntN(3)
			at += b.data.IntN(max(1, penMovements-at-7*(signs-s)+1))
			size := 0.8 + 0.4*b.data.Float64()
			for i := range lasts {
				t := (float64(i) + 0.5) / float64(lasts)
				right, up := 0.5, 1.0
				switch {
				case sign >= 2:
					right, up = math.Cos(2*math.Pi*t), math.Sin(2*math.Pi*t)
				case t > 0.5:
					up = -1
				}
				if sign%2 == 1 {
					up = -up
				}
				line[at+i] = [2]float64{size * right, size * up}
			}
			at += lasts
			y[r*penLongest+s] = int64(sign + 1)
		}
		if b.data.Float64() < wrong {
			y[r*penLongest+b.data.IntN(signs)] = 1 + b.data.Int64N(penSigns)
		}
		unit := math.Sqrt(b.spread())
		for i, m := range line {
			right, up := m[0]+b.Shift*m[1]+penRough*b.error(), m[1]+penRough*b.error()
			x[r*2*penMovements+i] = float32(b.Offset + right*unit)
			x[(r*2+1)*penMovements+i] = float32(b.Offset + up/unit)
		}
	}
	return examples{tensor(x, int64(rows), 2, penMovements), tensor(y, int64(rows), penLongest)}
}

// penReader is Hidden convolutions over time, of which the first halves the movements, a
// recurrence and a linear layer: rows × moments × the logits of no sign and of each.
func (b *builder) penReader() func(x *ts.Tensor, train bool) *ts.Tensor {
	const reach = 2
	in, width := int64(2), int64(b.Width)
	layers := make([]linear, b.Hidden)
	for i := range layers {
		name := fmt.Sprintf("conv%d", i+1)
		layers[i] = linear{
			b.weight(name, "weight", activations[b.Activation].gain, true, width, in, 2*reach+1),
			b.bias(name, "bias", width, true),
		}
		in = width
	}
	weights := []*ts.Tensor{
		b.weight("rnn", "weight_ih_l0", 1, true, width, width),
		b.recurrence("rnn", "weight_hh_l0", 1, width),
		b.bias("rnn", "bias_ih_l0", width, true),
		b.bias("rnn", "bias_hh_l0", width, false),
	}
	head := b.linear("output", width, penSigns+1, 1, false)
	recur := ts.MustRnnTanh
	if b.Activation == "relu" {
		recur = ts.MustRnnRelu
	}
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		for i, l := range layers {
			stride := int64(1)
			if i == 0 {
				stride = 2
			}
			y := ts.MustConv1d(x, l.w, l.b, []int64{stride}, []int64{reach}, []int64{1}, 1)
			if i > 0 {
				x.MustDrop()
			}
			x = b.drop(b.act(y), train)
		}
		seen := x.MustTranspose(1, 2, true)
		defer seen.MustDrop()
		start := ts.MustZeros([]int64{1, seen.MustSize()[0], width}, gotch.Float, gotch.CPU)
		defer start.MustDrop()
		states, last := recur(seen, start, weights, true, 1, 0, train, false, true)
		last.MustDrop()
		defer states.MustDrop()
		return head.forward(states)
	}
}

// alignedLoss is the connectionist temporal classification loss: the mean negative logarithm
// of the probability of a line's signs, whatever their alignment. libtorch's own has no
// second derivatives, which the curvature needs.
func alignedLoss(out, y *ts.Tensor) *ts.Tensor {
	const (
		states = 2*penLongest + 1 // each sign, and no sign before, between and behind them
		never  = float32(-1e30)   // the logarithm of no probability; infinity has no derivatives
	)
	signs, shape := y.Vals().([]int64), out.MustSize()
	rows, moments := int(shape[0]), shape[1]
	says := make([]int64, rows*states)
	enter := make([]float32, rows*states*3) // from two states before, one before, and the same
	first, final := make([]float32, rows*states), make([]float32, rows*states)
	for r := range rows {
		line := signs[r*penLongest : (r+1)*penLongest]
		length := penLongest
		if i := slices.Index(line, 0); i >= 0 {
			length = i
		}
		for s := range states {
			at := r*states + s
			if s%2 == 1 {
				says[at] = line[s/2]
			}
			// Only between two different signs may the moment of none be left out.
			if s%2 == 0 || s == 1 || line[s/2] == line[s/2-1] {
				enter[3*at] = never
			}
			if s == 0 {
				enter[3*at+1] = never
			}
			if s > 1 {
				first[at] = never
			}
			if s != 2*length && s != 2*length-1 {
				final[at] = never
			}
		}
	}
	index := tensor(says, int64(rows), 1, states).MustExpand([]int64{-1, moments, -1}, true, true)
	defer index.MustDrop()
	spoken := out.MustLogSoftmax(2, gotch.Float, false).MustGather(2, index, false, true)
	defer spoken.MustDrop()
	into, begin, end := tensor(enter, int64(rows), states, 3), tensor(first, int64(rows), states), tensor(final, int64(rows), states)
	defer into.MustDrop()
	defer end.MustDrop()
	paths := begin
	for m := range moments {
		if m > 0 {
			paths = paths.MustConstantPadNd([]int64{2, 0}, true).MustUnfold(1, 3, 1, true).
				MustAdd(into, true).MustLogsumexp([]int64{2}, false, true)
		}
		now := spoken.MustSelect(1, m, false)
		paths = paths.MustAdd(now, true)
		now.MustDrop()
	}
	return paths.MustAdd(end, true).MustLogsumexp([]int64{1}, false, true).MustMean(gotch.Float, true).MustNeg(true)
}

// linesRead is the share of lines of which every sign is read: the likeliest at each moment,
// without repetitions and without moments of none.
func linesRead(out, y *ts.Tensor) float64 {
	shape := out.MustSize()
	rows, moments := int(shape[0]), int(shape[1])
	logits, signs := out.MustContiguous(false), y.Vals().([]int64)
	defer logits.MustDrop()
	values := logits.Vals().([]float32)
	right := 0
	for r := range rows {
		read := make([]int64, 0, moments)
		before := int64(0)
		for m := range moments {
			at := values[(r*moments+m)*(penSigns+1):][:penSigns+1]
			best := int64(0)
			for s, v := range at {
				if v > at[best] {
					best = int64(s)
				}
			}
			if best != 0 && best != before {
				read = append(read, best)
			}
			before = best
		}
		line := signs[r*penLongest : (r+1)*penLongest]
		if i := slices.Index(line, 0); i >= 0 {
			line = line[:i]
		}
		if slices.Equal(read, line) {
			right++
		}
	}
	return float64(right) / float64(rows)
}
