package clip

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Group is a part of the parameters that has a policy of its own.
type Group struct {
	// Name is the group's name in the records.
	Name string
	// Match are patterns of parameter names, as of [path.Match]: * stands for
	// any part of a name without a slash, as in "lstm.*" and "*.bias". A group
	// without patterns has all parameters that no other group has.
	Match []string
	// Policy decides about the group's gradients as if there were no others.
	Policy Policy
}

type group struct {
	member
	name   string
	match  []string
	params []int // their places
	acted  bool  // so that their changes are not those of a parameter left alone

	// What the policy sees, used again at every step.
	sees       Gradient
	norms, max []float64
	orders     [][]float64 // the p-norms
}

type groups struct {
	changes
	all       []*group
	decisions []GroupDecision
}

// Groups gives groups of parameters policies of their own, so that each is
// clipped by the norm of its own gradients. Parameters in no group are left
// alone. A pattern that matches no parameter, a group that gets none, and two
// groups whose patterns match the same parameter are errors when the parameters
// become known.
//
// A non-finite element anywhere leaves the whole step alone.
func Groups(all ...Group) Policy {
	g := &groups{}
	for _, x := range all {
		g.all = append(g.all, &group{member: member{Policy: x.Policy}, name: x.Name, match: x.Match})
	}
	return g
}

func (*groups) Name() string { return "groups" }

func (g *groups) Validate() error {
	if len(g.all) == 0 {
		return errors.New("clip: Groups(): there are no groups; None() leaves gradients alone")
	}
	var errs []error
	names, rest := map[string]bool{}, ""
	for i, x := range g.all {
		switch {
		case x.name == "":
			errs = append(errs, fmt.Errorf("clip: Groups: group %d has no name", i+1))
		case names[x.name]:
			errs = append(errs, fmt.Errorf("clip: Groups: two groups have the name %q", x.name))
		}
		names[x.name] = true
		for _, pattern := range x.match {
			if _, err := path.Match(pattern, ""); err != nil {
				errs = append(errs, fmt.Errorf("clip: Groups: group %q: pattern %q: %w", x.name, pattern, err))
			}
		}
		if len(x.match) == 0 {
			if rest != "" {
				errs = append(errs, fmt.Errorf("clip: Groups: both %q and %q have no patterns: only one group can have all the rest", rest, x.name))
			}
			rest = x.name
		}
		if hasGroups(x.Policy) {
			errs = append(errs, fmt.Errorf("clip: Groups: the policy of group %q has groups itself: list them all in one Groups", x.name))
		} else if err := validateAll([]member{x.member}); err != nil {
			errs = append(errs, fmt.Errorf("clip: Groups: group %q: %w", x.name, err))
		}
	}
	return errors.Join(errs...)
}

func (g *groups) Bind(params []Param) (Needs, error) {
	owner := make([]*group, len(params))
	var rest *group
	for _, x := range g.all {
		x.params = x.params[:0]
		if len(x.match) == 0 {
			rest = x
		}
		for _, pattern := range x.match {
			found := false
			for i, p := range params {
				if ok, _ := path.Match(pattern, p.Name); !ok {
					continue
				}
				found = true
				if owner[i] != nil && owner[i] != x {
					return Needs{}, fmt.Errorf("clip: Groups: parameter %q is matched by both group %q and group %q", p.Name, owner[i].name, x.name)
				}
				owner[i] = x
			}
			if !found {
				return Needs{}, fmt.Errorf("clip: Groups: group %q: pattern %q matches none of the parameters: %s", x.name, pattern, names(params))
			}
		}
	}
	for i := range params {
		if owner[i] == nil {
			owner[i] = rest
		}
		if x := owner[i]; x != nil {
			x.params = append(x.params, i)
		}
	}
	var whole Needs
	for _, x := range g.all {
		if len(x.params) == 0 {
			return Needs{}, fmt.Errorf("clip: Groups: group %q gets no parameter: the other groups have them all", x.name)
		}
		if err := x.bind(params, &whole); err != nil {
			return Needs{}, fmt.Errorf("clip: Groups: group %q: %w", x.name, err)
		}
	}
	g.changes.bind(len(params))
	g.reset()
	g.decisions = make([]GroupDecision, len(g.all))
	return whole, nil
}

