package monitor

import (
	"fmt"
	"math"
)

const (
	// settled is how many losses there must be before the run has a level.
	settled = 8
	// early is how many norms, and losses, make the run's own baseline.
	early = 32
	// noiseSlow is the weight of the newest record in the long mean of the noise.
	noiseSlow = 1.0 / 256
	// largest is the magnitude above which a finite value does not enter the
	// statistics, so that no sum over them overflows.
	largest = 1e200
)

// Course is the run's course so far, as every detector needs it: the level and
// the noise of the loss, where it began and the best that it reached, the level
// of the gradient norm, and what became of each parameter's gradient. It is
// brought up to date once a step, before the detectors look at it.
//
// It counts records, not step numbers: a log that keeps every 10th step is
// judged by as many records as one that keeps all. Values that are not finite
// never enter. Nothing in it has an absolute size: multiplying all losses, or
// all gradients, by a constant multiplies its levels and changes no comparison.
type Course struct {
	run   *Run
	now   courseState
	slope slope // how gradients change with depth: what is constant of it
	// What the optimizer tolerates of ρ, for records that do not say; 0 when unknown.
	rhoLimit float64

	// Of the step at hand.
	loss, norm       float64
	hasLoss, hasNorm bool
	finite           bool
	block            bool // the loss completed a block of the history
	grads            bool // there was at least one gradient that is not 0, and all were judged
	curved           bool // gᵀHg was measured and is finite
	before           lossRange

	// What Signal says after that many measurements.
	signal, signalErr float64
	signalOf          int64
}

// courseState is what the course carries from one step to the next.
type courseState struct {
	Records    int64      `json:"records"`
	Undone     int64      `json:"undone,omitempty"` // records before a rollback that are not among those
	Losses     window     `json:"losses"`
	LossCount  int64      `json:"loss_count"`
	History    history    `json:"history"`
	Start      float64    `json:"start"`
	EarlyHigh  float64    `json:"early_high"`  // the upper octile of the first losses
	EarlyFew   float64    `json:"early_few"`   // a tenth of the same are below it
	EarlyNoise float64    `json:"early_noise"` // the deviation of the first 8
	Low        float64    `json:"low"`         // the lowest of the first 3
	Noise      float64    `json:"noise"`       // the long mean of the recent losses' deviation
	Best       float64    `json:"best"`
	BestAt     int64      `json:"best_at"`
	BestNoise  float64    `json:"best_noise"`
	Norms      window     `json:"norms"` // natural logarithms
	NormCount  int64      `json:"norm_count"`
	EarlyNorm  float64    `json:"early_norm"` // natural logarithm, as the next three
	FirstNorm  float64    `json:"first_norm"` // the largest of the first 8, as clipping left it, or their median
	LowNorm    float64    `json:"low_norm"`
	HighNorm   float64    `json:"high_norm"`
	ZeroNorms  int64      `json:"zero_norms"` // in a row
	Schedule   schedule   `json:"schedule"`
	Depth      depth      `json:"depth"`
	Forward    forward    `json:"forward"`
	Elasticity elasticity `json:"elasticity"`
	Judged     int64      `json:"judged"` // records of whose gradients each was judged
	Params     []record   `json:"params"`
	Alike      int        `json:"alike,omitempty"` // weights that began with one number
	FirstAlike int        `json:"first_alike,omitempty"`

	FirstStep     int64 `json:"first_step"`
	LastStep      int64 `json:"last_step"`
	NonFinite     int64 `json:"nonfinite"`
	Clipped       int64 `json:"clipped"`
	Skipped       int64 `json:"skipped"`
	Rollbacks     int64 `json:"rollbacks,omitempty"`
	ClipDecisions int64 `json:"clip_decisions"`
	Curvatures    int64 `json:"curvatures"` // records with gᵀHg

	Curvature  curvatureCourse  `json:"curvature"`
	Successive successiveCourse `json:"successive"`
	Updates    updateCourse     `json:"updates"`
}

// lossRange is the recent range of the loss before the step at hand.
type lossRange struct {
	n           int
	median      float64
	last        float64
	spread      float64 // the deviation above the median
	logSpread   float64 // the same of the logarithm, when all are positive
	allPositive bool
}

