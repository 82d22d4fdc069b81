package score

import (
	"fmt"
	"slices"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// The goals, which the held-out programs must reach.
const (
	MaxAlarms      = 1.0  // false alarms per 10,000 healthy steps
	MaxCriticals   = 0    // critical ones, at all
	MinRecall      = 0.95 // over all faulty runs
	MinClassRecall = 0.85 // in every class
	MinFirst       = 0.85 // of the first alarms name the cause rightly
	MinSameStep    = 1.0  // of the caught cliffs, poisoned and non-finite steps, at the very step
	MaxFirings     = 1    // of one kind in an incident
	MinResolved    = 1.0  // of the caught causes that go away
)

// A Goal is one goal and whether it is reached.
type Goal struct {
	Name    string `json:"goal"`
	Reached string `json:"reached"`
	Pass    bool   `json:"pass"`
}

// sudden are the classes that show in one step.
var sudden = []corpus.Class{corpus.Cliffs, corpus.Poisoned, corpus.NonFinite}

// goals judges the part. A goal about which it says nothing is left out.
func (p *Part) goals() []Goal {
	var out []Goal
	add := func(pass bool, name, reached string, args ...any) {
		out = append(out, Goal{name, fmt.Sprintf(reached, args...), pass})
	}
	if h := p.Healthy; h.Runs > 0 {
		add(h.Alarms.Per10000 <= MaxAlarms, fmt.Sprintf("at most %v false alarm per 10,000 healthy steps", MaxAlarms), "%s", h.Alarms)
		add(h.Critical.Events <= MaxCriticals, "no critical one", "%d", h.Critical.Events)
	}
	if p.All.Runs > 0 {
		add(p.All.Recall.Value >= MinRecall, fmt.Sprintf("recall of at least %s", percent(MinRecall)), "%s", p.All.Recall)
		worst := slices.MinFunc(p.Classes, func(a, b Class) int { return compare(a.Recall, b.Recall) })
		add(worst.Recall.Value >= MinClassRecall, fmt.Sprintf("and in every class of at least %s", percent(MinClassRecall)), "%s: %s", worst.Class, worst.Recall)
	}
	if p.All.First.Of > 0 {
		add(p.All.First.Value >= MinFirst, fmt.Sprintf("right kind first in at least %s", percent(MinFirst)), "%s", p.All.First)
	}
	for _, c := range p.Classes {
		if slices.Contains(sudden, c.Class) && c.SameStep.Of > 0 {
			add(c.SameStep.Value >= MinSameStep, fmt.Sprintf("%s caught in the same step", c.Class), "%s", c.SameStep)
		}
	}
	if p.All.Recall.Hits > 0 {
		most, whose := p.mostOfAKind()
		add(most <= MaxFirings, fmt.Sprintf("at most %d firing of a kind in an incident", MaxFirings), "%d%s", most, whose)
	}
	if r := p.All.Resolved; r.Of > 0 {
		add(r.Value >= MinResolved, "resolved by the end where the cause went away", "%s", r)
	}
	return out
}

// mostOfAKind leaves the cliffs out: such a run has many, each an incident.
func (p *Part) mostOfAKind() (most int, whose string) {
	for _, c := range p.Classes {
		if c.Class != corpus.Cliffs && c.MostOfAKind > most {
			most, whose = c.MostOfAKind, ""
			if most > MaxFirings {
				whose = fmt.Sprintf(" (%s)", c.Class)
			}
		}
	}
	return most, whose
}

func compare(a, b Share) int {
	switch {
	case a.Value < b.Value:
		return -1
	case a.Value > b.Value:
		return 1
	}
	return 0
}
