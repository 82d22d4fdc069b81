package hooks

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// spend runs so many steps of a length with measurements of a cost, and returns
// the steps that were measured.
func spend(b *budget, steps int64, length func(step int64) time.Duration, cost time.Duration, closer func(step int64) bool) (measured []int64, elapsed time.Duration) {
	for step := int64(1); step <= steps; step++ {
		elapsed += length(step)
		if b.due(step, elapsed, closer(step)) {
			elapsed += cost
			b.measured(step, elapsed, cost, true)
			measured = append(measured, step)
		}
	}
	return measured, elapsed
}

func always(d time.Duration) func(int64) time.Duration {
	return func(int64) time.Duration { return d }
}

func never(int64) bool { return false }

func TestBudgetKeepsTheShare(t *testing.T) {
	for _, share := range []float64{0.001, 0.01, 0.03, 0.1, 0.5} {
		for _, cost := range []time.Duration{time.Millisecond, 50 * time.Millisecond, time.Second} {
			b := newBudget(share, 0)
			_, elapsed := spend(b, 200_000, always(10*time.Millisecond), cost, never)
			require.LessOrEqual(t, b.used(elapsed), share)
			interval := time.Duration(float64(cost) / share)
			if elapsed > 100*interval && interval > 100*time.Millisecond { // many, of several steps each
				require.GreaterOrEqual(t, b.used(elapsed), share*(1-budgetReserve)*0.9,
					"share %v, cost %v: nearly all of it but the reserve", share, cost)
			}
		}
	}
}

func TestBudgetIsSpreadOut(t *testing.T) {
	b := newBudget(0.03, 0)
	measured, _ := spend(b, 100_000, always(10*time.Millisecond), 30*time.Millisecond, never)
	require.EqualValues(t, budgetFirst, measured[0])
	shortest, longest := int64(math.MaxInt64), int64(0)
	for i := 2; i < len(measured); i++ {
		gap := measured[i] - measured[i-1]
		shortest, longest = min(shortest, gap), max(longest, gap)
	}
	require.Greater(t, shortest, int64(100))
	require.Less(t, longest, int64(200))
	require.NotEqual(t, shortest, longest, "not always the same batch of an epoch")
}

func TestBudgetTightensFromTheReserve(t *testing.T) {
	b := newBudget(0.03, 0)
	alarm := func(step int64) bool { return step >= 50_000 && step < 50_500 }
	measured, elapsed := spend(b, 100_000, always(10*time.Millisecond), 30*time.Millisecond, alarm)
	in := 0
	for _, step := range measured {
		if alarm(step) {
			in++
		}
	}
	require.Greater(t, in, 100, "of 500 steps; 3 or 4 otherwise")
	require.LessOrEqual(t, b.used(elapsed), 0.03)
}

// A measurement that takes much longer than the others is paid back.
func TestBudgetAfterAnExpensiveMeasurement(t *testing.T) {
	b := newBudget(0.03, 0)
	b.measured(5, time.Second, 10*time.Second, true)
	require.False(t, b.due(6, 100*time.Second, true))
	require.Negative(t, b.left(100*time.Second))
	require.True(t, b.due(7, 1000*time.Second, true))
}

func TestBudgetAtAFixedInterval(t *testing.T) {
	b := newBudget(0, 100)
	measured, _ := spend(b, 1000, always(time.Millisecond), time.Second, never)
	require.Equal(t, []int64{100, 200, 300, 400, 500, 600, 700, 800, 900, 1000}, measured)
	require.False(t, b.due(1000, 0, false), "the second backward pass of the same step")
}
