package hooks

import (
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"time"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// onStep is one optimizer step: measured already, it is decided, applied,
// judged and delivered. It says whether the optimizer is to run. Whatever goes
// wrong in gtg, the program's own step is done.
func (g *Guard) onStep(r *torch.Report) (run bool) {
	start := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return true
	}
	defer func() {
		if p := recover(); p != nil {
			run = true
			g.broken(p)
		}
		if g.fenced {
			fence.between()
		}
		g.tail = time.Since(start) - g.counted
	}()
	s := &g.step
	s.Step++
	g.counted = 0
	if r.Err == nil && (r.Changed || g.monitor == nil) {
		r.Err = g.bind()
	}
	if r.Err != nil {
		g.unmeasured(r.Err)
		return true
	}
	gradient := g.measured(r)
	decision := g.decide(gradient)
	s.Action = monitor.ActionStep
	if gradient.NonFinite > 0 {
		s.Action = g.skip(r)
	} else {
		g.skipped = 0
	}
	s.Record(g.options.policy.Name(), decision)
	g.deliver(start, time.Duration(r.Nanoseconds))
	return s.Action == monitor.ActionStep
}

// deliver completes the record, has it judged, and hands it and its events to
// the sinks.
func (g *Guard) deliver(start time.Time, measuring time.Duration) {
	s := &g.step
	now := time.Now()
	s.T = monitor.Known(now.Sub(g.started).Seconds())
	// What comes after this line is counted in the next record.
	g.counted = now.Sub(start)
	s.GTGSeconds = monitor.Known((measuring + g.counted + g.tail).Seconds())
	events := g.monitor.Observe(s)
	g.hub.Step(s)
	for i := range events {
		g.hub.Event(&events[i])
	}
}

// broken takes a guard off that has a fault, gtg's own or that of a policy or a
// detector of the caller's: the program goes on without it.
func (g *Guard) broken(p any) {
	g.off()
	g.fault = fmt.Errorf("a fault at step %d, after which gtg did not watch any more: %v", g.step.Step, p)
	slog.Default().Error("gtg: "+g.fault.Error(), "run", g.run.Name, "stack", string(debug.Stack()))
	g.advise(fmt.Errorf("gtg: %w", g.fault))
}

// bind learns the optimizer's parameters: at the first step, when the first
// backward pass has shown their order, and again when they have changed.
func (g *Guard) bind() error {
	all, err := g.optimizer.Params()
	if err != nil {
		return err
	}
	if g.monitor == nil {
		g.begin(all)
	}
	g.params.bind(g.run.Params, all)
	return nil
}

// begin starts the run, now that its parameters are known.
func (g *Guard) begin(all []torch.Param) {
	saved := g.savedState()
	all = reorder(all, saved.Params)
	g.run.Params = list(all)
	n := len(all)
	g.step.ParamGradNorms = make([]monitor.Number, n)
	g.step.ZeroGrads = make([]int64, n)
	g.norms = make([]float64, n)
	g.monitor = monitor.New(g.run, g.options.detectors(g.run)...)
	g.restore(saved)
	g.hub.Start(g.run)
}

// measured turns the report into the step's record and into what the policy sees.
func (g *Guard) measured(r *torch.Report) clip.Gradient {
	s := &g.step
	gradient := clip.Gradient{Step: s.Step, ParamNorms: g.norms}
	var total totalNorm
	take := func(stat *torch.Stat) {
		total.add(stat.Norm)
		gradient.Max = max(gradient.Max, stat.Max)
		gradient.NonFinite += stat.NonFinite
	}
	for i, place := range g.params.index {
		if place < 0 || !r.Stats[place].Defined() {
			s.ParamGradNorms[i], s.ZeroGrads[i], g.norms[i] = monitor.Number{}, -1, -1
			continue
		}
		stat := &r.Stats[place]
		s.ParamGradNorms[i], s.ZeroGrads[i], g.norms[i] = monitor.Known(stat.Norm), stat.Zeros, stat.Norm
		take(stat)
	}
	for _, place := range g.params.extra {
		if stat := &r.Stats[place]; stat.Defined() {
			take(stat)
		}
	}
	gradient.Norm = total.norm()
	s.GradNorm = monitor.Known(gradient.Norm)
	s.NonFinite = monitor.Known(float64(gradient.NonFinite))
	s.Loss, s.LR = monitor.Number{}, monitor.Number{}
	if r.Backwards > 0 {
		s.Loss = monitor.Known(r.Loss)
	}
	if !math.IsNaN(r.LR) {
		s.LR = monitor.Known(r.LR)
	}
	return gradient
}

// decide asks the policy and does what it says. A decision that makes no sense
// is not carried out, and recorded as not taken.
func (g *Guard) decide(gradient clip.Gradient) clip.Decision {
	d := g.options.policy.Decide(gradient)
	kept := clip.Keep()
	kept.Threshold = d.Threshold
	if gradient.NonFinite > 0 || !d.Changes() {
		return kept
	}
	if !(d.Factor >= 0 && d.Factor <= 1) || math.IsNaN(d.Lower) || math.IsNaN(d.Upper) {
		g.complain("gradients are left alone", fmt.Errorf("clipping policy %s wants factor %v and bounds %v to %v; a factor is from 0 to 1",
			g.options.policy.Name(), d.Factor, d.Lower, d.Upper))
		return kept
	}
	if err := g.attachment.Apply(d.Factor, d.Lower, d.Upper); err != nil {
		g.complain(fmt.Sprintf("clipping at step %d failed; gradients may be clipped in part", gradient.Step), err)
		return kept
	}
	return d
}

// skip decides what becomes of a step whose gradients are not finite.
func (g *Guard) skip(r *torch.Report) monitor.Action {
	g.skipped++
	if g.skipped >= g.options.maxSkips && g.Err() == nil {
		e := &SkipError{Step: g.step.Step, Skipped: g.skipped, Then: g.options.afterSkips}
		for i, place := range g.params.index {
			if place >= 0 && r.Stats[place].NonFinite > 0 {
				e.Param = g.run.Params[i].Name
				break
			}
		}
		g.advise(e)
	}
	switch {
	case g.options.afterSkips == StepAnyway && g.skipped > g.options.maxSkips:
		return monitor.ActionStep
	case g.options.afterSkips == StopRun && g.skipped >= g.options.maxSkips:
		g.stopped = true
		return monitor.ActionStop
	}
	return monitor.ActionSkip
}

// unmeasured is a step that gtg could not look at: it is done, and its record
// says so by what it lacks.
func (g *Guard) unmeasured(err error) {
	g.complain(fmt.Sprintf("step %d was not measured", g.step.Step), err)
	g.skipped = 0
	if g.monitor == nil {
		return
	}
	g.hub.Step(&monitor.Step{Step: g.step.Step, T: monitor.Known(time.Since(g.started).Seconds()), Action: monitor.ActionStep})
}
