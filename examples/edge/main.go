// Command edge trains a small network by gradient descent on all of its data
// and shows that the sharpness, the largest eigenvalue of the Hessian, rises to
// 2/η and hovers there, whatever the learning rate η (Cohen et al. 2021,
// Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability).
// Its loop is one that could have been written before gtg, but for the look at
// the spectrum; the one call is hooks.Attach.
//
//	go run ./examples/edge                 # at one learning rate
//	go run ./examples/edge -table          # at three
//	go run ./examples/edge -attach=false   # without gtg attached
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"

	"github.com/seed-140d0f39/gtg/examples/internal/console"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/torch"
)

func main() { console.Main("edge", run) }

type config struct {
	console.Flags
	lr                           float64
	steps, every, hidden, points int
	table                        bool
}

func parse(args []string, stderr io.Writer) (*config, error) {
	c := new(config)
	set := flag.NewFlagSet("edge", flag.ContinueOnError)
	set.SetOutput(stderr)
	c.Register(set, "edge.gtg.jsonl")
	// At the edge the gradient grows and shrinks by orders of magnitude, which is
	// what is to be seen here, so nothing is clipped.
	clip := set.Lookup("clip")
	clip.DefValue, c.Clip = "none", "none"
	set.Float64Var(&c.lr, "lr", 0.1, "learning rate")
	set.IntVar(&c.steps, "steps", 8000, "optimizer steps")
	set.IntVar(&c.every, "every", 25, "steps from one look at the spectrum to the next")
	set.IntVar(&c.hidden, "hidden", 32, "units in each of the two hidden layers")
	set.IntVar(&c.points, "points", 20, "points of the polynomial, at least 2")
	set.BoolVar(&c.table, "table", false, "train at three learning rates and write a table; -lr, -output and -metrics do not count")
	if err := console.Parse(set, args); err != nil {
		return nil, err
	}
	if c.points < 2 {
		return nil, fmt.Errorf("-points %d: an interval has at least 2", c.points)
	}
	return c, console.Positive(set, "lr", "steps", "every", "hidden", "threads")
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if c.table {
		return table(ctx, c, stdout, stderr)
	}
	o, err := train(ctx, c, stdout, stderr)
	if err != nil {
		return err
	}
	o.print(stdout)
	if o.verdict != nil {
		console.PrintVerdict(stdout, o.verdict)
	}
	return nil
}

// train does one training.
func train(ctx context.Context, c *config, stdout, stderr io.Writer) (o *outcome, err error) {
	// gotch's NoGrad switches gradients off for one thread of the operating system.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := torch.SetThreads(c.Threads); err != nil {
		return nil, err
	}
	vs := nn.NewVarStore(gotch.CPU)
	n, err := newNet(vs, c.hidden, c.points, rand.New(rand.NewPCG(uint64(c.Seed), 0)))
	if err != nil {
		return nil, err
	}
	opt, err := nn.NewSGDConfig(0, 0, 0, false).Build(vs, c.lr)
	if err != nil {
		return nil, err
	}
	t := &trainer{net: n, opt: opt, lr: c.lr, steps: c.steps, every: c.every, out: stderr}
	o = &outcome{lr: c.lr, steps: c.steps}
	if !c.Attach {
		err := t.train(ctx)
		o.looks = t.looks
		return o, err
	}
	options, closeServer, err := c.Options(stdout, map[string]any{
		"lr": c.lr, "steps": c.steps, "hidden": c.hidden, "points": c.points})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeServer()) }()
	t.sink = new(console.Sink)
	guard, err := hooks.Attach(opt, append(options, hooks.WithSameData(), hooks.WithCurvatureEvery(int64(c.every)),
		hooks.WithSink("console", t.sink), hooks.WithSink("rhos", &o.rhos))...)
	if err != nil {
		return nil, err
	}
	trained := t.train(ctx)
	o.looks, o.verdict = t.looks, guard.Verdict()
	return o, errors.Join(trained, guard.Close()) // now the sinks have seen every step
}
