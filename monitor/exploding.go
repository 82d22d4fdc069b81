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
	// explodingOrdinary is the elasticity of the loss up to which no weight's gradient is
	// large, however small those that the run began with were.
	explodingOrdinary = 10
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
	explodingQuiet = 200
	// explodingRunaway is how many times both loss and norm have multiplied in
	// one run of at least explodingRun records each of which was above the last.
	// Once there is a baseline they must be above it by explodingGrowth and
	// explodingUnseen too: single losses of a run that has all but solved its
	// examples differ by as much.
	explodingRunaway = 1e4
	explodingRun     = 5
	// explodingForward is how large the large inputs of layers are at least, and how many
	// times the smallest, over explodingForwardStay of the run's first records;
	// explodingSurely is the same over forwardFew of them, and explodingForwardClipped where
	// clipping leaves less than explodingClipped. It has ended when
	// explodingLeft is left of the gradient norm.
	explodingForward     = 50
	explodingForwardStay = 16
	explodingSurely      = 500
	explodingLeft        = 0.01

	explodingForwardClipped = 10
	// explodingLeast is what both are in each of the records, and explodingMute the elasticity
	// of the loss below which no weight matters.
	explodingLeast = 5
	explodingMute  = 0.1
	// explodingClipped is what clipping leaves of the gradient's length at most, and
	// explodingClippedDepth how many times the last weights' gradient the first weights'
	// is, along such a line, for explodingDepthStay records.
	explodingClipped      = 1e-3
	explodingClippedDepth = 10
	// explodingCut is what clipping leaves of the gradient's length at most, and
	// explodingSteep the elasticity of the loss that some weight has at least, after
	// explodingSteepFrom records, while the loss has come down by less than
	// explodingSteepProgress of its start, for explodingDepthStay records. Where clipping
	// leaves less than explodingLittle, it is explodingLittleSteep and
	// explodingLittleProgress.
	explodingCut            = 0.03
	explodingSteep          = 30
	explodingSteepFrom      = 200
	explodingSteepProgress  = 0.4
	explodingLittle         = 0.01
	explodingLittleSteep    = 25
	explodingLittleProgress = 0.8
	// explodingBeyond is how many times its baseline the gradient norm is where no loss
	// makes it healthy.
	explodingBeyond = 1e8
	// explodingThrown is how many times the level of the first 32 norms the largest of
	// the first 8 is, as clipping left it, or their median; for explodingThrownWake records it
	// accounts for what else is wrong.
	explodingThrown     = 1e3
	explodingThrownWake = 400
	// explodingRadius is the spectral radius of recurrent weights from which on, after
	// explodingRadiusFrom records, a loss that has come down by less than
	// explodingRadiusProgress of its start is the recurrence's fault.
	explodingRadius         = 10
	explodingRadiusFrom     = 200
	explodingRadiusProgress = 0.25
)

// exploding fires when the gradients have grown by orders of magnitude (Deep Learning,
// section 8.2.5):
//
//   - in time, against the level of the run's first 32 norms, while the loss does not
//     improve and its elasticities, where they are measured, are large, or both from step
//     to step without a break, which is seen before the NaN that it ends in;
//   - in depth, geometrically from the last weights to the first, while the loss does not
//     improve, or clipping leaves next to nothing of the gradient;
//   - everywhere: a weight that changes by 1 % of its size changes the loss by a quarter to a
//     third of its own, to first order, clipping leaves next to nothing of the gradient, and
//     the loss improves slowly; which is a warning, since nothing breaks;
//   - forward, from some layers' inputs to others', at the run's beginning: the
//     signal that explodes makes gradients that do, in every layer alike, and clipping
//     hides neither;
//   - in the first steps, which were a thousand times as steep as those that followed: they have
//     thrown the weights to where nothing is left to learn from;
//   - through time, where the spectral radius of recurrent weights is far above 1 and the
//     run does not learn.
//
// Growth while the loss is near its best is healthy, figure 8.1, and the business of
// rising_gradient.
type exploding struct {
	memory[explodingState]
	run                 *Run
	growth, gain, level float64
	radius              radius
	forward             forward
	thrown              float64
	elasticity          float64
	factor              float64 // what clipping left
	hasLoss, clipped    bool
	steepest            int
	first, last         string
}

type explodingState struct {
	Time    latch `json:"time"`
	Runaway latch `json:"runaway"`
	Depth   latch `json:"depth"`
	Forward latch `json:"forward"`
	Thrown  latch `json:"thrown"`
	Radius  latch `json:"radius"`
	Clipped latch `json:"clipped"`
	Steep   latch `json:"steep"`
	On      bool  `json:"on,omitempty"`
	Mild    bool  `json:"mild,omitempty"` // it began as steepness that clipping holds in check
	// ThrownFor is how many records it is since.
	ThrownFor int64  `json:"thrown_for"`
	Loss      ascent `json:"loss"`
	Norm      ascent `json:"norm"`
}

