package clip

import (
	"errors"
	"slices"
)

// Param describes one parameter tensor to a policy.
type Param struct {
	Name  string
	Shape []int64
	Numel int64
	// Role is the parameter's place in the network, where it is known.
	Role Role
}

// Role is a parameter's place in the network.
type Role uint8

// The roles.
const (
	// RoleUnknown: no backward pass has shown it yet.
	RoleUnknown Role = iota
	// RoleHidden: another layer's parameters lie between it and the loss.
	RoleHidden
	// RoleOutput: it belongs to the layer nearest to the loss.
	RoleOutput
)

// A Binder is a policy that has to know the parameters or wants more measured
// than the L2 norms.
type Binder interface {
	Policy
	// Bind tells the policy the parameters, in the order that
	// Gradient.ParamNorms has from now on, and returns what it needs to be
	// measured. It is called before the first step, and again when the order or
	// the parameters have changed; what the policy remembers of a parameter
	// follows the parameter's name. An error says why the policy cannot serve
	// these parameters.
	Bind(params []Param) (Needs, error)
}

// Needs is what a policy wants measured besides L2 norms and magnitudes.
type Needs struct {
	// PNorms are the orders p of further norms of each parameter's gradient.
	PNorms []float64
	// Units are the parameters whose units are measured one by one.
	Units []Unit
}

// A Unit names a parameter and the axis that counts its units: the others are
// what one unit sums over. A fully connected or convolutional layer of libtorch
// has its output units along axis 0, a transposed convolution along axis 1. With
// an axis of -1 the whole tensor is one unit.
type Unit struct{ Param, Axis int }

// Bind tells the policy the parameters, where it has to know them, and returns
// what it needs. The policy has to be valid.
func Bind(p Policy, params []Param) (Needs, error) {
	if b, ok := p.(Binder); ok {
		return b.Bind(params)
	}
	return Needs{}, nil
}

// member is a policy inside a composed one: its place among the needs of the
// whole.
type member struct {
	Policy
	pnorms, units [2]int // from, to
	asked         bool   // to see the gradients again
}

// bind binds the member and adds its needs to those of the whole.
func (m *member) bind(params []Param, whole *Needs) error {
	needs, err := Bind(m.Policy, params)
	if err != nil {
		return err
	}
	m.pnorms[0], m.units[0] = len(whole.PNorms), len(whole.Units)
	whole.PNorms = append(whole.PNorms, needs.PNorms...)
	whole.Units = append(whole.Units, needs.Units...)
	m.pnorms[1], m.units[1] = len(whole.PNorms), len(whole.Units)
	return nil
}

// decide shows the member its part of the needs.
func (m *member) decide(g Gradient) Decision {
	if m.pnorms[1] <= len(g.PNorms) {
		g.PNorms = g.PNorms[m.pnorms[0]:m.pnorms[1]]
	}
	if m.units[1] <= len(g.Units) {
		g.Units = g.Units[m.units[0]:m.units[1]]
	}
	g.Again = m.asked
	d := m.Decide(g)
	m.asked = d.Again
	return d
}

// members makes members of the policies.
func members(policies []Policy) []member {
	out := make([]member, len(policies))
	for i, p := range policies {
		out[i].Policy = p
	}
	return out
}

var errNilPolicy = errors.New("clip: a policy is nil: use None() to leave gradients alone")

// validateAll says what is wrong with any of the policies.
func validateAll(all []member) error {
	var errs []error
	for i := range all {
		if all[i].Policy == nil {
			errs = append(errs, errNilPolicy)
		} else if err := all[i].Validate(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// changes holds a decision for each parameter, used again at every step.
type changes struct {
	all     []Change
	changed bool
}

func (c *changes) bind(n int) { c.all = slices.Grow(c.all[:0], n)[:n] }

// reset leaves every parameter alone.
func (c *changes) reset() {
	for i := range c.all {
		c.all[i] = Change{Factor: 1}
	}
	c.changed = false
}

func (c *changes) set(i int, to Change) {
	c.all[i] = to
	c.changed = c.changed || to.Changes()
}

// scale sets the factor of one parameter.
func (c *changes) scale(i int, factor float64) { c.set(i, Change{Factor: factor}) }

// decision is nil-safe: without any change there are no Params.
func (c *changes) decision(threshold float64) Decision {
	d := Decision{Factor: 1, Threshold: threshold}
	if c.changed {
		d.Params = c.all
	}
	return d
}
