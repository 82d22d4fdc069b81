package hooks

import (
	"fmt"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// NonFinite is what becomes of a step whose gradients hold a NaN or an
// infinity, which no factor mends: NaN times 0 is NaN.
type NonFinite int

const (
	// SkipStep: the optimizer is not called, so that parameters and the
	// optimizer's own state stay as they are.
	SkipStep NonFinite = iota
	// ZeroParams: every gradient that has such an element is set to 0 as a
	// whole, and the step is done with the others.
	ZeroParams
	// ZeroElements: such elements are set to 0, and the step is done with the rest.
	ZeroElements
	// FailStep: the optimizer is not called, and [Guard.Err] and [Guard.Done]
	// say so at once.
	FailStep
)

func (n NonFinite) valid() bool { return n >= SkipStep && n <= FailStep }

// SkipLimit is what happens to steps with non-finite gradients when there were
// too many in a row.
type SkipLimit int

const (
	// StopRun: they are not applied any more, and are recorded as stop. The loop
	// is told by [Guard.Done] and [Guard.Err]; a loop that does not ask goes on
	// without learning anything, with its parameters intact.
	StopRun SkipLimit = iota
	// StepAnyway: after that many the optimizer is called with them, as it
	// would have been without gtg.
	StepAnyway
)

// SkipError says that gradients were not finite too often. It is what
// [Guard.Err] returns.
type SkipError struct {
	Step    int64 // the step at which the limit was reached
	Skipped int   // steps in a row whose gradients were not finite
	// Param is the first parameter whose gradient was not finite in that step,
	// in forward order, and the counts are those of all its elements.
	Param               string
	NaN, PosInf, NegInf int64
	Then                SkipLimit // what happens to further ones
}

func (e *SkipError) Error() string {
	where := ""
	if e.Param != "" {
		where = ", in this one first in " + e.Param
	}
	then := "the parameters are intact, but the run does not learn any more"
	if e.Then == StepAnyway {
		then = "further ones are applied as they are"
	}
	if e.Skipped == 1 {
		return fmt.Sprintf("step %d: the gradients are not finite (%d NaN, %d +Inf, %d -Inf)%s: %s",
			e.Step, e.NaN, e.PosInf, e.NegInf, where, then)
	}
	return fmt.Sprintf("step %d: the gradients of %d steps in a row were not finite%s: %s", e.Step, e.Skipped, where, then)
}

// nonfinite decides what becomes of a step whose gradients are not finite. When
// they are mended, gradient is what is left.
func (g *Guard) nonfinite(stats []torch.Stat, gradient *clip.Gradient) monitor.Action {
	g.skipped++
	limit := g.options.maxSkips
	if g.options.nonFinite == FailStep {
		limit = 1
	}
	if g.skipped >= limit && g.rollback.mends() {
		return monitor.ActionSkip
	}
	if g.skipped >= limit && g.Err() == nil {
		g.advise(g.skipError())
	}
	switch {
	case g.options.afterSkips == StepAnyway && g.skipped > limit:
		return monitor.ActionStep
	case g.options.afterSkips == StopRun && g.skipped >= limit:
		g.stopped = true
		return monitor.ActionStop
	case g.options.nonFinite == ZeroParams || g.options.nonFinite == ZeroElements:
		return g.zero(stats, gradient)
	}
	return monitor.ActionSkip
}

func (g *Guard) skipError() *SkipError {
	e := &SkipError{Step: g.step.Step, Skipped: g.skipped, Then: g.options.afterSkips}
	for i, p := range g.step.NonFiniteParams {
		if i == 0 {
			e.Param = g.run.Params[p.Param].Name
		}
		e.NaN, e.PosInf, e.NegInf = e.NaN+p.NaN, e.PosInf+p.PosInf, e.NegInf+p.NegInf
	}
	return e
}

// zero sets to 0 what is not finite and looks again. A step that this does not
// mend is skipped.
func (g *Guard) zero(stats []torch.Stat, gradient *clip.Gradient) monitor.Action {
	elements := g.options.nonFinite == ZeroElements
	zeroed := gradient.NonFinite
	if !elements {
		zeroed = 0
		for i := range stats {
			if stats[i].NonFinite > 0 {
				zeroed += stats[i].Numel
			}
		}
	}
	err := g.grads.ZeroNonFinite(elements)
	if err == nil {
		err = g.clipper.again(g.grads, gradient)
	}
	if err != nil {
		g.complain("gradients that are not finite were not mended; such steps are skipped", err)
		return monitor.ActionSkip
	}
	if gradient.NonFinite > 0 {
		return monitor.ActionSkip
	}
	gradient.Zeroed, g.step.Zeroed = zeroed, zeroed
	return monitor.ActionStep
}
