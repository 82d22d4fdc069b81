package programs

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// valueTargets learns the values of actions in a maze from single transitions
// (Watkins 1989). The error is the one against the reward and the next state's value by
// another network, a copy of the first that is renewed now and then (Mnih and others
// 2015): the targets move, and the loss with them. What the values are is known by
// dynamic programming.
func valueTargets() *Program {
	return &Program{
		Name: "value-targets",
		Plain: Recipe{Steps: 1000, Batch: 32, Rows: 3000, Optimizer: "adam", LR: 6e-3,
			Hidden: 2, Width: 32, Activation: "tanh", Gain: 1, Renewed: 20},
		Chance: 0, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps").least(0.7),
			scheduled("restarts"),
			resized(4).least(0.75),
			resized(256),
			clipped(0.02, 1),
			hard("noisy rewards", func(r *Recipe) { r.Noise, r.LR = 0.2, 2e-3 }).least(0.6),
			hard("rewards of infinite variance", func(r *Recipe) { r.Noise, r.Tails = 0.1, true }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1800 }).least(0.5),
			hard("few transitions, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 240, 24 }).least(0.4),
			hard("all transitions in each batch", func(r *Recipe) { r.Rows, r.Batch, r.Steps = 500, 0, 1000 }).least(0.6),
			hard("losses of millions", func(r *Recipe) {
				r.Unit, r.Optimizer, r.LR, r.Momentum = 1e7, "sgd", 0.05, 0.9
			}).least(0.7),
			hard("targets renewed every 150 steps", func(r *Recipe) { r.Renewed = 150 }).least(0.75),
			hard("rectifiers, targets renewed at each step", func(r *Recipe) { r.Activation, r.Renewed = "relu", 1 }),
			tuned(1000, 0.1, 0),
			tuned(1000, 0.3, 0.5),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "seven sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 7, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "five layers, initialisation times 0.1, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 5, 0.1, "sgd", 0.1
			}),
			fault(corpus.Exploding, "eight layers of rectifiers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 8, "relu", 5, "sgd", 0.05
			}),
			fault(corpus.Exploding, "six layers of rectifiers, initialisation times 3.5, clipped", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Clip, r.Optimizer, r.LR = 6, "relu", 3.5, 1, "sgd", 1e-3
			}),
			bornDead(8).with("relu"),
			killed(15).with("relu"),
			bouncing(0.1, 15),
			tooFast(500),
			faster(250),
			mislabelled(100),
			fault(corpus.Poisoned, "rectifiers, inputs too large", func(r *Recipe) {
				r.Activation, r.Fault = "relu", Fault{Kind: BigInputs, At: 0.5, Size: 40}
			}),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "most features 300 times smaller, plain gradient descent", func(r *Recipe) {
				r.Spread, r.Optimizer, r.LR = 1.0/300, "sgd", 1.5
			}),
			fault(corpus.Escape, "small initialisation, momentum, targets renewed every 5 steps", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Batch, r.Steps, r.Renewed = 0.021, "sgd", 0.3, 0.9, 96, 1800, 5
			}),
			steeper(8),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			return &task{
				training: b.transitions(), test: b.actionValues(),
				forward: b.valuesAndTargets(), loss: b.temporalError, metric: valuesExplained,
			}, nil
		},
	}
}

const (
	mazeSide   = 7
	mazeCells  = mazeSide * mazeSide
	mazeMoves  = 4
	mazeBumps  = 4 // in each direction
	mazeInputs = 2 + mazeBumps*mazeBumps
	mazeSlip   = 0.1  // how often another move is made
	discount   = 0.85 // of the next state's value
)

const (
	mazeExit = 5*mazeSide + 5
	mazeCost = -0.1 // of each move
	mazePit  = -0.6 // of one that ends there
)

// mazePits cost more than other cells.
var mazePits = map[int]bool{2*mazeSide + 2: true, 2*mazeSide + 3: true, 3*mazeSide + 5: true, 5*mazeSide + 3: true}

// mazeMove is the cell in which a move ends and what it brings.
func (b *builder) mazeMove(cell, move int) (next int, reward float64) {
	row, column := cell/mazeSide, cell%mazeSide
	switch move {
	case 0:
		row = max(row-1, 0)
	case 1:
		row = min(row+1, mazeSide-1)
	case 2:
		column = max(column-1, 0)
	default:
		column = min(column+1, mazeSide-1)
	}
	next = row*mazeSide + column
	switch {
	case next == mazeExit:
		return next, 1
	case mazePits[next]:
		return next, mazePit * (1 + b.Shift)
	}
	return next, mazeCost
}

// mazeValues computes the values of all actions by value iteration.
func (b *builder) mazeValues() []float64 {
	values, best := make([]float64, mazeCells*mazeMoves), make([]float64, mazeCells)
	for range 200 {
		for cell := range mazeCells {
			var wanted [mazeMoves]float64
			for move := range mazeMoves {
				next, reward := b.mazeMove(cell, move)
				wanted[move] = reward + discount*best[next]
			}
			slipped := (wanted[0] + wanted[1] + wanted[2] + wanted[3]) / mazeMoves
			for move, v := range wanted {
				values[cell*mazeMoves+move] = (1-mazeSlip)*v + mazeSlip*slipped
			}
		}
		for cell := range mazeCells {
			if best[cell] = 0; cell != mazeExit {
				best[cell] = values[cell*mazeMoves]
				for move := range mazeMoves {
					best[cell] = max(best[cell], values[cell*mazeMoves+move])
				}
			}
		}
	}
	return values
}

