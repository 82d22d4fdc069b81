package clip

import "fmt"

type after struct {
	member
	steps int64
}

// After leaves the gradients of the first steps alone and has the policy decide
// from then on. An adaptive policy learns meanwhile.
func After(steps int64, policy Policy) Policy {
	return &after{member: member{Policy: policy}, steps: steps}
}

func (a *after) Name() string {
	if a.Policy == nil {
		return "after"
	}
	return a.Policy.Name()
}

func (a *after) Validate() error {
	if a.steps < 0 {
		return fmt.Errorf("clip: After(%d, …): a number of steps is at least 0", a.steps)
	}
	return validateAll([]member{a.member})
}

func (a *after) Bind(params []Param) (Needs, error) { return Bind(a.Policy, params) }

func (a *after) Decide(g Gradient) Decision {
	d := a.Policy.Decide(g)
	if g.Step > a.steps {
		return d
	}
	kept := Decision{Factor: 1, Threshold: d.Threshold, Groups: d.Groups}
	// A policy that acts in several looks learns in each of them.
	for look := 1; d.Again && look < maxLooks; look++ {
		g.Again = true
		d = a.Policy.Decide(g)
	}
	for i := range kept.Groups {
		kept.Groups[i].Clipped = false
	}
	return kept
}

// maxLooks bounds how often a waiting policy is shown the same gradients.
const maxLooks = 32
