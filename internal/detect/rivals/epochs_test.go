package rivals

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/monitor"
)

// run feeds a whole run of 100 epochs of 10 records and returns the epochs at whose
// end the rule held, and how often it was evaluated.
func run(r Rule, record func(epoch int) *monitor.Step) (held []int, evaluated int) {
	held = []int{}
	for epoch := 1; epoch <= 100; epoch++ {
		for range 10 {
			switch r.Observe(record(epoch)) {
			case monitor.Holding:
				held = append(held, epoch)
				evaluated++
			case monitor.Clear:
				evaluated++
			}
		}
	}
	return held, evaluated
}

// gradient is a record with the same gradients at all times.
func gradient(norms ...float64) func(int) *monitor.Step {
	return func(int) *monitor.Step { return &monitor.Step{ParamGradNorms: numbers(norms...)} }
}

func zeroed(share float64) func(int) *monitor.Step {
	n := int64(100 * share)
	return func(int) *monitor.Step { return &monitor.Step{ZeroGrads: []int64{n, 4, n}} }
}

func lossOf(f func(epoch int) float64) func(int) *monitor.Step {
	return func(epoch int) *monitor.Step { return &monitor.Step{Loss: monitor.Known(f(epoch))} }
}

func TestAutoTrainer(t *testing.T) {
	stuck := repeat(0.5, 10)                                            // never gains
	poor := []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5} // gains, and stays below 0.6
	good := []float64{0.1, 0.3, 0.5, 0.6, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7}
	swings := []float64{0.5, 0.9, 0.5, 0.9, 0.5, 0.9, 0.5, 0.9, 0.5, 0.9}
	for _, c := range []struct {
		rule       string
		accuracies []float64
		record     func(int) *monitor.Step
		first      int // epoch, of those at every third; 0: never
	}{
		// Ten accuracies: the first is known after epoch 10.
		{"vanishing", poor, gradient(0.9e-4, 1, 1), 12},
		{"vanishing", stuck, gradient(0.9e-4, 1, 1), 12},
		{"vanishing", poor, gradient(1.1e-4, 1, 1), 0},             // the first layer's is not small
		{"vanishing", poor, gradient(0.9e-4, 1, 0.08), 0},          // nor beside the last one's
		{"vanishing", repeat(0.7, 10), gradient(0.9e-4, 1, 1), 21}, // good and no gain of two
		{"vanishing", good[4:5], gradient(0.9e-4, 1, 1), 0},        // good
		{"exploding", poor, gradient(71, 1, 1), 12},
		{"exploding", poor, gradient(69, 1, 1), 0},
		{"dying ReLU", poor, zeroed(0.7), 12},
		{"dying ReLU", poor, zeroed(0.69), 0},
		// Four accuracies have one pair of a high and a low, and 1 of 4 is above 0.2.
		{"oscillating", swings, gradient(1, 1, 1), 42},
		{"oscillating", good, gradient(1, 1, 1), 0},
		{"slow convergence", stuck, gradient(1, 1, 1), 30},
		{"slow convergence", poor, gradient(1, 1, 1), 0},
		{"slow convergence", repeat(0.61, 10), gradient(1, 1, 1), 0},
	} {
		held, evaluated := run(named(t, "AUTOTRAINER "+c.rule, 1000, c.accuracies...), c.record)
		require.Equal(t, 33, evaluated, "%v", c)
		if c.first == 0 {
			require.Empty(t, held, "%s %v", c.rule, c.accuracies)
			continue
		}
		require.NotEmpty(t, held, "%s %v", c.rule, c.accuracies)
		require.Equal(t, c.first, held[0], "%s %v", c.rule, c.accuracies)
	}
	for _, none := range [][]float64{nil, {-3.2, -1}, {20, 85}} {
		_, evaluated := run(named(t, "AUTOTRAINER vanishing", 1000, none...), gradient(0, 1, 1))
		require.Zero(t, evaluated, "%v are no accuracies", none)
	}
}

