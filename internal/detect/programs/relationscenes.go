package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// relationScenes answers questions about scenes of a few objects: what colour the object
// next to a certain one has, or how many are of its colour. The network looks at all pairs
// of objects and reads the sum of what it says of each (Santoro and others 2017).
func relationScenes() *Program {
	descent := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0 }
	momentum := func(r *Recipe, lr float64) { r.Optimizer, r.LR, r.Momentum = "sgd", lr, 0.9 }
	return &Program{
		Name: "relation-scenes",
		Plain: Recipe{Steps: 1000, Batch: 32, Rows: 2000, Optimizer: "adam", LR: 1e-2,
			Hidden: 2, Width: 24, Activation: "relu", Gain: 1},
		Chance: 1.0 / sceneAnswers, Solved: 0.7,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(6).least(0.75),
			resized(120),
			clipped(0.1, 1),
			hard("a fifth of the labels wrong", func(r *Recipe) { r.Noise = 0.2 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1800 }).least(0.2),
			hard("few scenes, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 40, 10 }).least(0.1),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 300, 0 }).least(0.4),
			hard("weight decay and dropout", func(r *Recipe) { r.Optimizer, r.WeightDecay, r.Dropout = "adamw", 0.1, 0.1 }).least(0.6),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit = 1e-9; momentum(r, 0.1) }).least(0.6),
			hard("losses of millions", func(r *Recipe) { r.Unit = 1e6; momentum(r, 0.1) }).least(0.6),
			hard("a long flat start", func(r *Recipe) { r.Gain, r.Steps = 0.3, 1300; momentum(r, 0.1) }).least(0.5),
			tuned(900, 0.2, 0.5).least(0.75),
			partly(2).least(0.6),
			tooSlow(1e-4).most(0.2),
			fault(corpus.TooSlow, "momentum, learning rate 1e-6", func(r *Recipe) { momentum(r, 1e-6) }).most(0.2),
			fault(corpus.Vanishing, "seven sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation = 6, 16, "sigmoid"
				descent(r, 0.1)
			}),
			fault(corpus.Vanishing, "six tanh layers, initialisation times 0.15, momentum", func(r *Recipe) {
				r.Hidden, r.Width, r.Activation, r.Gain = 5, 16, "tanh", 0.15
				momentum(r, 0.03)
			}),
			fault(corpus.Exploding, "six layers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain = 5, 16, 5
				descent(r, 0.1)
			}),
			fault(corpus.Exploding, "six layers, initialisation times 4, clipped", func(r *Recipe) {
				r.Hidden, r.Width, r.Gain, r.Clip = 5, 16, 4, 1
				descent(r, 1e-3)
			}),
			bornDead(10),
			killed(20),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.5", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.5 }),
			bouncing(0.5, 5).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 30", func(r *Recipe) {
				r.Activation = "tanh"
				descent(r, 30)
			}),
			faster(300).with("tanh"),
			poisoned(50),
			mislabelled(60),
			nanOnce(),
			infOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, places far from the origin, full batches", func(r *Recipe) {
				r.Activation, r.Gain, r.Offset, r.Batch, r.Rows = "tanh", 0.6, 5, 0, 200
				descent(r, 0.1)
			}),
			symmetric(0),
			symmetric(0.5).with("tanh"),
			fault(corpus.Escape, "small initialisation, momentum", func(r *Recipe) {
				r.Gain, r.Steps = 0.13, 1700
				momentum(r, 0.075)
			}),
			steeper(5),
			unthawed(),
			negatedLoss(),
			fault(corpus.SignError, "gradient added, momentum", func(r *Recipe) {
				r.Fault.Kind = NegatedStep
				momentum(r, 0.01)
			}),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.askedScenes(b.Rows, b.Noise), test: b.askedScenes(300, 0),
				forward: b.relations(), loss: crossEntropy, metric: accuracy,
			}, nil
		},
	}
}

const (
	sceneObjects   = 4
	sceneColours   = 3
	sceneQuestions = 2
	sceneAnswers   = 3
	sceneFeatures  = 2 + sceneColours + sceneQuestions
)

// A sceneObject is somewhere and has a colour.
type sceneObject struct {
	x, y   float64
	colour int
}