// mazeFeatures are a cell's place and how near it is to each point of a lattice. With a
// spread three of four are of another scale.
func (b *builder) mazeFeatures(x []float32, cell int) []float32 {
	at := func(i int) float64 { return 2*float64(i)/(mazeSide-1) - 1 }
	row, column := at(cell/mazeSide), at(cell%mazeSide)
	features := append(make([]float64, 0, mazeInputs), row, column)
	for i := range mazeBumps * mazeBumps {
		u, v := 2*float64(i/mazeBumps)/(mazeBumps-1)-1-row, 2*float64(i%mazeBumps)/(mazeBumps-1)-1-column
		features = append(features, 2*math.Exp(-(u*u+v*v)/0.3)-0.3)
	}
	for i, f := range features {
		if i%4 != 0 {
			f *= b.spread()
		}
		x = append(x, float32(f))
	}
	return x
}

// A row's targets are its move, as ones, the reward, and by what the next state's value
// is discounted.
const mazeTargets = mazeMoves + 2

func mazeTarget(y []float32, move int, reward, discounted float64) []float32 {
	var taken [mazeMoves]float32
	taken[move] = 1
	return append(append(y, taken[:]...), float32(reward), float32(discounted))
}

// transitions draws cells and moves, and what comes of them: rows of the features of two
// cells.
func (b *builder) transitions() examples {
	var x, y []float32
	for range b.Rows {
		cell, move := b.data.IntN(mazeCells-1), b.data.IntN(mazeMoves)
		if cell >= mazeExit {
			cell++
		}
		made := move
		if b.data.Float64() < mazeSlip {
			made = b.data.IntN(mazeMoves)
		}
		next, reward := b.mazeMove(cell, made)
		discounted := discount
		if next == mazeExit {
			discounted = 0
		}
		x = b.mazeFeatures(b.mazeFeatures(x, cell), next)
		y = mazeTarget(y, move, reward+b.Noise*b.error(), discounted)
	}
	return examples{tensor(x, int64(b.Rows), 2*mazeInputs), tensor(y, int64(b.Rows), mazeTargets)}
}

// actionValues are all cells and moves with their true values, as rewards that nothing
// follows.
func (b *builder) actionValues() examples {
	var x, y []float32
	for i, v := range b.mazeValues() {
		if cell := i / mazeMoves; cell != mazeExit {
			x = b.mazeFeatures(b.mazeFeatures(x, cell), cell)
			y = mazeTarget(y, i%mazeMoves, v, 0)
		}
	}
	rows := int64((mazeCells - 1) * mazeMoves)
	return examples{tensor(x, rows, 2*mazeInputs), tensor(y, rows, mazeTargets)}
}

// valuesAndTargets computes the values of a row's first cell's moves, and beside them the
// best of its second cell's by the copy of the network.
func (b *builder) valuesAndTargets() func(x *ts.Tensor, train bool) *ts.Tensor {
	first, in := len(b.params), int64(mazeInputs)
	var layers, copies []linear
	for i := range b.Hidden {
		layers = append(layers, b.linear(fmt.Sprintf("hidden%d", i+1), in, int64(b.Width), activations[b.Activation].gain, true))
		in = int64(b.Width)
	}
	layers = append(layers, b.linear("output", in, mazeMoves, 1, false))
	own := b.params[first:]
	for _, l := range layers {
		blank := func(t *ts.Tensor) *ts.Tensor { return ts.MustZeros(t.MustSize(), gotch.Float, gotch.CPU) }
		copies = append(copies, linear{blank(l.w), blank(l.b)})
	}
	renew := func() {
		for i := range copies {
			copies[i].w.Copy_(own[2*i].tensor)
			copies[i].b.Copy_(own[2*i+1].tensor)
		}
	}
	values := func(layers []linear, x *ts.Tensor, at int64) *ts.Tensor {
		h := x.MustNarrow(1, at*mazeInputs, mazeInputs, false)
		for i, l := range layers {
			y := l.forward(h)
			h.MustDrop()
			if h = y; i < len(layers)-1 {
				h = b.act(h)
			}
		}
		return h
	}
	steps := 0
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		now := values(layers, x, 0)
		defer now.MustDrop()
		var next *ts.Tensor
		ts.NoGrad(func() {
			if train {
				if steps%max(b.Renewed, 1) == 0 {
					renew()
				}
				steps++
			}
			next = values(copies, x, 1).MustAmax([]int64{1}, true, true)
		})
		defer next.MustDrop()
		return ts.MustCat([]*ts.Tensor{now, next}, 1)
	}
}

// valueTaken is the value of the row's move.
func valueTaken(out, y *ts.Tensor) *ts.Tensor {
	taken := y.MustNarrow(1, 0, mazeMoves, false)
	defer taken.MustDrop()
	return out.MustNarrow(1, 0, mazeMoves, false).MustMul(taken, true).MustSumDimIntlist([]int64{1}, true, gotch.Float, true)
}

// temporalError is Huber's loss of the values against the rewards and the discounted
// values of what comes next.
func (b *builder) temporalError(out, y *ts.Tensor) *ts.Tensor {
	rewards, discounted := y.MustNarrow(1, mazeMoves, 1, false), y.MustNarrow(1, mazeMoves+1, 1, false)
	defer rewards.MustDrop()
	defer discounted.MustDrop()
	target := out.MustNarrow(1, mazeMoves, 1, false).MustMul(discounted, true).MustAdd(rewards, true)
	defer target.MustDrop()
	return valueTaken(out, y).MustSmoothL1Loss(target, 1, 1, true)
}

// valuesExplained is the R² of the values of all moves.
func valuesExplained(out, y *ts.Tensor) float64 {
	known := y.MustNarrow(1, mazeMoves, 1, false)
	defer known.MustDrop()
	values := valueTaken(out, y)
	defer values.MustDrop()
	return explained(values, known)
}
