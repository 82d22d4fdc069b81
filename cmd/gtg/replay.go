package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/monitor"
)

// replayCmd is "gtg replay".
type replayCmd struct {
	File  string `arg:"" help:"The run log; - is standard input." predictor:"log"`
	Human bool   `help:"Print sentences instead of JSON Lines."`
}

// Run replays. Its error has exit status 2 when the log could not be read.
func (c *replayCmd) Run(s *streams) error {
	in := os.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return unreadable{err}
		}
		defer f.Close()
		in = f
	}
	return replay(in, s.out, s.err, c.Human)
}

// replay judges the run of a log with the detectors that judge it live: its run
// and step lines are read, recorded events are not, and what the detectors find
// is printed, with the verdict at the end. A line that cannot be read, or whose
// step does not come after the one before, is reported on errout and left out.
//
// A log without a run line is judged by what its steps say. A log may have
// several run lines. One of the same name and parameters whose steps go on after
// the last one is a resume, and the judgement goes on; any other begins a new
// run, and the one before gets its verdict.
func replay(in io.Reader, out, errout io.Writer, human bool) error {
	r := replayer{print: printJSON(out)}
	if human {
		r.print = printHuman(out)
	}
	lines := runlog.NewReader(in)
	for {
		line, err := lines.Next()
		var bad *runlog.LineError
		switch {
		case err == io.EOF:
			if !r.any {
				return unreadable{errors.New("not a run log: it has no run line and no step line that can be read")}
			}
			return r.finish()
		case errors.As(err, &bad):
			printf(errout, "gtg replay: %v\n", err)
			continue
		case err != nil:
			if r.line > 0 {
				err = fmt.Errorf("after line %d: %w", r.line, err)
			}
			return unreadable{err}
		}
		r.line = line.Number
		if err := r.take(line); errors.As(err, &bad) {
			printf(errout, "gtg replay: %v\n", err)
		} else if err != nil {
			return err
		}
	}
}

// replayer judges the runs of one log.
type replayer struct {
	print monitor.Sink
	any   bool // the log had a run or a step
	line  int  // the last line that was read

	next *monitor.Run // a run line whose steps have not come yet
	run  *monitor.Run // the run that is judged
	mon  *monitor.Monitor
	last monitor.End // the last step of it
}

func (r *replayer) take(line runlog.Line) error {
	switch {
	case line.Run != nil:
		r.any = true
		if r.next != nil { // a run that took no step
			if err := r.turn(false); err != nil {
				return err
			}
		}
		r.next = line.Run
	case line.Step != nil:
		r.any = true
		return r.step(line)
	}
	return nil
}

func (r *replayer) step(line runlog.Line) error {
	s := line.Step
	if r.next != nil || r.mon == nil {
		if err := r.turn(s.Step > r.last.Step); err != nil {
			return err
		}
	}
	if s.Step <= r.last.Step {
		return &runlog.LineError{Line: line.Number, Err: fmt.Errorf("step: got %d after %d, want steps that increase", s.Step, r.last.Step)}
	}
	r.last.Step, r.last.T = s.Step, s.T
	events := r.mon.Observe(s)
	for i := range events {
		if err := r.print.Event(&events[i]); err != nil {
			return err
		}
	}
	return nil
}

// turn goes from the run that is judged to the next one. A resume is the same
// run, when its steps go on.
func (r *replayer) turn(goesOn bool) error {
	next := r.next
	r.next = nil
	if next == nil {
		next = &monitor.Run{}
	}
	if r.mon != nil {
		if goesOn && digest.SameRun(r.run, next) {
			return nil
		}
		if err := r.verdict(); err != nil {
			return err
		}
	}
	r.run, r.mon, r.last = next, monitor.New(next), monitor.End{}
	return nil
}

// finish ends the last run. One that was resumed and took no step more is the
// same run.
func (r *replayer) finish() error {
	if r.next != nil {
		if err := r.turn(true); err != nil {
			return err
		}
	}
	return r.verdict()
}

func (r *replayer) verdict() error {
	r.last.Reason = monitor.Replayed
	r.last.Verdict = r.mon.Verdict()
	return r.print.Close(context.Background(), &r.last)
}

// jsonPrinter prints a run log's lines. Every run's end is printed by a log of
// its own.
type jsonPrinter struct {
	out io.Writer
	*runlog.Writer
}

func printJSON(out io.Writer) monitor.Sink {
	out = jsonText{out}
	return &jsonPrinter{out, runlog.NewWriter(out)}
}

func (p *jsonPrinter) Close(ctx context.Context, end *monitor.End) error {
	err := p.Writer.Close(ctx, end)
	p.Writer = runlog.NewWriter(p.out)
	return err
}

// humanPrinter prints sentences.
type humanPrinter struct{ out io.Writer }

func printHuman(out io.Writer) monitor.Sink { return humanPrinter{out} }

func (p humanPrinter) Start(*monitor.Run) error { return nil }
func (p humanPrinter) Step(*monitor.Step) error { return nil }

func (p humanPrinter) Event(e *monitor.Event) error {
	if e.State == monitor.Resolved {
		return printf(p.out, "Step %d: %s is over, it began at step %d. %s\n", e.Step, e.Kind, e.Since, e.Summary)
	}
	return printf(p.out, "Step %d: %s (%s). %s %s\n", e.Step, e.Kind, e.Severity, e.Summary, e.Advice)
}

func (p humanPrinter) Close(_ context.Context, end *monitor.End) error {
	text := fmt.Sprintf("\nThe verdict after step %d:\n", end.Step)
	if end.Step == 0 {
		text = "\nThe verdict on a run that took no step:\n"
	}
	for _, f := range end.Verdict {
		text += visible(f.Section+"  "+f.Finding+" "+f.Evidence) + "\n"
	}
	_, err := fmt.Fprint(p.out, text)
	return err
}
