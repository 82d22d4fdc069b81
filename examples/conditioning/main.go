// Command conditioning trains a network on the handwritten digits of MNIST with
// inputs that make the loss badly conditioned, the bytes as they are, or well
// conditioned, normalised (Goodfellow, Bengio and Courville, Deep Learning,
// section 8.2.1), and shows gᵀg, gᵀHg and ρ = η·gᵀHg/gᵀg side by side, what gtg
// says of each, and what comes of taking its advice. Its loop is one that could
// have been written before gtg; the one call is hooks.Attach.
//
//	go run ./examples/conditioning                      # normalised inputs
//	go run ./examples/conditioning -inputs raw          # as they are
//	go run ./examples/conditioning -inputs raw -lr 0.01 # and a smaller learning rate
//	go run ./examples/conditioning -table               # all of it
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
	"github.com/seed-140d0f39/gtg/internal/digits"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

func main() { console.Main("conditioning", run) }

type config struct {
	console.Flags
	data, inputs               string
	lr                         float64
	steps, batch, limit, every int
	hidden                     int64
	table                      bool
}

func parse(args []string, stderr io.Writer) (*config, error) {
	c := new(config)
	set := flag.NewFlagSet("conditioning", flag.ContinueOnError)
	set.SetOutput(stderr)
	c.Register(set, "conditioning.gtg.jsonl")
	set.StringVar(&c.data, "data", "", "`folder` of the four .gz files of MNIST; empty for those of module "+digits.Module)
	set.StringVar(&c.inputs, "inputs", normalised, "what the network is given: "+raw+" or "+normalised)
	set.Float64Var(&c.lr, "lr", 1, "learning rate")
	set.IntVar(&c.steps, "steps", 1000, "optimizer steps")
	set.IntVar(&c.batch, "batch", 100, "images in a step")
	set.IntVar(&c.limit, "limit", 5000, "how many training images are used, and how many test images")
	set.IntVar(&c.every, "every", 10, "steps from one measurement of the curvature to the next")
	set.Int64Var(&c.hidden, "hidden", 64, "units in each of the two hidden layers")
	set.BoolVar(&c.table, "table", false, "train with both inputs at several learning rates and write a table; -inputs, -lr, -output and -metrics do not count")
	if err := console.Parse(set, args); err != nil {
		return nil, err
	}
	if _, err := newScaling(c.inputs, nil); err != nil {
		return nil, err
	}
	return c, console.Positive(set, "lr", "steps", "batch", "limit", "every", "hidden", "threads")
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if c.data, err = digits.Folder(ctx, c.data); err != nil {
		return err
	}
	training, test, err := digits.Load(c.data)
	if err != nil {
		return err
	}
	training, test = training.First(c.limit), test.First(c.limit)
	if c.table {
		return table(ctx, c, training, test, stdout, stderr)
	}
	o, err := train(ctx, c, training, test, stdout, stderr)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s inputs, learning rate %v: mean loss of the last tenth %.4f, test accuracy %.2f %%\n", o.inputs, o.lr, o.loss, 100*o.accuracy)
	if k := &o.course; len(k.rho) > 0 {
		fmt.Fprintf(stdout, "medians: gᵀg %.3g, gᵀHg %.3g, ρ %.3g; %.0f %% of ρ above the limit of %v\n",
			quantile(k.gtg, 0.5), quantile(k.gthg, 0.5), quantile(k.rho, 0.5), 100*k.above(), k.limit)
	}
	if o.verdict != nil {
		console.PrintVerdict(stdout, o.verdict)
	}
	return nil
}

// An outcome is what a training showed.
type outcome struct {
	inputs         string
	lr             float64
	loss, accuracy float64 // the mean loss of the last tenth; on the test images
	course         course
	verdict        []monitor.Finding // nil without gtg
}

// train does one training.
func train(ctx context.Context, c *config, training, test digits.Images, stdout, stderr io.Writer) (o *outcome, err error) {
	// gotch's NoGrad switches gradients off for one thread of the operating system.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := errors.Join(torch.Seed(c.Seed), torch.SetThreads(c.Threads)); err != nil {
		return nil, err
	}
	learned, tried, err := load(c.inputs, training, test)
	if err != nil {
		return nil, err
	}
	vs := nn.NewVarStore(gotch.CPU)
	t := &trainer{net: newNet(vs, c.hidden), data: learned, steps: c.steps, batch: c.batch,
		random: rand.New(rand.NewPCG(uint64(c.Seed), 1)), out: stderr}
	if t.opt, err = nn.NewSGDConfig(0, 0, 0, false).Build(vs, c.lr); err != nil {
		return nil, err
	}
	o = &outcome{inputs: c.inputs, lr: c.lr}
	if c.Attach {
		options, closeServer, err := c.Options(stdout, map[string]any{
			"inputs": c.inputs, "lr": c.lr, "steps": c.steps, "batch": c.batch, "hidden": c.hidden})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, closeServer()) }()
		t.sink = new(console.Sink)
		if t.advice, err = hooks.Attach(t.opt, append(options, hooks.WithCurvatureEvery(int64(c.every)),
			hooks.WithSink("console", t.sink), hooks.WithSink("course", &o.course))...); err != nil {
			return nil, err
		}
	}
	err = t.train(ctx)
	o.loss, o.accuracy = t.late(), t.net.accuracy(tried)
	if t.advice != nil {
		o.verdict = t.advice.Verdict()
		err = errors.Join(err, t.advice.Close()) // now the sinks have seen every step
	}
	return o, err
}
