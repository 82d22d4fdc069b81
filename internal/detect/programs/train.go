package programs

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
	"go.uber.org/zap"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/torch"
)

const (
	// curvatureEvery is the interval of the measurements of the curvature, in steps.
	curvatureEvery = 25
	// checks is how often in a run the metric is taken.
	checks = 40
)

// The streams of a run's random numbers.
const (
	dataStream = iota
	weightStream
	orderStream
	faultStream
)

func stream(seed int64, number uint64) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), number)) }

// Run trains the program's case with the seed and writes the log. It has the
// process for itself: it sets libtorch's seed and number of threads.
func Run(p *Program, c *Case, seed int64, log io.Writer) (*Outcome, error) {
	if err := torch.SetThreads(1); err != nil {
		return nil, err
	}
	if err := torch.Seed(seed); err != nil {
		return nil, err
	}
	recipe := p.Recipe(c)
	t := &trainer{Recipe: recipe, seed: seed, trace: newTrace(log)}
	if err := t.build(p); err != nil {
		return nil, err
	}
	if recipe.Before > 0 {
		if err := t.inherit(p); err != nil {
			return nil, err
		}
	}
	for i := range recipe.Untrained {
		t.network.params[i].tensor.MustRequiresGrad_(false)
	}
	t.breaker = breaker{recipe.Fault, recipe.Fault.onset(recipe.Steps, seed), seed, t.network, stream(seed, faultStream)}
	if err := t.watched(p, c); err != nil {
		return nil, fmt.Errorf("%s, %s, seed %d: %w", p.Name, c.Name, seed, err)
	}
	return t.outcome(p, c), nil
}

// build makes the task and its network.
func (t *trainer) build(p *Program) (err error) {
	t.network = &network{vs: nn.NewVarStore(gotch.CPU), recipe: &t.Recipe, random: stream(t.seed, weightStream)}
	t.task, err = p.build(&builder{Recipe: &t.Recipe, network: t.network, data: stream(t.seed, dataStream)})
	return err
}

// inherit starts from the weights that the plain program has learnt on the task
// before it shifted.
func (t *trainer) inherit(p *Program) error {
	before := trainer{Recipe: p.Plain, seed: t.seed}
	before.Steps = t.Before
	if err := before.build(p); err != nil {
		return err
	}
	if err := before.train(nil); err != nil {
		return err
	}
	ts.NoGrad(func() {
		for i, p := range t.network.params {
			p.tensor.Copy_(before.network.params[i].tensor)
		}
	})
	return nil
}

// trainer is one training.
type trainer struct {
	Recipe
	seed    int64
	task    *task
	network *network
	breaker breaker
	trace   *trace
	opt     *nn.Optimizer
	metrics []float64
	checked []float64 // losses on the held-out data
}

// watched trains with a guard that measures and writes the log.
func (t *trainer) watched(p *Program, c *Case) (err error) {
	policy := clip.None()
	if t.Clip > 0 {
		policy = clip.Norm(t.Clip)
	}
	// What gtg has to say is no part of the corpus.
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.DiscardHandler))
	return t.train(func() (*hooks.Guard, error) {
		return hooks.Attach(t.opt, hooks.WithName(p.Name), hooks.WithClip(policy), hooks.WithDetectors(silence),
			hooks.WithCurvatureEvery(curvatureEvery), hooks.WithGCFence(), hooks.WithLogger(zap.NewNop()),
			hooks.WithConfig(map[string]any{"case": c.Name, "seed": t.seed}), hooks.WithSink("trace", t.trace))
	})
}

