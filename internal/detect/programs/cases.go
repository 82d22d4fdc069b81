package programs

import (
	"fmt"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// hard is a healthy case of a sort that fools published rules.
func hard(name string, change func(*Recipe)) Case {
	return Case{Name: "healthy, " + name, Class: corpus.Healthy, Hard: true, change: change}
}

// least sets what part of the way to the reference the case has to go.
func (c Case) least(part float64) Case {
	c.Least = part
	return c
}

// most sets what part of the way to the reference the case may go.
func (c Case) most(part float64) Case {
	c.Most = part
	return c
}

// tooSlow multiplies the learning rate by a factor far below 1.
func tooSlow(factor float64) Case {
	return Case{Name: fmt.Sprintf("too slow, learning rate times %g", factor), Class: corpus.TooSlow,
		change: func(r *Recipe) { r.LR *= factor }}
}

// spread is the ratio of the features' scales.
func (r *Recipe) spread() float64 {
	if r.Spread == 0 {
		return 1
	}
	return r.Spread
}
