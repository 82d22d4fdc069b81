package score

import (
	"cmp"
	"slices"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// A Report is what the outcomes come to.
type Report struct {
	// Unconfirmed runs are left out of everything, as are the unreadable ones.
	Unconfirmed int `json:"unconfirmed"`
	Unreadable  int `json:"unreadable"`
	// Tuning is nil when no run is of a tuning program, HeldOut likewise.
	Tuning  *Part `json:"tuning,omitempty"`
	HeldOut *Part `json:"held_out,omitempty"`
}

// A Part is a set of programs.
type Part struct {
	Goals   []Goal  `json:"goals"`
	Healthy Healthy `json:"healthy"`
	// Before and After are the alarms in the faulty runs before the cause is there
	// and after it went away. Their steps are the faulty runs' that lie there.
	Before Rate `json:"before_onset"`
	After  Rate `json:"after_end"`
	// All has all faulty runs, Classes one entry for each class that has runs.
	All     Class   `json:"all"`
	Classes []Class `json:"classes"`
	Rivals  []Rival `json:"rivals,omitempty"`
	// Checks counts the runs in which an invariance held.
	Checks []CheckShare `json:"checks,omitempty"`
	// Programs and Cases are the same runs by program, and by program and case.
	Programs []Group `json:"programs"`
	Cases    []Group `json:"cases"`
}

// Healthy is the score over healthy runs.
type Healthy struct {
	Runs     int   `json:"runs"`
	Alarms   Rate  `json:"alarms"`    // of severity warning or above
	Critical Rate  `json:"criticals"` // of severity critical
	Flagged  Share `json:"flagged"`   // runs with at least one alarm
}

// A Class is the score over the runs of one class.
type Class struct {
	Class corpus.Class `json:"class"`
	Runs  int          `json:"runs"`
	// Recall is the share of the runs whose cause was named while it was there.
	Recall Share `json:"recall"`
	// First is how often, of the runs with an alarm about the cause, the first one
	// named it rightly.
	First Share `json:"right_kind_first"`
	// Precision is how often a run whose very first alarm names this class is of
	// it, or of a class of which the alarm is right as well.
	Precision Share `json:"precision"`
	// Median and P90 are the steps from the onset to the alarm, over the runs whose
	// cause was named.
	Median int64 `json:"delay_median"`
	P90    int64 `json:"delay_p90"`
	// SameStep is the share of those that were named at the onset itself, or at a cliff's
	// leap at the latest.
	SameStep Share `json:"same_step"`
	// Firings is how many incidents named the cause, per run in which one did, MostFirings
	// the most in one run, and MostOfAKind the most of one kind in one run.
	Firings     float64 `json:"firings_mean"`
	MostFirings int     `json:"firings_max"`
	MostOfAKind int     `json:"firings_of_one_kind_max"`
	// Resolved is, of the named causes that go away by themselves, the share whose
	// incident had ended when the run did, more than 200 steps later.
	Resolved Share `json:"resolved"`
}

// A Group is the score of one program, or of one case of it.
type Group struct {
	Program string       `json:"program"`
	Case    string       `json:"case,omitempty"`
	Class   corpus.Class `json:"class,omitempty"`
	Healthy Healthy      `json:"healthy"`
	Faulty  Class        `json:"faulty"`
}

// A CheckShare says in how many runs an invariance held.
type CheckShare struct {
	Name string `json:"name"`
	Held Share  `json:"held"`
}

// Sum makes the report of the outcomes.
func Sum(outcomes []Outcome) Report {
	var r Report
	var tuning, heldOut []*Outcome
	for i := range outcomes {
		switch o := &outcomes[i]; {
		case o.Err != nil:
			r.Unreadable++
		case !o.Label.Confirmed:
			r.Unconfirmed++
		case o.Label.HeldOut:
			heldOut = append(heldOut, o)
		default:
			tuning = append(tuning, o)
		}
	}
	r.Tuning, r.HeldOut = part(tuning), part(heldOut)
	return r
}

func part(runs []*Outcome) *Part {
	if len(runs) == 0 {
		return nil
	}
	p := &Part{Healthy: healthy(runs), Rivals: rivalScores(runs), Checks: checkShares(runs)}
	p.Before, p.After = outsideAlarms(runs)
	p.All = class("all", where(runs, func(l *corpus.Label) bool { return l.Class != corpus.Healthy }), nil)
	for _, c := range corpus.Classes()[1:] {
		if of := where(runs, func(l *corpus.Label) bool { return l.Class == c }); len(of) > 0 {
			p.Classes = append(p.Classes, class(c, of, runs))
		}
	}
	p.Programs = groups(runs, func(l *corpus.Label) Group { return Group{Program: l.Program} })
	p.Cases = groups(runs, func(l *corpus.Label) Group { return Group{Program: l.Program, Case: l.Case, Class: l.Class} })
	p.Goals = p.goals()
	return p
}

func where(runs []*Outcome, is func(*corpus.Label) bool) []*Outcome {
	var out []*Outcome
	for _, o := range runs {
		if is(&o.Label) {
			out = append(out, o)
		}
	}
	return out
}

// groups scores the runs that have the same key together.
func groups(runs []*Outcome, key func(*corpus.Label) Group) []Group {
	members := map[Group][]*Outcome{}
	for _, o := range runs {
		k := key(&o.Label)
		members[k] = append(members[k], o)
	}
	var out []Group
	for k, of := range members {
		k.Healthy = healthy(of)
		k.Faulty = class(k.Class, where(of, func(l *corpus.Label) bool { return l.Class != corpus.Healthy }), nil)
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Program, b.Program), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Case, b.Case))
	})
	return out
}