// askedScenes draws scenes, rows × objects × features: where each object is, its colour, and
// at the one that is asked about which question it is. All answers are equally frequent. The
// places are numbers that are Spread times as large beside the others, from an origin that
// lies Offset off; by a shift, what is above or below is so much farther. A share of the answers is any.
func (b *builder) askedScenes(rows int, wrong float64) examples {
	x, y := make([]float32, 0, rows*sceneObjects*sceneFeatures), make([]int64, rows)
	unit, bit := math.Sqrt(b.spread()), float32(1/math.Sqrt(b.spread()))
	for r := range y {
		question, wanted := b.data.IntN(sceneQuestions), b.data.IntN(sceneAnswers)
		var objects [sceneObjects]sceneObject
		asked, answer := b.data.IntN(sceneObjects), -1
		for answer != wanted {
			for i := range objects {
				objects[i] = sceneObject{3*b.data.Float64() - 1.5, 3*b.data.Float64() - 1.5, b.data.IntN(sceneColours)}
			}
			if question == 0 {
				answer = b.nextColour(objects[:], asked)
			} else {
				answer = alike(objects[:], asked)
			}
		}
		for i, o := range objects {
			var bits [sceneColours + sceneQuestions]float32
			bits[o.colour] = bit
			if i == asked {
				bits[sceneColours+question] = bit
			}
			x = append(x, float32(unit*o.x+b.Offset), float32(unit*o.y+b.Offset))
			x = append(x, bits[:]...)
		}
		if y[r] = int64(answer); b.data.Float64() < wrong {
			y[r] = b.data.Int64N(sceneAnswers)
		}
	}
	return examples{tensor(x, int64(rows), sceneObjects, sceneFeatures), tensor(y, int64(rows))}
}

// nextColour is the colour of the object that is nearest, or -1 where two are about as near.
func (b *builder) nextColour(objects []sceneObject, asked int) int {
	nearest, second, colour := math.Inf(1), math.Inf(1), -1
	for i, o := range objects {
		if i == asked {
			continue
		}
		switch far := math.Hypot(o.x-objects[asked].x, (1+b.Shift)*(o.y-objects[asked].y)); {
		case far < nearest:
			nearest, second, colour = far, nearest, o.colour
		case far < second:
			second = far
		}
	}
	if second-nearest < 0.3 {
		return -1
	}
	return colour
}

// alike is how many others have its colour, where two are many.
func alike(objects []sceneObject, asked int) int {
	count := -1 // itself
	for _, o := range objects {
		if o.colour == objects[asked].colour {
			count++
		}
	}
	return min(count, sceneAnswers-1)
}

// relations is Hidden layers that see two objects, the sum over all pairs, and a layer that
// reads it.
func (b *builder) relations() func(x *ts.Tensor, train bool) *ts.Tensor {
	var left, right []int64
	for i := range int64(sceneObjects) {
		for j := range int64(sceneObjects) {
			if i != j {
				left, right = append(left, i), append(right, j)
			}
		}
	}
	firsts, seconds := tensor(left, int64(len(left))), tensor(right, int64(len(right)))
	width, in := int64(b.Width), int64(2*sceneFeatures)
	layers := make([]linear, b.Hidden)
	for i := range layers {
		layers[i] = b.linear(fmt.Sprintf("relation%d", i+1), in, width, activations[b.Activation].gain, true)
		in = width
	}
	reader := b.linear("reader", width, width, activations[b.Activation].gain, true)
	answer := b.linear("answer", width, sceneAnswers, 1, false)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		one, other := x.MustIndexSelect(1, firsts, false), x.MustIndexSelect(1, seconds, false)
		h := ts.MustCat([]*ts.Tensor{one, other}, 2)
		one.MustDrop()
		other.MustDrop()
		for _, l := range layers {
			y := b.act(l.forward(h))
			h.MustDrop()
			h = y
		}
		sum := h.MustSumDimIntlist([]int64{1}, false, gotch.Float, true).MustDivScalar(ts.FloatScalar(sceneObjects), true)
		read := b.drop(b.act(reader.forward(sum)), train)
		sum.MustDrop()
		defer read.MustDrop()
		return answer.forward(read)
	}
}