func TestBTTackler(t *testing.T) {
	for _, c := range []struct {
		rule        string
		record      func(int) *monitor.Step
		first, last int
	}{
		// The means are a tenth of the norms, and the median of two layers lies between.
		{"exploding gradient", gradient(1.9e5, 1, 0.2e5), 1, 100},
		{"exploding gradient", gradient(1.7e5, 1, 0.2e5), 0, 0},
		{"exploding gradient", gradient(1001, 1, 1), 1, 100},
		{"exploding gradient", gradient(999, 1, 1), 0, 0},
		{"exploding gradient", func(e int) *monitor.Step {
			s := gradient(1, 1, 1)(e)
			if e == 40 {
				s.NonFinite = monitor.Known(1)
			}
			return s
		}, 40, 40},
		{"vanishing gradient", gradient(0.9e-4, 1, 0.9e-4), 1, 50},
		{"vanishing gradient", gradient(0.9e-4, 1, 1), 1, 50},
		{"vanishing gradient", gradient(1.1e-4, 1, 1), 0, 0},
		{"dying ReLU", zeroed(0.51), 6, 100},
		{"dying ReLU", zeroed(0.5), 0, 0},
		{"slow convergence", lossOf(func(e int) float64 { return 1 + 1e-4*float64(e%2) }), 6, 100},
		{"slow convergence", lossOf(func(e int) float64 { return 1 + 3e-4*float64(e%2) }), 0, 0},
		// 0, 1, 0, 1, …: from 0 to 1 the slope of six is 3/35, the other way -3/35.
		{"heavy oscillation", lossOf(func(e int) float64 { return float64(e % 2) }), 51, 99},
		{"heavy oscillation", lossOf(func(e int) float64 { return 10 + float64(e%2) }), 0, 0},
		{"no more gain", lossOf(func(e int) float64 { return 1 / float64(e) }), 0, 0},
		{"no more gain", lossOf(func(e int) float64 { return max(1, 2-float64(e)/10) + max(0, float64(e)-50) }), 51, 100},
	} {
		held, evaluated := run(named(t, "BTTackler "+c.rule, 1000), c.record)
		require.Equal(t, 100, evaluated, c.rule)
		if c.first == 0 {
			require.Empty(t, held, c.rule)
			continue
		}
		require.NotEmpty(t, held, c.rule)
		require.Equal(t, []int{c.first, c.last}, []int{held[0], held[len(held)-1]}, c.rule)
	}
}

func TestDeepChecker(t *testing.T) {
	// feed shows one value at each check, every tenth record, and says at which it held.
	feed := func(name string, record func(check int) *monitor.Step, checks int) []int {
		r, out := named(t, "TheDeepChecker "+name, 1000), []int{}
		for i := range 10 * checks {
			is := r.Observe(record(i/10 + 1))
			if i%10 != 9 {
				require.Equal(t, monitor.Undecided, is)
			} else if is == monitor.Holding {
				out = append(out, i/10+1)
			}
		}
		return out
	}
	power := func(base float64) func(int) *monitor.Step {
		return func(check int) *monitor.Step {
			v := 1.0
			for range check {
				v *= base
			}
			return &monitor.Step{Loss: monitor.Known(v), ParamGradNorms: numbers(v, 1, 1)}
		}
	}
	require.Equal(t, []int{5, 6}, feed("vanishing gradient", power(0.5), 6), "four halvings are five checks")
	require.Empty(t, feed("vanishing gradient", power(0.51), 6))
	require.Equal(t, []int{1}, feed("vanishing gradient", gradient(0.9e-5, 1, 1), 1))
	require.Equal(t, []int{5, 6}, feed("exploding gradient", power(2), 6))
	require.Empty(t, feed("exploding gradient", power(1.9), 6))
	require.Equal(t, []int{6, 7}, feed("non-decreasing loss", power(0.96), 7), "five drops are six checks")
	require.Empty(t, feed("non-decreasing loss", power(0.94), 7))
	diverging := func(level float64) func(int) *monitor.Step {
		return lossOf(func(check int) float64 {
			if check <= 2 {
				return 1
			}
			return level
		})
	}
	require.Equal(t, []int{7, 8}, feed("diverging loss", diverging(2), 8), "five checks above twice the least")
	require.Empty(t, feed("diverging loss", diverging(1.99), 8))
}

// TestShortRuns: a run with fewer records than epochs is judged all the same.
func TestShortRuns(t *testing.T) {
	for _, name := range []string{"AUTOTRAINER exploding", "BTTackler exploding gradient"} {
		r, evaluated := named(t, name, 12, 0.1, 0.1, 0.1, 0.1), 0
		for range 12 {
			if norms(r, 1, 1, 1) != monitor.Undecided {
				evaluated++
			}
		}
		require.Equal(t, 12, evaluated, name)
	}
}
