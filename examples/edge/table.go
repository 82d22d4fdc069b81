package main

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// rates are the learning rates that the table compares.
var rates = []float64{0.07, 0.1, 0.2}

// table trains at each learning rate, from the same initial weights, and writes
// the table to stdout.
func table(ctx context.Context, c *config, stdout, stderr io.Writer) error {
	var outcomes []*outcome
	for _, lr := range rates {
		one := *c
		one.lr, one.Attach, one.Output, one.Metrics = lr, true, "", ""
		fmt.Fprintf(stderr, "learning rate %v\n", lr)
		o, err := train(ctx, &one, io.Discard, stderr)
		if err != nil {
			return err
		}
		outcomes = append(outcomes, o)
	}
	fmt.Fprintf(stdout, "%d steps of gradient descent on all of %d points, %d units in a hidden layer, seed %d; λmax every %d steps.\n\n",
		c.steps, c.points, c.hidden, c.Seed, c.every)
	writeTable(stdout, outcomes)
	return nil
}

// writeTable writes the outcomes as Markdown, a row each.
func writeTable(w io.Writer, outcomes []*outcome) {
	fmt.Fprintln(w, "| η | 2/η | λmax·η/2 at the start | first above 1 | mean of the last third (range) | gtg's ρ then | loss | gtg on 8.2.1 |")
	fmt.Fprintln(w, "|"+strings.Repeat("---|", 8))
	for _, o := range outcomes {
		first, last := o.looks[0], o.looks[len(o.looks)-1]
		at := "never"
		if step := o.first(); step > 0 {
			at = fmt.Sprintf("step %d", step)
		}
		fmt.Fprintf(w, "| %v | %.1f | %.3f | %s | %v | %.3f | %.3f → %.2g | %s |\n",
			o.lr, 2/o.lr, first.sharpness, at, o.sharpness(), o.rho().mean, first.loss, last.loss, o.verdict[0].Finding)
	}
}
