package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/sugarme/gotch/nn"

	"github.com/seed-140d0f39/gtg/examples/internal/console"
	"github.com/seed-140d0f39/gtg/hooks"
)

// trainer is the training loop and what it shows.
type trainer struct {
	net          net
	opt          *nn.Optimizer
	data         data
	steps, batch int
	random       *rand.Rand
	out          io.Writer

	sink   *console.Sink // nil without gtg
	advice *hooks.Guard  // nil without gtg

	losses []float64
}

// train takes the steps, until the context ends or gtg advises to stop.
func (t *trainer) train(ctx context.Context) error {
	progress := console.NewProgress(t.out, t.steps)
	defer progress.Close()
	for range t.steps {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if t.advice != nil && t.advice.Err() != nil {
			return t.advice.Err()
		}
		if err := t.step(); err != nil {
			return err
		}
		progress.Step(t.status)
		if t.sink != nil {
			for _, event := range t.sink.Events() {
				progress.Println(event)
			}
		}
	}
	return nil
}

func (t *trainer) step() error {
	x, y, err := t.data.draw(t.random, t.batch)
	if err != nil {
		return err
	}
	defer x.MustDrop()
	defer y.MustDrop()
	logits := t.net.logits(x)
	defer logits.MustDrop()
	loss := logits.CrossEntropyForLogits(y)
	defer loss.MustDrop()
	t.losses = append(t.losses, loss.Float64Values()[0])
	return t.opt.BackwardStep(loss)
}

// late is the mean loss of the last tenth of the steps.
func (t *trainer) late() float64 {
	n := max(len(t.losses)/10, 1)
	var sum float64
	for _, l := range t.losses[max(len(t.losses)-n, 0):] {
		sum += l
	}
	return sum / float64(n)
}

func (t *trainer) status() string {
	s := fmt.Sprintf("loss %.3f", t.late())
	if t.sink != nil {
		s += "  " + t.sink.Last().String()
	}
	return s
}
