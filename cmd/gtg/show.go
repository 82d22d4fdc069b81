package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/guptarohit/asciigraph"
	"golang.org/x/term"

	"github.com/seed-140d0f39/gtg/internal/digest"
)

// showCmd is "gtg show".
type showCmd struct {
	Log    string   `arg:"" name:"run" help:"The run log; - is standard input." predictor:"log"`
	Plot   []string `default:"loss,norm" enum:"loss,norm,lr,gthg,rho,clip,cost,none" help:"What to plot: ${enum}."`
	Width  int      `help:"Width of the plots in characters; the terminal's by default." placeholder:"N"`
	Height int      `default:"12" help:"Height of a plot in lines." placeholder:"N"`
	JSON   bool     `help:"Print the numbers and the verdict as JSON, an object for each run of the log, without plots."`
}

// Help is the long help of the command.
func (*showCmd) Help() string {
	return `  gtg show run.gtg.jsonl
  gtg show run.gtg.jsonl --plot norm,rho --height 20
  gtg show run.gtg.jsonl --json | jq .loss_last`
}

// Run shows the runs of a log.
func (c *showCmd) Run(ctx context.Context, s *streams) error {
	if c.Height < 3 || c.Height > 200 || c.Width < 0 || c.Width > 2000 {
		return usage{fmt.Errorf("a plot of %d × %d characters: want a height from 3 to 200 and a width up to 2000", c.Width, c.Height)}
	}
	runs, _, err := load(ctx, s, c.Log)
	if err != nil {
		return err
	}
	if c.JSON {
		for _, d := range runs {
			if err := printJSONValue(s.out, d.Summary()); err != nil {
				return err
			}
		}
		return nil
	}
	for i, d := range runs {
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		if err := c.show(s.out, d); err != nil {
			return err
		}
	}
	return nil
}

func printJSONValue(w io.Writer, v any) error {
	e := json.NewEncoder(jsonText{w})
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (c *showCmd) show(w io.Writer, d *digest.Digest) error {
	printf(w, "%s\n\n", d.Name())
	summary := d.Summary()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range summary.Lines() {
		if line.Value != "" {
			printf(table, "  %s\t%s\n", line.Label, line.Value)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, name := range c.Plot {
		c.plot(w, d, name)
	}
	fmt.Fprintf(w, "\nThe verdict after step %d:\n", d.Last)
	if d.Judged {
		fmt.Fprintln(w, "(The log has none: this one was found by judging its steps again.)")
	}
	for _, f := range d.Verdict {
		printf(w, "%s  %s %s\n", f.Section, f.Finding, f.Evidence)
	}
	return nil
}

// plot draws one quantity, its mean and its largest value, on a logarithmic
// scale where it is positive and wide.
func (c *showCmd) plot(w io.Writer, d *digest.Digest, name string) {
	var series *digest.Series
	title, peaks := "", true
	switch name {
	case "none":
		return
	case "loss":
		series, title = &d.Loss, "loss"
	case "norm":
		series, title = &d.GradNorm, "gradient norm"
	case "lr":
		series, title, peaks = &d.LR, "learning rate", false
	case "gthg":
		series, title = &d.GTHG, "gᵀHg, where it is positive"
	case "rho":
		series, title = &d.Rho, "ρ = η·gᵀHg/gᵀg"
	case "clip":
		series, title, peaks = &d.ClipShare, "share of steps clipped", false
	case "cost":
		series, title = &d.Seconds, "gtg's own time in a step, s"
	}
	all := series.All()
	if all.N == 0 {
		fmt.Fprintf(w, "\n%s: not recorded\n", title)
		return
	}
	log := all.Min > 0 && all.Max > 20*all.Min
	mean, most := columns(series, c.columns(w), log)
	lines := [][]float64{mean}
	legends := []string{"mean"}
	if peaks && !series.Whole() || peaks && all.N > int64(len(mean)) {
		lines, legends = [][]float64{most, mean}, []string{"largest", "mean"}
	}
	title += fmt.Sprintf(", steps %d to %d", all.First, all.Last)
	if log {
		title += ", log scale"
	}
	if len(lines) > 1 {
		title += " (the upper line is the largest of each stretch, the lower its mean)"
	}
	fmt.Fprintf(w, "\n%s\n%s\n", title, asciigraph.PlotMany(lines,
		asciigraph.Height(c.Height-1), asciigraph.YAxisValueFormatter(func(v float64) string {
			if log {
				v = math.Pow(10, v)
			}
			return fmt.Sprintf("%9.3g", v)
		}), asciigraph.SeriesColors(colours(w, len(legends))...)))
}

// columns are the mean and the largest value for each column of a plot.
func columns(series *digest.Series, width int, log bool) (mean, most []float64) {
	buckets := series.Reduce(digest.Buckets)
	for x := range min(width, len(buckets)) {
		n := min(width, len(buckets))
		var b digest.Bucket
		for i := x * len(buckets) / n; i < (x+1)*len(buckets)/n; i++ {
			b.Merge(&buckets[i])
		}
		m, top := b.Mean, b.Max
		if b.N == 0 {
			m, top = math.NaN(), math.NaN()
		}
		if log {
			m, top = b.LogMean/math.Ln10, math.Log10(top)
			if b.N == 0 {
				m = math.NaN()
			}
		}
		mean, most = append(mean, m), append(most, top)
	}
	return mean, most
}

// columns is how many columns there are for a plot's line.
func (c *showCmd) columns(w io.Writer) int {
	const axis = 12
	width := c.Width
	if width == 0 {
		width = 80
		if f, ok := w.(*os.File); ok {
			if cols, _, err := term.GetSize(int(f.Fd())); err == nil {
				width = cols
			}
		}
	}
	return max(width-axis, 10)
}

// colours are a terminal's; a file gets none.
func colours(w io.Writer, n int) []asciigraph.AnsiColor {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("NO_COLOR") != "" {
		return make([]asciigraph.AnsiColor, n)
	}
	return []asciigraph.AnsiColor{asciigraph.Orange, asciigraph.Blue}[2-n:]
}

// table prints rows of cells in columns.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = visible(cell)
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}