// train does the recipe's steps, with a guard when attach is not nil.
func (t *trainer) train(attach func() (*hooks.Guard, error)) (err error) {
	if t.opt, err = optimizer(t.Recipe, t.network.vs); err != nil {
		return err
	}
	stop := make(<-chan struct{})
	if attach != nil {
		guard, err := attach()
		if err != nil {
			return err
		}
		defer func() {
			if failed := guard.Close(); err == nil {
				err = failed
			}
		}()
		stop = guard.Done()
	}
	order := &order{rows: int(t.task.training.x.MustSize()[0]), uneven: t.Uneven, random: stream(t.seed, orderStream)}
	for step := int64(1); step <= int64(t.Steps); step++ {
		if err := t.step(step, order); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		if attach == nil {
			continue
		}
		if step%int64(max(t.Steps/checks, 1)) == 0 {
			t.metrics = append(t.metrics, t.check())
		}
		select {
		case <-stop: // gtg says that the run cannot be saved
			return nil
		default:
		}
	}
	return nil
}

func (t *trainer) step(step int64, order *order) error {
	done := float64(step-1) / float64(t.Steps)
	t.opt.SetLR(t.breaker.lr(step, t.LR*schedules[t.Schedule](done)/t.unit()))
	t.breaker.parameters(step)
	size := t.Batch
	if t.NextBatch > 0 && done >= 0.5 {
		size = t.NextBatch
	}
	batch := t.breaker.batch(step, t.task.training.rows(order.next(size)))
	defer batch.drop()
	out := t.task.forward(batch.x, true)
	defer out.MustDrop()
	loss := t.breaker.loss(step, t.penalised(t.task.loss(out, batch.y)))
	defer loss.MustDrop()
	return t.opt.BackwardStep(loss)
}

// unit is the one that losses are in.
func (r *Recipe) unit() float64 {
	if r.Unit == 0 {
		return 1
	}
	return r.Unit
}

// penalised adds the L2 penalty of the weights to the loss, in the recipe's unit.
func (t *trainer) penalised(loss *ts.Tensor) *ts.Tensor {
	if u := t.unit(); u != 1 {
		loss = loss.MustMulScalar(ts.FloatScalar(u), true)
	}
	if t.Penalty == 0 {
		return loss
	}
	for _, p := range t.network.params {
		if p.role == weight {
			squares := p.tensor.MustSquare(false).MustSum(gotch.Float, true).MustMulScalar(ts.FloatScalar(t.Penalty), true)
			loss = loss.MustAdd(squares, true)
			squares.MustDrop()
		}
	}
	return loss
}

// check returns the metric on the held-out data and notes the loss there.
func (t *trainer) check() (m float64) {
	ts.NoGrad(func() {
		out := t.task.forward(t.task.test.x, false)
		defer out.MustDrop()
		m = t.task.metric(out, t.task.test.y)
		t.checked = append(t.checked, value(t.task.loss(out, t.task.test.y)))
	})
	return m
}

func optimizer(r Recipe, vs *nn.VarStore) (*nn.Optimizer, error) {
	var config nn.OptimizerConfig
	switch r.Optimizer {
	case "sgd":
		config = nn.NewSGDConfig(r.Momentum, 0, r.WeightDecay, false)
	case "adam":
		config = nn.NewAdamConfig(0.9, 0.999, r.WeightDecay)
	case "adamw":
		config = nn.NewAdamWConfig(0.9, 0.999, r.WeightDecay)
	case "rmsprop":
		config = nn.NewRMSPropConfig(0.99, 1e-8, r.WeightDecay, r.Momentum, false)
	default:
		return nil, fmt.Errorf("optimizer %q is not known", r.Optimizer)
	}
	return config.Build(vs, r.LR)
}

// order goes over the rows in epochs, in a new random order each time.
type order struct {
	rows   int
	uneven bool
	random *rand.Rand
	left   []int
}

// next returns the numbers of the next batch's rows; size 0 is all.
func (o *order) next(size int) []int64 {
	if size == 0 || size > o.rows {
		size = o.rows
	}
	if len(o.left) == 0 || len(o.left) < size && !o.uneven {
		o.left = o.random.Perm(o.rows)
	}
	size = min(size, len(o.left))
	numbers := make([]int64, size)
	for i, n := range o.left[:size] {
		numbers[i] = int64(n)
	}
	o.left = o.left[size:]
	return numbers
}
