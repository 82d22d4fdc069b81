package main

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/sugarme/gotch/nn"

	"github.com/seed-140d0f39/gtg/examples/internal/console"
	"github.com/seed-140d0f39/gtg/hooks"
)

// trainer is the training loop and what it shows.
type trainer struct {
	model *model
	opt   *nn.Optimizer
	lr    float64
	text  *windows
	steps int
	out   io.Writer

	sink   *console.Sink // nil without gtg
	advice *hooks.Guard  // nil without gtg

	losses []float64
}

// train takes the steps, until the context ends or gtg advises to stop.
func (t *trainer) train(ctx context.Context) error {
	progress := console.NewProgress(t.out, t.steps)
	defer progress.Close()
	for step := range t.steps {
		t.opt.SetLR(t.lr * schedule(step, t.steps))
		if err := t.stop(ctx); err != nil {
			return err
		}
		loss, err := t.model.loss(t.text.next(), int64(t.text.rows), int64(t.text.length))
		if err != nil {
			return err
		}
		if err := t.opt.BackwardStep(loss); err != nil {
			return err
		}
		t.losses = append(t.losses, loss.Float64Values()[0])
		loss.MustDrop()

		progress.Step(t.status)
		if t.sink != nil {
			for _, event := range t.sink.Events() {
				progress.Println(event)
			}
		}
	}
	return nil
}

// schedule is the share of the learning rate that is in force at a step: it
// rises during the first twentieth of the steps, is bold for the first half and
// comes down in two stages in the second.
func schedule(step, steps int) float64 {
	switch rise := steps / 20; {
	case step < rise:
		return float64(step+1) / float64(rise)
	case step >= steps-steps/5:
		return 0.1
	case step >= steps-steps/2:
		return 0.3
	}
	return 1
}

// stop says why the loop should end before its last step.
func (t *trainer) stop(ctx context.Context) error {
	if t.advice != nil && t.advice.Err() != nil {
		return t.advice.Err()
	}
	return context.Cause(ctx)
}

func (t *trainer) status() string {
	s := fmt.Sprintf("loss %.3f", t.recent())
	if t.sink != nil {
		s += "  " + t.sink.Last().String()
	}
	return s
}

// lossWindow is how many steps the loss that is shown is the mean of.
const lossWindow = 50

// recent is the mean of the last losses.
func (t *trainer) recent() float64 { return mean(t.losses[max(0, len(t.losses)-lossWindow):]) }

// summary says what became of the loss.
func (t *trainer) summary() string {
	if len(t.losses) == 0 {
		return "no step was taken"
	}
	first := mean(t.losses[:min(len(t.losses), lossWindow)])
	return fmt.Sprintf("%d steps: the loss went from %.3f to %.3f nats a character (means of %d steps)",
		len(t.losses), first, t.recent(), min(len(t.losses), lossWindow))
}

func mean(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
