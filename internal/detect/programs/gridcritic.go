package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// gridCritic learns to walk through a small grid by an actor and a critic that share their
// layers (Mnih and others 2016): some walkers make a few moves each between two steps of the
// training; the actor follows the policy's gradient, weighted by what the moves brought beyond
// the critic's expectation, the critic learns by the squared error, and a bonus keeps the
// entropy up. The loss is noisy, has little trend and crosses zero: no run is known to stand
// still by it, and a plateau that is left by itself is therefore no case. Success is the
// return of the likeliest moves, computed exactly.
func gridCritic() *Program {
	return &Program{
		Name: "gridworld-critic",
		Plain: Recipe{Steps: 1200, Batch: 16, Rows: 1000, Optimizer: "adam", LR: 3e-3,
			Hidden: 2, Width: 32, Activation: "tanh", Gain: 1},
		Chance: 0, Solved: 0.8,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("steps"),
			scheduled("restarts"),
			resized(4),
			resized(96),
			clipped(0.03, 1),
			hard("noisy rewards", func(r *Recipe) { r.Noise = 0.5 }).least(0.7),
			hard("rewards of infinite variance", func(r *Recipe) { r.Noise, r.Tails = 0.1, true }).least(0.6),
			hard("a single walker", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 2200 }).least(0.5),
			hard("many walkers, all in each step", func(r *Recipe) { r.Rows, r.Batch, r.Steps = 100, 0, 1000 }),
			hard("losses of millions", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e6, "sgd", 0.05, 0.9 }).least(0.75),
			hard("rectifiers, RMSProp", func(r *Recipe) { r.Activation, r.Optimizer, r.LR = "relu", "rmsprop", 1e-3 }),
			hard("a long flat start", func(r *Recipe) {
				r.Gain, r.Optimizer, r.LR, r.Momentum, r.Steps = 0.1, "sgd", 0.05, 0.9, 1500
			}).least(0.6),
			tuned(1000, 0.2, 0),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.1
			}),
			fault(corpus.Vanishing, "six layers, initialisation times 0.1, momentum", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Momentum = 6, 0.1, "sgd", 0.03, 0.9
			}),
			fault(corpus.Exploding, "seven layers of rectifiers, initialisation times 5", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR = 7, "relu", 5, "sgd", 0.05
			}),
			fault(corpus.Exploding, "six layers of rectifiers, initialisation times 3.5, clipped", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Clip, r.Optimizer, r.LR = 6, "relu", 3.5, 1, "sgd", 1e-3
			}),
			bornDead(10).with("relu"),
			killed(15).with("relu"),
			fault(corpus.Oscillating, "learning rate 0.3", func(r *Recipe) { r.LR = 0.3 }),
			tooFast(1000),
			faster(500),
			poisoned(40).with("relu"),
			injected(corpus.Poisoned, "one step with a large weight", BadLabels, 0.4, 60, false),
			nanOnce(),
			infOnce(),
			logOfZero(),
			symmetric(0),
			steeper(3).with("relu"),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			w := b.gridWorld()
			return &task{
				training: w.gains(b.Rows), test: w.allCells(),
				forward: w.act, loss: w.loss, metric: w.greedy,
			}, nil
		},
	}
}

const (
	gridSide     = 6
	gridCells    = gridSide * gridSide
	gridMoves    = 4
	gridWaves    = 4 // frequencies in each direction, the constant among them
	gridGoal     = 4*gridSide + 3
	gridFeatures = gridWaves*gridWaves - 1
	gridRollout  = 5 // moves of a walker between two steps of the training
	gridPatience = 30
	gridDiscount = 0.9
	gridSlip     = 0.1 // how often another move is made
	gridCost     = -0.05
	gridPit      = -1
	gridEntropy  = 0.01
)

var gridPits = map[int]bool{1*gridSide + 1: true, 1*gridSide + 4: true, 3*gridSide + 2: true, 4*gridSide + 4: true}

// grid is the world, its walkers and the network.
type grid struct {
	*builder
	heads   func(x *ts.Tensor, train bool) *ts.Tensor
	cells   *ts.Tensor // the features of all cells
	walkers []gridWalker

	// What became of the last moves.
	seen     []int64
	taken    []int64
	returned []float32
	training bool
}

type gridWalker struct{ cell, age int }

