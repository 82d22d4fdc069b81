package main

import (
	"context"
	"fmt"
	"io"

	"github.com/sugarme/gotch/nn"

	"github.com/seed-140d0f39/gtg/examples/internal/console"
	"github.com/seed-140d0f39/gtg/hooks"
)

// trainer is the training loop and what it shows.
type trainer struct {
	net          *net
	opt          *nn.Optimizer
	lr           float64
	steps, every int
	out          io.Writer

	sink *console.Sink // nil without gtg

	loss  float64 // of the last step
	looks []look
}

// A look is what one step's Hessian shows.
type look struct {
	step      int // from 1
	loss      float64
	lambdaMax float64
	// sharpness is λmax·η/2: above 1, steps of gradient descent along that
	// eigenvector grow, as long as the loss is a parabola there.
	sharpness float64
}

// train takes the steps, each on all the data.
func (t *trainer) train(ctx context.Context) error {
	progress := console.NewProgress(t.out, t.steps)
	defer progress.Close()
	for step := 1; step <= t.steps; step++ {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := t.step(step); err != nil {
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

func (t *trainer) step(step int) error {
	loss := t.net.loss()
	defer loss.MustDrop()
	t.loss = loss.Float64Values()[0]
	if step == 1 || step%t.every == 0 {
		s, err := hooks.Spectrum(loss, t.net.parameters, hooks.SpectrumOptions{})
		if err != nil {
			return err
		}
		if !s.Converged {
			return fmt.Errorf("the eigenvalues at step %d have not converged after %d products", step, s.Products)
		}
		t.looks = append(t.looks, look{step, t.loss, s.LambdaMax, s.LambdaMax * t.lr / 2})
	}
	return t.opt.BackwardStep(loss)
}

func (t *trainer) status() string {
	s := fmt.Sprintf("loss %.5f  λmax·η/2 %.3f", t.loss, t.looks[len(t.looks)-1].sharpness)
	if t.sink != nil {
		s += "  " + t.sink.Last().String()
	}
	return s
}
