package hooks

import (
	"errors"
	"fmt"
	"math"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// maxLooks is how often a policy may see the gradients of one step.
const maxLooks = 32

// clipper asks a policy about the gradients and does what it says.
type clipper struct {
	policy clip.Policy
	params []clip.Param // in the policy's order
	places []int        // where the optimizer (or the list) has each of them, -1 when it is gone
	count  int          // how many it has
	needs  clip.Needs
	unfit  error // why the policy cannot serve these parameters

	stats  []torch.Stat // of a second look
	norms  []float64    // L2 norms as they are now, in the policy's order
	before []float64    // as they were at first
	max    []float64
	pnorms [][]float64
	units  []clip.UnitNorms

	// In the optimizer's order.
	order, factors, lower, upper []float64
}

// bind tells the policy the parameters.
func (c *clipper) bind(params []clip.Param, places []int) error {
	c.params, c.places, c.count = params, places, 0
	for _, place := range places {
		c.count = max(c.count, place+1)
	}
	n := len(params)
	c.norms, c.before, c.max = make([]float64, n), make([]float64, n), make([]float64, n)
	c.needs, c.unfit = clip.Bind(c.policy, params)
	if c.unfit != nil {
		return c.unfit
	}
	c.pnorms = make([][]float64, len(c.needs.PNorms))
	for i := range c.pnorms {
		c.pnorms[i] = make([]float64, n)
	}
	c.units = make([]clip.UnitNorms, len(c.needs.Units))
	for i, u := range c.needs.Units {
		units := int64(1)
		if u.Axis >= 0 {
			units = params[u.Param].Shape[u.Axis]
		}
		c.units[i] = clip.UnitNorms{Grads: make([]float64, units), Values: make([]float64, units)}
	}
	return nil
}

// see turns what was measured into what the policy sees.
func (c *clipper) see(stats []torch.Stat, g *clip.Gradient) {
	g.Max, g.NonFinite = 0, 0
	for i, place := range c.places {
		if place < 0 || place >= len(stats) || !stats[place].Defined() {
			c.norms[i], c.max[i] = -1, 0
			continue
		}
		s := &stats[place]
		c.norms[i], c.max[i] = s.Norm, s.Max
		g.Max = max(g.Max, s.Max)
		g.NonFinite += s.NonFinite
	}
	g.Norm = clip.TotalNorm(2, c.norms...)
	g.ParamNorms, g.ParamMax = c.norms, c.max
}

// again measures what the gradients are now.
func (c *clipper) again(t *torch.Grads, g *clip.Gradient) (err error) {
	if c.stats, err = t.Measure(c.stats); err == nil {
		c.see(c.stats, g)
	}
	return err
}

// measure adds what the policy needs besides.
func (c *clipper) measure(t *torch.Grads, g *clip.Gradient) error {
	for i, p := range c.needs.PNorms {
		c.order = zeros(c.order, c.count)
		if err := t.PNorms(p, c.order); err != nil {
			return err
		}
		for j, place := range c.places {
			c.pnorms[i][j] = -1
			if place >= 0 {
				c.pnorms[i][j] = c.order[place]
			}
		}
	}
	g.PNorms = c.pnorms
	for i, u := range c.needs.Units {
		x := &c.units[i]
		if c.norms[u.Param] < 0 {
			clear(x.Grads)
			clear(x.Values)
			continue
		}
		if err := t.UnitNorms(c.places[u.Param], u.Axis, x.Grads, x.Values); err != nil {
			return err
		}
	}
	g.Units = c.units
	return nil
}

// clip has the policy decide about g, which see has filled in, does what it
// says, and records it. The first of the parameters are those of the record.
// After an error the record says what had been done before it.
func (c *clipper) clip(t *torch.Grads, g clip.Gradient, recorded int, out *monitor.Clip) (err error) {
	factors, groups := out.ParamFactors[:0], out.Groups[:0]
	*out = monitor.Clip{Policy: c.policy.Name(), Factor: monitor.Known(1)}
	if c.unfit != nil {
		return c.unfit
	}
	copy(c.before, c.norms)
	same := true // all gradients were multiplied by one factor
	factor := 1.0
	var named []clip.GroupDecision
	for look := 1; ; look++ {
		if g.NonFinite == 0 {
			if err = c.measure(t, &g); err != nil {
				break
			}
		}
		d := c.policy.Decide(g)
		if d.Threshold > 0 && (d.Changes() || !out.Threshold.Known()) {
			out.Threshold = monitor.Known(d.Threshold)
		}
		if d.Groups != nil {
			named = d.Groups
		}
		if g.NonFinite > 0 || !d.Changes() && !d.Again {
			break
		}
		if d.Changes() {
			if err = c.apply(t, d); err != nil {
				break
			}
			was := g.Norm
			if err = c.left(t, d, &g); err != nil {
				break
			}
			uniform := d.Params == nil && !d.Clamps()
			same = same && uniform
			factor *= d.Factor
			out.Clipped = out.Clipped || uniform || g.Norm != was
			if d.Params == nil && d.Clamps() {
				out.Lower, out.Upper = monitor.Known(d.Lower), monitor.Known(d.Upper)
			}
		}
		if !d.Again {
			break
		}
		if look == maxLooks {
			err = fmt.Errorf("clipping policy %s asked for the gradients of one step %d times", c.policy.Name(), look)
			break
		}
		g.Again = true
	}
	if g.NonFinite == 0 {
		out.NormAfter = monitor.Known(g.Norm)
	}
	out.Factor = monitor.Known(factor)
	if !same {
		out.Factor = monitor.Number{}
		for i := range recorded {
			share := monitor.Number{}
			if c.before[i] > 0 {
				share = monitor.Known(c.norms[i] / c.before[i])
			}
			factors = append(factors, share)
		}
		out.ParamFactors = factors
	}
	for _, e := range named {
		own := monitor.ClipGroup{Name: e.Name, Clipped: e.Clipped, Norm: monitor.Known(e.Norm)}
		if e.Threshold > 0 {
			own.Threshold = monitor.Known(e.Threshold)
		}
		c.order = c.order[:0]
		for _, i := range e.Params {
			c.order = append(c.order, c.norms[i])
		}
		if g.NonFinite == 0 {
			own.NormAfter = monitor.Known(clip.TotalNorm(2, c.order...))
		}
		groups = append(groups, own)
	}
	if named != nil {
		out.Groups = groups
	}
	return err
}

// left brings the norms up to date after a decision was carried out: by
// arithmetic where factors say it, by measuring where elements were bounded or
// the policy will look at more than norms.
func (c *clipper) left(t *torch.Grads, d clip.Decision, g *clip.Gradient) error {
	whole := d.Again || d.Clamps() || math.IsInf(g.Norm, 1)
	for i := range d.Params {
		x := &d.Params[i]
		whole = whole || x.Lower < x.Upper || x.Units != nil
	}
	if whole {
		return c.again(t, g)
	}
	for i := range c.norms {
		f := d.Factor
		if d.Params != nil {
			f = d.Params[i].Factor
		}
		if c.norms[i] > 0 {
			c.norms[i] *= f
			c.max[i] *= f
		}
	}
	if d.Params == nil {
		g.Norm *= d.Factor
	} else {
		g.Norm = clip.TotalNorm(2, c.norms...)
	}
	return nil
}

// apply does what the decision says. A decision that makes no sense is an error,
// and nothing is done.
func (c *clipper) apply(t *torch.Grads, d clip.Decision) error {
	if d.Params == nil {
		if err := c.sound(d.Factor, d.Lower, d.Upper); err != nil {
			return err
		}
		return t.Apply(d.Factor, d.Lower, d.Upper)
	}
	if len(d.Params) != len(c.params) {
		return fmt.Errorf("clipping policy %s decides about %d parameters, there are %d", c.policy.Name(), len(d.Params), len(c.params))
	}
	for i := range d.Params {
		x := &d.Params[i]
		if err := c.sound(x.Factor, x.Lower, x.Upper); err != nil {
			return err
		}
		for _, f := range x.Units {
			if err := c.sound(f, 0, 0); err != nil {
				return err
			}
		}
	}
	if err := c.applyEach(t, d.Params); err != nil {
		return err
	}
	for i := range d.Params {
		if x := &d.Params[i]; x.Units != nil && c.places[i] >= 0 && c.norms[i] >= 0 {
			if err := t.ApplyUnits(c.places[i], x.Axis, x.Units); err != nil {
				return err
			}
		}
	}
	return nil
}

// applyEach applies factors and bounds, in the optimizer's order.
func (c *clipper) applyEach(t *torch.Grads, params []clip.Change) error {
	c.factors, c.lower, c.upper = zeros(c.factors, c.count), zeros(c.lower, c.count), zeros(c.upper, c.count)
	for i := range c.factors {
		c.factors[i] = 1
	}
	any, bounded := false, false
	for i, place := range c.places {
		if x := &params[i]; place >= 0 {
			c.factors[place], c.lower[place], c.upper[place] = x.Factor, x.Lower, x.Upper
			bounded = bounded || x.Lower < x.Upper
			any = any || x.Factor != 1
		}
	}
	switch {
	case bounded:
		return t.ApplyEach(c.factors, c.lower, c.upper)
	case any:
		return t.ApplyEach(c.factors, nil, nil)
	}
	return nil
}

// zeros is n zeros in the space where it is large enough.
func zeros(space []float64, n int) []float64 {
	if cap(space) < n {
		return make([]float64, n)
	}
	space = space[:n]
	clear(space)
	return space
}

var errDecision = errors.New("the decision makes no sense")

func (c *clipper) sound(factor, lower, upper float64) error {
	if factor >= 0 && factor <= 1 && !math.IsNaN(lower) && !math.IsNaN(upper) {
		return nil
	}
	return fmt.Errorf("%w: clipping policy %s wants factor %v and bounds %v to %v; a factor is from 0 to 1",
		errDecision, c.policy.Name(), factor, lower, upper)
}

// clipParams describes the optimizer's parameters to a policy: first those of the
// record in its order, then the others.
func clipParams(names []monitor.Param, m *params, all []torch.Param) (described []clip.Param, places []int) {
	byPlace := make(map[int]torch.Param, len(all))
	for _, p := range all {
		byPlace[p.Index] = p
	}
	for i, place := range m.index {
		p, ok := byPlace[place]
		if !ok { // gone
			described = append(described, clip.Param{Name: names[i].Name, Shape: names[i].Shape, Numel: names[i].Numel})
		} else {
			described = append(described, describeParam(p))
		}
		places = append(places, place)
	}
	for _, place := range m.extra {
		described = append(described, describeParam(byPlace[place]))
		places = append(places, place)
	}
	return described, places
}

func describeParam(p torch.Param) clip.Param {
	d := clip.Param{Name: p.Name, Shape: p.Shape, Numel: p.Numel}
	switch {
	case p.Output:
		d.Role = clip.RoleOutput
	case p.Seen:
		d.Role = clip.RoleHidden
	}
	return d
}