// gridWorld makes the world.
func (b *builder) gridWorld() *grid {
	w := &grid{builder: b}
	w.heads = b.mlp(gridFeatures, gridMoves+1)
	var x []float32
	for cell := range gridCells {
		x = w.features(x, cell)
	}
	w.cells = tensor(x, gridCells, gridFeatures)
	return w
}

// features are the products of the cosines of a cell's place (Konidaris and others 2011).
func (w *grid) features(x []float32, cell int) []float32 {
	wave := func(frequency, at int) float64 {
		return math.Cos(math.Pi * float64(frequency) * (float64(at) + 0.5) / gridSide)
	}
	for i := range gridWaves {
		for j := range gridWaves {
			if i+j == 0 {
				continue
			}
			x = append(x, float32(1.5*wave(i, cell/gridSide)*wave(j, cell%gridSide)))
		}
	}
	return x
}

// gains draws by what the walkers' sensors multiply the features, and as targets the cells
// from which they start anew.
func (w *grid) gains(rows int) examples {
	x, y := make([]float32, rows*gridRollout*gridFeatures), make([]int64, rows)
	for i := range x {
		x[i] = float32(1 + 0.02*w.data.NormFloat64())
	}
	for i := range y {
		y[i] = w.start()
	}
	return examples{tensor(x, int64(rows), gridRollout*gridFeatures), tensor(y, int64(rows))}
}

func (w *grid) start() int64 {
	for {
		if cell := w.data.IntN(gridCells); cell != gridGoal {
			return int64(cell)
		}
	}
}

func (w *grid) allCells() examples {
	numbers := make([]int64, gridCells)
	for i := range numbers {
		numbers[i] = int64(i)
	}
	return examples{w.cells.MustShallowClone(), tensor(numbers, gridCells)}
}

// move is the cell in which a move ends and what it brings.
func (w *grid) move(cell, move int) (next int, reward float64) {
	row, column := cell/gridSide, cell%gridSide
	switch move {
	case 0:
		row = max(row-1, 0)
	case 1:
		row = min(row+1, gridSide-1)
	case 2:
		column = max(column-1, 0)
	default:
		column = min(column+1, gridSide-1)
	}
	next = row*gridSide + column
	switch {
	case next == gridGoal:
		return next, 1
	case gridPits[next]:
		return next, gridPit
	}
	return next, gridCost
}

// act computes the moves' logits and the value of each cell, in training of those that the
// walkers come through.
func (w *grid) act(x *ts.Tensor, train bool) *ts.Tensor {
	if w.training = train; !train {
		return w.heads(x, false)
	}
	w.walk(int(x.MustSize()[0]))
	index := ts.MustOfSlice(w.seen)
	defer index.MustDrop()
	sensed := x.MustView([]int64{-1, gridFeatures}, false)
	defer sensed.MustDrop()
	observed := w.cells.MustIndexSelect(0, index, false).MustMul(sensed, true)
	defer observed.MustDrop()
	return w.heads(observed, true)
}

// walk makes the moves of as many walkers, by the policy as it is.
func (w *grid) walk(walkers int) {
	for len(w.walkers) < walkers {
		w.walkers = append(w.walkers, gridWalker{int(w.start()), 0})
	}
	policy, values := w.table()
	w.seen, w.taken, w.returned = w.seen[:0], w.taken[:0], w.returned[:0]
	for i := range walkers {
		walker := &w.walkers[i]
		var rewards, discounts [gridRollout]float64
		var ahead [gridRollout]float64 // the value of where a walk ends
		for k := range gridRollout {
			u, move := w.data.Float64(), 0
			for ; move < gridMoves-1 && u >= policy[walker.cell*gridMoves+move]; move++ {
				u -= policy[walker.cell*gridMoves+move]
			}
			w.seen, w.taken = append(w.seen, int64(walker.cell)), append(w.taken, int64(move))
			if w.data.Float64() < gridSlip {
				move = w.data.IntN(gridMoves)
			}
			walker.cell, rewards[k] = w.move(walker.cell, move)
			if w.Noise > 0 {
				rewards[k] += w.Noise * w.error()
			}
			walker.age++
			discounts[k] = gridDiscount
			if walker.cell == gridGoal || walker.age == gridPatience || k == gridRollout-1 {
				if discounts[k] = 0; walker.cell != gridGoal {
					ahead[k] = gridDiscount * values[walker.cell]
				}
			}
			if walker.cell == gridGoal || walker.age == gridPatience {
				*walker = gridWalker{int(w.start()), 0}
			}
		}
		var sum float64
		returned := make([]float32, gridRollout)
		for k := gridRollout - 1; k >= 0; k-- {
			sum = rewards[k] + ahead[k] + discounts[k]*sum
			returned[k] = float32(sum)
		}
		w.returned = append(w.returned, returned...)
	}
}

