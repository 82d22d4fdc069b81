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
	start, measuring := time.Now(), time.Duration(r.Nanoseconds)
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
		if spent := time.Since(start); g.updates.pending {
			g.updates.spent = spent + measuring
		} else {
			g.tail = spent - g.counted
		}
	}()
	g.flush()
	s := &g.step
	s.Step++
	g.counted = 0
	if r.Err == nil && (r.Changed || g.monitor == nil) {
		r.Err = g.bind()
	}
	if g.fault != nil {
		return true // the record before was the end of it
	}
	if r.Err != nil {
		s.Action = monitor.ActionStep
		if g.rollback != nil && g.rollback.over {
			s.Action = monitor.ActionStop
		}
		g.unmeasured(r.Err)
		return s.Action == monitor.ActionStep
	}
	gradient := g.measured(r)
	if r.Changed {
		g.successive.forget()
	}
	s.Successive = g.successive.see(r.Sketch, gradient.Norm)
	if g.rollback != nil {
		g.rollback.keep(g, &gradient)
	}
	switch {
	case g.rollback != nil && g.rollback.over:
		s.Action = monitor.ActionStop
	case gradient.NonFinite == 0:
		s.Action = monitor.ActionStep
		g.skipped = 0
	default:
		s.Action = g.nonfinite(r.Stats, &gradient)
	}
	if c := g.curvature; c != nil {
		if c.begin(g); c.measured && r.Backwards == 1 {
			gradient.GTHG = c.record.GTHG.Or(math.NaN())
		}
	}
	g.clip(gradient)
	if g.curvature != nil {
		g.curvature.finish(g, r.Backwards)
	}
	if s.Action == monitor.ActionStep && !g.rollback.due() {
		if g.updates.begin(g, r); g.updates.pending {
			return true // stepped does the rest
		}
	}
	g.deliver(start, measuring, false)
	return s.Action == monitor.ActionStep
}

// deliver completes the record, has it judged, and hands it and its events to
// the sinks. The time that gtg spent on the step is that since start, and what it
// spent before. running says that the optimizer may be at work on the parameters.
func (g *Guard) deliver(start time.Time, before time.Duration, running bool) {
	s := &g.step
	now := time.Now()
	s.T = monitor.Known(now.Sub(g.started).Seconds())
	// What comes after this line is counted in the next record.
	g.counted = now.Sub(start)
	s.GTGSeconds = monitor.Known((before + g.counted + g.tail).Seconds())
	events := g.monitor.Observe(s)
	if g.rollback != nil {
		events = g.rollback.judge(g, events, running)
	}
	g.hub.Step(s)
	for i := range events {
		g.hub.Event(&events[i])
	}
}

// broken takes a guard off that has a fault, gtg's own or that of a policy or a
// detector of the caller's: the program goes on without it.
func (g *Guard) broken(p any) {
	g.off()
	g.updates.drop()
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
	g.rollback.free() // of other parameters
	g.params.bind(g.run.Params, all)
	if err := g.clipper.bind(clipParams(g.run.Params, &g.params, all)); err != nil {
		g.complain("gradients are not clipped", err)
	}
	return nil
}

// begin starts the run, now that its parameters are known.
func (g *Guard) begin(all []torch.Param) {
	saved := g.savedState()
	all = reorder(all, saved.Params.names())
	g.run.Params = list(all)
	g.constants(all)
	n := len(all)
	g.step.ParamGradNorms = make([]monitor.Number, n)
	g.step.ZeroGrads = make([]int64, n)
	g.monitor = monitor.New(g.run, g.options.detectors(g.run)...)
	g.restore(saved)
	if g.curvature != nil {
		g.curvature.radii.bind(g.run.Params)
	}
	g.hub.Start(g.run)
}

// constants notes which weights begin with the same number everywhere.
func (g *Guard) constants(all []torch.Param) {
	found := make([]float64, len(all))
	if err := g.grads.Constants(found); err != nil {
		g.complain("whether weights begin alike is not known", err)
		return
	}
	for i, p := range all {
		if v := found[p.Index]; !math.IsNaN(v) {
			g.run.Params[i].Constant = monitor.Known(v)
		}
	}
}

// measured turns the report into the step's record and into what the policy sees.
func (g *Guard) measured(r *torch.Report) clip.Gradient {
	s := &g.step
	gradient := clip.Gradient{Step: s.Step, LR: r.LR, GTHG: math.NaN()}
	g.clipper.see(r.Stats, &gradient)
	bad := s.NonFiniteParams[:0]
	for i, place := range g.params.index {
		if place < 0 || !r.Stats[place].Defined() {
			s.ParamGradNorms[i], s.ZeroGrads[i] = monitor.Number{}, -1
			continue
		}
		stat := &r.Stats[place]
		s.ParamGradNorms[i], s.ZeroGrads[i] = monitor.Known(stat.Norm), stat.Zeros
		if stat.NonFinite > 0 {
			bad = append(bad, monitor.NonFiniteParam{Param: i, NaN: stat.NaN, PosInf: stat.PosInf, NegInf: stat.NegInf})
		}
	}
	s.NonFiniteParams, s.Zeroed = bad, 0
	if len(bad) == 0 {
		s.NonFiniteParams = nil
	}
	s.GradNorm = monitor.Known(gradient.Norm)
	s.NonFinite = monitor.Known(float64(gradient.NonFinite))
	s.ParamNorms, s.UpdateNorms, s.ParamElasticities = nil, nil, nil
	s.Loss, s.LR = monitor.Number{}, monitor.Number{}
	if r.Backwards > 0 {
		s.Loss = monitor.Known(r.Loss)
	}
	if !math.IsNaN(r.LR) {
		s.LR = monitor.Known(r.LR)
	}
	return gradient
}

// clip has the policy decide and carries that out.
func (g *Guard) clip(gradient clip.Gradient) {
	if err := g.clipper.clip(g.grads, gradient, len(g.run.Params), &g.step.Clip); err != nil {
		g.complain(fmt.Sprintf("clipping at step %d failed; gradients may be clipped in part", gradient.Step), err)
	}
}

// unmeasured is a step that gtg could not look at: it is done, and its record
// says so by what it lacks.
func (g *Guard) unmeasured(err error) {
	g.complain(fmt.Sprintf("step %d was not measured", g.step.Step), err)
	g.skipped = 0
	g.successive.forget()
	if g.monitor == nil {
		return
	}
	g.hub.Step(&monitor.Step{Step: g.step.Step, T: monitor.Known(time.Since(g.started).Seconds()), Action: g.step.Action})
}
