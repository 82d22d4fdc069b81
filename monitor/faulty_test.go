package monitor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// A fault is a synthetic run with a known cause and the event that should name it.
type fault struct {
	recipe
	kind Kind
	// The event must fire within these steps.
	from, to int64
	resolves bool
	// also are other kinds that may fire in such a run.
	also []Kind
}

// check makes the run from each seed and asserts that the fault is named once, in
// time, with what every event must have, and nothing else with it.
func (f fault) check(t *testing.T) {
	t.Helper()
	t.Run(f.name, func(t *testing.T) {
		for seed := range seeds() {
			events := observe(f.run(), f.make(seed))
			if testing.Verbose() {
				for _, e := range events {
					t.Logf("seed %d, step %d: %s %s %s: %s %v", seed, e.Step, e.Kind, e.State, e.Param, e.Summary, e.Values)
				}
			}
			var fired, resolved []Event
			for _, e := range events {
				require.NotEmpty(t, e.Summary)
				require.NotEmpty(t, e.Advice)
				require.NotEmpty(t, e.Values)
				for name, v := range e.Values {
					require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "%s: %s is %v", e.Kind, name, v)
				}
				switch {
				case e.Kind == f.kind && e.State == Firing:
					fired = append(fired, e)
				case e.Kind == f.kind:
					resolved = append(resolved, e)
				case e.Severity != Info:
					require.Contains(t, f.also, e.Kind, "seed %d, step %d: %s", seed, e.Step, e.Summary)
				}
			}
			require.Len(t, fired, 1, "seed %d: %v", seed, summaries(events))
			require.GreaterOrEqual(t, fired[0].Step, f.from, "seed %d", seed)
			require.LessOrEqual(t, fired[0].Step, f.to, "seed %d", seed)
			if f.resolves {
				require.Len(t, resolved, 1, "seed %d", seed)
				require.Equal(t, fired[0].Step, resolved[0].Since)
			} else {
				require.Empty(t, resolved, "seed %d: %v", seed, summaries(events))
			}
		}
	})
}

func summaries(events []Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, fmt.Sprintf("%d %s %s: %s", e.Step, e.Kind, e.State, e.Summary))
	}
	return out
}

// silent asserts that a recipe brings forth no event of the kind.
func (p recipe) silent(t *testing.T, kind Kind) {
	t.Helper()
	t.Run(p.name, func(t *testing.T) {
		for seed := range seeds() {
			for _, e := range observe(p.run(), p.make(seed)) {
				require.NotEqual(t, kind, e.Kind, "seed %d, step %d: %s", seed, e.Step, e.Summary)
			}
		}
	})
}

// plainLoss and plainNorm are a run that learns.
var (
	plainLoss = learning(2.3, 0.2, 300, 0.05)
	plainNorm = lognormal(1, 0.25)
)

// after is before(t) up to step from, and then(t-from) afterwards.
func after(from int, before, then func(int, *rand.Rand) float64) func(int, *rand.Rand) float64 {
	return func(t int, r *rand.Rand) float64 {
		if t < from {
			return before(t, r)
		}
		return then(t-from, r)
	}
}

func zero(s *Step, i int) {
	s.ParamGradNorms[i], s.ZeroGrads[i] = Known(0), width
	if i%2 == 0 {
		s.ZeroGrads[i] = width * width
	}
}

// faults lists all synthetic faulty runs.
func faults() []fault {
	var all []fault
	for _, f := range [][]fault{nonfiniteFaults(), cliffFaults(), spikeFaults(), divergingFaults(), explodingFaults(),
		vanishingFaults(), muteFaults(), oscillatingFaults(), deadFaults(), frozenFaults(), stagnatingFaults(), plateauFaults(), risingFaults(), clipFaults(), illFaults(), criticalFaults()} {
		all = append(all, f...)
	}
	return all
}