// ascent follows a positive series as long as it rises with every value.
type ascent struct {
	Foot float64 `json:"foot"` // where it began to rise
	Last float64 `json:"last"`
	Run  int     `json:"run"` // values since
}

// observe says whether the ascent is a runaway.
func (a *ascent) observe(v float64) bool {
	if !(v > a.Last && a.Last > 0) {
		a.Foot, a.Run = v, 0
	}
	a.Last = v
	a.Run++
	return a.Run >= explodingRun && v/explodingRunaway > a.Foot
}

func newExploding(run *Run) *exploding {
	d := &exploding{run: run}
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

func (d *exploding) Observe(s *Step, c *Course) Condition {
	if !c.hasNorm {
		return Undecided
	}
	now := &d.now
	d.level, d.hasLoss = c.Level()
	d.gain = c.now.Depth.Gain
	norm, settled := c.NormLevel()
	d.growth = norm - c.Baseline()

	runaway := now.Norm.observe(c.norm)
	if c.hasLoss {
		runaway = now.Loss.observe(c.loss) && runaway && c.loss > c.Start()
		if settled {
			runaway = runaway && c.loss > explodingGrowth*math.Abs(c.now.EarlyHigh) &&
				c.norm/explodingUnseen > math.Exp(c.Baseline())
		}
		now.Runaway.observe(runaway, !runaway, 1, explodingQuiet)
	}
	if settled {
		limit := math.Log(explodingUnseen)
		if d.hasLoss {
			limit = math.Log(explodingGrowth)
		}
		ordinary := c.now.Elasticity.Count > 0 && c.now.Elasticity.Most < explodingOrdinary
		healthy := (c.improving() || ordinary) && d.growth < math.Log(explodingBeyond)
		now.Time.observe(d.growth > limit && !healthy, d.growth < explodingCalm*limit || healthy,
			explodingStay, explodingQuiet)
	}
	if c.grads {
		limit := math.Log(explodingDepth)
		depth := &c.now.Depth
		trend := depth.Gain > limit && depth.Fit > explodingFit && depth.Records >= early
		stuck := d.hasLoss && !c.progressed(explodingProgress)
		now.Depth.observe(trend && stuck, depth.Gain < explodingCalm*limit || c.progressed(2*explodingProgress),
			explodingDepthStay, explodingQuiet)
	}
	d.factor = 1
	if s.Clip.Clipped {
		d.factor = s.Clip.Factor.Or(1)
	}
	d.clipped = d.factor < explodingClipped
	d.observeStart(c, norm, settled)
	steep := c.grads && c.now.Depth.Gain > math.Log(explodingClippedDepth) && c.now.Depth.Fit > explodingFit && c.now.Depth.Records >= early
	now.Clipped.observe(d.clipped && steep, !d.clipped || !steep, explodingDepthStay, explodingQuiet)
	d.elasticity, d.steepest = c.now.Elasticity.Now, c.now.Elasticity.Param
	tooSteep := d.factor < explodingCut && d.elasticity > explodingSteep && !c.progressed(explodingSteepProgress) ||
		d.factor < explodingLittle && d.elasticity > explodingLittleSteep && !c.progressed(explodingLittleProgress)
	now.Steep.observe(d.hasLoss && c.now.Records >= explodingSteepFrom && tooSteep,
		d.factor > explodingCut || d.elasticity < explodingCalm*explodingLittleSteep || c.progressed(1.1*explodingLittleProgress),
		explodingDepthStay, explodingQuiet)
	d.radius, _ = c.now.Curvature.radius()
	// A radius that only grew is what steps that are too long have made of it.
	d.now.Radius.observe(d.hasLoss && min(d.radius.Radius, d.radius.First) > explodingRadius && c.now.Records >= explodingRadiusFrom &&
		(!c.progressed(explodingRadiusProgress) || c.flat()) && !c.won(d.level),
		d.radius.Radius < explodingCalm*explodingRadius || c.won(d.level), explodingDepthStay, explodingQuiet)
	on := d.goesOn() || now.Thrown.On
	if on && !now.On {
		now.Mild = now.Steep.On && !d.explodes() && !now.Thrown.On
	}
	if now.On = on; on {
		return Holding
	}
	return Clear
}

// goesOn says whether the gradients explode still, other than in the first steps alone.
func (d *exploding) goesOn() bool { return d.explodes() || d.now.Steep.On }

// explodes is the same without those that clipping holds in check, though nothing is learned.
func (d *exploding) explodes() bool {
	now := &d.now
	return now.Time.On || now.Runaway.On || now.Depth.On || now.Forward.On || now.Radius.On || now.Clipped.On
}

// accounts says that what else is wrong is a consequence of these gradients: long after the
// first steps it has causes of its own.
func (d *exploding) accounts() bool { return d.goesOn() || d.now.ThrownFor < explodingThrownWake }

// observeStart judges the run's first steps.
func (d *exploding) observeStart(c *Course, norm float64, settled bool) {
	f := &c.now.Forward
	d.forward, d.thrown = *f, c.now.FirstNorm-c.Baseline()
	size := min(f.Size, f.Growth)
	// Where the loss depends on no weight, biases' gradients cancel rather than inputs explode.
	mute := c.now.Elasticity.Count > 0 && c.now.Elasticity.Most < explodingMute
	long := explodingForward
	if d.clipped {
		long = explodingForwardClipped
	}
	explodes := c.now.Records <= forwardRecords && !mute && f.Least > math.Log(explodingLeast) &&
		(f.Records >= forwardFew && size > math.Log(explodingSurely) || f.Records >= explodingForwardStay && size > math.Log(float64(long)))
	d.now.Forward.observe(explodes, settled && norm < c.Baseline()+math.Log(explodingLeft), 1, explodingQuiet)
	thrown := c.now.NormCount == early && d.thrown > math.Log(explodingThrown)
	if d.now.ThrownFor++; thrown {
		d.now.ThrownFor = 0
	}
	d.now.Thrown.observe(thrown, d.hasLoss && c.learning() && c.won(d.level), 1, explodingQuiet)
}

func (d *exploding) Explain(e *Event) {
	severity := Critical
	if d.now.Mild {
		severity = Warning
	}
	e.describe(severity, "8.2.5", "Lower the learning rate and clip the gradient norm; then look at the initialisation, or add normalisation layers.")
	growth, gain := math.Exp(min(d.growth, 400)), math.Exp(min(d.gain, 400))
	e.Values = map[string]float64{"growth": growth}
	if d.hasLoss {
		e.Values["level"] = d.level
	}
	now := &d.now
	switch {
	case e.State == Resolved && now.Mild:
		e.Values["elasticity"], e.Values["factor"] = d.elasticity, d.factor
		e.Summary = fmt.Sprintf("The loss is not too steep any more, or it improves: no weight's change by 1 %% of its size changes it by more than %.2g %%, and clipping leaves %.2g of the gradient; it was too steep at step %d.",
			d.elasticity, d.factor, e.Since)
	case e.State == Resolved:
		e.Summary = fmt.Sprintf("The gradients have calmed down to %.3g times the norm that the run began with, or the loss improves; they had exploded at step %d.",
			growth, e.Since)
	case now.Runaway.On:
		e.Values["growth"] = d.now.Norm.Last / d.now.Norm.Foot
		e.Values["loss_growth"] = d.now.Loss.Last / d.now.Loss.Foot
		e.Summary = fmt.Sprintf("The gradient norm has grown %.3g times and the loss %.3g times within %d steps, without a break.",
			e.Values["growth"], e.Values["loss_growth"], min(d.now.Norm.Run, d.now.Loss.Run))
	case (now.Depth.On || now.Clipped.On) && !now.Time.On:
		e.Values["depth_ratio"] = gain
		e.Param = d.first
		rest := "the loss does not come down"
		if now.Clipped.On {
			rest = "clipping leaves less than a thousandth of it"
		}
		e.Summary = fmt.Sprintf("The gradient grows through depth: that of %s is about %.3g times that of %s, and %s.", d.first, gain, d.last, rest)
	case now.Steep.On && !d.explodes() && !now.Thrown.On:
		e.Values["elasticity"], e.Values["factor"] = d.elasticity, d.factor
		e.Param = d.run.Params[d.steepest].Name
		e.Advice = "Initialise the weights for the activation that they have (He and others 2015), or add normalisation layers: clipping alone does not help here."
		e.Summary = fmt.Sprintf("The loss is too steep to learn on: a change of %s by 1 %% of its size changes it by about %.0f %%, to first order, and clipping leaves %.2g of the gradient.",
			e.Param, d.elasticity, d.factor)
	case now.Time.On:
		e.Summary = fmt.Sprintf("The gradient norm has grown to %.3g times the level that the run began with and stays there, and the loss does not improve.",
			growth)
	case now.Forward.On:
		e.Values["forward_growth"], e.Values["size"] = math.Exp(min(d.forward.Growth, 400)), math.Exp(min(d.forward.Size, 400))
		e.Advice = "Initialise the weights for the activation that they have (He and others 2015), or add normalisation layers: clipping alone does not help here."
		e.Summary = fmt.Sprintf("The signal explodes on its way forward, and the gradients with it: what some layers are given is about %.3g in size, %.3g times what others are.",
			e.Values["size"], e.Values["forward_growth"])
	case now.Thrown.On:
		e.Values["first"] = math.Exp(min(d.thrown, 400))
		e.Advice = "Start again with a smaller initialisation and the gradient norm clipped: these steps have thrown the weights away."
		e.Summary = fmt.Sprintf("The run began with gradients that were up to %.3g times as large as the median of the first 32.", e.Values["first"])
	default:
		e.Values["radius"] = d.radius.Radius
		e.Param = d.radius.param(d.run)
		e.Advice = "Initialise the recurrent weights with a spectral radius near 1, such as an orthogonal matrix, and clip the gradient norm."
		e.Summary = fmt.Sprintf("The recurrent weights %s have a spectral radius of %.3g, so that gradients explode through time, and the loss does not come down.",
			d.radius.Name, d.radius.Radius)
	}
}
