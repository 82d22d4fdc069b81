package monitor

import (
	"fmt"
	"math"
)

const (
	// vanishingDepth is the share of the last weights' gradient that is left at
	// the first weights, along a line that explains vanishingFit of the
	// variance, for vanishingStay records, while the loss has come down by less
	// than vanishingProgress of its start, or by less than vanishingStart (the
	// way from a bad first guess to a constant one) and is flat. The earliest
	// record is vanishingChance.
	vanishingDepth    = 1e-3
	vanishingFit      = 0.7
	vanishingStay     = 200
	vanishingChance   = 300
	vanishingProgress = 0.25
	vanishingStart    = 0.5
	// vanishingLearned is the share of its start by which the loss has come down at most
	// where a trend and a flat loss are enough.
	vanishingLearned = 0.8
	// vanishingDeep is the share of which a flat loss is enough, wherever it began: a
	// first guess may be worse than a constant one by any factor.
	vanishingDeep = 1e-4
	// vanishingReach is the share of the last bias's gradient, as a root mean square,
	// that no weight gets, for vanishingReachStay records.
	vanishingReach     = 2e-2
	vanishingReachStay = 100
	// vanishingQuarter is the elasticity of the loss that a quarter of the weights never had
	// more than, and vanishingMost that none of them ever had more than, from the record
	// vanishingMute on.
	vanishingQuarter = 2e-3
	vanishingMost    = 1e-2
	vanishingMute    = 500
	// vanishingStuck is the elasticity that a quarter of the weights never had more than, and
	// vanishingRatio its share of the largest of any weight, where the loss is flat and has
	// come down by less than vanishingMoved of its start, and the steps were long enough to
	// do so.
	vanishingStuck = 1.5e-2
	vanishingRatio = 2e-2
	vanishingMoved = 0.05
	// vanishingNumb is the same share of one weight alone that is next to none.
	vanishingNumb = 1e-5
	// vanishingAfter is the share by which the loss has come down since, where it has learned
	// all the same.
	vanishingAfter = 0.2
	// vanishingAlike is the elasticity up to which they are all mute alike.
	vanishingAlike = 2e-2
	// vanishingAround is an elasticity of other weights by which a run has learned around
	// those, through shortcuts.
	vanishingAround = 0.3
	// vanishingFar is the share at which the loss does not matter: about the
	// resolution of float32 (2^-24), as far as one and the same learning rate
	// could serve both ends.
	vanishingFar = 1e-7
	// vanishingAll is the share of the run's own baseline to which all gradients
	// have shrunk, while the loss has come down by less than vanishingHigh of its
	// start, for vanishingStay records.
	vanishingAll  = 1e-4
	vanishingHigh = 0.1
	// vanishingRadius is the spectral radius of recurrent weights below which next to
	// nothing comes back through ten steps of time.
	vanishingRadius = 0.4
	// vanishingTiny is the radius at which the loss need not be known to be flat, after
	// vanishingLong records.
	vanishingTiny = 0.3
	vanishingLong = 600
	// vanishingCalm is the share of the decay, on the log scale, below which it
	// has ended, after vanishingQuiet records.
	vanishingCalm  = 0.75
	vanishingQuiet = 200
)

// vanishing fires when little is left of the gradients and the loss does not come down
// (Deep Learning, sections 8.2.5 and 10.7; Bengio, Simard and Frasconi 1994; Glorot and
// Bengio 2010):
//
//   - in depth, where they shrink geometrically from the last weights to the first;
//   - in weights that the loss has never depended on since the run began: a quarter of
//     them, by their elasticities, or one that gets next to nothing while the loss is flat,
//     or all alike, where curvature says that this is no minimum;
//   - in all weights alike, beside the last bias, where activations shrink as much as
//     gradients do;
//   - in all parameters, beside what the run began with;
//   - through time, where the spectral radius of recurrent weights is far below 1.
//
// Small gradients at the end of a run that has learned are convergence. Parameters
// without a gradient and gradients of exactly 0 are not part of the trend: they are the
// business of frozen and dead.
type vanishing struct {
	memory[vanishingState]
	run                        *Run
	gain, shrunk, level, start float64
	elasticity                 float64
	weakest                    int // the weight that the loss depended on least
	least, most                float64
	reach                      float64
	radius                     radius
	everywhere                 bool
	first, last                string
}

type vanishingState struct {
	Depth latch `json:"depth"`
	Reach latch `json:"reach"`
	All   latch `json:"all"`
	// Mute: weights that the loss has never depended on, and the level of the loss then.
	Mute      latch   `json:"mute"`
	MuteLevel float64 `json:"mute_level"`
	// Radius is through time.
	Radius latch `json:"radius"`
}

func newVanishing(run *Run) *vanishing {
	d := &vanishing{run: run}
	d.first, d.last = ends(run)
	return d
}

func (d *vanishing) Kind() Kind { return Vanishing }

