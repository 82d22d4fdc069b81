// Command charrnn trains a character model, an LSTM, on the sources of the Go
// distribution, at a learning rate that is bold enough for cliffs (Goodfellow,
// Bengio and Courville, Deep Learning, section 8.2.4). Its loop is one that
// could have been written before gtg; the one call is hooks.Attach.
//
//	go run ./examples/charrnn                 # with gtg
//	go run ./examples/charrnn -clip none      # measured and judged, not clipped
//	go run ./examples/charrnn -attach=false   # without gtg
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

func main() { console.Main("charrnn", run) }

type config struct {
	console.Flags
	data          string
	bytes, steps  int
	lr, momentum  float64
	hidden        int64
	window, batch int
	sample        int
	prompt        string
	temperature   float64
}

func parse(args []string, stderr io.Writer) (*config, error) {
	c := new(config)
	set := flag.NewFlagSet("charrnn", flag.ContinueOnError)
	set.SetOutput(stderr)
	c.Register(set, "charrnn.gtg.jsonl")
	set.StringVar(&c.data, "data", "", "`folder` whose .go files are the text; empty for Go's own sources")
	set.IntVar(&c.bytes, "bytes", 4<<20, "how much of the text is read")
	set.IntVar(&c.steps, "steps", 4400, "optimizer steps")
	set.Float64Var(&c.lr, "lr", 6, "largest learning rate")
	set.Float64Var(&c.momentum, "momentum", 0.9, "momentum, 0 for none")
	set.Int64Var(&c.hidden, "hidden", 128, "size of the LSTM's state")
	set.IntVar(&c.window, "window", 64, "characters that gradients go back")
	set.IntVar(&c.batch, "batch", 8, "windows in a step")
	set.IntVar(&c.sample, "sample", 600, "characters of text to write at the end, 0 for none")
	set.StringVar(&c.prompt, "prompt", "\nfunc ", "how that text begins")
	set.Float64Var(&c.temperature, "temperature", 0.6, "how daring that text is")
	if err := console.Parse(set, args); err != nil {
		return nil, err
	}
	return c, console.Positive(set, "bytes", "steps", "lr", "hidden", "window", "batch", "temperature", "threads")
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
	if c.data == "" {
		if c.data, err = goSources(); err != nil {
			return err
		}
	}
	corpus, err := readCorpus(c.data, c.bytes)
	if err != nil {
		return err
	}
	vocabulary := newVocabulary(corpus)
	if err := vocabulary.knows(c.prompt); err != nil {
		return err
	}
	text, err := newWindows(vocabulary.encode(corpus), c.batch, c.window, rand.New(rand.NewPCG(uint64(c.Seed), 1)))
	if err != nil {
		return err
	}
	vs := nn.NewVarStore(gotch.CPU)
	m, err := newModel(vs, vocabulary.size(), c.hidden)
	if err != nil {
		return err
	}
	opt, err := nn.NewSGDConfig(c.momentum, 0, 0, false).Build(vs, c.lr)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%.1f MB of text from %s, %d different characters\n", float64(len(corpus))/1e6, c.data, vocabulary.size())

	t := &trainer{model: m, opt: opt, lr: c.lr, text: text, steps: c.steps, out: stderr}
	var guard *hooks.Guard
	if c.Attach {
		options, closeServer, failed := c.Options(stdout, map[string]any{"steps": c.steps, "hidden": c.hidden, "window": c.window, "batch": c.batch})
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, closeServer()) }()
		t.sink = new(console.Sink)
		if guard, err = hooks.Attach(opt, append(options, hooks.WithSink("console", t.sink))...); err != nil {
			return err
		}
		t.advice = guard
	}
	trained := t.train(ctx)
	fmt.Fprintln(stdout, t.summary())
	if trained == nil && c.sample > 0 {
		written, err := m.write(vocabulary, c.prompt, c.sample, c.temperature, rand.New(rand.NewPCG(uint64(c.Seed), 2)))
		if err != nil {
			trained = err
		} else {
			fmt.Fprintf(stdout, "\n%s\n\n", written)
		}
	}
	if guard != nil {
		console.PrintVerdict(stdout, guard.Verdict())
		trained = errors.Join(trained, guard.Close())
	}
	return trained
}
