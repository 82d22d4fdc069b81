package clip

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func decide(p Policy, norm float64) Decision { return p.Decide(Gradient{Norm: norm, Max: norm}) }

// The limit of a constant run is 5. Norms of 4.9 raise that of the range to
// sqrt(5)·4.9 at once, and the ceiling gets there in a closed form.
func TestOutlierRisesByADoublingInAWindow(t *testing.T) {
	p := Outlier()
	for range RangeWarmUp {
		decide(p, 1)
	}
	bound := 4.9 * math.Sqrt(RangeRatio)
	for k := range 100 {
		require.InEpsilon(t, 5*math.Exp2(float64(k)/RangeWindow), decide(p, 4.9).Threshold, 1e-9)
	}
	held := decide(p, 1000)
	require.Less(t, held.Factor, 1.0)
	require.InEpsilon(t, 5*math.Exp2(100./RangeWindow), held.Threshold, 1e-9)
	for k := 1; k <= ceilingCalm; k++ {
		require.InEpsilon(t, held.Threshold*math.Exp2(float64(k)/ceilingHeldRise), decide(p, 4.9).Threshold, 1e-9)
	}
	require.Less(t, held.Threshold*math.Exp2(1./ceilingHeldRise+1./RangeWindow), bound)
	before := decide(p, 4.9).Threshold
	require.InEpsilon(t, before*math.Exp2(1./RangeWindow), decide(p, 4.9).Threshold, 1e-9, "calm again")
}

// climb is what plain gradient descent shows on Pascanu, Mikolov and Bengio's
// temporal-order problem: a plateau, growth by a quarter from step to step for
// 12 steps, and wild norms at 10 times the level of the plateau from then on.
func climb(rng *rand.Rand) func(int) float64 {
	return func(step int) float64 {
		switch {
		case step < 300:
			return math.Exp(0.25 * rng.NormFloat64())
		case step < 312:
			return math.Pow(1.25, float64(step-299)) * math.Exp(0.25*rng.NormFloat64())
		}
		return 10 * math.Exp(0.8*rng.NormFloat64())
	}
}

func TestOutlierHoldsAgainstAClimb(t *testing.T) {
	t.Parallel()
	for run := range uint64(100) {
		next := climb(rand.New(rand.NewPCG(40, run)))
		p := Outlier()
		var alone Range
		most, mostAlone := 0.0, 0.0
		for step := range 800 {
			norm := next(step)
			d := decide(p, norm)
			limit, _ := alone.Observe(norm)
			if step >= 300 {
				most = max(most, norm*d.Factor)
				mostAlone = max(mostAlone, min(norm, limit))
			}
		}
		require.Less(t, most, 12.0, "in units of the plateau's median")
		require.Greater(t, mostAlone, 3*most, "what a range alone lets through")
	}
}

// clippedSteps counts the steps that an Outlier changes in 400 runs of 1000
// steps each.
func clippedSteps(c course, seed uint64) (count int) {
	for run := range uint64(400) {
		next := c(rand.New(rand.NewPCG(seed, run)))
		p := Outlier()
		for step := range 1000 {
			if decide(p, next(step)).Changes() {
				count++
			}
		}
	}
	return count
}

// rise grows times-fold in so many steps, from step 300 on.
func rise(times, steps float64) func(float64) float64 {
	return func(s float64) float64 { return math.Pow(times, min(max((s-300)/steps, 0), 1)) }
}

// The bound is the number of clipped steps in 400,000 healthy ones.
func TestOutlierLeavesHealthyCoursesAlone(t *testing.T) {
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
		{"log-normal 1.0", lognormal(1), 2},
		{"decaying 1000-fold", trend(func(s float64) float64 { return math.Exp(-6.9 * s / 1000) }), 0},
		{"growing 10-fold in 600 steps", trend(rise(10, 600)), 0},
		{"growing 10-fold in 1000 steps", trend(func(s float64) float64 { return math.Pow(10, s/1000) }), 0},
		{"growing 5-fold in 1000 steps", trend(func(s float64) float64 { return 1 + 4*s/1000 }), 0},
		{"early fall 100-fold in 30 steps", trend(func(s float64) float64 { return 1 + 100*math.Exp(-s/6) }), 0},
		{"early rise 100-fold in 30 steps", trend(func(s float64) float64 { return 101 - 100*math.Exp(-s/6) }), 0},
		{"steps down 10-fold", trend(func(s float64) float64 { return math.Pow(10, -math.Floor(s/300)) }), 0},
		{"down 10-fold and back in 600 steps", trend(func(s float64) float64 {
			return math.Pow(10, -min(max(s-100, 0), max(700-s, 0), 300)/300)
		}), 0},
		{"cosine restarts", trend(func(s float64) float64 { return 1.1 + math.Cos(2*math.Pi*s/400) }), 0},
		{"chi 1", chi(1), 0},
		{"chi 100", chi(100), 0},
		{"margin 2", margin(2), 0},
		{"margin 4", margin(4), 0},
		{"two modes, 50 % large", twoModes(0.5), 0},
		{"half of the steps exactly 0", withZeros(lognormal(0.5)), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			count := clippedSteps(c.run, 41)
			t.Logf("%d of 400,000", count)
			require.LessOrEqual(t, count, c.bound)
		})
	}
}

