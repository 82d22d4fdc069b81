package monitor

import (
	"fmt"
	"math"
)

const (
	// explodingGrowth is how many times its baseline the gradient norm's level
	// is at least, and explodingUnseen the same when there is no loss to say
	// whether that is healthy.
	explodingGrowth = 100
	explodingUnseen = 1e4
	// explodingStay is for how many records.
	explodingStay = 30
	// explodingDepth is how many times the last weights' gradient the first
	// weights' is, along a line that explains explodingFit of the variance, for
	// explodingDepthStay records, while the loss has come down by less than
	// explodingProgress of its start.
	explodingDepth     = 1e4
	explodingFit       = 0.7
	explodingDepthStay = 100
	explodingProgress  = 0.05
	// explodingCalm is the share of the growth, on the log scale, below which it
	// has ended, after explodingQuiet records.
	explodingCalm  = 0.5
	explodingQuiet = 64
)

// exploding fires when the gradients have grown by orders of magnitude and the
// loss does not improve: either in time, against the level of the run's first 32
// norms, or in depth, geometrically from the last weights to the first (Deep
// Learning, section 8.2.5). Growth while the loss is near its best is healthy,
// figure 8.1, and the business of rising_gradient.
type exploding struct {
	memory[explodingState]
	growth, gain, level float64
	inDepth, hasLoss    bool
	first, last         string
}

type explodingState struct {
	Time  latch `json:"time"`
	Depth latch `json:"depth"`
}

func newExploding(run *Run) *exploding {
	d := &exploding{}
	d.first, d.last = ends(run)
	return d
}

// ends names the first and the last weight of a run.
func ends(run *Run) (first, last string) {
	if index := newSlope(run).index; len(index) > 0 {
		return run.Params[index[0]].Name, run.Params[index[len(index)-1]].Name
	}
	return "", ""
}

func (d *exploding) Kind() Kind { return Exploding }

func (d *exploding) Observe(_ *Step, c *Course) Condition {
	if _, ok := c.Norm(); !ok {
		return Undecided
	}
	norm, ok := c.NormLevel()
	if !ok {
		return Undecided
	}
	now := &d.now
	d.level, d.hasLoss = c.Level()
	d.growth = norm - c.Baseline()
	limit := math.Log(explodingUnseen)
	if d.hasLoss {
		limit = math.Log(explodingGrowth)
	}
	d.gain = c.now.Depth.Gain
	healthy := c.improving()
	inTime := now.Time.observe(d.growth > limit && !healthy, d.growth < explodingCalm*limit || healthy,
		explodingStay, explodingQuiet)

	if c.grads {
		depth, limit := &c.now.Depth, math.Log(explodingDepth)
		trend := depth.Gain > limit && depth.Fit > explodingFit && depth.Records >= early
		stuck := d.hasLoss && !c.progressed(explodingProgress)
		now.Depth.observe(trend && stuck, depth.Gain < explodingCalm*limit || c.progressed(2*explodingProgress),
			explodingDepthStay, explodingQuiet)
	}
	d.inDepth = now.Depth.On && !now.Time.On
	if now.Depth.On {
		return Holding
	}
	return inTime
}

func (d *exploding) Explain(e *Event) {
	e.describe(Critical, "8.2.5", "Lower the learning rate and clip the gradient norm; then look at the initialisation, or add normalisation layers.")
	growth, gain := math.Exp(min(d.growth, 400)), math.Exp(min(d.gain, 400))
	e.Values = map[string]float64{"growth": growth}
	if d.hasLoss {
		e.Values["level"] = d.level
	}
	switch {
	case e.State == Resolved:
		e.Summary = fmt.Sprintf("The gradients have calmed down to %.3g times the norm that the run began with, or the loss improves; they had exploded at step %d.",
			growth, e.Since)
	case d.inDepth:
		e.Values["depth_ratio"] = gain
		e.Param = d.first
		e.Summary = fmt.Sprintf("The gradient grows through depth: that of %s is about %.3g times that of %s, and the loss does not come down.",
			d.first, gain, d.last)
	default:
		e.Summary = fmt.Sprintf("The gradient norm has grown to %.3g times the level that the run began with and stays there, and the loss does not improve.",
			growth)
	}
}
