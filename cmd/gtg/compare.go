package main

import (
	"context"
	"fmt"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/figures"
)

// compareCmd is "gtg compare".
type compareCmd struct {
	Logs []string `arg:"" name:"run" help:"Two run logs or more." predictor:"log"`
	JSON bool     `help:"Print the numbers and the verdicts as JSON, an array with an object for each run."`
}

// Help is the long help of the command.
func (*compareCmd) Help() string {
	return `  gtg compare with-clipping.jsonl without.jsonl
  gtg compare a.jsonl b.jsonl --json | jq '.[].loss_last'

gtg report A B draws them over one another.`
}

// Run compares.
func (c *compareCmd) Run(ctx context.Context, s *streams) error {
	runs, _, err := load(ctx, s, c.Logs...)
	if err != nil {
		return err
	}
	if len(runs) < 2 {
		return usage{fmt.Errorf("one run cannot be compared, want two or more")}
	}
	var summaries []digest.Summary
	for _, d := range runs {
		summaries = append(summaries, d.Summary())
	}
	if c.JSON {
		return printJSONValue(s.out, summaries)
	}
	rows := [][]string{{""}}
	for i, summary := range summaries {
		rows[0] = append(rows[0], figures.Label(runs, i))
		for j, line := range summary.Lines() {
			if j+1 == len(rows) {
				rows = append(rows, []string{line.Label})
			}
			for len(rows[j+1]) <= i {
				rows[j+1] = append(rows[j+1], "–")
			}
			value := line.Value
			if value == "" {
				value = "–"
			}
			rows[j+1] = append(rows[j+1], value)
		}
	}
	if err := table(s.out, rows); err != nil {
		return err
	}
	for j := range 5 {
		for i, summary := range summaries {
			if j >= len(summary.Verdict) {
				continue
			}
			f := summary.Verdict[j]
			if i == 0 {
				printf(s.out, "\n%s\n", f.Section)
			}
			printf(s.out, "  %s: %s\n", figures.Label(runs, i), f.Finding)
		}
	}
	return nil
}
