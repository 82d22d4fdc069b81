// Command mnist trains a convolutional network on the handwritten digits of
// MNIST and shows the course of the gradient norm while the loss falls: the
// story of figure 8.1 of Goodfellow, Bengio and Courville, Deep Learning
// (section 8.2.1), where training succeeds and the gradient norm does not
// shrink. Its loop is one that could have been written before gtg; the one call
// is hooks.Attach.
//
//	go run ./examples/mnist
//	go run ./examples/mnist -attach=false   # the same without gtg
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
)

func main() { console.Main("mnist", run) }

type config struct {
	console.Flags
	data         string
	epochs       int
	batch        int
	limit        int
	lr, momentum float64
}

func parse(args []string, stderr io.Writer) (*config, error) {
	c := new(config)
	set := flag.NewFlagSet("mnist", flag.ContinueOnError)
	set.SetOutput(stderr)
	c.Register(set, "mnist.gtg.jsonl")
	set.StringVar(&c.data, "data", "", "`folder` of the four .gz files of MNIST; empty for those of module "+digits.Module)
	set.IntVar(&c.epochs, "epochs", 3, "passes over the training images")
	set.IntVar(&c.batch, "batch", 64, "images in a step")
	set.IntVar(&c.limit, "limit", 60000, "how many training images are used")
	set.Float64Var(&c.lr, "lr", 0.02, "learning rate")
	set.Float64Var(&c.momentum, "momentum", 0.9, "momentum, 0 for none")
	if err := console.Parse(set, args); err != nil {
		return nil, err
	}
	return c, console.Positive(set, "epochs", "batch", "limit", "lr", "threads")
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	// gotch's NoGrad switches gradients off for one thread of the operating system.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := errors.Join(torch.Seed(c.Seed), torch.SetThreads(c.Threads)); err != nil {
		return err
	}
	if c.data, err = digits.Folder(ctx, c.data); err != nil {
		return err
	}
	training, test, err := digits.Load(c.data)
	if err != nil {
		return err
	}
	training = training.First(c.limit)
	fmt.Fprintf(stdout, "%d training images and %d test images from %s\n", training.Len(), test.Len(), c.data)

	vs := nn.NewVarStore(gotch.CPU)
	t := &trainer{
		net: newNet(vs), training: training, test: test, epochs: c.epochs, batch: c.batch,
		random: rand.New(rand.NewPCG(uint64(c.Seed), 1)), out: stdout, progress: stderr,
	}
	if t.opt, err = nn.NewSGDConfig(c.momentum, 0, 0, false).Build(vs, c.lr); err != nil {
		return err
	}
	if !c.Attach {
		return t.train(ctx)
	}
	options, closeServer, err := c.Options(stdout, map[string]any{"epochs": c.epochs, "batch": c.batch})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeServer()) }()
	t.sink = new(console.Sink)
	path := newCourse(t.steps())
	guard, err := hooks.Attach(t.opt, append(options, hooks.WithSink("console", t.sink), hooks.WithSink("course", path))...)
	if err != nil {
		return err
	}
	t.advice = guard
	trained := t.train(ctx)
	verdict := guard.Verdict()
	lost := guard.Close() // now the sinks have seen every step
	path.print(stdout)
	console.PrintVerdict(stdout, verdict)
	return errors.Join(trained, lost)
}
