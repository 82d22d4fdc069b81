package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress tells on a stream how a set-up gets on: a line for each stage, and
// on a terminal a spinner while it lasts.
type progress struct {
	w        io.Writer
	terminal bool
	every    time.Duration // how often a long stage is heard of without a terminal
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd())), every: 30 * time.Second}
}

// Note tells something.
func (p *progress) Note(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

// Stage begins a stage.
func (p *progress) Stage(what string) func(result string) {
	began := time.Now()
	elapsed := func() time.Duration { return time.Since(began).Round(time.Second) }
	tick := func() { p.Note("  still at it after %v", elapsed()) }
	every, clear := p.every, func() {}
	if p.terminal {
		bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(what),
			progressbar.OptionSpinnerType(14), progressbar.OptionSetElapsedTime(true), progressbar.OptionClearOnFinish())
		tick, every, clear = func() { bar.Add(1) }, 100*time.Millisecond, func() { bar.Finish() }
	} else {
		p.Note("%s ...", what)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-stop:
				return
			case <-t.C:
				tick()
			}
		}
	}()
	return func(result string) {
		close(stop)
		<-stopped
		clear()
		if result == "" {
			result = "failed"
		}
		p.Note("%s: %s (%v)", what, result, elapsed())
	}
}
