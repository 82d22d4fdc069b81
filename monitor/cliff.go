package monitor

import (
	"fmt"
	"math"

	"github.com/seed-140d0f39/gtg/clip"
)

const (
	// cliffQuiet is how many records without an outlier end an incident, so that
	// several steps off one cliff are one incident.
	cliffQuiet = 50
	// cliffFactor is how many times the recent median the norm is at least where an incident
	// begins: what leaps less far may be noise, and is clipped without a word.
	cliffFactor = 10
)

// Where the loss leaps in the same step, by cliffLoss deviations, or cliffLossLog of its
// logarithm, cliffLossMargin times higher than it has, and to where it began, but for a share
// of cliffLossStart, the norm need not leap above the limit.
const (
	cliffLoss       = 10
	cliffLossLog    = 3
	cliffLossMargin = 3
	cliffLossStart  = 0.2
)

const (
	// cliffMemory is for how many norms an incident is remembered, cliffHigher how
	// many times the highest remembered one the next of many is at least.
	cliffMemory = 2048
	cliffHigher = 2
)

// Where the norm's recent median is below cliffSmall of the run's baseline, the
// run has converged but for single examples, and an outlier is no cliff unless
// it is above clip.RangeRatio times the baseline.
const cliffSmall = 0.2

// cliff fires when the gradient norm leaps above the limit of its recent range,
// a [clip.Range], and to ten times its median: the statistic by which [clip.Outlier] scales
// such a gradient back, so that what leaps far is both said and clipped, but for the small
// gradients of a converged run, which may well be clipped and are no news. What climbs in many
// steps is clipped by Outlier's ceiling and is no cliff here. It fires in the same step and
// resolves after cliffQuiet records within the range. Within a window after a leap of the
// learning rate upwards nothing is judged: longer steps lead to other slopes. After two
// incidents within cliffMemory norms the next must be higher: such gradients are the run's
// own, as with rewards that have no variance. A rise in many small
// steps is a trend and no cliff; a new level that stays becomes the range
// (Deep Learning, section 8.2.4 and figure 8.3; Pascanu, Mikolov and Bengio
// 2013, section 3).
type cliff struct {
	memory[cliffState]
	norm, limit, median float64
}

type cliffState struct {
	Latch latch       `json:"latch"`
	Range *clip.Range `json:"range"`
	Steps int64       `json:"steps"` // outliers of this incident
	Worst float64     `json:"worst"` // the largest norm over its limit
	// Rebased is the step at which outliers of this incident became the range.
	Rebased int64  `json:"rebased"`
	Why     string `json:"why,omitempty"`
	Leaps   leaps  `json:"leaps"` // of the loss
	// Norms since the last two incidents ended, and the largest norm of both, over the
	// limit that it exceeded.
	Since [2]int64 `json:"since"`
	Peak  float64  `json:"peak"`
}

func newCliff() *cliff {
	d := &cliff{}
	d.now.Range = clip.NewRange()
	d.now.Since = [2]int64{cliffMemory, cliffMemory}
	return d
}

func (d *cliff) Kind() Kind { return Cliff }

// Restore refuses a state without a range.
func (d *cliff) Restore(state []byte) error {
	fresh := memory[cliffState]{}
	if err := fresh.Restore(state); err != nil {
		return err
	}
	if fresh.now.Range == nil {
		return fmt.Errorf("there is no range")
	}
	d.memory = fresh
	return nil
}

func (d *cliff) Observe(s *Step, c *Course) Condition {
	norm, ok := c.Norm()
	if !ok {
		return Undecided
	}
	median := d.now.Range.Median()
	limit, outlier := d.now.Range.Observe(norm)
	if c.now.Schedule.raised() && !d.now.Latch.On {
		outlier = false
	}
	if outlier && c.now.NormCount >= early {
		baseline := math.Exp(c.Baseline())
		outlier = median > cliffSmall*baseline || norm > clip.RangeRatio*baseline
	}
	both := d.lossLeaps(c)
	outlier = (outlier || both && !d.now.Latch.On && !c.now.Schedule.raised() && c.now.NormCount >= early) && (norm > cliffFactor*median || d.now.Latch.On)
	if usual := d.usual(norm / limit); usual && outlier && !d.now.Latch.On {
		outlier, d.now.Since = false, [2]int64{}
	}
	if outlier {
		if !d.now.Latch.On {
			d.now.Steps, d.now.Worst, d.now.Rebased, d.now.Why = 0, 0, 0, ""
		}
		d.now.Steps++
		d.now.Worst = max(d.now.Worst, min(norm/limit, largest))
		d.now.Peak = max(d.now.Peak, min(norm/limit, largest))
		d.norm, d.limit, d.median = norm, limit, median
	}
	was := d.now.Latch.On
	condition := d.now.Latch.observe(outlier, !outlier, 1, cliffQuiet)
	if was && !d.now.Latch.On {
		d.now.Since = [2]int64{0, d.now.Since[0]}
	}
	if d.now.Range.Rebased() && d.now.Latch.On {
		d.now.Rebased, d.now.Why = s.Step, c.now.Schedule.why()
	}
	return condition
}

// lossLeaps says whether the loss leaps too.
func (d *cliff) lossLeaps(c *Course) bool {
	r := &c.before
	if !c.hasLoss || r.n < spikeWarmUp {
		return false
	}
	leap, deviations := c.leap()
	slot, highest := d.now.Leaps.next(), d.now.Leaps.highest()
	*slot = max(*slot, leap)
	return deviations > cliffLoss && !c.climbs(leap) && leap > cliffLossMargin*highest &&
		c.loss > c.Start()-cliffLossStart*math.Abs(c.Start()) &&
		(!r.allPositive || math.Log(c.loss/r.median) > cliffLossLog*r.logSpread)
}

// usual says whether a norm is no news: two incidents within cliffMemory are the run's
// own nature, and the third must be higher.
func (d *cliff) usual(height float64) bool {
	for i := range d.now.Since {
		d.now.Since[i] = min(d.now.Since[i]+1, cliffMemory)
	}
	if d.now.Since[0] == cliffMemory {
		d.now.Peak = 0
	}
	return d.now.Since[1] < cliffMemory && height <= cliffHigher*d.now.Peak
}

func (d *cliff) Explain(e *Event) {
	e.describe(Warning, "8.2.4", "Clip the gradient to its recent range (clip.Outlier does) or to a norm a little above the usual; "+
		"if cliffs go on, lower the learning rate.")
	if e.State == Resolved {
		e.Values = map[string]float64{"steps": float64(d.now.Steps), "worst": d.now.Worst}
		e.Summary = fmt.Sprintf("The gradient norm has been within its range for %d records; since step %d it had %s, the largest %.3g times the limit.",
			cliffQuiet, e.Since, count(d.now.Steps, "outlier"), d.now.Worst)
		if d.now.Rebased > 0 {
			e.Values["rebased"] = float64(d.now.Rebased)
			e.Summary += fmt.Sprintf(" At step %d so many had come that they were taken for a new level, the range from then on%s.", d.now.Rebased, d.now.Why)
		}
		return
	}
	e.Values = map[string]float64{"grad_norm": d.norm, "limit": d.limit, "median": d.median}
	e.Summary = fmt.Sprintf("The gradient norm leapt to %.3g, %.3g times its recent median of %.3g and above the limit of %.3g.",
		d.norm, min(d.norm/d.median, largest), d.median, d.limit)
}
