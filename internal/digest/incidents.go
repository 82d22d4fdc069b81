package digest

import "github.com/seed-140d0f39/gtg/monitor"

// keptIncidents is how many of the first and how many of the last incidents are
// kept; all are counted.
const keptIncidents = 500

// An Incident is what an event says when it begins, and when it ended.
type Incident struct {
	monitor.Event
	// Until is the step at which it was resolved; 0 while it goes on, and for what
	// has no duration.
	Until int64
	// Outcome is what the event said when it was resolved.
	Outcome string
}

// Over says whether the incident has ended or never lasted.
func (i *Incident) Over() bool { return i.Until > 0 || i.State == monitor.Instant }

// Incidents are the events of a run, in constant memory.
type Incidents struct {
	Count    int64 // all
	Severity map[monitor.Severity]int64
	Kinds    map[monitor.Kind]int64
	first    []*Incident
	last     []*Incident // a ring, once it is full
	at       int         // the oldest of last
	open     map[subject]*Incident
}

// subject is what an event is about.
type subject struct {
	kind  monitor.Kind
	param string
}

func (in *Incidents) add(e *monitor.Event) {
	about := subject{e.Kind, e.Param}
	if e.State == monitor.Resolved {
		if i := in.open[about]; i != nil {
			i.Until, i.Outcome = e.Step, e.Summary
			delete(in.open, about)
		}
		return
	}
	if in.open == nil {
		in.open = map[subject]*Incident{}
		in.Severity = map[monitor.Severity]int64{}
		in.Kinds = map[monitor.Kind]int64{}
	}
	i := &Incident{Event: *e}
	in.Count++
	in.Severity[e.Severity]++
	in.Kinds[e.Kind]++
	if e.State == monitor.Firing && len(in.open) < 2*keptIncidents {
		in.open[about] = i
	}
	switch {
	case len(in.first) < keptIncidents:
		in.first = append(in.first, i)
	case len(in.last) < keptIncidents:
		in.last = append(in.last, i)
	default:
		in.last[in.at] = i
		in.at = (in.at + 1) % keptIncidents
	}
}

// Kept returns the incidents that were kept, in the run's order, and how many
// between them were not.
func (in *Incidents) Kept() (kept []*Incident, dropped int64) {
	kept = append(kept, in.first...)
	kept = append(kept, in.last[in.at:]...)
	kept = append(kept, in.last[:in.at]...)
	return kept, in.Count - int64(len(kept))
}