// bind binds the policy to the group's parameters and gives what it needs the
// places of the whole.
func (x *group) bind(params []Param, whole *Needs) error {
	own := make([]Param, len(x.params))
	for j, i := range x.params {
		own[j] = params[i]
	}
	units := len(whole.Units)
	if err := x.member.bind(own, whole); err != nil {
		return err
	}
	for i := units; i < len(whole.Units); i++ {
		whole.Units[i].Param = x.params[whole.Units[i].Param]
	}
	x.norms, x.max = make([]float64, len(own)), make([]float64, len(own))
	x.orders = make([][]float64, x.pnorms[1]-x.pnorms[0])
	for i := range x.orders {
		x.orders[i] = make([]float64, len(own))
	}
	return nil
}

// names lists the first few parameters, for an error.
func names(params []Param) string {
	var all []string
	for i, p := range params {
		if i == 8 {
			return strings.Join(all, ", ") + fmt.Sprintf(" and %d more", len(params)-i)
		}
		all = append(all, p.Name)
	}
	return strings.Join(all, ", ")
}

func (g *groups) Decide(whole Gradient) Decision {
	if len(whole.ParamNorms) != len(g.changes.all) || len(g.changes.all) == 0 {
		return Keep()
	}
	d := Keep()
	g.changed = false
	for i, x := range g.all {
		if !whole.Again {
			x.asked = false
		} else if !x.asked { // it has decided
			g.carry(x, Keep())
			continue
		}
		own := x.decide(&whole)
		d.Again = d.Again || own.Again
		g.carry(x, own)
		e := &g.decisions[i]
		if !whole.Again {
			*e = GroupDecision{Name: x.name, Params: x.params, Norm: x.sees.Norm}
		}
		if own.Threshold != 0 {
			e.Threshold = own.Threshold
		}
		e.Clipped = e.Clipped || own.Changes()
	}
	if g.changed {
		d.Params = g.changes.all
	}
	d.Groups = g.decisions
	return d
}

// carry gives the group's parameters the changes that were decided.
func (g *groups) carry(x *group, own Decision) {
	acts := own.Changes()
	g.changed = g.changed || acts
	switch {
	case own.Params != nil:
		for j, place := range x.params {
			g.changes.all[place] = own.Params[j]
		}
	case acts || x.acted:
		same := Change{Factor: own.Factor, Lower: own.Lower, Upper: own.Upper}
		for _, place := range x.params {
			g.changes.all[place] = same
		}
	}
	x.acted = acts
}

// hasGroups says whether the policy is Groups or has them inside.
func hasGroups(p Policy) bool {
	switch p := p.(type) {
	case *groups:
		return true
	case *after:
		return hasGroups(p.Policy)
	case *chain:
		return slices.ContainsFunc(p.members, func(m member) bool { return hasGroups(m.Policy) })
	}
	return false
}

// decide shows the group's policy the part of the gradients that belongs to it.
func (x *group) decide(whole *Gradient) Decision {
	part := &x.sees
	*part = *whole
	largest := 0.0
	for j, i := range x.params {
		x.norms[j] = whole.ParamNorms[i]
		m := magnitude(whole.ParamMax, i)
		x.max[j] = m
		if m > largest {
			largest = m
		}
	}
	part.Max = largest
	part.Norm = TotalNorm(2, x.norms...)
	part.ParamNorms, part.ParamMax = x.norms, x.max
	part.PNorms = nil
	if x.pnorms[1] <= len(whole.PNorms) { // measured
		part.PNorms = x.orders
		for k := range x.orders {
			for j, i := range x.params {
				x.orders[k][j] = whole.PNorms[x.pnorms[0]+k][i]
			}
		}
	}
	if x.units[1] <= len(part.Units) {
		part.Units = part.Units[x.units[0]:x.units[1]]
	}
	part.Again = x.asked
	d := x.Decide(*part)
	x.asked = d.Again
	return d
}

func (g *groups) State() ([]byte, error) {
	named := map[string]json.RawMessage{}
	for _, x := range g.all {
		s, err := x.State()
		if err != nil {
			return nil, err
		}
		if s != nil {
			named[x.name] = s
		}
	}
	if len(named) == 0 {
		return nil, nil
	}
	return marshal(named)
}

func (g *groups) Restore(state []byte) error {
	named := map[string]json.RawMessage{}
	if s := bytes.TrimSpace(state); len(s) != 0 && string(s) != "null" {
		if err := json.Unmarshal(state, &named); err != nil {
			return fmt.Errorf("clip: the state of Groups: %w", err)
		}
	}
	all, saved := make([]member, len(g.all)), make([]json.RawMessage, len(g.all))
	for i, x := range g.all {
		all[i], saved[i] = x.member, named[x.name]
		delete(named, x.name)
	}
	for name := range named {
		return fmt.Errorf("clip: the state of Groups has a group %q that this policy has not", name)
	}
	return restoreAll("Groups", all, saved)
}
