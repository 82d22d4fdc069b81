package score

import (
	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// healthy scores the healthy ones of the runs.
func healthy(runs []*Outcome) Healthy {
	var h Healthy
	var alarms, criticals, flagged int
	var steps int64
	for _, o := range where(runs, func(l *corpus.Label) bool { return l.Class == corpus.Healthy }) {
		h.Runs++
		steps += o.Steps
		wrong, _ := o.falseAlarms()
		alarms += len(wrong)
		for i := range wrong {
			if wrong[i].Severity == monitor.Critical {
				criticals++
			}
		}
		if len(wrong) > 0 {
			flagged++
		}
	}
	h.Alarms, h.Critical, h.Flagged = rate(alarms, steps), rate(criticals, steps), share(flagged, h.Runs)
	return h
}

// outsideAlarms counts the alarms in faulty runs at which the cause was not there
// yet, or no more.
func outsideAlarms(runs []*Outcome) (before, after Rate) {
	var early, late int
	var earlySteps, lateSteps int64
	for _, o := range where(runs, func(l *corpus.Label) bool { return l.Class != corpus.Healthy }) {
		b, a := o.falseAlarms()
		early, late = early+len(b), late+len(a)
		earlySteps += min(o.Label.Onset-1, o.Steps)
		if o.Label.End > 0 {
			lateSteps += max(o.Steps-o.Label.End-Grace, 0)
		}
	}
	return rate(early, earlySteps), rate(late, lateSteps)
}

// checkShares counts in how many runs each invariance held.
func checkShares(runs []*Outcome) []CheckShare {
	var out []CheckShare
	for i := range runs[0].Checks {
		held := 0
		for _, o := range runs {
			if c := o.Checks[i]; c.Step == 0 && c.Err == nil {
				held++
			}
		}
		out = append(out, CheckShare{runs[0].Checks[i].Name, share(held, len(runs))})
	}
	return out
}
