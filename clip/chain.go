package clip

import (
	"errors"
	"strings"
)

type chain struct {
	members []member
	name    string
	next    int // the member that decides next
}

// Chain applies one policy after another: each sees the gradients as those
// before it have left them, measured again whenever one of them has changed
// something. Chain(Value(1), Norm(5)) bounds the elements and then the length.
func Chain(policies ...Policy) Policy {
	c := &chain{members: members(policies)}
	var names []string
	for _, p := range policies {
		if p != nil {
			names = append(names, p.Name())
		}
	}
	c.name = strings.Join(names, "+")
	return c
}

func (c *chain) Name() string { return c.name }

func (c *chain) Validate() error {
	if len(c.members) == 0 {
		return errors.New("clip: Chain(): a chain has at least one policy; None() leaves gradients alone")
	}
	return validateAll(c.members)
}

func (c *chain) Bind(params []Param) (Needs, error) {
	var needs Needs
	for i := range c.members {
		if err := c.members[i].bind(params, &needs); err != nil {
			return Needs{}, err
		}
	}
	return needs, nil
}

func (c *chain) Decide(g Gradient) Decision {
	if !g.Again {
		c.next = 0
		for i := range c.members {
			c.members[i].asked = false
		}
	}
	kept := Keep() // what is reported of those that do not act
	for c.next < len(c.members) {
		m := &c.members[c.next]
		d := m.decide(g)
		if d.Again { // this one is not done
			return d
		}
		c.next++
		if d.Groups == nil {
			d.Groups = kept.Groups
		}
		if d.Changes() {
			d.Again = c.next < len(c.members)
			return d
		}
		kept.Groups = d.Groups
		if kept.Threshold == 0 {
			kept.Threshold = d.Threshold
		}
	}
	return kept
}

func (c *chain) State() ([]byte, error) {
	states, err := states(c.members)
	if states == nil || err != nil {
		return nil, err
	}
	return marshal(states)
}

func (c *chain) Restore(state []byte) error { return restoreList("Chain", c.members, state) }
