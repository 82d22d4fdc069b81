package score

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

func fires(step int64, kind monitor.Kind, severity monitor.Severity) monitor.Event {
	return monitor.Event{Step: step, Kind: kind, State: monitor.Firing, Severity: severity, Summary: "it is so"}
}

func resolves(step int64, kind monitor.Kind) monitor.Event {
	return monitor.Event{Step: step, Kind: kind, State: monitor.Resolved, Severity: monitor.Warning, Since: 1}
}

func outcome(class corpus.Class, onset, end int64, events ...monitor.Event) Outcome {
	return Outcome{Steps: 10_000, Events: events, Label: corpus.Label{
		Program: "mlp", Case: string(class), Class: class, Onset: onset, End: end, Steps: 10_000, Confirmed: true, HeldOut: true, File: "run",
	}}
}

// hand is a corpus whose score can be counted by hand.
func hand() []Outcome {
	saddle := fires(700, monitor.CriticalPoint, monitor.Info)
	saddle.Class = monitor.ClassSaddle
	minimum := fires(700, monitor.CriticalPoint, monitor.Info)
	minimum.Class = monitor.ClassMinimum
	out := []Outcome{
		outcome(corpus.Healthy, 0, 0),
		outcome(corpus.Healthy, 0, 0, fires(5, monitor.RisingGradient, monitor.Info), minimum),
		outcome(corpus.Healthy, 0, 0, fires(5, monitor.Cliff, monitor.Warning), resolves(6, monitor.Cliff), fires(9, monitor.Diverging, monitor.Critical)),
		// Named in the same step, and resolved.
		outcome(corpus.Poisoned, 101, 101, fires(101, monitor.Cliff, monitor.Warning), resolves(110, monitor.Cliff)),
		// Named two steps later, twice, and never resolved; a false alarm before.
		outcome(corpus.Poisoned, 101, 101, fires(50, monitor.Plateau, monitor.Warning), fires(103, monitor.LossSpike, monitor.Warning),
			resolves(104, monitor.LossSpike), fires(106, monitor.LossSpike, monitor.Warning)),
		// Too late: an alarm after the cause and the grace.
		outcome(corpus.Poisoned, 101, 101, fires(202, monitor.Cliff, monitor.Warning)),
		// Another kind first.
		outcome(corpus.Vanishing, 1, 0, fires(300, monitor.Plateau, monitor.Warning), fires(400, monitor.Vanishing, monitor.Warning)),
		outcome(corpus.Saddle, 1, 0, saddle, monitor.Event{Step: 800, Kind: monitor.Plateau, State: monitor.Instant, Severity: monitor.Warning}),
		outcome(corpus.Saddle, 1, 0, minimum),
	}
	left := outcome(corpus.Healthy, 0, 0, fires(5, monitor.Cliff, monitor.Critical))
	left.Label.Confirmed = false
	torn := outcome(corpus.Healthy, 0, 0, fires(5, monitor.Cliff, monitor.Critical))
	torn.Err = errors.New("torn")
	return append(out, left, torn)
}

// A cliff is caught in the same step where the alarm comes no later than the leap off it.
func TestSameStepOfACliff(t *testing.T) {
	for step, want := range map[int64]int{101: 1, 102: 1, 103: 0} {
		o := outcome(corpus.Cliffs, 101, 0, fires(step, monitor.Cliff, monitor.Warning))
		o.Label.Leap = 102
		require.Equal(t, share(want, 1), Sum([]Outcome{o}).HeldOut.Classes[0].SameStep, step)
	}
}

// A cause that went away just before the run's end leaves no time to say so.
func TestResolvedWantsTime(t *testing.T) {
	for end, want := range map[int64]Share{9_799: share(0, 1), 9_800: share(0, 0)} {
		r := Sum([]Outcome{outcome(corpus.Escape, 1, end, fires(700, monitor.Plateau, monitor.Warning))})
		require.Equal(t, want, r.HeldOut.Classes[0].Resolved, "%d", end)
	}
}

