package clip

import (
	"fmt"
	"math"
)

// The constants of the ceiling of [Outlier]. They were chosen on the
// temporal-order problem of length 20: plain gradient descent at a learning rate
// of 0.2 solves it in 18 of 20 runs, with a rise in half as many steps in 11, in
// twice as many in 17, and without any ceiling in none.
const (
	// ceilingStart is by how many norms the ceiling is first set: fewer than
	// [RangeWarmUp], so that a climb late in the warm-up does not set it.
	ceilingStart = RangeWarmUp / 2
	// ceilingRise is in how many steps the ceiling doubles at most, or halves.
	ceilingRise = RangeWindow
	// ceilingCalm is how many steps without a clip have to pass before the ceiling
	// rises at that rate again.
	ceilingCalm = RangeWindow
	// ceilingHeldRise is in how many steps it doubles at most before that.
	ceilingHeldRise = 16 * RangeWindow
	// ceilingShare is the share of the recent norms that is below any ceiling, one
	// in so many.
	ceilingShare = 8
)

var (
	ceilingUp     = math.Exp2(1. / ceilingRise)
	ceilingDown   = math.Exp2(-1. / ceilingRise)
	ceilingHeldUp = math.Exp2(1. / ceilingHeldRise)
)

// ceiling bounds how fast the limit of a range may rise. A range asks no more of
// a norm than to be near to one that it has seen lately, so it follows a climb
// in small steps anywhere. The ceiling is one number with a long memory, which
// neither a climb nor what is clipped can drag.
type ceiling struct {
	limit   float64 // 0 until it is first set
	calm    int     // steps since the last clip, at most ceilingCalm
	judging bool    // the range was ready once
}

// lower is the lower of the range's limit and the ceiling.
func (c *ceiling) lower(limit float64) float64 {
	if !c.judging {
		return limit
	}
	return min(limit, c.limit)
}

// follow moves the ceiling towards what the range, which has just seen a norm,
// would allow.
func (c *ceiling) follow(r *Range, clipped bool) {
	c.calm = min(c.calm+1, ceilingCalm)
	if clipped {
		c.calm = 0
	}
	if r.Count() < ceilingStart {
		return
	}
	bound := min(r.bound(), math.MaxFloat64)
	if c.limit == 0 {
		c.limit, c.calm = bound, ceilingCalm
	}
	up, down := ceilingUp, ceilingDown
	if c.calm < ceilingCalm {
		up = ceilingHeldUp
	}
	if !c.judging {
		down = 0 // the more norms are known, the better is a lower bound
		c.judging = r.Ready()
	}
	c.limit = max(min(bound, c.limit*up), c.limit*down, r.sorted[r.n/ceilingShare])
}

// ceilingState is a ceiling in JSON.
type ceilingState struct {
	Ceiling float64 `json:"ceiling,omitempty"`
	Calm    int     `json:"calm,omitempty"`
	Judging bool    `json:"judging,omitempty"`
}

func (c *ceiling) state() ceilingState { return ceilingState{c.limit, c.calm, c.judging} }

func (s ceilingState) validate() error {
	if s.Ceiling != 0 && !positive(s.Ceiling) {
		return fmt.Errorf("ceiling is %v, want a positive number, or 0 for none yet", s.Ceiling)
	}
	if s.Calm < 0 || s.Calm > ceilingCalm {
		return fmt.Errorf("calm is %d steps, want 0 to %d", s.Calm, ceilingCalm)
	}
	if s.Judging && s.Ceiling == 0 {
		return fmt.Errorf("judging without a ceiling")
	}
	return nil
}
