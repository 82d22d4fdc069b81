package clip

import (
	"encoding/json"
	"fmt"
	"math"
)

type outlier struct {
	recent  Range
	ceiling ceiling
}

// Outlier leaves every gradient alone whose norm is within the recent range of
// the run's own norms and scales a cliff back to the upper limit of that range
// (see [Range] for what that is and for what is not caught). It has no
// threshold to choose, clips nothing in its first [RangeWarmUp] steps, and
// multiplying the loss by a constant changes none of its factors.
//
// A cliff is often climbed in several steps, each less than sqrt([RangeRatio])
// times the one before: on the temporal-order problem of Pascanu, Mikolov and
// Bengio (2013, section 4.1) the norm grows by about a quarter from step to step
// for ten steps, which destroys what was learned, and stays high and wild from
// then on. A range follows such a climb. So its limit has a ceiling, which
//
//   - doubles at most, or halves, in [RangeWindow] steps;
//   - doubles at most in 16 times as many as long as there was a clip within the
//     last [RangeWindow] steps: what had to be clipped proves nothing;
//   - is at least the lower octile of the window, so that a level that has come
//     to stay is let through, nearly whole, as soon as the range has taken it up.
//
// What it costs: a healthy run whose norm outgrows its limit, which is at least
// 5 medians, by more than a doubling in [RangeWindow] steps is clipped until the
// ceiling has caught up: from norms alone, an escape from a saddle point that is as
// fast as that cannot be told from a climb. It is slowed, not stopped. Exponential
// growth of the distance to 100-fold in 1000 steps is not touched; 600 steps
// become up to 750, 300 up to 500, 100 up to 250. A lasting new level loses less
// than 2 % of the length of its next 10,000 steps, after the first 200, and nothing
// later. Norms that wander log-normally with deviation 1 are clipped in 1 step of
// 170 when they forget within 100 steps and in 1 of 430 within 10. In two modes,
// 30-fold apart, with a fifth of large values, 1 step of 1000 is clipped, all of
// them in those few runs whose first 24 norms hold no large one.
//
// A step with non-finite elements is left alone, and what is remembered stays
// exactly as it was; skipping such a step is the caller's part. A norm that
// exceeds float64 while all elements are finite is clipped as [Norm] does.
func Outlier() Policy { return &outlier{} }

func (*outlier) Name() string { return "outlier" }

func (*outlier) Validate() error { return nil }

func (p *outlier) Decide(g Gradient) Decision {
	d, limit := Keep(), p.ceiling.lower(p.recent.Limit())
	if !math.IsInf(limit, 1) {
		d.Threshold = limit
	}
	if !g.finite() {
		return d
	}
	if g.Norm > limit {
		d.Factor = shrink(g, limit)
	}
	if g.ordinary() {
		p.recent.Observe(g.Norm)
		p.ceiling.follow(&p.recent, g.Norm > limit)
	}
	return d
}

// outlierState is what an Outlier remembers, in JSON.
type outlierState struct {
	rangeState
	ceilingState
}

func (p *outlier) State() ([]byte, error) {
	return json.Marshal(outlierState{p.recent.state(), p.ceiling.state()})
}

// Restore takes the state of a range alone, too. The ceiling then starts at what
// the range allows.
func (p *outlier) Restore(state []byte) error {
	var recent Range
	if err := recent.UnmarshalJSON(state); err != nil {
		return err
	}
	var s ceilingState
	err := json.Unmarshal(state, &s)
	if err == nil {
		err = s.validate()
	}
	if err != nil {
		return fmt.Errorf("clip: the state of an outlier policy: %w", err)
	}
	p.recent, p.ceiling = recent, ceiling{s.Ceiling, s.Calm, s.Judging}
	return nil
}
