package monitor

import (
	"fmt"
	"math"
	"strings"
)

// Verdict goes through 8.2.1 to 8.2.5 in order and says of each challenge
// whether the run met it so far, with the numbers that say so. It can be asked
// at any time, of an empty run too.
func (m *Monitor) Verdict() []Finding {
	return []Finding{
		m.illConditioning(),
		m.localMinima(),
		m.plateaus(),
		m.cliffs(),
		m.longTerm(),
	}
}

// seen is what came of one kind so far.
func (m *Monitor) seen(kind Kind) life {
	for i, d := range m.detectors {
		if d.Kind() == kind {
			return m.life[i]
		}
	}
	return life{}
}

// met says of a kind how often it was met, or returns "".
func (m *Monitor) met(kind Kind, name string) string {
	l := m.seen(kind)
	if l.Count == 0 {
		return ""
	}
	s := fmt.Sprintf("%s was met %s, first at step %d", name, times(l.Count), l.First)
	if l.Count > 1 {
		s += fmt.Sprintf(" and last at step %d", l.Last)
	}
	if l.Phase == firing {
		s += ", and goes on"
	}
	return s
}

// join makes sentences of what is not empty.
func join(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		// gᵀg, gᵀHg and ρ are names and keep their letter.
		if !strings.HasPrefix(p, "gᵀ") && !strings.HasPrefix(p, "ρ") {
			p = strings.ToUpper(p[:1]) + p[1:]
		}
		b.WriteString(p + ".")
	}
	return b.String()
}

func times(n int64) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// unmeasured are the words for a run that says nothing.
const unmeasured = "nothing was measured"

// norms describes the course of gᵀg.
func (m *Monitor) norms() string {
	c := &m.course.now
	if c.NormCount == 0 {
		return "no gradient norm was measured"
	}
	level := c.Norms.median()
	if c.NormCount < early {
		return fmt.Sprintf("gᵀg is about %.3g after %s, too few to compare", square(level), count(c.NormCount, "gradient norm"))
	}
	return fmt.Sprintf("gᵀg was about %.3g at first and is about %.3g now, a ratio of %.3g",
		square(c.EarlyNorm), square(level), square(level-c.EarlyNorm))
}

// square is the square of a number whose natural logarithm is given.
func square(log float64) float64 { return math.Exp(min(2*log, 690)) }

// losses describes the course of the loss.
func (m *Monitor) losses() string {
	c := &m.course.now
	level, ok := m.course.Level()
	switch {
	case c.LossCount == 0:
		return "no loss was measured"
	case !ok:
		return fmt.Sprintf("the loss is about %.4g after %s, too few to compare", level, count(c.LossCount, "loss"+plural(c.LossCount)))
	}
	return fmt.Sprintf("the loss began at %.4g, its level reached %.4g at best and is %.4g now", c.Start, c.Best, level)
}

// plural is what "loss" needs before the s of count.
func plural(n int64) string {
	if n == 1 {
		return ""
	}
	return "e"
}

func (m *Monitor) illConditioning() Finding {
	f := Finding{Section: "8.2.1"}
	c := m.course
	gthg := "gᵀHg was not measured"
	if n := c.now.Curvatures; n > 0 {
		gthg = "gᵀHg was measured on " + count(n, "step")
	}
	f.Evidence = join(m.losses(), m.norms(), m.signal(), gthg, m.rhos(), m.curvatureCost(), m.met(Stagnating, "stagnation"), m.met(IllConditioned, "ill-conditioning"),
		m.met(Oscillating, "oscillation"), m.met(RisingGradient, "a healthy rise of gᵀg"))
	switch {
	case c.now.Records == 0:
		f.Finding = "Ill-conditioning: " + unmeasured + "."
	case m.seen(IllConditioned).Count > 0:
		f.Finding = "Ill-conditioning was met: the curvature stood in the way of the step."
	case m.seen(Oscillating).Count > 0:
		f.Finding = "The step was too long: for a time the loss swung up and down with no net progress."
	case m.seen(Stagnating).Count > 0:
		f.Finding = "Ill-conditioning is possible: for a time the loss did not improve although the gradient stayed strong."
	case c.now.NormCount < early || c.now.LossCount < settled:
		f.Finding = "Ill-conditioning cannot be judged: too few losses or gradient norms were measured."
	case m.limited() && c.improving():
		f.Finding = "The curvature limited the step: ρ was often above the optimizer's limit, though the loss came down and is near its best."
	case m.limited():
		f.Finding = "Ill-conditioning is likely: ρ was often above the optimizer's limit, and the loss is not at its best."
	case c.improving():
		f.Finding = "No sign of ill-conditioning: the loss came down and is near its best."
	default:
		f.Finding = "No clear sign of ill-conditioning, but the loss is not at its best either."
	}
	return f
}

func (m *Monitor) localMinima() Finding {
	f := Finding{Section: "8.2.2", Evidence: join(m.norms(), m.met(CriticalPoint, "an insignificant gradient"), m.lastCriticalPoint())}
	c := &m.course.now
	switch lowest := square(c.LowNorm - c.EarlyNorm); {
	case c.Records == 0:
		f.Finding = "Local minima: " + unmeasured + "."
	case c.NormCount < early:
		f.Finding = "Local minima cannot be judged: too few gradient norms were measured."
	case lowest < stuckShrunk:
		f.Finding = fmt.Sprintf("%s: gᵀg shrank to %.2g of its first level, and %s.", m.criticalVerdict(), lowest, m.criticalReason())
	default:
		f.Finding = fmt.Sprintf("Local minima were no obstacle: gᵀg never fell below %.2g of its first level, which rules out every kind of critical point.", lowest)
	}
	return f
}

