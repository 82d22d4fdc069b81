package score

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/internal/detect/rivals"
	"github.com/seed-140d0f39/gtg/monitor"
)

// scripted is a rule that says what it is told to.
type scripted struct {
	rivals.Rule
	says []monitor.Condition
}

func (r *scripted) Observe(s *monitor.Step) monitor.Condition { return r.says[s.Step-1] }

// TestContender: an evaluation left out does not end a stretch, and what is caught
// is caught while the cause is there.
func TestContender(t *testing.T) {
	const no, yes, skip = monitor.Clear, monitor.Holding, monitor.Undecided
	says := []monitor.Condition{skip, no, yes, skip, yes, no, yes, yes}
	for onset, caught := range map[int64]int64{0: 0, 1: 3, 4: 5, 6: 7, 8: 8} {
		c := &contender{rule: &scripted{says: says}, label: &corpus.Label{Onset: onset}}
		for i := range says {
			c.observe(&monitor.Step{Step: int64(i + 1)})
		}
		require.Equal(t, RivalOutcome{Evaluated: true, True: 4, Stretches: 2, Caught: caught}, c.out)
	}
	c := &contender{rule: &scripted{says: []monitor.Condition{skip}}, label: &corpus.Label{}}
	c.observe(&monitor.Step{Step: 1})
	require.Equal(t, RivalOutcome{}, c.out)
}

func TestRivalScores(t *testing.T) {
	claims := []corpus.Class{corpus.Poisoned}
	with := func(o Outcome, r RivalOutcome) Outcome {
		r.Name, r.Claims = "rule", claims
		o.Rivals = []RivalOutcome{r}
		return o
	}
	cliff := fires(101, monitor.Cliff, monitor.Warning)
	r := Sum([]Outcome{
		with(outcome(corpus.Healthy, 0, 0), RivalOutcome{Evaluated: true, True: 7, Stretches: 2}),
		with(outcome(corpus.Healthy, 0, 0), RivalOutcome{Evaluated: true}),
		with(outcome(corpus.Healthy, 0, 0), RivalOutcome{}), // not judged
		with(outcome(corpus.Poisoned, 101, 101, cliff), RivalOutcome{Evaluated: true, True: 1, Stretches: 1, Caught: 105}),
		with(outcome(corpus.Poisoned, 101, 101, cliff), RivalOutcome{Evaluated: true}),
		with(outcome(corpus.Poisoned, 101, 101), RivalOutcome{}),                              // not judged
		with(outcome(corpus.Saddle, 1, 0), RivalOutcome{Evaluated: true, True: 1, Caught: 1}), // not claimed
	})
	require.Equal(t, []Rival{{
		Name: "rule", Claims: claims, Runs: 2, Alarms: rate(2, 20_000), Evaluations: rate(7, 20_000), Flagged: share(1, 2),
		Recall: share(1, 2), Ours: share(2, 2), Median: 4, P90: 4,
	}}, r.HeldOut.Rivals)
	var out bytes.Buffer
	r.Markdown(&out, false)
	require.Contains(t, out.String(), "| rule | 1.00 | 3.50 | 50 % (1/2) | poisoned | 50 % (1/2) | 100 % (2/2) | 4 / 4 |")
}

// TestRivalsOnTheCorpus: the rules get the same records as gtg.
func TestRivalsOnTheCorpus(t *testing.T) {
	folder, labels := small()
	r := Sum(Judge(folder, labels[:3], Options{Rivals: true}))
	score := func(name string) Rival {
		i := slices.IndexFunc(r.Tuning.Rivals, func(r Rival) bool { return r.Name == name })
		require.GreaterOrEqual(t, i, 0, name)
		return r.Tuning.Rivals[i]
	}
	require.Equal(t, share(1, 1), score("OLMo-core skip step").Recall)
	require.Equal(t, share(2, 2), score("Megatron-LM spiky loss or gradient").Recall)
	require.EqualValues(t, 0, score("Megatron-LM spiky loss or gradient").Median)
	require.Equal(t, share(1, 1), score("SageMaker LossNotDecreasing").Flagged)
	require.Zero(t, score("AUTOTRAINER vanishing").Runs, "there is no accuracy")
}
