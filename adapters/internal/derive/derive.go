// Package derive is what metrics say of a run beside what is written in each
// step's record: what follows from a record, and from two that follow each other.
// It is here once, for every adapter that exports metrics.
package derive

import (
	"math"
	"time"

	"github.com/seed-140d0f39/gtg/monitor"
)

// The reasons of a step that was not done.
const (
	NonFinite = "nonfinite" // a skip because the loss or a gradient was not finite
	Policy    = "policy"    // any other skip
	Rollback  = "rollback"
	Stop      = "stop"
)

// Reasons lists them.
func Reasons() []string { return []string{NonFinite, Policy, Rollback, Stop} }

// Step is what follows from a step's record. What is unknown is not exported; no
// Number in it is NaN or infinite.
type Step struct {
	// Squared is the squared L2 norm of all gradients before clipping, gᵀg.
	Squared monitor.Number
	// ClipRatio is the L2 norm of all gradients after clipping over that before,
	// ClippedNorm the one after.
	ClipRatio, ClippedNorm monitor.Number
	// BadGradient and BadLoss say that there is a NaN or an infinity.
	BadGradient, BadLoss bool
	// Skipped is one of the reasons, empty for a step that was done.
	Skipped string
	// Time is the step's Unix time, in seconds.
	Time float64
	// Duration is the time since the step before, in seconds, where that is the one
	// that was exported last.
	Duration monitor.Number
	// CurvatureTime is the share of the time since the first step that measuring
	// curvature took; unknown before the first measurement.
	CurvatureTime monitor.Number
	// UpdateRatio is the L2 norm of the update of all parameters over that of the
	// parameters, on the steps that measured it.
	UpdateRatio monitor.Number
}

// Course derives one run's steps, in their order.
type Course struct {
	started   time.Time
	last      int64
	lastT     monitor.Number
	elapsed   float64 // from one step to the next, where both have a time
	curvature float64 // what measuring it cost in that time
}

// New returns the course of a run that started then, zero where it is not known.
func New(started time.Time) *Course { return &Course{started: started} }

// Step derives the next step.
func (c *Course) Step(s *monitor.Step) (d Step) {
	d.BadGradient = s.NonFinite.Or(0) > 0 || infinite(s.GradNorm)
	d.BadLoss = infinite(s.Loss)
	if g, ok := s.GradNorm.Finite(); ok {
		d.Squared = finite(g * g)
	}
	d.ClipRatio, d.ClippedNorm = clipping(s)
	d.Skipped = skipped(s.Action, d.BadGradient || d.BadLoss)
	d.UpdateRatio = update(s)
	c.time(s, &d)
	return d
}

func update(s *monitor.Step) monitor.Number {
	size, change := 0.0, 0.0
	for i := range min(len(s.ParamNorms), len(s.UpdateNorms)) {
		size, change = math.Hypot(size, s.ParamNorms[i].Or(0)), math.Hypot(change, s.UpdateNorms[i].Or(0))
	}
	if size == 0 {
		return monitor.Number{}
	}
	return finite(change / size)
}

// clipping is the ratio and the norm after clipping, either from the other where
// only one was measured: no one factor says it when gradients were clipped apart.
func clipping(s *monitor.Step) (ratio, after monitor.Number) {
	norm, measured := s.GradNorm.Finite()
	ratio, after = finite(s.Clip.Factor.Or(math.NaN())), finite(s.Clip.NormAfter.Or(math.NaN()))
	switch {
	case !measured:
	case !ratio.Known() && after.Known() && norm > 0:
		ratio = finite(after.Or(0) / norm)
	case ratio.Known() && !after.Known():
		after = finite(norm * ratio.Or(0))
	}
	if !ratio.Known() {
		after = monitor.Number{}
	}
	return ratio, after
}

func skipped(a monitor.Action, bad bool) string {
	switch a {
	case monitor.ActionSkip:
		if bad {
			return NonFinite
		}
		return Policy
	case monitor.ActionRollback:
		return Rollback
	case monitor.ActionStop:
		return Stop
	}
	return ""
}

// time is when the step was, and how long it and measuring curvature took.
func (c *Course) time(s *monitor.Step, d *Step) {
	t := finite(s.T.Or(math.NaN()))
	if d.Time = float64(time.Now().UnixNano()) / 1e9; t.Known() && !c.started.IsZero() {
		d.Time = float64(c.started.UnixNano())/1e9 + t.Or(0)
	}
	if passed := t.Or(0) - c.lastT.Or(0); t.Known() && c.lastT.Known() && passed >= 0 {
		if s.Step == c.last+1 {
			d.Duration = monitor.Known(passed)
		}
		c.elapsed += passed
		if s.Curvature != nil {
			if cost, ok := s.Curvature.Seconds.Finite(); ok && cost >= 0 {
				c.curvature += cost
			}
		}
		if c.curvature > 0 && c.elapsed > 0 {
			d.CurvatureTime = monitor.Known(c.curvature / c.elapsed)
		}
	}
	c.last, c.lastT = s.Step, t
}

// finite is the Number v, unknown where v is not finite.
func finite(v float64) monitor.Number {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return monitor.Number{}
	}
	return monitor.Known(v)
}

// infinite says whether the number is known and not finite.
func infinite(n monitor.Number) bool {
	_, ok := n.Finite()
	return n.Known() && !ok
}