// NewCourse returns the course of a run that has not begun.
func NewCourse(run *Run) *Course {
	c := &Course{run: run, slope: newSlope(run)}
	if limit, preconditioned, ok := StabilityLimit(run.Optimizer); ok && !preconditioned {
		c.rhoLimit = limit
	}
	c.now.History = newHistory()
	c.now.Params = make([]record, len(run.Params))
	c.now.Elasticity.Peaks = make([]float64, len(c.slope.index))
	for i := range c.now.Params {
		c.now.Params[i] = record{Share: -1, Low: 1, Norm: -1}
	}
	return c
}

// Records is how many steps have been observed.
func (c *Course) Records() int64 { return c.now.Records }

// Loss is the loss of the step at hand, where it is known and finite.
func (c *Course) Loss() (loss float64, ok bool) { return c.loss, c.hasLoss }

// Norm is the gradient norm of the step at hand, where it is known and finite.
// Where a record has no total it is computed from the parameters' norms.
func (c *Course) Norm() (norm float64, ok bool) { return c.norm, c.hasNorm }

// Level is the recent level of the loss, the median of the last 64 that were
// finite; not ok before there are 8.
func (c *Course) Level() (level float64, ok bool) {
	return c.now.Losses.median(), c.now.LossCount >= settled
}

// Start is the level at which the loss began: the largest of the medians of the
// first 3, 8 and 32, so that neither a wild first loss, nor fast learning in the
// first steps, nor noise hides it.
func (c *Course) Start() float64 { return c.now.Start }

// Best is the lowest Level that was reached.
func (c *Course) Best() float64 { return c.now.Best }

// Progress is how far the loss had come down at its best. It is never negative.
func (c *Course) Progress() float64 { return max(c.now.Start-c.now.Best, 0) }

// NormLevel is the natural logarithm of the gradient norm's recent level (the
// median of the last 64), and Baseline that of its first 32; not ok before
// there are as many.
func (c *Course) NormLevel() (level float64, ok bool) {
	return c.now.Norms.median(), c.now.NormCount >= early
}

// Baseline is described at NormLevel.
func (c *Course) Baseline() float64 { return c.now.EarlyNorm }

// improving says whether the loss has come down by a real part of where it
// began and is still near its best.
func (c *Course) improving() bool {
	level, ok := c.Level()
	progress := c.Progress()
	return ok && progress > 0.1*math.Abs(c.now.Start) &&
		level-c.now.Best <= 0.2*progress+2*c.now.BestNoise
}

// learning says whether the run is improving by more than the noise of its
// losses can feign: either by more than two deviations of single losses, or, where
// those are as large as the progress, from the first block of its history to the
// last quarter. In a run that is too short for that it is given the benefit of
// the doubt.
func (c *Course) learning() bool {
	if !c.improving() {
		return false
	}
	start, best := c.origin(), c.now.Best
	size := math.Abs(start)
	h := &c.now.History
	if len(h.Means) < stuckBlocks {
		return true
	}
	_, level, err := h.late()
	if level-stuckErrors*err > c.initial() {
		return false // a step far too long has thrown the loss up, and it came down from there
	}
	deviation := err * math.Sqrt(float64(len(h.Means)/4)/2) // of one block
	return start-best > 0.1*size+2*c.now.BestNoise || min(h.Means[0], start)-level > stuckProgress*size+stuckErrors*deviation
}

// wonShare is the share of its first losses that is left of the loss at most in a run
// that has surely learned.
const wonShare = 0.5

// lowLuck is the part of the way of the luckiest recent loss below the level, as a
// ratio, at which the lowest of the first was lucky too.
const lowLuck = 0.5

// won says whether a level of the loss is below half of what the run began with, which
// a loss that may be negative does not tell.
func (c *Course) won(level float64) bool {
	initial := c.initial()
	return initial <= 0 || level < wonShare*initial
}

// initial is the loss that the run began with: the lowest of the first three, since a
// step that is far too long throws the next ones up; but the usual start where losses
// vary so much that the recent ones have one as far below their level.
func (c *Course) initial() float64 {
	w := &c.now.Losses
	low, start, level := c.now.Low, c.now.Start, w.median()
	if w.n > 0 && low < start/4 && low*level >= lowLuck*w.sorted[0]*start {
		return start
	}
	return low
}

// origin is where the run began, but for what its first steps threw it up by.
func (c *Course) origin() float64 {
	start := c.now.Start
	if initial := c.initial(); initial > 0 {
		level, _ := c.Level()
		start = min(start, max(initial, level))
	}
	return start
}

