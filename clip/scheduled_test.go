package clip

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSchedules(t *testing.T) {
	linear, cosine := Linear(10, 1, 100), Cosine(10, 1, 100)
	for _, c := range []struct {
		step           int64
		linear, cosine float64
	}{
		{1, 10, 10},
		{26, 7.75, 5.5 + 4.5*math.Sqrt2/2},
		{51, 5.5, 5.5},
		{101, 1, 1},
		{100_000, 1, 1},
		{0, 10, 10},
		{-5, 10, 10},
	} {
		require.InDelta(t, c.linear, linear(c.step), 1e-12, "step %d", c.step)
		require.InDelta(t, c.cosine, cosine(c.step), 1e-12, "step %d", c.step)
	}
	for _, steps := range []int64{0, -3, 1} {
		require.Equal(t, 2.0, Linear(2, 1, steps)(1))
		require.Equal(t, 1.0, Linear(2, 1, steps)(2))
	}
}

// Every scalable policy, with its thresholds doubled, is the one that was made
// with them.
func TestScheduledScalesAllThresholds(t *testing.T) {
	for _, c := range []struct{ p, twice Policy }{
		{Norm(1), Norm(2)},
		{PNorm(1, 1), PNorm(1, 2)},
		{PNorm(inf, 1), PNorm(inf, 2)},
		{PerParam(1), PerParam(2)},
		{BlockRMS(1), BlockRMS(2)},
		{Value(1), Value(2)},
		{Bounds(-1, 0.5), Bounds(-2, 1)},
		{AGC(0.25), AGC(0.5)},
		{CurvatureLimited(1), CurvatureLimited(2)},
	} {
		s := Scheduled(c.p, func(step int64) float64 { return float64(step) })
		require.Equal(t, c.p.Name(), s.Name())
		for step, want := range map[int64]Policy{2: c.twice} {
			a, b := tensors{vector("a", 3, 4), newTensor("b", 2, 2)}, tensors{vector("a", 3, 4), newTensor("b", 2, 2)}
			g := Gradient{Step: step, LR: 1, GTHG: 500}
			require.Equal(t, b.step(t, want, g), a.step(t, s, g), c.p.Name())
			require.Equal(t, b.grads(), a.grads(), c.p.Name())
		}
	}
}

func TestScheduledFollowsTheStep(t *testing.T) {
	p := Scheduled(Norm(1), Linear(10, 1, 9))
	require.Equal(t, 10.0, p.Decide(Gradient{Step: 1, Norm: 20}).Threshold)
	require.Equal(t, 1.0, p.Decide(Gradient{Step: 10, Norm: 20}).Threshold)
	require.Equal(t, 9.0, p.Decide(Gradient{Step: 2, Norm: 20}).Threshold, "the step alone says where it is")
}

// Where the schedule is not above 0, gradients are left alone.
func TestScheduledOff(t *testing.T) {
	for _, factor := range []float64{0, -1, nan, math.Inf(-1)} {
		for _, p := range []Policy{Norm(1), Value(1), Bounds(-1, 2), PerParam(1), BlockRMS(1), AGC(1), PNorm(1, 1), CurvatureLimited(1)} {
			all := tensors{vector("a", 30, 40)}
			d := all.step(t, Scheduled(p, func(int64) float64 { return factor }), Gradient{Step: 1, LR: 1, GTHG: 1e9})
			require.Equal(t, []Decision{Keep()}, d, "%s at %v", p.Name(), factor)
		}
	}
	all := tensors{vector("a", 30, 40)}
	require.False(t, changed(all.step(t, Scheduled(Norm(1), func(int64) float64 { return inf }), Gradient{})))
}

func TestScheduledRefuses(t *testing.T) {
	at := Linear(1, 2, 3)
	require.ErrorContains(t, Scheduled(nil, at).Validate(), "a policy is nil")
	require.ErrorContains(t, Scheduled(Norm(1), nil).Validate(), "the schedule is nil")
	require.ErrorContains(t, Scheduled(Norm(-1), at).Validate(), "Norm(-1)")
	for _, p := range []Policy{Outlier(), Percentile(10, 10), ZScore(DefaultZScore()), MeanRatio(1), EMA(AdaGC()), Chain(Norm(1)), None(),
		After(1, Norm(1)), Groups(Group{"all", nil, Norm(1)}), Scheduled(Outlier(), at)} {
		require.Error(t, Scheduled(p, at).Validate(), p.Name())
	}
	require.ErrorContains(t, Scheduled(Outlier(), at).Validate(), "Scheduled(outlier): only the thresholds of Norm")
	require.NoError(t, Chain(Scheduled(Norm(1), at), After(5, Scheduled(AGC(1), at))).Validate())
	_, err := Bind(Scheduled(AGC(1, Except("c")), at), model)
	require.ErrorContains(t, err, `"c" matches none`)
}
