package corpus

import (
	"fmt"
	"slices"
)

// A Label says what was done to a run and what became of it.
type Label struct {
	// Program is the training program, Case its variation ("healthy, warm-up",
	// "exploding, initialisation times 4"), Seed the seed of data and weights.
	Program string `json:"program"`
	Case    string `json:"case"`
	Seed    int64  `json:"seed"`
	Class   Class  `json:"class"`
	// Hard: a healthy run of a sort that fools published rules.
	Hard bool `json:"hard,omitempty"`
	// HeldOut: the program is reported on, and no threshold was set with it.
	HeldOut bool `json:"held_out,omitempty"`
	// Onset is the first step whose record can show the cause; 1 where it is
	// there from the beginning, 0 in a healthy run.
	Onset int64 `json:"onset,omitempty"`
	// Leap is the first step from a cliff's onset on at which the gradient leaps off it, for a
	// batch may know nothing of the cliff that the weights are next to; 0 elsewhere.
	Leap int64 `json:"leap,omitempty"`
	// End is the last step of a cause that goes away by itself; 0 where it stays.
	End int64 `json:"end,omitempty"`
	// Steps is how many steps the log has.
	Steps int64 `json:"steps"`
	// Metric is a measure of success on held-out data at the end of the run,
	// larger is better; Reference is what the same program and seed reach in
	// the plain healthy case, Chance what knows nothing reaches.
	Metric    float64 `json:"metric"`
	Reference float64 `json:"reference"`
	Chance    float64 `json:"chance"`
	// Accuracies is the metric at equal intervals through the run, for rules of
	// others that need one.
	Accuracies []float64 `json:"accuracies,omitempty"`
	// Confirmed: the outcome is what the class says it should be. A run that is
	// not confirmed is left out of the score.
	Confirmed bool `json:"confirmed"`
	// File is the run log, gzip compressed, beside labels.jsonl.
	File string `json:"file"`
}

func (l *Label) validate() error {
	switch {
	case !slices.Contains(Classes(), l.Class):
		return fmt.Errorf("%s: class %q is not known, want one of %v", l.File, l.Class, Classes())
	case l.Program == "" || l.Case == "" || l.File == "":
		return fmt.Errorf("%q: program %q and case %q must have names", l.File, l.Program, l.Case)
	case l.Class == Healthy && l.Onset != 0, l.Class != Healthy && (l.Onset < 1 || l.Onset > l.Steps):
		return fmt.Errorf("%s: a run of class %s and %d steps has its onset at step %d", l.File, l.Class, l.Steps, l.Onset)
	case l.Leap != 0 && (l.Class != Cliffs || l.Leap < l.Onset || l.Leap > l.Steps):
		return fmt.Errorf("%s: a run of class %s, with its onset at step %d of %d, has its leap at step %d, want one of a cliff, from its onset on", l.File, l.Class, l.Onset, l.Steps, l.Leap)
	}
	return nil
}
