package clip

import (
	"errors"
	"fmt"
	"math"
)

// Scalable is a policy whose thresholds can be scaled: those with fixed
// thresholds ([Norm], [PNorm], [PerParam], [Value], [Bounds], [BlockRMS], [AGC]).
type Scalable interface {
	Policy
	// Scale multiplies the thresholds that the policy was made with by factor,
	// from the next Decide on.
	Scale(factor float64)
}

// Schedule is a threshold's factor at a step, counted from 1. Where it is not
// above 0, gradients are left alone.
type Schedule func(step int64) float64

// Linear is the schedule that goes from one factor to another in so many steps,
// in equal parts, and stays there: Linear(10, 1, 1000) begins with ten times the
// threshold.
func Linear(from, to float64, steps int64) Schedule {
	return func(step int64) float64 { return from + (to-from)*progress(step, steps) }
}

// Cosine goes from one factor to another in so many steps along half a wave of
// the cosine, and stays there.
func Cosine(from, to float64, steps int64) Schedule {
	return func(step int64) float64 {
		return from + (to-from)*(1-math.Cos(math.Pi*progress(step, steps)))/2
	}
}

// progress is 0 at step 1 and 1 from step steps+1 on.
func progress(step, steps int64) float64 {
	return max(0, min(1, float64(step-1)/float64(max(1, steps))))
}

type schedule struct {
	Scalable
	err  error
	at   Schedule
	name string
}

// Scheduled moves the thresholds of a policy along a schedule, by the number of
// the step, so that a resumed run is where it was. The policy has to be
// [Scalable]; an adaptive one moves its threshold by itself.
func Scheduled(policy Policy, at Schedule) Policy {
	s := &schedule{at: at, name: "scheduled"}
	if policy == nil {
		s.err = errNilPolicy
		return s
	}
	s.name = policy.Name()
	var ok bool
	if s.Scalable, ok = policy.(Scalable); !ok {
		s.err = fmt.Errorf("clip: Scheduled(%s): only the thresholds of Norm, PNorm, PerParam, Value, Bounds, BlockRMS and AGC can be scheduled",
			s.name)
	} else if at == nil {
		s.err = errors.New("clip: Scheduled: the schedule is nil, as in Scheduled(Norm(1), Linear(10, 1, 1000))")
	}
	return s
}

func (s *schedule) Name() string { return s.name }

func (s *schedule) Validate() error {
	if s.err != nil {
		return s.err
	}
	return s.Scalable.Validate()
}

func (s *schedule) Bind(params []Param) (Needs, error) { return Bind(s.Scalable, params) }

func (s *schedule) Decide(g Gradient) Decision {
	s.Scale(s.at(g.Step))
	return s.Scalable.Decide(g)
}

// State and Restore are those of the policy: a schedule is a function of the step.

// scaled is the factor of a Scalable policy's thresholds.
type scaled struct{ factor float64 }

func (s *scaled) Scale(factor float64) {
	if !(factor > 0) {
		factor = math.NaN()
	}
	s.factor = factor
}

// of is the threshold in force.
func (s *scaled) of(threshold float64) float64 {
	if s.factor == 0 {
		return threshold
	}
	return threshold * s.factor
}
