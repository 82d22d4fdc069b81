package rivals

import (
	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// A Rule is one rule of another system, for one run.
type Rule interface {
	// Name is the system and what it calls the rule.
	Name() string
	// Claims are the classes of faults that the rule says it detects. It is asked
	// for no other.
	Claims() []corpus.Class
	// Observe takes the next record. Undecided is a record at which the rule is
	// not evaluated; a rule that needs what the run has not is never evaluated. A
	// rule that is still warming up is Clear: nothing would be reported.
	Observe(*monitor.Step) monitor.Condition
}

// Rules returns a fresh set of all rules for the run, always in the same order.
// The label says how long the run is and how its accuracy went; a rule does not
// look at anything else in it.
func Rules(run *monitor.Run, l *corpus.Label) []Rule {
	var all []Rule
	all = append(all, sageMaker(run)...)
	all = append(all, autoTrainer(run, l)...)
	all = append(all, btTackler(run, l)...)
	all = append(all, deepChecker(run)...)
	all = append(all, sixSigma()...)
	return append(all, newMegatron(), newLightning(), newKillLossSpike(l.Steps))
}

// about is a rule's name and claims.
type about struct {
	name   string
	claims []corpus.Class
}

func (a about) Name() string           { return a.name }
func (a about) Claims() []corpus.Class { return a.claims }

func claim(name string, classes ...corpus.Class) about { return about{name, classes} }

// noProgress are the classes whose loss does not go down as it should.
var noProgress = []corpus.Class{corpus.TooSlow, corpus.Saddle, corpus.Escape, corpus.Oscillating, corpus.IllConditioned,
	corpus.Diverging, corpus.SignError}

func holds(is bool) monitor.Condition {
	if is {
		return monitor.Holding
	}
	return monitor.Clear
}
