package programs

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

func TestNamesAreUnique(t *testing.T) {
	names, recipes := map[string]bool{}, map[string]string{}
	for _, p := range All() {
		require.False(t, names[p.Name], p.Name)
		names[p.Name] = true
		require.Equal(t, Plain, p.Cases[0].Name, "the first case of %s is the reference", p.Name)
		for i := range p.Cases {
			c := &p.Cases[i]
			name := p.Name + ", " + c.Name
			require.False(t, names[name], name)
			names[name] = true
			require.Contains(t, corpus.Classes(), c.Class, name)
			f := p.Fingerprint(c, 1)
			require.Empty(t, recipes[f], "%s and %s are one recipe", name, recipes[f])
			recipes[f] = name
			require.NotEqual(t, f, p.Fingerprint(c, 2), name)
		}
	}
}

// The conditions on a benchmark: enough healthy runs, half of them hard, and each
// fault in programs of both sorts.
func TestShares(t *testing.T) {
	cases, healthy, hard, heldOut, heldOutCases := 0, 0, 0, 0, 0
	in := map[corpus.Class]map[bool]int{}
	for _, p := range All() {
		require.NotEmpty(t, p.Name)
		require.Greater(t, p.Solved, p.Chance, p.Name)
		if p.HeldOut {
			heldOut++
			heldOutCases += len(p.Cases)
		}
		classes := map[corpus.Class]bool{}
		for _, c := range p.Cases {
			cases++
			classes[c.Class] = true
			if c.Class == corpus.Healthy {
				healthy++
			}
			if c.Hard {
				require.Equal(t, corpus.Healthy, c.Class, "%s, %s", p.Name, c.Name)
				hard++
			}
		}
		for class := range classes {
			if in[class] == nil {
				in[class] = map[bool]int{}
			}
			in[class][p.HeldOut]++
		}
	}
	require.GreaterOrEqual(t, heldOut, 4)
	require.GreaterOrEqual(t, heldOutCases, 160) // of which each is trained with several seeds
	require.GreaterOrEqual(t, len(All())-heldOut, 12)
	require.GreaterOrEqual(t, float64(healthy), 0.4*float64(cases))
	require.GreaterOrEqual(t, 2*hard, healthy)
	for _, class := range corpus.Classes() {
		require.GreaterOrEqual(t, in[class][false], 3, "%s, programs to set thresholds with", class)
		require.GreaterOrEqual(t, in[class][true], 2, "%s, programs held out", class)
	}
}

func TestRecipesAreWhole(t *testing.T) {
	for _, p := range All() {
		for i := range p.Cases {
			c := &p.Cases[i]
			r, name := p.Recipe(c), p.Name+", "+c.Name
			require.True(t, r.Steps >= 1000 && r.Steps <= 2500, "%s: %d steps", name, r.Steps)
			require.Contains(t, schedules, r.Schedule, name)
			require.Contains(t, activations, r.Activation, name)
			require.True(t, slices.Contains([]string{"sgd", "adam", "adamw", "rmsprop"}, r.Optimizer), name)
			require.Greater(t, r.LR, 0.0, name)
			require.GreaterOrEqual(t, r.Rows, r.Batch, name)
			if c.Class == corpus.Healthy {
				require.Equal(t, Fault{}, r.Fault, name)
				continue
			}
			for seed := int64(1); seed <= 5; seed++ {
				on := r.Fault.onset(r.Steps, seed)
				require.Equal(t, r.Fault.At == 0, on == 1, name)
				// There is a course before and after that a detector can compare.
				require.True(t, on == 1 || on >= 40 && on <= int64(r.Steps)*4/5, "%s: onset %d", name, on)
			}
		}
	}
}

func TestFindNamesWhatIsMissing(t *testing.T) {
	p, c, err := Find("blob-mlp", Plain)
	require.NoError(t, err)
	require.Equal(t, "blob-mlp", p.Name)
	require.Equal(t, Plain, c.Name)
	_, _, err = Find("blob", Plain)
	require.ErrorContains(t, err, `no program "blob"`)
	_, _, err = Find("blob-mlp", "well")
	require.ErrorContains(t, err, `blob-mlp has no case "well"`)
}
