package score

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/internal/detect/rivals"
	"github.com/seed-140d0f39/gtg/monitor"
)

// A RivalOutcome is what one rule of others said of one run.
type RivalOutcome struct {
	Name   string
	Claims []corpus.Class
	// Evaluated: the run has what the rule needs.
	Evaluated bool
	// True is how many evaluations held, Stretches how many began to.
	True, Stretches int
	// Caught is the first step at which one held while the cause was there; 0 where
	// none did.
	Caught int64
}

// A Rival is the score of one rule of others, over the runs that have what it needs.
type Rival struct {
	Name   string         `json:"name"`
	Claims []corpus.Class `json:"claims"`
	Runs   int            `json:"healthy_runs"`
	// Alarms counts one for each unbroken stretch of evaluations that hold, in healthy
	// runs; Evaluations each of them, as most of these systems report them.
	Alarms      Rate  `json:"alarms"`
	Evaluations Rate  `json:"evaluations"`
	Flagged     Share `json:"flagged"`
	// Recall is that of the runs of the classes that the rule claims, and Ours is
	// gtg's in the very same runs.
	Recall Share `json:"recall"`
	Ours   Share `json:"recall_gtg"`
	Median int64 `json:"delay_median"`
	P90    int64 `json:"delay_p90"`
}

// contender feeds one rule.
type contender struct {
	rule  rivals.Rule
	label *corpus.Label
	out   RivalOutcome
	on    bool
}

func contenders(run *monitor.Run, l *corpus.Label) []*contender {
	var out []*contender
	for _, r := range rivals.Rules(run, l) {
		out = append(out, &contender{rule: r, label: l, out: RivalOutcome{Name: r.Name(), Claims: r.Claims()}})
	}
	return out
}

func (c *contender) observe(s *monitor.Step) {
	is := c.rule.Observe(s)
	if is == monitor.Undecided {
		return
	}
	c.out.Evaluated = true
	if is == monitor.Clear {
		c.on = false
		return
	}
	c.out.True++
	if !c.on {
		c.on = true
		c.out.Stretches++
	}
	if c.out.Caught == 0 && during(c.label, s.Step) {
		c.out.Caught = s.Step
	}
}

// rivalScores scores each rule; runs without rivals have none. A run that could
// not be read to its end is not here, so all have the same rules.
func rivalScores(runs []*Outcome) []Rival {
	var out []Rival
	for i := range runs[0].Rivals {
		out = append(out, rivalScore(runs, i))
	}
	return out
}

func rivalScore(runs []*Outcome, rule int) Rival {
	r := Rival{Name: runs[0].Rivals[rule].Name, Claims: runs[0].Rivals[rule].Claims}
	var all, stretches, flagged, claimed, caught, ours int
	var steps int64
	var delays []int64
	for _, o := range runs {
		of := &o.Rivals[rule]
		switch {
		case !of.Evaluated:
		case !o.faulty():
			r.Runs++
			steps += o.Steps
			all, stretches = all+of.True, stretches+of.Stretches
			if of.True > 0 {
				flagged++
			}
		case slices.Contains(r.Claims, o.Label.Class):
			claimed++
			if of.Caught > 0 {
				caught++
				delays = append(delays, of.Caught-o.Label.Onset)
			}
			if o.caught() != nil {
				ours++
			}
		}
	}
	r.Alarms, r.Evaluations, r.Flagged = rate(stretches, steps), rate(all, steps), share(flagged, r.Runs)
	r.Recall, r.Ours = share(caught, claimed), share(ours, claimed)
	r.Median, r.P90 = quantile(delays, 0.5), quantile(delays, 0.9)
	return r
}

func (p *Part) rivalRows() [][]string {
	rows := [][]string{{"rule", "false alarms per 10,000 healthy steps", "evaluations that fired, likewise", "healthy runs flagged", "claims", "recall on that", "gtg in the same runs", "steps to the alarm, median / 90 %"}}
	if len(p.Rivals) > 0 {
		rows = append(rows, []string{"**gtg**", p.Healthy.Alarms.short(), "", p.Healthy.Flagged.short(), "all", p.All.Recall.short(), "", p.All.delay()})
	}
	for _, r := range p.Rivals {
		delay := "–"
		if r.Recall.Hits > 0 {
			delay = fmt.Sprintf("%d / %d", r.Median, r.P90)
		}
		var claims []string
		for _, c := range r.Claims {
			claims = append(claims, string(c))
		}
		rows = append(rows, []string{r.Name, r.Alarms.short(), r.Evaluations.short(), r.Flagged.short(), strings.Join(claims, ", "), r.Recall.short(), r.Ours.short(), delay})
	}
	return rows
}
