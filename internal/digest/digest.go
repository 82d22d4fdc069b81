// Package digest holds what is worth showing of a run in constant memory,
// whatever its length: what a report, a terminal plot or a live page is drawn
// from. A [Digest] takes a run's records as they come, live or from a log
// ([Read]).
package digest

import (
	"math"
	"slices"

	"github.com/seed-140d0f39/gtg/monitor"
)

// Digest is one run. The zero Digest is not ready for use, see [New]. It is not
// safe for concurrent use.
type Digest struct {
	Run    *monitor.Run
	Source string // where it was read from

	Steps       int64 // records
	First, Last int64 // steps
	Began, End  monitor.Number
	Ended       monitor.Reason // empty when the log has no end line
	Resumed     []int64        // the first steps after a resume, the first few of them
	Actions     map[monitor.Action]int64
	NonFinite   int64 // steps whose loss or gradients were not finite
	Decisions   int64 // steps with a clipping policy
	Clipped     int64 // of those
	Policies    []string

	Loss, LR, GradNorm           Series
	Threshold, NormAfter, Factor Series
	ClippedNorm                  Series // gradient norms of the steps that were clipped, before it
	ClipShare                    Series // 1 where a step was clipped, else 0
	GTG                          Series // gᵀg on the steps that measured gᵀHg
	GTHG, NegativeGTHG           Series // gᵀHg where it is above 0, and −gᵀHg where it is below
	Rho, RhoLimit                Series // of the preconditioned Hessian where it is known
	Preconditioned               bool   // whether Rho is that
	LambdaMax, LambdaMin         Series
	CurvatureSeconds             float64
	Seconds                      Series // gtg's own time, s
	StepSeconds                  Series // of a step, gtg's included, s, where the log has every step
	Gradients                    Grid   // norms
	Updates                      Grid   // norms of the change of parameters over their own
	Events                       Incidents
	Verdict                      []monitor.Finding
	Judged                       bool // the verdict is of a replay
	Replayed                     bool // the events are of a replay

	weights []monitor.Number // norms of the parameters as last measured
	lastT   monitor.Number
	resumes bool // the next step is the first after a resume
}

// New returns the digest of a run that begins. nil is a run of which nothing is
// known.
func New(run *monitor.Run) *Digest {
	if run == nil {
		run = &monitor.Run{}
	}
	return &Digest{Run: run, Actions: map[monitor.Action]int64{},
		Gradients: newGrid(run.Params), Updates: newGrid(run.Params)}
}

// Name is the run's name, or that of its file.
func (d *Digest) Name() string {
	switch {
	case d.Run.Name != "":
		return d.Run.Name
	case d.Source != "":
		return d.Source
	}
	return "unnamed run"
}

// Step takes the record of a step. Nothing of it is kept.
func (d *Digest) Step(s *monitor.Step) {
	if d.Steps == 0 {
		d.First, d.Began = s.Step, s.T
	}
	d.Steps++
	if d.resumes && len(d.Resumed) < 100 {
		d.Resumed = append(d.Resumed, s.Step)
	}
	d.time(s)
	d.resumes = false
	d.Last = s.Step
	action := s.Action
	if action == "" {
		action = monitor.ActionStep
	}
	d.Actions[action]++
	if bad(s.Loss) || bad(s.GradNorm) || s.NonFinite.Or(0) > 0 {
		d.NonFinite++
	}

	d.Loss.Add(s.Step, s.Loss)
	d.LR.Add(s.Step, s.LR)
	d.GradNorm.Add(s.Step, s.GradNorm)
	d.Seconds.Add(s.Step, s.GTGSeconds)
	d.clip(s)
	if s.Curvature != nil {
		d.curvature(s)
	}
	if s.ParamGradNorms != nil {
		d.Gradients.norms(s.Step, s.ParamGradNorms)
	}
	if s.ParamNorms != nil {
		d.weights = append(d.weights[:0], s.ParamNorms...)
	}
	if s.UpdateNorms != nil && d.weights != nil {
		d.Updates.ratios(s.Step, s.UpdateNorms, d.weights)
	}
}

func bad(n monitor.Number) bool {
	v, known := n.Get()
	return known && (math.IsNaN(v) || math.IsInf(v, 0))
}

// time takes the step's duration from those that follow each other.
func (d *Digest) time(s *monitor.Step) {
	t, now := s.T.Finite()
	last, before := d.lastT.Finite()
	if now && before && s.Step == d.Last+1 && !d.resumes && t >= last {
		d.StepSeconds.Add(s.Step, monitor.Known(t-last))
	}
	d.lastT = s.T
	if now {
		d.End = s.T
	}
}

func (d *Digest) clip(s *monitor.Step) {
	c := &s.Clip
	if c.Empty() {
		return
	}
	d.Decisions++
	share := 0.0
	if c.Clipped {
		d.Clipped++
		share = 1
		d.ClippedNorm.Add(s.Step, s.GradNorm)
	}
	d.ClipShare.Add(s.Step, monitor.Known(share))
	if c.Policy != "" && !slices.Contains(d.Policies, c.Policy) && len(d.Policies) < 10 {
		d.Policies = append(d.Policies, c.Policy)
	}
	d.Threshold.Add(s.Step, c.Threshold)
	d.Factor.Add(s.Step, c.Factor)
	after := c.NormAfter
	if !after.Known() {
		norm, ok := s.GradNorm.Finite()
		if factor, known := c.Factor.Finite(); ok && known {
			after = monitor.Known(norm * factor)
		}
	}
	d.NormAfter.Add(s.Step, after)
}

func (d *Digest) curvature(s *monitor.Step) {
	c := s.Curvature
	if v, ok := c.GTHG.Get(); ok {
		if norm, ok := s.GradNorm.Get(); ok {
			d.GTG.Add(s.Step, monitor.Known(norm*norm))
		}
		if v < 0 {
			d.NegativeGTHG.Add(s.Step, monitor.Known(-v))
		} else {
			d.GTHG.Add(s.Step, c.GTHG)
		}
	}
	rho := c.Rho
	if c.RhoPreconditioned.Known() {
		rho, d.Preconditioned = c.RhoPreconditioned, true
	}
	d.Rho.Add(s.Step, rho)
	d.RhoLimit.Add(s.Step, c.RhoLimit)
	d.LambdaMax.Add(s.Step, c.LambdaMax)
	d.LambdaMin.Add(s.Step, c.LambdaMin)
	d.CurvatureSeconds += c.Seconds.Or(0)
}

// Event takes an event.
func (d *Digest) Event(e *monitor.Event) { d.Events.add(e) }

// Resume says that the run was resumed: its next step is the first after it.
func (d *Digest) Resume() { d.resumes, d.Ended = true, "" }

// Close takes the end of the run's log.
func (d *Digest) Close(end *monitor.End) {
	d.Ended = end.Reason
	if len(end.Verdict) > 0 {
		d.Verdict = end.Verdict
	}
	if _, ok := end.T.Finite(); ok {
		d.End = end.T
	}
}

// Duration is the time from the first step to the end, in seconds, where it is
// known.
func (d *Digest) Duration() (seconds float64, known bool) {
	end, ok := d.End.Finite()
	return end, ok && end > 0
}

// Share is gtg's own time as a share of the run's, where it is known: of the
// steps' where the log has every step, since a log that leaves steps out leaves
// gtg's time out with them.
func (d *Digest) Share() (share float64, known bool) {
	own, step := d.Seconds.All(), d.StepSeconds.All()
	if own.N == 0 || step.N == 0 || step.Mean <= 0 {
		return 0, false
	}
	return own.Mean / step.Mean, true
}
