package score

import (
	"fmt"
	"io"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// List writes, for whoever mends a detector, every false alarm, every missed
// cause, every cause that another kind was named for first, every kind that fired
// more than once, and every invariance that did not hold.
func List(out io.Writer, outcomes []Outcome) {
	section := func(title string, show func(*Outcome) bool) {
		n := 0
		for i := range outcomes {
			o := &outcomes[i]
			if o.Err != nil || !o.Label.Confirmed {
				continue
			}
			if !show(o) {
				continue
			}
			n++
		}
		fmt.Fprintf(out, "%s: %d runs\n\n", title, n)
	}
	section("false alarms in healthy runs", func(o *Outcome) bool { return o.listFalse(out, true) })
	section("alarms in faulty runs while the cause was not there", func(o *Outcome) bool { return o.listFalse(out, false) })
	section("missed", func(o *Outcome) bool {
		return o.faulty() && o.caught() == nil && o.list(out, "missed", o.Events)
	})
	section("another kind first", func(o *Outcome) bool {
		e := o.first()
		return o.faulty() && o.caught() != nil && !accepts(o.Label.Class, e) && o.list(out, "another kind first", o.Events)
	})
	section("a kind more than once", func(o *Outcome) bool {
		_, n := o.firings()
		return o.faulty() && n > MaxFirings && o.Label.Class != corpus.Cliffs && o.list(out, "a kind more than once", o.Events)
	})
	section("not resolved", func(o *Outcome) bool {
		return o.faulty() && o.passed() && o.caught() != nil && !o.resolved() && o.list(out, "not resolved", o.Events)
	})
	section("an invariance that did not hold", func(o *Outcome) bool { return o.listChecks(out) })
}

func (o *Outcome) faulty() bool { return o.Label.Class != corpus.Healthy }

func (o *Outcome) listFalse(out io.Writer, healthy bool) bool {
	before, after := o.falseAlarms()
	all := append(before, after...)
	return o.faulty() != healthy && len(all) > 0 && o.list(out, "false alarm", all)
}

func (o *Outcome) listChecks(out io.Writer) bool {
	found := false
	for _, c := range o.Checks {
		if c.Step != 0 || c.Err != nil {
			found = o.list(out, "does not hold", nil)
			fmt.Fprintf(out, "    %s: other events at step %d", c.Name, c.Step)
			if c.Err != nil {
				fmt.Fprintf(out, ", %v", c.Err)
			}
			fmt.Fprintln(out)
		}
	}
	return found
}

// list writes one run and its events. It returns true.
func (o *Outcome) list(out io.Writer, what string, events []monitor.Event) bool {
	l := &o.Label
	fmt.Fprintf(out, "%s: %s\n    %s, %q, seed %d: %s", what, l.File, l.Program, l.Case, l.Seed, l.Class)
	if l.Hard {
		fmt.Fprint(out, " (hard)")
	}
	if l.Onset > 0 {
		fmt.Fprintf(out, " from step %d", l.Onset)
	}
	if l.End > 0 {
		fmt.Fprintf(out, " to %d", l.End)
	}
	fmt.Fprintf(out, ", %d steps; metric %.4g, reference %.4g, chance %.4g\n", o.Steps, l.Metric, l.Reference, l.Chance)
	for i := range events {
		e := &events[i]
		fmt.Fprintf(out, "    step %d: %s %s %s", e.Step, e.Severity, e.Kind, e.State)
		if e.Param != "" {
			fmt.Fprintf(out, " [%s]", e.Param)
		}
		fmt.Fprintf(out, ": %s\n", e.Summary)
	}
	return true
}
