package console

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress shows how far a loop has come: a bar on a terminal, and elsewhere a
// plain line now and then.
type Progress struct {
	out   io.Writer
	bar   *progressbar.ProgressBar // nil where there is no terminal
	total int
	done  int
}

// plainLines is how many lines a run gets where there is no terminal.
const plainLines = 20

// NewProgress returns the progress of a loop of total steps.
func NewProgress(out io.Writer, total int) *Progress {
	p := &Progress{out: out, total: total}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(out), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString("steps"), progressbar.OptionSetWidth(20),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(true))
	}
	return p
}

// Step counts one step and shows the status that goes with it.
func (p *Progress) Step(status func() string) {
	p.done++
	switch {
	case p.bar != nil:
		p.bar.Describe(status())
		_ = p.bar.Add(1) // a bar that cannot be drawn is no reason to stop
	case p.done == p.total || p.done%max(p.total/plainLines, 1) == 0:
		fmt.Fprintf(p.out, "%*d/%d  %s\n", len(fmt.Sprint(p.total)), p.done, p.total, status())
	}
}

// Println writes a line without spoiling the bar.
func (p *Progress) Println(line string) {
	if p.bar != nil {
		_, _ = progressbar.Bprintln(p.bar, line)
		return
	}
	fmt.Fprintln(p.out, line)
}

// Close ends the bar's line.
func (p *Progress) Close() {
	if p.bar != nil {
		_ = p.bar.Exit()
		fmt.Fprintln(p.out)
	}
}