// falling says whether the loss came down, by more than its noise, from the last
// but one quarter of the run to the last.
func (c *Course) falling() bool {
	if len(c.now.History.Means) < stuckBlocks {
		return false
	}
	fall, _, err := c.now.History.late()
	return fall > stuckErrors*err
}

// progressed says whether the recent loss lies below its start by more than
// the given share of the start's size and by more than the noise of single losses.
func (c *Course) progressed(share float64) bool {
	level, ok := c.Level()
	return ok && c.now.Start-level > max(share*math.Abs(c.now.Start), c.now.Losses.deviation())
}

// settledDown says whether the loss does not fall any more, as far as can be told.
func (c *Course) settledDown() bool {
	return len(c.now.History.Means) >= stuckBlocks && !c.falling()
}

// flat says whether the loss did not fall, or by less than 1 %, from the last but one
// quarter of the run to the last, and is known well enough to say so.
func (c *Course) flat() bool {
	if len(c.now.History.Means) < stuckBlocks {
		return false
	}
	fall, level, err := c.now.History.late()
	err *= stuckErrors
	return err < stuckProgress*math.Abs(level) && (fall < err || math.Abs(fall)+err < stuckFall*math.Abs(level))
}

// nonFinite says whether the step holds a NaN or an infinity.
func nonFinite(s *Step) bool {
	if s.NonFinite.Or(0) > 0 || wild(s.Loss) || wild(s.GradNorm) {
		return true
	}
	for _, n := range s.ParamGradNorms {
		if wild(n) {
			return true
		}
	}
	return false
}

func wild(n Number) bool {
	_, finite := n.Finite()
	return n.known && !finite
}

func (c *Course) observe(s *Step) {
	now := &c.now
	if now.Records++; now.Records+now.Undone == 1 {
		now.FirstStep = s.Step
		c.observeStart()
	}
	now.LastStep = s.Step
	c.finite = !nonFinite(s)
	if !c.finite {
		now.NonFinite++
	}
	if !s.Clip.Empty() {
		now.ClipDecisions++
		if s.Clip.Clipped {
			now.Clipped++
		}
	}
	now.act(s.Action, 1)
	if now.Schedule.observe(s, now.LossCount) {
		now.Curvature.Rhos, now.Successive.Cosines, now.Successive.Cosines2 = window{}, window{}, window{}
	}
	c.observeLoss(s)
	c.observeNorm(s)
	c.observeParams(s)
	c.observeCurvature(s)
	c.observeSuccessive(s)
	c.observeUpdates(s)
	if c.block {
		c.markBound()
	}
}

// act counts what was done with a step.
func (now *courseState) act(a Action, n int64) {
	switch a {
	case ActionSkip, ActionStop:
		now.Skipped += n
	case ActionRollback:
		now.Rollbacks += n
	}
}

func (c *Course) observeLoss(s *Step) {
	now := &c.now
	c.block = false
	if c.loss, c.hasLoss = s.Loss.Finite(); c.hasLoss && math.Abs(c.loss) > largest {
		c.hasLoss = false
	}
	if !c.hasLoss {
		return
	}
	c.before = rangeOf(&now.Losses)
	now.Losses.push(c.loss)
	now.LossCount++
	c.block = now.History.push(c.loss)
	level := now.Losses.median()
	if c.block && now.Alike > 0 && len(now.History.Means) >= stuckBlocks && c.learning() && c.won(now.History.quarters()[3]) {
		now.Alike = 0 // it learns all the same
	}
	if now.LossCount <= early {
		now.EarlyHigh = now.Losses.quantile(0.875)
		now.EarlyFew = now.Losses.quantile(0.1)
	}
	switch {
	case now.LossCount <= 3:
		now.Start, now.Low = level, now.Losses.sorted[0]
	case now.LossCount == settled || now.LossCount == early:
		now.Start = max(now.Start, level)
	}
	if now.LossCount < settled {
		return
	}
	if now.LossCount == settled {
		now.EarlyNoise = now.Losses.deviation()
	}
	now.Noise += max(noiseSlow, 1/float64(now.LossCount-settled+1)) * (min(now.Losses.deviation(), largest) - now.Noise)
	if now.LossCount == settled || level < now.Best {
		now.Best, now.BestAt, now.BestNoise = level, now.LossCount, now.Losses.deviation()
	}
}

