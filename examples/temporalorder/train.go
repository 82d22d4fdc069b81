package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/sugarme/gotch/nn"

	"github.com/seed-140d0f39/gtg/examples/internal/console"
)

const (
	batchSize  = 20     // sequences in an update
	checkEvery = 100    // updates between checks
	checked    = 10_000 // fresh sequences in a check
	checkBatch = 1000   // of them at a time
)

// solved says whether so many errors among the checked sequences are few
// enough: below 1 %.
func solved(errors int) bool { return 100*errors < checked }

// An outcome is what the last check of a training found.
type outcome struct {
	Solved  bool `json:"solved"`
	Updates int  `json:"updates"`
	// Errors were made on Of fresh sequences: on all that are to be checked, or on
	// as many as it took to see that the problem is not solved.
	Errors int `json:"errors"`
	Of     int `json:"of"`
}

// Rate is the share of errors, 1 before the first check.
func (o outcome) Rate() float64 {
	if o.Of == 0 {
		return 1
	}
	return float64(o.Errors) / float64(o.Of)
}

func (o outcome) String() string {
	if o.Of == 0 {
		return "not checked yet"
	}
	verdict := "not solved"
	if o.Solved {
		verdict = "solved"
	}
	return fmt.Sprintf("%s after %d updates: %.2f %% errors on %d fresh sequences", verdict, o.Updates, 100*o.Rate(), o.Of)
}

// trainer is the training loop and what it shows.
type trainer struct {
	model           *model
	opt             *nn.Optimizer
	seed            uint64
	length, updates int
	out             io.Writer

	sink *console.Sink // nil without gtg

	losses []float64
	last   outcome
}

// train updates until the problem is solved, the updates are used up or the
// context ends, and returns what the last check found.
func (t *trainer) train(ctx context.Context) (outcome, error) {
	progress := console.NewProgress(t.out, t.updates)
	defer progress.Close()
	random := rand.New(rand.NewPCG(t.seed, 0))
	for update := 1; update <= t.updates && !t.last.Solved; update++ {
		if err := context.Cause(ctx); err != nil {
			return t.last, err
		}
		loss, err := t.model.loss(draw(random, batchSize, t.length))
		if err != nil {
			return t.last, err
		}
		if err := t.opt.BackwardStep(loss); err != nil {
			return t.last, err
		}
		t.losses = append(t.losses, loss.Float64Values()[0])
		loss.MustDrop()

		if update%checkEvery == 0 || update == t.updates {
			if t.last, err = t.check(update); err != nil {
				return t.last, err
			}
		}
		progress.Step(t.status)
		if t.sink != nil {
			for _, event := range t.sink.Events() {
				progress.Println(event)
			}
		}
	}
	return t.last, nil
}

// check tries the model on fresh sequences, which depend on nothing but the
// seed and the update.
func (t *trainer) check(update int) (outcome, error) {
	random := rand.New(rand.NewPCG(t.seed, uint64(update)))
	o := outcome{Updates: update}
	for o.Of < checked && solved(o.Errors) {
		n, err := t.model.errors(draw(random, checkBatch, t.length))
		if err != nil {
			return t.last, err
		}
		o.Errors += n
		o.Of += checkBatch
	}
	o.Solved = solved(o.Errors)
	return o, nil
}

// lossWindow is how many updates the loss that is shown is the mean of.
const lossWindow = 50

func (t *trainer) status() string {
	recent := t.losses[max(0, len(t.losses)-lossWindow):]
	var sum float64
	for _, l := range recent {
		sum += l
	}
	s := fmt.Sprintf("loss %.3f  %s", sum/float64(len(recent)), t.last)
	if t.sink != nil {
		s += "  " + t.sink.Last().String()
	}
	return s
}
