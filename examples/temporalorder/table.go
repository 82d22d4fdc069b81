package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seed-140d0f39/gtg/examples/internal/console"
)

// rates are the learning rates that the table compares.
var rates = []float64{0.05, 0.1, 0.2}

// A cell is one training of the table. A seed has the same initial weights and
// the same sequences in every cell.
type cell struct {
	lr     float64
	policy string
	seed   int64
}

func (c cell) String() string { return fmt.Sprintf("-lr %v -clip %s -seed %d", c.lr, c.policy, c.seed) }

// table trains all cells and writes the table to stdout.
func table(ctx context.Context, c *config, stdout, stderr io.Writer) error {
	var cells []cell
	for seed := range int64(c.seeds) {
		for _, lr := range rates {
			for _, p := range policies {
				cells = append(cells, cell{lr, p.name, c.Seed + seed})
			}
		}
	}
	f := &farm{config: c, progress: console.NewProgress(stderr, len(cells))}
	outcomes, err := f.run(ctx, cells)
	f.progress.Close()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Length %d, %d seeds from %d on: how many trainings get below 1 %% errors on %d fresh sequences within %d updates, "+
		"Wilson's 95 %% interval of that share, and the median number of updates it took them.\n\n", c.length, c.seeds, c.Seed, checked, c.updates)
	writeTable(stdout, cells, outcomes)
	if f.failures > 0 {
		fmt.Fprintf(stdout, "\n%d times a training failed and was done again; standard error has the reasons.\n", f.failures)
	}
	return nil
}

// writeTable writes the outcomes, in the cells' order, as Markdown: a row for
// each learning rate and a column for each policy.
func writeTable(w io.Writer, cells []cell, outcomes []outcome) {
	type place struct {
		lr     float64
		policy string
	}
	updates, trainings := map[place][]int{}, map[place]int{}
	for i, c := range cells {
		at := place{c.lr, c.policy}
		trainings[at]++
		if outcomes[i].Solved {
			updates[at] = append(updates[at], outcomes[i].Updates)
		}
	}
	fmt.Fprint(w, "| learning rate |")
	for _, p := range policies {
		fmt.Fprintf(w, " %s |", p.name)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(policies)))
	for _, lr := range rates {
		fmt.Fprintf(w, "| %v |", lr)
		for _, p := range policies {
			at := place{lr, p.name}
			k, n := len(updates[at]), trainings[at]
			low, high := interval(k, n)
			fmt.Fprintf(w, " %d/%d (%.0f–%.0f %%)", k, n, 100*low, 100*high)
			if k > 0 {
				fmt.Fprintf(w, ", %v", median(updates[at]))
			}
			fmt.Fprint(w, " |")
		}
		fmt.Fprintln(w)
	}
}

// median sorts the values, of which there is at least one.
func median(values []int) float64 {
	slices.Sort(values)
	n := len(values)
	return float64(values[(n-1)/2]+values[n/2]) / 2
}
