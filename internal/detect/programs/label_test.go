package programs

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// A label is confirmed by what became of the run, not by what was done to it.
func TestConfirmed(t *testing.T) {
	p := &Program{Name: "p", HeldOut: true, Chance: 0.5, Plain: Recipe{Steps: 1000}}
	for _, test := range []struct {
		name      string
		class     corpus.Class
		outcome   Outcome
		confirmed bool
	}{
		{"learns", corpus.Healthy, Outcome{Metric: 0.87}, true},
		{"learns too little", corpus.Healthy, Outcome{Metric: 0.84}, false},
		{"stopped", corpus.Healthy, Outcome{Metric: 0.9, Stopped: true}, false},
		{"does not learn", corpus.Vanishing, Outcome{Metric: 0.6}, true},
		{"learns all the same", corpus.Vanishing, Outcome{Metric: 0.8}, false},
		{"explodes", corpus.Exploding, Outcome{Metric: 0.5, First: 200}, true},
		{"is steep", corpus.Exploding, Outcome{Metric: 0.5, First: 199}, false},
		{"held up by curvature", corpus.IllConditioned, Outcome{Metric: 0.5, Stiffness: 0.25}, true},
		{"held up by a small learning rate", corpus.IllConditioned, Outcome{Metric: 0.5, Stiffness: 0.1}, false},
		{"worse than chance", corpus.SignError, Outcome{Metric: -1}, true},
		{"dead", corpus.Dying, Outcome{Metric: 0.5, Zeros: 0.9}, true},
		{"not dead", corpus.Dying, Outcome{Metric: 0.5, Zeros: 0.3}, false},
		{"swings", corpus.Oscillating, Outcome{Metric: 0.5, Swing: 1, Moves: 1, Level: 1}, true},
		{"the batches' noise only", corpus.Oscillating, Outcome{Metric: 0.5, Swing: 1, Level: 1}, false},
		{"runs away", corpus.Oscillating, Outcome{Metric: 0.5, Swing: 1, Moves: 1, Level: 9}, false},
		{"climbs", corpus.Diverging, Outcome{Metric: 0.5, Climb: 3}, true},
		{"only stands still", corpus.Diverging, Outcome{Metric: 0.5, Climb: 1}, false},
		{"spikes and recovers", corpus.Poisoned, Outcome{Metric: 0.9, Loss: 12}, true},
		{"does not spike", corpus.Poisoned, Outcome{Metric: 0.9, Loss: 2, Norm: 9}, false},
		{"does not recover", corpus.Poisoned, Outcome{Metric: 0.6, Norm: 50}, false},
		{"leaps", corpus.Cliffs, Outcome{Metric: 0.9, Norm: 25}, true},
		{"does not leap", corpus.Cliffs, Outcome{Metric: 0.5, Norm: 3}, false},
		{"not finite", corpus.NonFinite, Outcome{Metric: 0.9, Broken: true}, true},
		{"finite", corpus.NonFinite, Outcome{Metric: 0.9}, false},
		{"silent", corpus.Frozen, Outcome{Metric: 0.9, Silent: 0.75}, true},
		{"not silent", corpus.Frozen, Outcome{Metric: 0.5, Silent: 0.25}, false},
		{"flat, then falls", corpus.Escape, Outcome{Metric: 0.9, Flat: 600, Half: 700}, true},
		{"starts late", corpus.Escape, Outcome{Metric: 0.9, Flat: 599, Half: 700}, false},
		{"falls early", corpus.Escape, Outcome{Metric: 0.9, Flat: 200, Half: 500}, false},
		{"falls early in a long run", corpus.Escape, Outcome{Metric: 0.9, Flat: 600, Half: 700, Steps: 2000}, false},
		{"never falls", corpus.Escape, Outcome{Metric: 0.9, Flat: 900, Half: 1000}, false},
		{"symmetric", corpus.Saddle, Outcome{Metric: 0.5, Climb: 1}, true},
		{"symmetric and runs away", corpus.Saddle, Outcome{Metric: 0.5, Climb: 10}, false},
	} {
		t.Run(string(test.class)+", "+test.name, func(t *testing.T) {
			c := &Case{Name: "c", Class: test.class, Least: 0.9, Most: 0.6}
			o := test.outcome
			o.Steps, o.Onset = max(o.Steps, 1000), 400
			l := o.Label(p, c, 7, &Outcome{Metric: 0.9, First: 2})
			require.Equal(t, test.confirmed, l.Confirmed)
			require.True(t, l.HeldOut)
			require.EqualValues(t, 7, l.Seed)
			if test.class == corpus.Healthy {
				require.Zero(t, l.Onset)
			} else {
				require.EqualValues(t, 400, l.Onset)
			}
		})
	}
}