func TestSum(t *testing.T) {
	r := Sum(hand())
	require.Equal(t, 1, r.Unconfirmed)
	require.Equal(t, 1, r.Unreadable)
	require.Nil(t, r.Tuning)
	p := r.HeldOut

	require.Equal(t, Healthy{3, rate(2, 30_000), rate(1, 30_000), share(1, 3)}, p.Healthy)
	require.Equal(t, rate(1, 300), p.Before)
	require.Equal(t, rate(1, 3*(10_000-201)), p.After)

	require.Len(t, p.Classes, 3)
	vanishing, poisoned, saddle := p.Classes[0], p.Classes[1], p.Classes[2]
	require.Equal(t, corpus.Poisoned, poisoned.Class)
	require.Equal(t, share(2, 3), poisoned.Recall)
	require.Equal(t, share(2, 2), poisoned.First)
	// A healthy run opens with a cliff, one poisoned run with a plateau and one with a
	// cliff that is too late.
	require.Equal(t, share(1, 3), poisoned.Precision)
	require.EqualValues(t, 0, poisoned.Median)
	require.EqualValues(t, 2, poisoned.P90)
	require.Equal(t, share(1, 2), poisoned.SameStep)
	require.Equal(t, 1.5, poisoned.Firings)
	require.Equal(t, 2, poisoned.MostFirings)
	require.Equal(t, 2, poisoned.MostOfAKind)
	require.Equal(t, share(1, 2), poisoned.Resolved)

	require.Equal(t, share(1, 1), vanishing.Recall)
	require.Equal(t, share(0, 1), vanishing.First)
	require.Equal(t, share(0, 0), vanishing.Precision)
	require.EqualValues(t, 399, vanishing.Median)

	require.Equal(t, share(1, 2), saddle.Recall, "a minimum is no saddle")
	require.Equal(t, share(1, 1), saddle.First)
	require.Equal(t, 1, saddle.MostFirings, "what has no duration is no incident")
	// The plateau of the vanishing run and the early one of the poisoned run.
	require.Equal(t, share(1, 3), saddle.Precision)

	require.Equal(t, share(4, 6), p.All.Recall)
	require.Equal(t, share(3, 4), p.All.First)
	require.Len(t, p.Programs, 1)
	require.Len(t, p.Cases, 4)
}

func TestGoals(t *testing.T) {
	pass := map[string]bool{}
	for _, g := range Sum(hand()).HeldOut.Goals {
		pass[g.Name] = g.Pass
	}
	require.Equal(t, map[string]bool{
		"at most 1 false alarm per 10,000 healthy steps": true,
		"no critical one":                               false,
		"recall of at least 95 %":                       false,
		"and in every class of at least 85 %":           false,
		"right kind first in at least 85 %":             false,
		"poisoned caught in the same step":              false,
		"at most 1 firing of a kind in an incident":     false,
		"resolved by the end where the cause went away": false,
	}, pass)

	good := []Outcome{
		outcome(corpus.Healthy, 0, 0),
		outcome(corpus.Poisoned, 101, 101, fires(101, monitor.Cliff, monitor.Warning), resolves(110, monitor.Cliff)),
	}
	for _, g := range Sum(good).HeldOut.Goals {
		require.True(t, g.Pass, g.Name)
	}
}

// TestHeldOutIsApart: the two sets of programs share no number.
func TestHeldOutIsApart(t *testing.T) {
	runs := hand()
	runs[2].Label.HeldOut = false
	r := Sum(runs)
	require.Equal(t, rate(0, 20_000), r.HeldOut.Healthy.Alarms)
	require.Equal(t, rate(2, 10_000), r.Tuning.Healthy.Alarms)
	require.Empty(t, r.Tuning.Classes)
	for _, g := range r.Tuning.Goals {
		require.Contains(t, []string{"at most 1 false alarm per 10,000 healthy steps", "no critical one"}, g.Name)
	}
}

func TestMarkdownAndJSON(t *testing.T) {
	r := Sum(hand())
	var out bytes.Buffer
	r.Markdown(&out, true)
	require.Contains(t, out.String(), "### Held-out programs")
	require.NotContains(t, out.String(), "### Tuning programs")
	require.Contains(t, out.String(), "| poisoned | 3 | 67 % (2 of 3; 21–94 %) | 100 % (2/2) | 33 % (1/3) | 0 / 2 | 50 % (1/2) | 1.50 / 2 | 50 % (1/2) |")
	require.Contains(t, out.String(), "| healthy runs, warning or above | 0.67 (2 in 30000 steps; 0.08–2.41) | 33 % (1 of 3; 6–79 %) |")
	require.Contains(t, out.String(), "what their class says it should be: 1.")
	data, err := json.Marshal(r)
	require.NoError(t, err)
	var back Report
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, r.HeldOut.Healthy, back.HeldOut.Healthy)
}

func TestList(t *testing.T) {
	var out bytes.Buffer
	List(&out, hand())
	for _, want := range []string{
		"false alarm: run\n    mlp, \"healthy\", seed 0: healthy, 10000 steps",
		"    step 9: critical diverging firing: it is so\nfalse alarms in healthy runs: 1 runs",
		"alarms in faulty runs while the cause was not there: 2 runs",
		"missed: 2 runs",
		"another kind first: 1 runs",
		"a kind more than once: 1 runs",
		"not resolved: 1 runs",
		"an invariance that did not hold: 0 runs",
	} {
		require.Contains(t, out.String(), want)
	}
}
