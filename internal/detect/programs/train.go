package programs

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime"

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
	// libtorch's grad mode belongs to a thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// What gtg has to say is no part of the corpus.
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.DiscardHandler))
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
	t.breaker = breaker{recipe.Fault, recipe.Fault.onset(recipe.Steps, seed), t.network, stream(seed, faultStream)}
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
	if err := before.train(hooks.WithClip(clip.None())); err != nil {
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
	metrics []float64 // at each check
	last    float64   // at the end
	checked []float64 // losses on the held-out data
}

// watched trains and writes the log.
func (t *trainer) watched(p *Program, c *Case) error {
	policy := clip.None()
	if t.Clip > 0 {
		policy = clip.Norm(t.Clip)
	}
	return t.train(hooks.WithName(p.Name), hooks.WithConfig(map[string]any{"case": c.Name, "seed": t.seed}),
		hooks.WithClip(policy), hooks.WithCurvatureEvery(curvatureEvery), hooks.WithSink("trace", t.trace))
}

// train does the recipe's steps, with a guard that only measures, but also keeps
// gotch's tensors from being freed while they are in use.
func (t *trainer) train(options ...hooks.Option) (err error) {
	if t.opt, err = optimizer(t.Recipe, t.network.vs); err != nil {
		return err
	}
	guard, err := hooks.Attach(t.opt, append(options,
		hooks.WithDetectors(silence), hooks.WithGCFence(), hooks.WithLogger(zap.NewNop()))...)
	if err != nil {
		return err
	}
	defer func() {
		if failed := guard.Close(); err == nil {
			err = failed
		}
	}()
	order := &order{rows: int(t.task.training.x.MustSize()[0]), uneven: t.Uneven, random: stream(t.seed, orderStream)}
	for step := int64(1); step <= int64(t.Steps); step++ {
		if err := t.step(step, order); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		if step%int64(max(t.Steps/checks, 1)) == 0 {
			t.metrics = append(t.metrics, t.check())
		}
		if guard.Err() != nil { // the run cannot be saved
			break
		}
	}
	t.last = t.check()
	return nil
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
