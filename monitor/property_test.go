package monitor

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// recipes are all synthetic runs, healthy and faulty; every third of them under the race
// detector, which has seen all code by then.
func recipes() (some []recipe) {
	all := healthy()
	for _, f := range faults() {
		f.recipe.name = string(f.kind) + ", " + f.recipe.name
		all = append(all, f.recipe)
	}
	for i, p := range all {
		if !testing.Short() || i%3 == 0 {
			some = append(some, p)
		}
	}
	return some
}

// outline is what must be the same whatever the scale.
func outline(events []Event) []string {
	out := []string{}
	for _, e := range events {
		out = append(out, fmt.Sprintf("%d %s %s %s %d %s %s", e.Step, e.Kind, e.State, e.Severity, e.Since, e.Param, e.Class))
	}
	return out
}

// TestScaleInvariance: the loss times 1000 and the gradients times 1e-6 bring
// forth the same events in every run.
func TestScaleInvariance(t *testing.T) {
	for i, p := range recipes() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			steps := p.make(uint64(i))
			want := outline(observe(p.run(), steps))
			require.Equal(t, want, outline(observe(p.run(), scaled(steps, 1000, 1))), "loss times 1000")
			require.Equal(t, want, outline(observe(p.run(), scaled(steps, 1, 1e-6))), "gradients times 1e-6")
		})
	}
}

// TestRestoreAndContinue: a run that is cut anywhere and goes on from the saved
// state brings forth the events, the state and the verdict of one that is not.
func TestRestoreAndContinue(t *testing.T) {
	for i, p := range recipes() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(i), 7))
			steps := p.make(uint64(i))
			whole := New(p.run())
			cut := New(p.run())
			next := 0
			for j := range steps {
				if j == next {
					state, err := cut.State()
					require.NoError(t, err)
					cut = New(p.run())
					require.NoError(t, cut.Restore(state))
					next += 1 + r.IntN(1000)
				}
				want := append([]Event{}, whole.Observe(&steps[j])...)
				require.Equal(t, want, append([]Event{}, cut.Observe(&steps[j])...), "step %d", steps[j].Step)
			}
			a, err := whole.State()
			require.NoError(t, err)
			b, err := cut.State()
			require.NoError(t, err)
			require.JSONEq(t, string(a), string(b))
			require.Equal(t, whole.Verdict(), cut.Verdict())
			require.Equal(t, whole.Active(), cut.Active())
			require.Equal(t, whole.Wants(), cut.Wants())
		})
	}
}

// TestOneEventAnIncident: of each kind firing and resolved take turns, and since
// is the step at which it fired.
func TestOneEventAnIncident(t *testing.T) {
	for i, p := range recipes() {
		open := map[Kind]int64{}
		for _, e := range observe(p.run(), p.make(uint64(i))) {
			since, on := open[e.Kind]
			if e.State == Firing {
				require.False(t, on, "%s: %s fires twice", p.name, e.Kind)
				open[e.Kind] = e.Step
				continue
			}
			require.True(t, on, "%s: %s resolves and was not firing", p.name, e.Kind)
			require.Equal(t, since, e.Since)
			delete(open, e.Kind)
		}
	}
}

func TestRestoreRefusesGarbage(t *testing.T) {
	p := recipe{name: "run", steps: 300, loss: plainLoss, norm: plainNorm}
	m := New(p.run())
	steps := p.make(1)
	for i := range steps {
		m.Observe(&steps[i])
	}
	good, err := m.State()
	require.NoError(t, err)

	// change sets one field of a copy of the good state.
	change := func(value any, path ...string) string {
		var tree map[string]any
		require.NoError(t, json.Unmarshal(good, &tree))
		at := tree
		for _, key := range path[:len(path)-1] {
			at = at[key].(map[string]any)
		}
		at[path[len(path)-1]] = value
		out, err := json.Marshal(tree)
		require.NoError(t, err)
		return string(out)
	}
	other := New(&Run{Params: []Param{{Name: "w", Numel: 3}}})
	foreign, err := other.State()
	require.NoError(t, err)
	for name, bad := range map[string]struct{ state, want string }{
		"empty":           {"", "cannot be read"},
		"no JSON":         {"gtg", "cannot be read"},
		"an array":        {"[]", "cannot be read"},
		"nothing in it":   {"{}", fmt.Sprintf("version 0, want %d", stateVersion)},
		"next version":    {change(stateVersion+1, "version"), fmt.Sprintf("version %d, want %d", stateVersion+1, stateVersion)},
		"another model":   {string(foreign), "another model (1 parameters"},
		"no course":       {change(nil, "course"), "course"},
		"short course":    {change([]any{}, "course", "params"), "0 parameters and the run has 8"},
		"long window":     {change(make([]float64, span+1), "course", "losses"), "window of 65"},
		"odd history":     {change(12, "course", "history", "size"), "history"},
		"too many bounds": {change([]float64{1, 2, 3}, "course", "updates", "marks"), "bounds of 3 blocks of losses"},
		"negative count":  {change(-1, "course", "loss_count"), "-1 losses"},
		"unknown field":   {change(1, "course", "colour"), "colour"},
		"no range":        {change(nil, "detectors", "cliff", "range"), "cliff"},
		"long curvature":  {change(make([]float64, span+1), "course", "curvature", "rhos"), "window of 65"},
		"odd class count": {change("many", "detectors", "critical_point", "found"), "critical_point"},
		"negative index":  {change(-1, "detectors", "loss_spike", "leaps", "count"), "cannot unmarshal number -1"},
		"words":           {change("many", "detectors", "diverging", "away"), "diverging"},
		"unknown phase":   {change(9, "life", "cliff", "phase"), "phase 9"},
		"number too big":  {change(json.Number("1e999"), "course", "best"), "course"},
		"a null detector": {change(json.RawMessage("3"), "detectors", "dead"), "dead"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, m.Restore([]byte(bad.state)), bad.want)
			now, err := m.State()
			require.NoError(t, err)
			require.JSONEq(t, string(good), string(now), "the monitor has changed")
		})
	}
	require.NoError(t, m.Restore(good))
}

