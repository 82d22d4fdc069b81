// Command handwritten trains a linear classifier of MNIST's digits by a loop
// that has no optimizer: two weight tensors that are updated by hand. What such
// a loop has of gtg are two functions, hooks.Norms and hooks.ClipGradNorm.
//
//	go run ./examples/handwritten
package main

import (
	"context"
	"flag"
	"io"
	"runtime"

	"github.com/seed-140d0f39/gtg/examples/internal/console"
	"github.com/seed-140d0f39/gtg/internal/digits"
	"github.com/seed-140d0f39/gtg/internal/torch"
)

func main() { console.Main("handwritten", run) }

type config struct {
	data    string
	limit   int
	epochs  int
	lr, max float64
	threads int
}

func parse(args []string, stderr io.Writer) (*config, error) {
	c := new(config)
	set := flag.NewFlagSet("handwritten", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&c.data, "data", "", "`folder` of the four .gz files of MNIST; empty for those of module "+digits.Module)
	set.IntVar(&c.limit, "limit", 20000, "how many training images are used")
	set.IntVar(&c.epochs, "epochs", 100, "passes over the training images, a step each")
	set.Float64Var(&c.lr, "lr", 1, "learning rate")
	set.Float64Var(&c.max, "max", 1, "largest gradient norm; +Inf only measures")
	set.IntVar(&c.threads, "threads", 1, "threads of one libtorch operation")
	if err := console.Parse(set, args); err != nil {
		return nil, err
	}
	return c, console.Positive(set, "limit", "epochs", "lr", "max", "threads")
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	// gotch's NoGrad switches gradients off for one thread of the operating system.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := torch.SetThreads(c.threads); err != nil {
		return err
	}
	if c.data, err = digits.Folder(ctx, c.data); err != nil {
		return err
	}
	training, test, err := digits.Load(c.data)
	if err != nil {
		return err
	}
	return train(ctx, c, training.First(c.limit), test, stdout)
}
