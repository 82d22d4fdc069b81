package main

import (
	"fmt"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how many trainings are done: a bar on a terminal, and elsewhere
// a line now and then.
type progress struct {
	out         *os.File
	bar         *progressbar.ProgressBar // nil where there is no terminal
	done, total int
}

func newProgress(out *os.File, total int) *progress {
	p := &progress{out: out, total: total}
	if term.IsTerminal(int(out.Fd())) {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(out), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(20))
	}
	return p
}

func (p *progress) step(what string) {
	p.done++
	switch {
	case p.bar != nil:
		p.bar.Describe(what)
		_ = p.bar.Add(1) // a bar that cannot be drawn is no reason to stop
	case p.done == p.total || p.done%max(p.total/20, 1) == 0:
		fmt.Fprintf(p.out, "%d of %d trainings: %s\n", p.done, p.total, what)
	}
}

func (p *progress) close() {
	if p.bar != nil {
		_ = p.bar.Exit()
		fmt.Fprintln(p.out)
	}
}
