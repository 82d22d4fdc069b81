package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/examples/internal/console"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/digits"
)

// trainer is the training loop and what it shows.
type trainer struct {
	net            *net
	opt            *nn.Optimizer
	training, test digits.Images
	epochs, batch  int
	random         *rand.Rand
	out, progress  io.Writer

	sink   *console.Sink // nil without gtg
	advice *hooks.Guard  // nil without gtg
}

func (t *trainer) stepsPerEpoch() int { return (t.training.Len() + t.batch - 1) / t.batch }

func (t *trainer) steps() int { return t.epochs * t.stepsPerEpoch() }

// train goes over the images for some epochs, until the context ends or gtg
// advises to stop.
func (t *trainer) train(ctx context.Context) error {
	for epoch := 1; epoch <= t.epochs; epoch++ {
		start := time.Now()
		loss, err := t.epoch(ctx)
		if err != nil {
			return err
		}
		took := time.Since(start)
		accuracy, err := t.accuracy()
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "epoch %d: mean loss %.4f, test accuracy %.2f %%, %.0f s\n", epoch, loss, 100*accuracy, took.Seconds())
	}
	return nil
}

// epoch goes over the images once, in random order, and returns the mean loss.
func (t *trainer) epoch(ctx context.Context) (float64, error) {
	progress := console.NewProgress(t.progress, t.stepsPerEpoch())
	defer progress.Close()
	order := t.random.Perm(t.training.Len())
	var sum float64
	for at := 0; at < len(order); at += t.batch {
		if err := t.stop(ctx); err != nil {
			return 0, err
		}
		loss, err := t.step(order[at:min(at+t.batch, len(order))])
		if err != nil {
			return 0, err
		}
		sum += loss
		progress.Step(func() string { return t.status(loss) })
		if t.sink != nil {
			for _, event := range t.sink.Events() {
				progress.Println(event)
			}
		}
	}
	return sum / float64(t.stepsPerEpoch()), nil
}

// step takes one optimizer step on the images of the given numbers.
func (t *trainer) step(numbers []int) (float64, error) {
	logits, targets, err := t.predict(t.training, numbers)
	if err != nil {
		return 0, err
	}
	defer targets.MustDrop()
	defer logits.MustDrop()
	loss := logits.CrossEntropyForLogits(targets)
	defer loss.MustDrop()
	if err := t.opt.BackwardStep(loss); err != nil {
		return 0, err
	}
	return loss.Float64Values()[0], nil
}

// predict returns the logits of the images of the given numbers, and their digits.
func (t *trainer) predict(im digits.Images, numbers []int) (logits, targets *ts.Tensor, err error) {
	pictures, labels := im.Batch(numbers)
	x, err := ts.NewTensorFromData(pictures, []int64{int64(len(numbers)), digits.Pixels})
	if err != nil {
		return nil, nil, err
	}
	defer x.MustDrop()
	if targets, err = ts.NewTensorFromData(labels, []int64{int64(len(numbers))}); err != nil {
		return nil, nil, err
	}
	return t.net.forward(x), targets, nil
}

// accuracyBatch is how many images are looked at in one go.
const accuracyBatch = 500

// accuracy is the share of the test images that are recognised. It does not use
// gotch's BatchAccuracyForLogits, after which only one random parameter would
// learn any more.
func (t *trainer) accuracy() (float64, error) {
	right := 0
	for at := 0; at < t.test.Len(); at += accuracyBatch {
		var numbers []int
		for i := at; i < min(at+accuracyBatch, t.test.Len()); i++ {
			numbers = append(numbers, i)
		}
		var logits, targets *ts.Tensor
		var err error
		ts.NoGrad(func() { logits, targets, err = t.predict(t.test, numbers) })
		if err != nil {
			return 0, err
		}
		right += count(logits.Float64Values(true), targets.Int64Values(true))
	}
	return float64(right) / float64(t.test.Len()), nil
}

// count is how often the largest of a label's logits is the label's own.
func count(logits []float64, labels []int64) (right int) {
	for i, label := range labels {
		of := logits[i*digits.Digits : (i+1)*digits.Digits]
		best := 0
		for d, l := range of {
			if l > of[best] {
				best = d
			}
		}
		if int64(best) == label {
			right++
		}
	}
	return right
}

// stop says why the loop should end early.
func (t *trainer) stop(ctx context.Context) error {
	if t.advice != nil && t.advice.Err() != nil {
		return t.advice.Err()
	}
	return context.Cause(ctx)
}

func (t *trainer) status(loss float64) string {
	s := fmt.Sprintf("loss %.3f", loss)
	if t.sink != nil {
		s += "  " + t.sink.Last().String()
	}
	return s
}
