package clip

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// A course makes the values of one run, one a call.
type course func(rng *rand.Rand) func(step int) float64

func lognormal(sigma float64) course {
	return func(rng *rand.Rand) func(int) float64 {
		return func(int) float64 { return math.Exp(sigma * rng.NormFloat64()) }
	}
}

// trend multiplies log-normal noise of deviation 0.3 by a level.
func trend(level func(step float64) float64) course {
	return func(rng *rand.Rand) func(int) float64 {
		return func(step int) float64 { return level(float64(step)) * math.Exp(0.3*rng.NormFloat64()) }
	}
}

func autoregressive(phi, sigma float64) course {
	return func(rng *rand.Rand) func(int) float64 {
		x := 0.0
		return func(int) float64 {
			x = phi*x + math.Sqrt(1-phi*phi)*sigma*rng.NormFloat64()
			return math.Exp(x)
		}
	}
}

// chi is the norm of a vector of independent normal numbers.
func chi(dimensions int) course {
	return func(rng *rand.Rand) func(int) float64 {
		return func(int) float64 {
			sum := 0.0
			for range dimensions {
				x := rng.NormFloat64()
				sum += x * x
			}
			return math.Sqrt(sum)
		}
	}
}

// margin is 1-p of a logistic classifier with batch size 1: most examples are
// known and give next to nothing, some give a gradient of full size.
func margin(mean float64) course {
	return func(rng *rand.Rand) func(int) float64 {
		return func(int) float64 { return 1 / (1 + math.Exp(mean+2*rng.NormFloat64())) }
	}
}

// twoModes has a share of values that are 30 times the others.
func twoModes(share float64) course {
	return func(rng *rand.Rand) func(int) float64 {
		return func(int) float64 {
			v := math.Exp(0.3 * rng.NormFloat64())
			if rng.Float64() < share {
				v *= 30
			}
			return v
		}
	}
}

// withZeros sets half of another course's values to exactly 0.
func withZeros(c course) course {
	return func(rng *rand.Rand) func(int) float64 {
		next := c(rng)
		return func(step int) float64 {
			if rng.IntN(2) == 0 {
				return 0
			}
			return next(step)
		}
	}
}

// falseOutliers counts what a range rejects in 400 runs of 1000 steps each.
func falseOutliers(c course, seed uint64) (count int) {
	for run := range uint64(400) {
		next := c(rand.New(rand.NewPCG(seed, run)))
		var r Range
		for step := range 1000 {
			if _, outlier := r.Observe(next(step)); outlier {
				count++
			}
		}
	}
	return count
}

// The bound is the number of false outliers in 400,000 healthy steps, half of
// which are in the first 500 steps of a run. 4 would be 1 in 100,000.
func TestRangeLeavesHealthyRunsAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		run   course
		bound int
	}{
		{"constant", lognormal(0), 0},
		{"log-normal 0.1", lognormal(0.1), 0},
		{"log-normal 0.3", lognormal(0.3), 0},
		{"log-normal 0.5", lognormal(0.5), 1},
		{"log-normal 0.7", lognormal(0.7), 1},
		{"log-normal 1.0", lognormal(1), 1},
		{"drifting slowly", autoregressive(0.99, 1), 0},
		{"drifting fast", autoregressive(0.9, 1), 2},
		{"decaying 1000-fold", trend(func(s float64) float64 { return math.Exp(-6.9 * s / 1000) }), 0},
		{"growing 100-fold", trend(func(s float64) float64 { return math.Pow(100, s/1000) }), 0},
		{"growing 5-fold", trend(func(s float64) float64 { return 1 + 4*s/1000 }), 0},
		{"early fall 100-fold in 30 steps", trend(func(s float64) float64 { return 1 + 100*math.Exp(-s/6) }), 0},
		{"early rise 100-fold in 30 steps", trend(func(s float64) float64 { return 101 - 100*math.Exp(-s/6) }), 0},
		{"steps down 10-fold", trend(func(s float64) float64 { return math.Pow(10, -math.Floor(s/300)) }), 0},
		{"chi 1", chi(1), 0},
		{"chi 3", chi(3), 0},
		{"chi 100", chi(100), 0},
		{"margin 0", margin(0), 0},
		{"margin 2", margin(2), 0},
		{"margin 4", margin(4), 0},
		{"margin 6", margin(6), 1},
		{"two modes, 20 % large", twoModes(0.2), 4},
		{"two modes, 50 % large", twoModes(0.5), 0},
		{"half of the steps exactly 0", withZeros(lognormal(0.5)), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			count := falseOutliers(c.run, 1)
			t.Logf("%d of 400,000", count)
			require.LessOrEqual(t, count, c.bound)
		})
	}
}

// A cliff is put at the first step that is judged, and at every step after it:
// whether it is caught is read off the limit, which it does not change.
func TestRangeCatchesCliffs(t *testing.T) {
	t.Parallel()
	for _, sigma := range []float64{0, 0.1, 0.2, 0.3} {
		missed := 0
		for run := range uint64(400) {
			next := lognormal(sigma)(rand.New(rand.NewPCG(2, run)))
			var r Range
			for step := range 1000 {
				if step >= RangeWarmUp && !(30*r.Median() > r.Limit()) {
					missed++
				}
				r.Observe(next(step))
			}
		}
		require.Zero(t, missed, "log-normal %v: cliffs of 30 medians missed in 380,800 steps", sigma)
	}
}

// What the comment of Range says about its limits.
func TestRangeLimitations(t *testing.T) {
	t.Parallel()
	missed, judged := 0, 0
	for run := range uint64(400) {
		next := lognormal(0.4)(rand.New(rand.NewPCG(3, run)))
		var r Range
		for step := range 300 {
			if r.Ready() {
				judged++
				if !(30*r.Median() > r.Limit()) {
					missed++
				}
			}
			r.Observe(next(step))
		}
	}
	require.Less(t, float64(missed)/float64(judged), 0.004, "cliffs of 30 medians missed at 0.4")

	met := 0
	for run := range uint64(400) {
		next := twoModes(0.1)(rand.New(rand.NewPCG(4, run)))
		var r Range
		rejects := 0
		for step := range 1000 {
			if _, outlier := r.Observe(next(step)); outlier {
				rejects++
			}
		}
		if rejects > 0 {
			met++
		}
	}
	t.Logf("two modes, a tenth large: %d of 400 runs", met)
	require.LessOrEqual(t, met, 400/60)
}
