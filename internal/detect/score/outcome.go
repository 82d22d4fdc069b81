package score

import (
	"slices"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// Grace is how many steps after the end of a cause that goes away by itself an
// alarm about it still counts: a window of 64 records and a little.
const Grace = 100

// An Outcome is what was said of one run.
type Outcome struct {
	Label corpus.Label
	// Steps is how many steps the log has.
	Steps int64
	// Events are gtg's, with the default detectors.
	Events []monitor.Event
	// Rivals are the rules of others, always the same ones in the same order.
	Rivals []RivalOutcome
	// Checks are the invariances that were looked into, likewise.
	Checks []Check
	// Err says why the run could not be judged.
	Err error
}

// during says whether an alarm at the step is about the label's cause.
func during(l *corpus.Label, step int64) bool {
	return l.Onset > 0 && step >= l.Onset && (l.End == 0 || step <= l.End+Grace)
}

// begins says whether the event is the beginning of an incident.
func begins(e *monitor.Event) bool { return e.State == monitor.Firing || e.State == monitor.Instant }

// alarms says whether the event is one that a healthy run must not have.
func alarms(e *monitor.Event) bool {
	return begins(e) && (e.Severity == monitor.Warning || e.Severity == monitor.Critical)
}

// accepts says whether the event names the class rightly. Of critical points
// only saddles do.
func accepts(c corpus.Class, e *monitor.Event) bool {
	return begins(e) && slices.Contains(c.Kinds(), e.Kind) &&
		(e.Kind != monitor.CriticalPoint || e.Class == monitor.ClassSaddle)
}

// caught returns the first event that names the cause; nil where there is none.
func (o *Outcome) caught() *monitor.Event {
	for i := range o.Events {
		if e := &o.Events[i]; during(&o.Label, e.Step) && accepts(o.Label.Class, e) {
			return e
		}
	}
	return nil
}

// first returns the first alarm about the cause, rightly named or not; nil where
// there is none.
func (o *Outcome) first() *monitor.Event {
	for i := range o.Events {
		if e := &o.Events[i]; during(&o.Label, e.Step) && (alarms(e) || accepts(o.Label.Class, e)) {
			return e
		}
	}
	return nil
}

// opening returns the first alarm in the whole run, whenever it came; nil where
// there is none.
func (o *Outcome) opening() *monitor.Event {
	for i := range o.Events {
		e := &o.Events[i]
		if alarms(e) || during(&o.Label, e.Step) && accepts(o.Label.Class, e) {
			return e
		}
	}
	return nil
}

// firings counts the incidents that name the cause, and returns the largest number
// of one kind. What an incident says while it goes on does not count.
func (o *Outcome) firings() (all, ofOneKind int) {
	kinds := map[monitor.Kind]int{}
	for i := range o.Events {
		if e := &o.Events[i]; e.State == monitor.Firing && during(&o.Label, e.Step) && accepts(o.Label.Class, e) {
			all++
			kinds[e.Kind]++
			ofOneKind = max(ofOneKind, kinds[e.Kind])
		}
	}
	return all, ofOneKind
}

// patience is how many steps after the cause has gone a run must have for its incident to be
// over: the longest that a detector waits before it says so.
const patience = 200

// passed says whether the cause went away, and long enough before the run's end.
func (o *Outcome) passed() bool {
	return o.Label.End > 0 && o.Label.Steps-o.Label.End > patience
}

// resolved says whether nothing that names the cause is firing at the run's end.
func (o *Outcome) resolved() bool {
	open := map[monitor.Kind]bool{}
	for i := range o.Events {
		switch e := &o.Events[i]; {
		case e.State == monitor.Resolved:
			delete(open, e.Kind)
		case e.State == monitor.Firing && accepts(o.Label.Class, e):
			open[e.Kind] = true
		}
	}
	return len(open) == 0
}

// falseAlarms returns the alarms that are about nothing: all in a healthy run,
// those before the cause and those after its end in a faulty one.
func (o *Outcome) falseAlarms() (before, after []monitor.Event) {
	for i := range o.Events {
		switch e := &o.Events[i]; {
		case !alarms(e) || during(&o.Label, e.Step):
		case o.Label.Onset == 0 || e.Step < o.Label.Onset:
			before = append(before, *e)
		default:
			after = append(after, *e)
		}
	}
	return before, after
}