// TestRestoreKnowsNewAndGoneDetectors: the state of one set of detectors serves
// another.
func TestRestoreKnowsNewAndGoneDetectors(t *testing.T) {
	run := recipe{steps: 1}.run()
	few := New(run, newNonFinite(run), newCliff())
	few.Observe(&Step{Step: 5, Loss: Known(math.NaN())})
	state, err := few.State()
	require.NoError(t, err)
	all := New(run)
	require.NoError(t, all.Restore(state))
	require.Equal(t, []Kind{NonFinite}, all.Active())
	state, err = all.State()
	require.NoError(t, err)
	one := New(run, newNonFinite(run))
	require.NoError(t, one.Restore(state))
	require.Equal(t, []Kind{NonFinite}, one.Active())

	_, err = New(run, newCliff(), newCliff()).State()
	require.ErrorContains(t, err, "two detectors of kind cliff")
}

// TestStateIsSmall: it does not grow with the run.
func TestStateIsSmall(t *testing.T) {
	p := recipe{steps: 20000, loss: plainLoss, norm: plainNorm, edit: curved(1, gaussian(1, 0.5), gaussian(1, 2))}
	m := New(p.run())
	steps := p.make(1)
	for i := range steps {
		m.Observe(&steps[i])
	}
	state, err := m.State()
	require.NoError(t, err)
	require.Less(t, len(state), 16<<10)
}

func TestObserveAllocatesNothing(t *testing.T) {
	p := recipe{steps: 3000, layers: 50, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, r *rand.Rand) {
		curved(2, gaussian(1, 0.5), gaussian(1, 2))(t, s, r)
		toAndFro(0.3, 0.3)(t, s, r)
		updating(1e-3, 100)(t, s, r)
		if s.Curvature != nil {
			s.Curvature.SpectralRadii = []SpectralRadius{{Name: "a", Radius: Known(1), Converged: true}, {Name: "b", Radius: Known(2), Converged: true}}
		}
	}}
	m := New(p.run())
	m.Observe(&Step{Curvature: &Curvature{SpectralRadii: []SpectralRadius{{Name: "a", Radius: Known(1), Converged: true}, {Name: "b", Radius: Known(2), Converged: true}}}})
	require.Len(t, p.run().Params, 100)
	steps := p.make(1)
	i := 0
	require.Zero(t, testing.AllocsPerRun(len(steps)-1, func() {
		if events := m.Observe(&steps[i]); len(events) > 0 {
			t.Errorf("an event: %v", events)
		}
		m.Wants()
		i++
	}))
}

func BenchmarkObserve(b *testing.B) {
	for _, params := range []int{0, 20, 100, 1000} {
		b.Run(fmt.Sprintf("%d params", params), func(b *testing.B) {
			p := recipe{steps: 1000, layers: params / 2, noParams: params == 0, loss: plainLoss, norm: plainNorm,
				edit: func(t int, s *Step, r *rand.Rand) {
					toAndFro(0.3, 0.3)(t, s, r)
					updating(1e-3, 100)(t, s, r)
				}}
			m := New(p.run())
			steps := p.make(1)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				m.Observe(&steps[i%len(steps)])
			}
		})
	}
}