func (d *vanishing) Observe(_ *Step, c *Course) Condition {
	if !c.hasNorm && !c.grads {
		return Undecided
	}
	now := &d.now
	level, hasLoss := c.Level()
	d.level, d.start, d.gain = level, c.Start(), c.now.Depth.Gain
	if c.grads {
		depth := &c.now.Depth
		limit, far := math.Log(vanishingDepth), math.Log(vanishingFar)
		chance := c.now.Records >= vanishingChance && depth.Records >= early
		stuck := hasLoss && !c.progressed(vanishingProgress)
		trend := chance && depth.Fit > vanishingFit && depth.Gain < limit
		d.reach = depth.Reach
		short := chance && depth.Reach < math.Log(vanishingReach)
		if (trend || short) && !stuck && hasLoss {
			stuck = c.flat() && (!c.progressed(vanishingStart) || trend && !c.progressed(vanishingLearned)) ||
				trend && depth.Gain < math.Log(vanishingDeep) && c.settledDown()
		}
		trend = trend && (stuck || depth.Gain < far)
		now.Depth.observe(trend, depth.Gain > vanishingCalm*limit || hasLoss && !stuck && depth.Gain > vanishingCalm*far, vanishingStay, vanishingQuiet)
		now.Reach.observe(short && stuck, !short || !stuck, vanishingReachStay, vanishingQuiet)
	}
	norm, ok := c.NormLevel()
	if d.shrunk = norm - c.Baseline(); c.now.ZeroNorms > 0 {
		d.shrunk = math.Inf(-1)
	}
	if ok && c.hasNorm && hasLoss {
		limit := math.Log(vanishingAll)
		gone := d.shrunk < limit && !c.progressed(vanishingHigh) && c.Progress() < vanishingHigh*math.Abs(d.start)
		now.All.observe(gone, d.shrunk > vanishingCalm*limit || c.progressed(2*vanishingHigh),
			vanishingStay, vanishingQuiet)
	}
	d.everywhere = now.All.On
	d.elasticity = c.now.Elasticity.Quarter
	mute := d.mute(c)
	if mute && now.MuteLevel == 0 {
		now.MuteLevel = level
	}
	if level < now.MuteLevel-vanishingAfter*math.Abs(now.MuteLevel) {
		mute = false // it has learned all the same
	}
	if now.Mute.observe(mute, !mute, 1, vanishingQuiet); now.Mute.On {
		d.weakest, d.least = c.now.Elasticity.weakest(&c.slope)
		d.most = c.now.Elasticity.Most
	}
	radius, recurrent := c.now.Curvature.radius()
	d.radius = radius
	forgets := recurrent && radius.Radius < vanishingRadius && hasLoss && !c.progressed(vanishingProgress)
	now.Radius.observe(forgets && (c.now.Records >= vanishingChance && c.flat() ||
		c.now.Records >= vanishingLong && radius.Radius < vanishingTiny), !forgets, vanishingStay, vanishingQuiet)
	if now.Depth.On || now.Reach.On || now.All.On || now.Mute.On || now.Radius.On {
		return Holding
	}
	return Clear
}

// mute says whether the loss has never depended on many of the weights, or on any. Where
// they are all alike it has to be known that the run has not come to its end.
func (d *vanishing) mute(c *Course) bool {
	e := &c.now.Elasticity
	if level, ok := c.Level(); ok && c.won(level) && e.Most > vanishingAround {
		return false
	}
	if e.Count < elasticityFew || c.now.LossCount-c.now.Schedule.WarmUp < vanishingMute {
		return false
	}
	minimum, known := c.atMinimum()
	bound, _ := c.Bound()
	if bound > stuckBound && !minimum && c.flat() && !c.progressed(vanishingMoved) {
		if _, least := e.weakest(&c.slope); e.Quarter < min(vanishingStuck, vanishingRatio*e.Most) || least < vanishingNumb*e.Most {
			return true
		}
	}
	if e.Most > vanishingAlike {
		return e.Quarter < vanishingQuarter
	}
	return known && !minimum && (e.Quarter < vanishingQuarter || e.Most < vanishingMost)
}

func (d *vanishing) Explain(e *Event) {
	e.describe(Warning, "8.2.5", "Use an activation that does not saturate with the initialisation that belongs to it, residual connections, or normalisation layers.")
	left, shrunk := math.Exp(min(d.gain, 690)), math.Exp(min(d.shrunk, 690))
	e.Values = map[string]float64{"depth_ratio": left, "shrunk": shrunk, "level": d.level, "start": d.start}
	switch {
	case e.State == Resolved:
		e.Summary = fmt.Sprintf("The gradients no longer vanish, or the loss comes down: the first weights get %.3g of what the last get, and all are at %.3g of their first level.",
			left, shrunk)
	case d.everywhere:
		e.Summary = fmt.Sprintf("All gradients have shrunk to %.3g of their first level while the loss, at %.4g, is about where it began (%.4g).",
			shrunk, d.level, d.start)
	case d.now.Reach.On && !d.now.Depth.On:
		e.Values["reach"] = math.Exp(d.reach)
		e.Param = d.first
		e.Summary = fmt.Sprintf("Next to no gradient reaches the weights: the most that any of them gets is %.2g of what the last bias gets, element by element, and the loss does not come down.",
			e.Values["reach"])
	case d.now.Radius.On && !d.now.Depth.On:
		e.Values["radius"] = d.radius.Radius
		e.Param = d.radius.param(d.run)
		e.Advice = "Initialise the recurrent weights with a spectral radius near 1, such as an orthogonal matrix, or use gated units."
		e.Summary = fmt.Sprintf("The recurrent weights %s have a spectral radius of %.3g, so that gradients vanish through time, and the loss does not come down.",
			d.radius.Name, d.radius.Radius)
	case d.now.Mute.On && !d.now.Depth.On:
		e.Values["elasticity"] = d.elasticity
		e.Param = d.run.Params[d.weakest].Name
		if d.least < vanishingNumb*d.most {
			e.Values["least_elasticity"] = d.least
			e.Summary = fmt.Sprintf("Next to no gradient reaches %s: a change by all of its size would at no time so far have changed the loss by more than %.2g of itself.",
				e.Param, d.least)
			return
		}
		e.Summary = fmt.Sprintf("The loss hardly depends on many of the weights: a quarter of them could be changed by all of their size at any time so far, and it would have changed by no more than %.2g of itself.",
			d.elasticity)
	default:
		e.Param = d.first
		e.Summary = fmt.Sprintf("The gradient vanishes through depth: %s gets about %.3g of what %s gets.", d.first, left, d.last)
	}
}
