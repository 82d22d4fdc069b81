package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/monitor"
)

// eventsCmd is "gtg events".
type eventsCmd struct {
	Log      string   `arg:"" name:"run" help:"The run log; - is standard input." predictor:"log"`
	Kind     []string `help:"Only events of these kinds." placeholder:"KIND" predictor:"kind"`
	Severity string   `default:"info" enum:"info,warning,critical" help:"Only events of this severity and above: ${enum}."`
	FailOn   string   `default:"never" enum:"never,info,warning,critical" help:"Exit with status 3 when there is an event of this severity or above: ${enum}."`
	JSON     bool     `help:"Print the log's event lines (JSON Lines) instead of sentences."`
}

// Help is the long help of the command.
func (*eventsCmd) Help() string {
	return `Prints the events that the log recorded. (gtg replay finds events in a log that has
none, because another program wrote it.)

  gtg events run.gtg.jsonl
  gtg events run.gtg.jsonl --severity warning --json
  gtg events run.gtg.jsonl --fail-on critical >/dev/null || echo "look at this run"`
}

// grave orders the severities.
func grave(s monitor.Severity) int {
	return slices.Index([]monitor.Severity{monitor.Info, monitor.Warning, monitor.Critical}, s)
}

// Run prints the events.
func (c *eventsCmd) Run(s *streams) error {
	for _, kind := range c.Kind {
		if !slices.Contains(monitor.Kinds(), monitor.Kind(kind)) {
			return usage{fmt.Errorf("no event is of kind %q, want one of: %s", kind, strings.Join(kinds(), ", "))}
		}
	}
	in, done, err := open(c.Log)
	if err != nil {
		return err
	}
	defer done()
	print := printHuman(s.out)
	if c.JSON {
		print = runlog.NewWriter(jsonText{s.out})
	}
	var failed, steps, events, closed int64
	worst := monitor.Severity("")
	lines := runlog.NewReader(in)
	any := false
	for {
		line, err := lines.Next()
		if err == io.EOF {
			break
		}
		if errors.As(err, new(*runlog.LineError)) {
			printf(s.err, "gtg: %s: %v\n", c.Log, err)
			continue
		}
		if err != nil {
			return unreadable{err}
		}
		any = true
		switch e := line.Event; {
		case line.Step != nil:
			steps++
		case line.End != nil:
			closed++
		case e != nil:
			events++
			if !c.wants(e) {
				continue
			}
			if c.FailOn != "never" && e.State != monitor.Resolved && grave(e.Severity) >= grave(monitor.Severity(c.FailOn)) {
				failed++
				if grave(e.Severity) > grave(worst) {
					worst = e.Severity
				}
			}
			if err := print.Event(e); err != nil {
				return err
			}
		}
	}
	if lines.Torn() {
		fmt.Fprintf(s.err, "gtg: %s: the last line is cut off: the program was killed, or is still writing\n", c.Log)
	}
	switch {
	case !any:
		return unreadable{fmt.Errorf("%s: not a run log: it has no line that can be read", c.Log)}
	case events == 0 && closed == 0 && steps > 0:
		fmt.Fprintf(s.err, "gtg: %s: the log recorded no events and has no end line; to judge its steps: gtg replay --human %s\n", c.Log, c.Log)
	}
	if failed > 0 {
		return met{fmt.Errorf("%s: %d events of severity %s or above, the worst is %s", c.Log, failed, c.FailOn, worst)}
	}
	return nil
}

// wants says whether the event is to be printed. One of a severity that is not
// known is, unless a higher one was asked for.
func (c *eventsCmd) wants(e *monitor.Event) bool {
	if len(c.Kind) > 0 && !slices.Contains(c.Kind, string(e.Kind)) {
		return false
	}
	return c.Severity == string(monitor.Info) || grave(e.Severity) >= grave(monitor.Severity(c.Severity))
}

func kinds() (names []string) {
	for _, k := range monitor.Kinds() {
		names = append(names, string(k))
	}
	return names
}