// rangeOf describes the window. The spread is taken from its upper half alone:
// the mean distance of the upper quartile, octile and hexadecile from the
// median, over the same of a normal distribution.
func rangeOf(w *window) lossRange {
	r := lossRange{n: w.n}
	if w.n < settled {
		return r
	}
	const normal = 0.6744897501960817 + 1.1503493803760083 + 1.5341205443525465
	r.median, r.last = w.median(), w.last()
	a, b, c := w.quantile(0.75), w.quantile(0.875), w.quantile(0.9375)
	r.spread = max((a-r.median)+(b-r.median)+(c-r.median), 0) / normal
	if r.allPositive = w.sorted[0] > 0; r.allPositive {
		r.logSpread = max(math.Log(a/r.median)+math.Log(b/r.median)+math.Log(c/r.median), 0) / normal
	}
	return r
}

func (c *Course) observeNorm(s *Step) {
	now := &c.now
	if c.norm, c.hasNorm = s.GradNorm.Finite(); !s.GradNorm.known {
		c.norm, c.hasNorm = total(s.ParamGradNorms)
	}
	if c.hasNorm && (c.norm < 0 || c.norm > largest) {
		c.hasNorm = false
	}
	if !c.hasNorm {
		return
	}
	if c.norm == 0 {
		now.ZeroNorms++
		return
	}
	now.ZeroNorms = 0
	now.Norms.push(math.Log(c.norm))
	now.NormCount++
	level := now.Norms.median()
	if now.NormCount <= settled {
		left := math.Log(c.norm)
		if f, ok := s.Clip.Factor.Finite(); ok && s.Clip.Clipped && f > 0 && f < 1 {
			left += math.Log(f)
		}
		if now.NormCount == 1 {
			now.FirstNorm = left
		}
		now.FirstNorm = max(now.FirstNorm, left)
		if now.NormCount == settled {
			now.FirstNorm = max(now.FirstNorm, level)
		}
	}
	if now.NormCount <= early {
		now.EarlyNorm, now.LowNorm, now.HighNorm = level, level, level
	}
	now.LowNorm, now.HighNorm = min(now.LowNorm, level), max(now.HighNorm, level)
}

// total is the norm over all parameters; not ok when none is known.
func total(norms []Number) (norm float64, ok bool) {
	for _, n := range norms {
		if v, finite := n.Finite(); finite {
			norm, ok = math.Hypot(norm, v), true
		} else if n.known {
			return 0, false
		}
	}
	return norm, ok
}

// restore takes back the course's state.
func (c *Course) restore(data []byte) error {
	fresh := courseState{History: newHistory()}
	if err := decode(data, &fresh); err != nil {
		return err
	}
	if len(fresh.Params) != len(c.run.Params) {
		return fmt.Errorf("it has %d parameters and the run has %d", len(fresh.Params), len(c.run.Params))
	}
	if len(fresh.Elasticity.Peaks) != len(c.slope.index) {
		return fmt.Errorf("it has elasticities of %d weights and the run has %d", len(fresh.Elasticity.Peaks), len(c.slope.index))
	}
	if at := fresh.Elasticity.Param; at < 0 || at >= max(len(fresh.Params), 1) {
		return fmt.Errorf("the largest elasticity is that of parameter %d of %d", at, len(fresh.Params))
	}
	if len(fresh.Updates.Marks) != len(fresh.History.Means) {
		return fmt.Errorf("it has bounds of %d blocks of losses and the history has %d", len(fresh.Updates.Marks), len(fresh.History.Means))
	}
	if fresh.Forward.Layer < 0 {
		return fmt.Errorf("the largest input is that of layer %d, want one from 0", fresh.Forward.Layer)
	}
	if fresh.Records < 0 || fresh.LossCount < 0 || fresh.NormCount < 0 {
		return fmt.Errorf("it counts %d records, %d losses and %d norms, want none below 0",
			fresh.Records, fresh.LossCount, fresh.NormCount)
	}
	if fresh.FirstAlike < 0 || fresh.FirstAlike >= max(len(fresh.Params), 1) || fresh.Alike < 0 {
		return fmt.Errorf("%d weights began alike, the first of them in place %d of %d", fresh.Alike, fresh.FirstAlike, len(fresh.Params))
	}
	c.now, c.signalOf = fresh, 0
	return nil
}