// escape is the number of steps in which x, with gradient -x, leaves a saddle
// point until it is 100 times as far away: steps without a policy.
func escape(p Policy, steps int, rng *rand.Rand) int {
	x, rate := 1.0, math.Pow(100, 1/float64(steps))-1
	for range 300 {
		decide(p, math.Exp(0.25*rng.NormFloat64()))
	}
	n := 0
	for ; x < 100 && n < 100_000; n++ {
		d := decide(p, x*math.Exp(0.25*rng.NormFloat64()))
		x += rate * x * d.Factor
	}
	return n
}

// What the comment of Outlier says about its cost.
func TestOutlierLimitations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ steps, atMost int }{{1000, 1000}, {600, 750}, {300, 500}, {100, 250}} {
		longest := 0
		for run := range uint64(50) {
			longest = max(longest, escape(Outlier(), c.steps, rand.New(rand.NewPCG(42, run))))
		}
		t.Logf("an escape in %d steps: at most %d", c.steps, longest)
		require.LessOrEqual(t, longest, c.atMost, c.steps)
	}
	for _, c := range []struct {
		name  string
		run   course
		oneIn int
	}{
		{"drifting slowly", autoregressive(0.99, 1), 150},
		{"drifting fast", autoregressive(0.9, 1), 400},
		{"two modes, 20 % large", twoModes(0.2), 1000},
	} {
		count := clippedSteps(c.run, 44)
		t.Logf("%s: %d of 400,000", c.name, count)
		require.Less(t, count, 400_000/c.oneIn, c.name)
	}
}

// A level that comes to stay is let through at its lower octile or more as soon
// as the range has taken it up, and untouched in the end.
func TestOutlierAcceptsALastingLevel(t *testing.T) {
	t.Parallel()
	for _, times := range []float64{10, 1000} {
		last, least, sum := 0, 1.0, 0.0
		const steps, from = 10_000, 200
		for run := range uint64(20) {
			rng := rand.New(rand.NewPCG(43, run))
			p := Outlier()
			for range 300 {
				decide(p, math.Exp(0.3*rng.NormFloat64()))
			}
			for step := range steps {
				d := decide(p, times*math.Exp(0.3*rng.NormFloat64()))
				if d.Changes() {
					last = max(last, step)
				}
				if step >= from {
					least = min(least, d.Factor)
					sum += d.Factor
				}
			}
		}
		mean := sum / 20 / (steps - from)
		t.Logf("%v-fold: last clip at step %d, least factor %.2f, mean %.3f", times, last, least, mean)
		require.Less(t, last, 4000)
		require.Greater(t, least, 0.25)
		require.Greater(t, mean, 0.98)
	}
}

// What a range alone had saved is a state.
func TestOutlierRestoresARange(t *testing.T) {
	r, _ := warm(44, 200)
	p := Outlier()
	require.NoError(t, p.Restore([]byte(state(t, r))))
	d := decide(p, 1)
	require.Equal(t, r.Limit(), d.Threshold)
	require.False(t, d.Changes())
}

func TestOutlierRefusesGarbage(t *testing.T) {
	p := Outlier()
	for range 100 {
		decide(p, 2)
	}
	before, err := p.State()
	require.NoError(t, err)
	for _, c := range []struct{ state, says string }{
		{`{"ratio":5,"window":[1],"ceiling":-1}`, "ceiling is -1"},
		{`{"ratio":5,"window":[1],"ceiling":"x"}`, "cannot unmarshal"},
		{`{"ratio":5,"window":[1],"ceiling":3,"calm":129}`, "calm is 129"},
		{`{"ratio":5,"window":[1],"ceiling":3,"calm":-1}`, "calm is -1"},
		{`{"ratio":5,"window":[1],"judging":true}`, "without a ceiling"},
	} {
		require.ErrorContains(t, p.Restore([]byte(c.state)), c.says)
		after, err := p.State()
		require.NoError(t, err)
		require.Equal(t, string(before), string(after))
	}
}
