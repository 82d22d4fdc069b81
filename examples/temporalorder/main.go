// Command temporalorder trains an Elman network on the temporal-order problem
// (Pascanu, Mikolov and Bengio 2013, On the difficulty of training recurrent
// neural networks, section 4.1.1), where plain gradient descent falls off
// cliffs and clipping is what makes it learn. Its loop is one that could have
// been written before gtg; the one call is hooks.Attach.
//
//	go run ./examples/temporalorder                 # with gtg and its default policy
//	go run ./examples/temporalorder -clip none      # measured and judged, not clipped
//	go run ./examples/temporalorder -attach=false   # without gtg
//	go run ./examples/temporalorder -table          # how often each policy succeeds
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"

	"github.com/seed-140d0f39/gtg/examples/internal/console"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/torch"
)

func main() { console.Main("temporalorder", run) }

type config struct {
	console.Flags
	lr              float64
	length, updates int
	json            bool

	table          bool
	seeds, workers int
}

func parse(args []string, stderr io.Writer) (*config, error) {
	c := new(config)
	set := flag.NewFlagSet("temporalorder", flag.ContinueOnError)
	set.SetOutput(stderr)
	c.Register(set, "temporalorder.gtg.jsonl")
	set.Lookup("clip").Usage = "clipping `policy`: " + policyNames() + ", or norm=MAX or value=MAX"
	set.Float64Var(&c.lr, "lr", 0.2, "learning rate")
	set.IntVar(&c.length, "length", 20, "length of the sequences, at least 10")
	set.IntVar(&c.updates, "updates", 3000, "optimizer steps at most")
	set.BoolVar(&c.json, "json", false, "write nothing but the outcome, as JSON")
	set.BoolVar(&c.table, "table", false, "train with each policy, at several learning rates, with several seeds; of the other flags only -seed (the first), -length and -updates count")
	set.IntVar(&c.seeds, "seeds", 10, "with -table: how many seeds")
	set.IntVar(&c.workers, "workers", runtime.NumCPU(), "with -table: how many trainings at a time")
	if err := console.Parse(set, args); err != nil {
		return nil, err
	}
	if err := console.Positive(set, "lr", "updates", "threads", "seeds", "workers"); err != nil {
		return nil, err
	}
	if c.length < minLength {
		return nil, fmt.Errorf("-length %d: a sequence has at least %d symbols", c.length, minLength)
	}
	return c, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parse(args, stderr)
	switch {
	case err != nil:
		return err
	case c.table:
		return table(ctx, c, stdout, stderr)
	case c.json:
		o, err := train(ctx, c, io.Discard, io.Discard)
		if err != nil {
			return err
		}
		return json.NewEncoder(stdout).Encode(o)
	}
	_, err = train(ctx, c, stdout, stderr)
	return err
}

// train does one training and tells of it.
func train(ctx context.Context, c *config, stdout, stderr io.Writer) (o outcome, err error) {
	policy, err := policy(c.Clip)
	if err != nil {
		return o, err
	}
	// gotch's NoGrad switches gradients off for one thread of the operating system.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := errors.Join(torch.Seed(c.Seed), torch.SetThreads(c.Threads)); err != nil {
		return o, err
	}
	vs := nn.NewVarStore(gotch.CPU)
	m, err := newModel(vs)
	if err != nil {
		return o, err
	}
	opt, err := nn.NewSGDConfig(0, 0, 0, false).Build(vs, c.lr)
	if err != nil {
		return o, err
	}
	t := &trainer{model: m, opt: opt, seed: uint64(c.Seed), length: c.length, updates: c.updates, out: stderr}
	if !c.Attach {
		o, err = t.train(ctx)
		fmt.Fprintln(stdout, o)
		return o, err
	}
	options, closeServer, err := c.options(stdout, policy)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, closeServer()) }()
	t.sink = new(console.Sink)
	guard, err := hooks.Attach(opt, append(options, hooks.WithSink("console", t.sink))...)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, guard.Close()) }()
	o, err = t.train(ctx)
	fmt.Fprintln(stdout, o)
	console.PrintVerdict(stdout, guard.Verdict())
	return o, err
}
