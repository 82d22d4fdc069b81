package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/figures"
	"github.com/seed-140d0f39/gtg/internal/report"
)

// reportCmd is "gtg report".
type reportCmd struct {
	Logs   []string `arg:"" name:"run" help:"Run logs; - is standard input. Several are overlaid and compared." predictor:"log"`
	Output string   `short:"o" default:"report.html" help:"The file to write: .html is the report, .svg, .pdf and .png are single figures; - is the report on standard output." placeholder:"FILE" predictor:"file"`
	Figure string   `help:"The figure to write: ${figures}." placeholder:"NAME" predictor:"figure"`
	Width  float64  `default:"860" help:"Width of a single figure, in points of 1/72 inch."`
	Height float64  `default:"330" help:"Height of a single figure of one panel, likewise."`
}

// Help is the long help of the command.
func (*reportCmd) Help() string {
	return `The report is one HTML file that needs nothing but itself: no script, no network.
It can be mailed, archived and printed. The events and the verdict are those that the
log recorded; where it has none, its steps are judged now, and the report says so.

  gtg report run.gtg.jsonl -o report.html
  gtg report with.jsonl without.jsonl -o compared.html
  gtg report run.gtg.jsonl --figure norm -o norm.pdf
  zcat run.jsonl.gz | gtg report - -o report.html

The path of what was written is printed on standard output.`
}

// Run writes the report.
func (c *reportCmd) Run(ctx context.Context, s *streams) error {
	format, err := c.format()
	if err != nil {
		return err
	}
	for _, path := range c.Logs {
		if same(path, c.Output) {
			return usage{fmt.Errorf("%s is the log itself, choose another file to write", path)}
		}
	}
	runs, complaints, err := load(ctx, s, c.Logs...)
	if err != nil {
		return err
	}
	if format == "html" {
		write := func(w io.Writer) error {
			return report.Write(w, runs, report.Options{Complaints: complaints, Version: "gtg " + version()})
		}
		if c.Output == "-" {
			return write(s.out)
		}
		return c.write(s, c.Output, write)
	}
	return c.figures(s, runs, format)
}

// format is what the output's name asks for.
func (c *reportCmd) format() (string, error) {
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(c.Output)), ".")
	if c.Output == "-" || format == "htm" {
		format = "html"
	}
	switch format {
	case "html":
		if c.Figure != "" {
			return "", usage{fmt.Errorf("--figure %s is a single figure: write it to a .svg, .pdf or .png file with -o", c.Figure)}
		}
	case "svg", "pdf", "png":
		if c.Figure == "" {
			return "", usage{fmt.Errorf("a .%s file holds a single figure: choose it with --figure (%s)", format, strings.Join(figures.Names(), ", "))}
		}
		if !slices.Contains(figures.Names(), c.Figure) {
			return "", usage{fmt.Errorf("no figure is called %q, want one of: %s", c.Figure, strings.Join(figures.Names(), ", "))}
		}
		if c.Width < 200 || c.Height < 100 || c.Width > 10000 || c.Height > 10000 {
			return "", usage{fmt.Errorf("a figure of %g × %g points: want a width from 200 and a height from 100, up to 10000", c.Width, c.Height)}
		}
	default:
		return "", usage{fmt.Errorf("-o %s: want a file ending in .html, .svg, .pdf or .png", c.Output)}
	}
	return format, nil
}

// figures writes the single figure; where each run has its own, the files from
// the second on are numbered.
func (c *reportCmd) figures(s *streams, runs []*digest.Digest, format string) error {
	all, err := figures.Of(c.Figure, runs)
	if err != nil {
		return err
	}
	size := figures.Size{Width: vg.Length(c.Width), Height: vg.Length(c.Height)}
	for i, f := range all {
		path := c.Output
		if i > 0 {
			ext := filepath.Ext(path)
			path = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(path, ext), i+1, ext)
		}
		if err := c.write(s, path, func(w io.Writer) error { return f.Write(w, format, size) }); err != nil {
			return err
		}
	}
	return nil
}

// write writes a file whole or not at all, and prints its path.
func (c *reportCmd) write(s *streams, path string, content func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	b := bufio.NewWriter(f)
	if err := content(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	fmt.Fprintln(s.out, path)
	return nil
}

// same says whether two paths are the same file.
func same(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
