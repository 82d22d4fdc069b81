package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/monitor"
)

// tailCmd is "gtg tail".
type tailCmd struct {
	Log    string `arg:"" name:"run" help:"The run log." predictor:"log"`
	Lines  int    `short:"n" default:"10" help:"How many of the log's last lines to begin with." placeholder:"N"`
	Follow bool   `short:"f" help:"Go on with what is written, until the run ends."`
	Resume bool   `help:"With --follow: go on after the run's end too, for a run that will be resumed."`
	Every  int64  `default:"1" help:"Print every Nth step only; events are always printed." placeholder:"N"`
	JSON   bool   `help:"Print the log's lines (JSON Lines) instead of words."`
}

// Help is the long help of the command.
func (*tailCmd) Help() string {
	return `Prints the end of a log. With -f it waits for a log that is not there yet and for a
line that is half written, and goes on when the log is replaced or cut to nothing. It ends
with the run's verdict when the run ends.

  gtg tail run.gtg.jsonl
  gtg tail -f run.gtg.jsonl --every 100`
}

// Run prints and follows.
func (c *tailCmd) Run(ctx context.Context, s *streams) error {
	switch {
	case c.Log == "-":
		return usage{errors.New("standard input has no end to look at: gtg replay - judges it")}
	case c.Lines < 0 || c.Every < 1:
		return usage{fmt.Errorf("-n %d --every %d: want a number from 0 and one from 1", c.Lines, c.Every)}
	}
	var in io.Reader
	if c.Follow {
		f, err := follow(ctx, c.Log, c.Lines)
		if err != nil {
			return unreadable{err}
		}
		defer f.Close()
		in = f
	} else {
		f, done, err := open(c.Log)
		if err != nil {
			return err
		}
		defer done()
		if err := seekLast(f, c.Lines); err != nil {
			return unreadable{fmt.Errorf("%s: %w", c.Log, err)}
		}
		in = f
	}
	var print monitor.Sink = &wordPrinter{printHuman(s.out), s.out}
	if c.JSON {
		log := &jsonPrinter{jsonText{s.out}, runlog.NewWriter(jsonText{s.out})}
		defer func() { _ = log.Writer.Close(ctx, nil) }() // writes what is buffered
		print = log
	}
	lines := runlog.NewReader(in)
	for {
		line, err := lines.Next()
		var bad *runlog.LineError
		switch {
		case err == io.EOF:
			if lines.Torn() && !c.Follow {
				fmt.Fprintf(s.err, "gtg: %s: the last line is cut off: the program was killed, or is still writing\n", c.Log)
			}
			return nil
		case errors.As(err, &bad):
			printf(s.err, "gtg: %s: a line that cannot be read: %v\n", c.Log, bad.Err)
			continue
		case err != nil:
			return err
		}
		if err := c.print(ctx, print, &line); err != nil {
			return err
		}
		if line.End != nil && !c.Resume && c.Follow {
			return nil
		}
	}
}

func (c *tailCmd) print(ctx context.Context, to monitor.Sink, line *runlog.Line) error {
	switch {
	case line.Run != nil:
		return to.Start(line.Run)
	case line.Step != nil && line.Step.Step%c.Every == 0:
		return to.Step(line.Step)
	case line.Event != nil:
		return to.Event(line.Event)
	case line.End != nil:
		return to.Close(ctx, line.End)
	}
	return nil
}

// wordPrinter is a humanPrinter that prints runs and steps, too.
type wordPrinter struct {
	monitor.Sink
	out io.Writer
}

func (p *wordPrinter) Start(r *monitor.Run) error {
	return printf(p.out, "Run %s, %d parameters, %s\n", r.Name, len(r.Params), r.Framework)
}

func (p *wordPrinter) Step(s *monitor.Step) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Step %d:", s.Step)
	for _, v := range []struct {
		name  string
		value monitor.Number
	}{{"loss", s.Loss}, {"gradient norm", s.GradNorm}, {"learning rate", s.LR}} {
		if x, known := v.value.Get(); known {
			fmt.Fprintf(&b, " %s %.4g,", v.name, x)
		}
	}
	if s.Curvature != nil {
		if rho, known := s.Curvature.Rho.Get(); known {
			fmt.Fprintf(&b, " ρ %.3g,", rho)
		}
	}
	if s.Clip.Clipped {
		b.WriteString(" clipped")
		if f, known := s.Clip.Factor.Get(); known {
			fmt.Fprintf(&b, " by %.3g", f)
		}
		b.WriteByte(',')
	}
	if s.Action != "" && s.Action != monitor.ActionStep {
		fmt.Fprintf(&b, " %s,", s.Action)
	}
	return printf(p.out, "%s\n", strings.TrimRight(b.String(), ",:"))
}

// seekLast goes to the beginning of the file's last n lines.
func seekLast(f *os.File, n int) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	at, left := info.Size(), n
	block := make([]byte, 64<<10)
	for at > 0 && left >= 0 {
		size := min(int64(len(block)), at)
		if _, err := f.ReadAt(block[:size], at-size); err != nil {
			return err
		}
		for i := size - 1; i >= 0; i-- {
			if block[i] == '\n' && at-size+i != info.Size()-1 {
				if left--; left == 0 {
					_, err := f.Seek(at-size+i+1, io.SeekStart)
					return err
				}
			}
		}
		at -= size
		if info.Size()-at > runlog.MaxLine+int64(n)<<20 {
			return errors.New("its last lines are too long: not a run log")
		}
	}
	if n == 0 {
		_, err = f.Seek(0, io.SeekEnd)
	} else {
		_, err = f.Seek(0, io.SeekStart)
	}
	return err
}
