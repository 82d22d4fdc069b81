package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/seed-140d0f39/gtg/internal/digits"
)

// trials are what the table compares. The first is badly conditioned at a learning
// rate that suits normalised inputs, as the last shows. In between its advice is
// taken: to lower the learning rate, and further.
var trials = []struct {
	inputs string
	lr     float64
}{
	{raw, 1}, {raw, 0.1}, {raw, 0.01}, {raw, 0.001}, {normalised, 0.1}, {normalised, 1},
}

// table does the trials, from the same initial weights and with the same batches,
// and writes the table to stdout.
func table(ctx context.Context, c *config, training, test digits.Images, stdout, stderr io.Writer) error {
	var outcomes []*outcome
	for _, trial := range trials {
		one := *c
		one.inputs, one.lr, one.Attach, one.Output, one.Metrics = trial.inputs, trial.lr, true, "", ""
		fmt.Fprintf(stderr, "%s inputs, learning rate %v\n", trial.inputs, trial.lr)
		o, err := train(ctx, &one, training, test, io.Discard, stderr)
		if err != nil {
			return err
		}
		outcomes = append(outcomes, o)
	}
	fmt.Fprintf(stdout, "%d steps with batches of %d from %d images, %d units in a hidden layer, seed %d; medians of the curvature measured every %d steps.\n\n",
		c.steps, c.batch, training.Len(), c.hidden, c.Seed, c.every)
	writeTable(stdout, outcomes)
	return nil
}

// writeTable writes the outcomes as Markdown, a row each.
func writeTable(w io.Writer, outcomes []*outcome) {
	fmt.Fprintln(w, "| inputs | η | gᵀg | gᵀHg | ρ (90 % quantile) | ρ above its limit | events | gtg on 8.2.1 | loss in the end | test accuracy |")
	fmt.Fprintln(w, "|"+strings.Repeat("---|", 10))
	for _, o := range outcomes {
		k := &o.course
		fmt.Fprintf(w, "| %s | %v | %.3g | %.3g | %.3g (%.3g) | %.0f %% above %v | %s | %s | %.3g | %.1f %% |\n",
			o.inputs, o.lr, quantile(k.gtg, 0.5), quantile(k.gthg, 0.5), quantile(k.rho, 0.5), quantile(k.rho, 0.9),
			100*k.above(), k.limit, k.events(), o.verdict[0].Finding, o.loss, 100*o.accuracy)
	}
}