func (m *Monitor) plateaus() Finding {
	f := Finding{Section: "8.2.3", Evidence: join(m.losses(), m.norms(), m.met(Plateau, "a plateau"), m.criticalPoints(), m.lastCriticalPoint())}
	c := m.course
	switch l := m.seen(Plateau); {
	case c.now.Records == 0:
		f.Finding = "Plateaus and saddle points: " + unmeasured + "."
	case l.Phase == firing:
		f.Finding = fmt.Sprintf("The run has been on a plateau or near a saddle point since step %d.", l.Since)
	case l.Count > 0:
		f.Finding = fmt.Sprintf("The run was on a plateau or near a saddle point at step %d and left it.", l.Last)
	case m.seen(CriticalPoint).Phase == firing && m.criticalClass() == ClassSaddle:
		f.Finding = fmt.Sprintf("The run has been near a saddle point since step %d.", m.seen(CriticalPoint).Since)
	case c.now.LossCount < settled:
		f.Finding = "Plateaus and saddle points cannot be judged: too few losses were measured."
	case c.Progress() > stuckProgress*math.Abs(c.Start()):
		f.Finding = "No plateau held the run back: the loss came down."
	default:
		f.Finding = "No plateau has been established, though the loss has hardly come down so far."
	}
	return f
}

func (m *Monitor) cliffs() Finding {
	f := Finding{Section: "8.2.4"}
	c := &m.course.now
	if c.Records == 0 {
		f.Finding, f.Evidence = "Cliffs: "+unmeasured+".", join(unmeasured)
		return f
	}
	var clipped string
	if c.ClipDecisions > 0 {
		clipped = fmt.Sprintf("%d of %s clipped", c.Clipped, count(c.ClipDecisions, "step"))
	}
	var rollbacks string
	if c.Rollbacks > 0 {
		rollbacks = fmt.Sprintf("the parameters were put back %s", times(c.Rollbacks))
	}
	f.Evidence = join(fmt.Sprintf("in %s: %s, %s, %s, %s", count(c.Records+c.Undone, "record"),
		count(m.seen(Cliff).Count, "cliff"), count(m.seen(LossSpike).Count, "loss spike"),
		count(c.NonFinite, "non-finite step"), count(c.Skipped, "skipped step")),
		rollbacks, clipped, m.met(ClipSaturated, "saturated clipping"), m.met(Cliff, "a cliff"), m.met(LossSpike, "a loss spike"), m.met(NonFinite, "a NaN or an infinity"),
		m.met(Diverging, "divergence"))
	switch {
	case m.seen(Diverging).Phase == firing:
		f.Finding = "The run has diverged: the loss climbed away from what it had reached."
	case c.NonFinite > 0:
		f.Finding = "The run had losses or gradients that are not finite."
	case m.seen(Diverging).Count > 0:
		f.Finding = "The loss climbed away from what it had reached, and came back."
	case m.seen(Cliff).Count > 0:
		f.Finding = "The run met cliffs: steps whose gradient leapt far out of its range."
	case m.seen(LossSpike).Count > 0:
		f.Finding = "The loss leapt out of its range, without a cliff in the gradient."
	case c.NormCount == 0 && c.LossCount == 0:
		f.Finding = "Cliffs cannot be judged: neither loss nor gradient norm was measured."
	default:
		f.Finding = "No cliff was met and nothing exploded."
	}
	return f
}

func (m *Monitor) longTerm() Finding {
	f := Finding{Section: "8.2.5"}
	c := &m.course.now
	if c.Records == 0 {
		f.Finding, f.Evidence = "Vanishing and exploding gradients: "+unmeasured+".", join(unmeasured)
		return f
	}
	through := "the gradients' trend through depth was not measured"
	if c.Depth.Records > 0 {
		first, last := ends(m.run)
		through = fmt.Sprintf("through depth, %s gets about %.2g times the gradient of %s", first, math.Exp(min(c.Depth.Gain, 690)), last)
	}
	var never, had int64
	for i := range c.Params {
		if c.Params[i].Had > 0 {
			had++
		} else {
			never++
		}
	}
	var without string
	if had > 0 && never > 0 {
		without = fmt.Sprintf("%d of %s never had a gradient", never, count(had+never, "parameter"))
	}
	f.Evidence = join(through, m.spectralRadii(), without, m.met(Vanishing, "a vanishing gradient"), m.met(Exploding, "an exploding gradient"),
		m.met(Dead, "a dead parameter"), m.met(Frozen, "a parameter that lost its gradient"))
	switch {
	case m.seen(Exploding).Count > 0:
		f.Finding = "The gradients exploded."
	case m.seen(Vanishing).Count > 0:
		f.Finding = "The gradients vanished."
	case m.seen(Frozen).Count > 0:
		f.Finding = "Parameters that should train lost their gradient."
	case m.seen(Dead).Count > 0:
		f.Finding = "Parameters died: their gradient stayed exactly 0."
	case c.Depth.Records > 0:
		f.Finding = "The gradient neither vanished nor exploded through depth."
	case c.NormCount >= early:
		f.Finding = "The gradient neither vanished nor exploded in time; depth cannot be judged."
	default:
		f.Finding = "Vanishing and exploding gradients cannot be judged: too few gradients were measured."
	}
	return f
}