// table returns the moves' probabilities in all cells and the cells' values.
func (w *grid) table() (policy, values []float64) {
	ts.NoGrad(func() {
		out := w.heads(w.cells, false)
		defer out.MustDrop()
		policy = out.MustNarrow(1, 0, gridMoves, false).MustSoftmax(-1, gotch.Float, true).MustContiguous(true).Float64Values(true)
		values = out.MustNarrow(1, gridMoves, 1, false).MustContiguous(true).Float64Values(true)
	})
	return policy, values
}

// loss is the actor's and the critic's, less the entropy. That on the held-out data is the
// critic's error, as the policy is, less the entropy.
func (w *grid) loss(out, _ *ts.Tensor) *ts.Tensor {
	logs := out.MustNarrow(1, 0, gridMoves, false).MustLogSoftmax(-1, gotch.Float, true)
	defer logs.MustDrop()
	values := out.MustNarrow(1, gridMoves, 1, false)
	defer values.MustDrop()
	shares := logs.MustExp(false)
	defer shares.MustDrop()
	rows := float64(out.MustSize()[0])
	total := shares.MustMul(logs, false).MustSum(gotch.Float, true).MustMulScalar(ts.FloatScalar(gridEntropy/rows), true)
	returned := w.returned
	if !w.training {
		policy := shares.MustContiguous(false)
		returned = w.worth(policy.Float64Values(true))
	}
	targets := tensor(returned, int64(len(returned)), 1)
	defer targets.MustDrop()
	critic := values.MustMseLoss(targets, 1, false).MustMulScalar(ts.FloatScalar(0.5), true)
	defer critic.MustDrop()
	total = total.MustAdd(critic, true)
	if !w.training {
		return total
	}
	advantage := targets.MustSub(values, false).MustDetach(true)
	defer advantage.MustDrop()
	average := advantage.MustMean(gotch.Float, false)
	defer average.MustDrop()
	index := tensor(w.taken, int64(len(w.taken)), 1)
	defer index.MustDrop()
	centred := advantage.MustSub(average, false)
	defer centred.MustDrop()
	actor := logs.MustGather(1, index, false, false).MustMul(centred, true).MustMean(gotch.Float, true)
	defer actor.MustDrop()
	return total.MustSub(actor, true)
}

// worth is the value of each cell when the moves are made with these probabilities, after
// slips; nil is the best moves.
func (w *grid) worth(policy []float64) []float32 {
	values := make([]float64, gridCells)
	for range 60 {
		for cell := range gridCells {
			if cell == gridGoal {
				continue
			}
			var brings [gridMoves]float64
			var slipped, wanted float64
			best := math.Inf(-1)
			for move := range gridMoves {
				next, reward := w.move(cell, move)
				brings[move] = reward + gridDiscount*values[next]
				slipped += brings[move] / gridMoves
				best = max(best, brings[move])
			}
			if wanted = best; policy != nil {
				wanted = 0
				for move, v := range brings {
					wanted += policy[cell*gridMoves+move] * v
				}
			}
			values[cell] = (1-gridSlip)*wanted + gridSlip*slipped
		}
	}
	rounded := make([]float32, gridCells)
	for i, v := range values {
		rounded[i] = float32(v)
	}
	return rounded
}

// greedy is the likeliest moves' return, from 0 for moves by chance to 1 for the best.
func (w *grid) greedy(out, _ *ts.Tensor) float64 {
	chosen, uniform := make([]float64, gridCells*gridMoves), make([]float64, gridCells*gridMoves)
	logits := out.Vals().([]float32)
	for cell := range gridCells {
		best := 0
		for move := range gridMoves {
			uniform[cell*gridMoves+move] = 1.0 / gridMoves
			if logits[cell*(gridMoves+1)+move] > logits[cell*(gridMoves+1)+best] {
				best = move
			}
		}
		chosen[cell*gridMoves+best] = 1
	}
	average := func(policy []float64) (sum float64) {
		for _, v := range w.worth(policy) {
			sum += float64(v) / gridCells
		}
		return sum
	}
	least := average(uniform)
	return (average(chosen) - least) / (average(nil) - least)
}
