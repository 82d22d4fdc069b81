//go:build gtg_bench

package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// goal is what a row is to reach, each where it is above 0.
type goal struct {
	timesFaster float64 // than libtorch, at least
	ofRead      float64 // the plain read's time, at most
}

func goalOf(m model, threads int, clips bool) goal {
	switch {
	case threads != 2:
	case m.name == "1000 × 1024" && !clips:
		return goal{20, 2.5}
	case m.name == "GPT-2 small" && !clips:
		return goal{2.5, 1.15}
	case m.name == "GPT-2 small":
		return goal{1.4, 3.5}
	}
	return goal{}
}

type table struct {
	out     io.Writer
	missing string
}

func newTable(out io.Writer, missing string) *table {
	fmt.Fprintln(out, "| gradients | threads | | gtg | libtorch C++ | gotch loop | PyTorch, Python | plain read | libtorch : gtg | gtg : read | goals |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|---|---|---|")
	return &table{out, missing}
}

func (t *table) row(m model, threads int, clips bool, x times) {
	what := "nothing to clip"
	if clips {
		what = "clipping"
	}
	python := milliseconds(x[pytorch])
	if t.missing != "" {
		python = t.missing
	}
	faster, ofRead := x[libtorch]/x[gtg], x[gtg]/x[plainRead]
	fmt.Fprintf(t.out, "| %s (%.1f M) | %d | %s | %s | %s | %s | %s | %s | %.1f | %.2f | %s |\n",
		m.name, float64(m.numel())/1e6, threads, what, milliseconds(x[gtg]), milliseconds(x[libtorch]), milliseconds(x[gotchLoop]),
		python, milliseconds(x[plainRead]), faster, ofRead, goalOf(m, threads, clips).judge(faster, ofRead))
}

func milliseconds(seconds float64) string {
	if math.IsNaN(seconds) {
		return ""
	}
	return fmt.Sprintf("%.3g ms", seconds*1e3)
}

func (g goal) judge(faster, ofRead float64) string {
	var out []string
	if g.timesFaster > 0 {
		out = append(out, fmt.Sprintf("≥ %v: %s", g.timesFaster, verdict(faster >= g.timesFaster)))
	}
	if g.ofRead > 0 {
		out = append(out, fmt.Sprintf("≤ %v: %s", g.ofRead, verdict(ofRead <= g.ofRead)))
	}
	return strings.Join(out, ", ")
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "not met"
}