func TestEndOfWhatGoesAway(t *testing.T) {
	p := &Program{Plain: Recipe{Steps: 1000}}
	lasting := func(r *Recipe) { r.Fault.Lasting = true }
	o := Outcome{Steps: 1000, Onset: 400, Half: 700}
	for class, want := range map[corpus.Class]int64{corpus.Poisoned: 420, corpus.NonFinite: 400, corpus.Escape: 700, corpus.Cliffs: 0} {
		require.Equal(t, want, o.Label(p, &Case{Class: class}, 1, &Outcome{Metric: 1}).End, class)
	}
	require.Zero(t, o.Label(p, &Case{Class: corpus.NonFinite, change: lasting}, 1, &Outcome{Metric: 1}).End)
}

// A batch that knows nothing of the cliff does not leap off it.
func TestLeap(t *testing.T) {
	require.EqualValues(t, 4, leapt([]float64{1, 1, 0, 25}, 2, 1))
	require.Zero(t, leapt([]float64{50, 1, 19, 2}, 2, 1), "only what follows counts")
	p, o := &Program{Plain: Recipe{Steps: 1000}}, Outcome{Steps: 1000, Onset: 400, Leap: 402}
	require.EqualValues(t, 402, o.Label(p, &Case{Class: corpus.Cliffs}, 1, &Outcome{Metric: 1}).Leap)
	require.Zero(t, o.Label(p, &Case{Class: corpus.Poisoned}, 1, &Outcome{Metric: 1}).Leap)
}

// Where the plain run has not learnt, nothing is confirmed: by the latch's plain run
// that stayed at chance, failing runs were once healthy.
func TestPlainRunThatDoesNotLearn(t *testing.T) {
	p := &Program{Chance: 0.5, Solved: 0.8}
	o := Outcome{Metric: 0.5, Steps: 10, Onset: 1}
	for reference, want := range map[float64]bool{0.9: true, 0.8: true, 0.7: false, 0.5: false, 0.4: false} {
		require.Equal(t, want, o.Label(p, &Case{Class: corpus.Vanishing, Most: 0.6}, 1, &Outcome{Metric: reference}).Confirmed, reference)
		healthy := Outcome{Metric: reference, Steps: 10}
		require.Equal(t, want, healthy.Label(p, &Case{Class: corpus.Healthy}, 1, &Outcome{Metric: reference}).Confirmed, reference)
	}
}

func TestDescent(t *testing.T) {
	// Flat at 2 for 1200 of 2000 steps, then down to 1 within 200.
	losses := make([]float64, 2000)
	for i := range losses {
		losses[i] = 2 - min(max(float64(i-1200)/200, 0), 1)
	}
	quarter, half := descent(losses)
	require.InDelta(t, 1250, quarter, smoothing)
	require.InDelta(t, 1300, half, smoothing)

	for i := range losses {
		losses[i] = float64(i)
	}
	quarter, half = descent(losses)
	require.Zero(t, quarter)
	require.Zero(t, half)
}

func TestStatistics(t *testing.T) {
	require.InDelta(t, 8.0/5, spread([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 0}), 1e-12)
	require.Zero(t, spread([]float64{1, 2}))
	require.Zero(t, finite(math.NaN()))
	require.Equal(t, math.MaxFloat32, finite(math.Inf(1)))
	require.Equal(t, []float64{2, 3}, tail([]float64{1, 2, 3}, 2))
	require.Equal(t, -1.0, atLeast(-1, math.NaN()))
}

func TestSchedules(t *testing.T) {
	for name, f := range schedules {
		for i := range 1001 {
			v := f(float64(i) / 1000)
			require.True(t, v >= 0 && v <= 1+1e-3, "%q gives %v at %d ‰", name, v, i)
		}
	}
	require.Less(t, schedules["warm-up"](0), 0.01)
	require.InDelta(t, 1, schedules["warm-up"](0.1), 1e-9)
	require.InDelta(t, 1, schedules["restarts"](0.3334), 1e-2)
	require.InDelta(t, 0.01, schedules["restarts"](0.3333), 1e-2)
}

func TestOrderTakesEachRowOnceAnEpoch(t *testing.T) {
	o := &order{rows: 10, uneven: true, random: stream(1, orderStream)}
	var sizes []int
	seen := map[int64]int{}
	for range 6 {
		b := o.next(4)
		sizes = append(sizes, len(b))
		for _, n := range b {
			seen[n]++
		}
	}
	require.Equal(t, []int{4, 4, 2, 4, 4, 2}, sizes)
	for n := range int64(10) {
		require.Equal(t, 2, seen[n])
	}
	o = &order{rows: 10, random: stream(1, orderStream)}
	for range 9 {
		require.Len(t, o.next(4), 4)
	}
	require.Len(t, o.next(0), 10)
}
