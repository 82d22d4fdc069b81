package monitor

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// stepped is a step of two weights with biases, of norm 1, whose elasticities and updates are
// all the same.
func stepped(step int64, elasticity, update float64) Step {
	s := Step{Step: step, Loss: Known(1), GradNorm: Known(1)}
	for range 4 {
		s.ParamGradNorms = append(s.ParamGradNorms, Known(0.5))
		s.ParamNorms = append(s.ParamNorms, Known(1))
		s.UpdateNorms = append(s.UpdateNorms, Known(update))
		s.ParamElasticities = append(s.ParamElasticities, Known(elasticity))
	}
	return s
}

// The bound is the sum over all steps and parameters of elasticity times update-to-weight
// ratio, with the larger neighbour for what was not measured.
func TestBound(t *testing.T) {
	run := recipe{layers: 2}.run()
	c := NewCourse(run)
	put := func(s Step) { c.observe(&s) }
	put(stepped(1, 3, 0.1)) // 1.2 for 1 step
	_, ok := c.Bound()
	require.False(t, ok, "too few measurements")
	put(stepped(11, 2, 0.01)) // 0.08, so that 10 steps had up to 1.2
	put(stepped(21, 4, 0.01)) // 0.16 for 10 steps
	put(stepped(31, 0, 0.01)) // the loss depends on nothing: 0.16 for 10 more
	bound, ok := c.Bound()
	require.True(t, ok)
	require.InDelta(t, 1.2*11+0.16*20, bound, 1e-12)

	s := stepped(41, 1, 0.5)
	s.ParamNorms[1] = Known(0) // has no ratio
	s.ParamElasticities[2] = Number{}
	put(s)
	bound, _ = c.Bound()
	require.InDelta(t, 1.2*11+0.16*20+1*10, bound, 1e-12, "two parameters are left, of 0.5 each")

	s = stepped(51, 1, 0.5)
	s.ParamElasticities = nil
	put(s)
	after, _ := c.Bound()
	require.InDelta(t, bound+1*10, after, 1e-12, "the last goes on where nothing is measured")
	put(stepped(61, 1e300, 1e300)) // it saturates, and a state can be written
	bound, _ = c.Bound()
	require.LessOrEqual(t, bound, 2*largest)
	require.Positive(t, bound)
}

// A loss that decays by the factor exp(-a) a step, of steps that could each change it by the
// share b, has the efficiency a/b, however its history's blocks have been merged.
func TestEfficiency(t *testing.T) {
	const a, b = 0.002, 4 * 0.5 * 0.1
	for _, records := range []int64{16 * grain, 400, 512, 1500, 5000} {
		c := NewCourse(recipe{layers: 2}.run())
		for i := range records {
			s := stepped(i+1, 0.5, 0.1)
			s.Loss = Known(math.Exp(-a * float64(i)))
			c.observe(&s)
			require.Len(t, c.now.Updates.Marks, len(c.now.History.Means))
		}
		share, bound, ok := c.Efficiency()
		require.True(t, ok, records)
		require.InEpsilon(t, a/b, share, 1e-4, "%d records", records)
		k := len(c.now.History.Means) / 4 * c.now.History.Size
		require.InEpsilon(t, b*float64(k), bound, 1e-4, "%d records", records)
	}
}

func TestEfficiencyIsNotKnown(t *testing.T) {
	for name, c := range map[string]struct {
		records int64
		loss    float64
		update  float64
	}{"too few blocks": {16*grain - 1, 1, 0.1}, "a negative loss": {400, -1, 0.1}, "no step": {400, 1, 0}} {
		course := NewCourse(recipe{layers: 2}.run())
		for i := range c.records {
			s := stepped(i+1, 0.5, c.update)
			s.Loss = Known(c.loss)
			course.observe(&s)
		}
		_, _, ok := course.Efficiency()
		require.False(t, ok, name)
	}
}

// Weights that begin at 0 move by all of their size in the first steps, and say nothing of
// whether the steps are long enough.
func TestStepsTooShortWithWeightsThatBeginAtZero(t *testing.T) {
	tiny := updating(1e-8, 100)
	p := recipe{name: "tiny steps", steps: 1500, loss: bouncing, norm: plainNorm, edit: func(k int, s *Step, r *rand.Rand) {
		tiny(k, s, r)
		if len(s.ParamNorms) > 0 { // the second layer's
			s.ParamNorms[2] = Known(float64(k) * 2e-8)
			s.ParamElasticities[2] = Known(s.ParamGradNorms[2].value * s.ParamNorms[2].value / s.Loss.value)
		}
	}}
	events := observe(p.run(), p.make(1))
	require.Len(t, events, 1)
	require.Equal(t, Stagnating, events[0].Kind)
	require.Contains(t, events[0].Summary, "to first order all of them together can have changed the loss by")
	require.Contains(t, events[0].Advice, "Raise the learning rate")
}
