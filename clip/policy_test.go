package clip

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// policies makes a new one of each policy. What every policy has to hold is
// tested over this table.
var policies = []struct {
	name   string
	create func() Policy
}{
	{"none", None},
	{"norm", func() Policy { return Norm(1.5) }},
	{"value", func() Policy { return Value(0.2) }},
	{"outlier", Outlier},
}

var (
	nan = math.NaN()
	inf = math.Inf(1)
)

// gradients is a run with cliffs, exact zeros, a new level and, when bad, steps
// that are not finite put in between.
func gradients(seed uint64, steps int, bad bool) []Gradient {
	rng := rand.New(rand.NewPCG(seed, 0))
	var out []Gradient
	for step := range steps {
		norm := math.Exp(0.3 * rng.NormFloat64())
		switch {
		case step > steps/2 && step < steps/2+100 || rng.IntN(50) == 0:
			norm *= 1000
		case rng.IntN(50) == 0:
			norm = 0
		}
		out = append(out, Gradient{Norm: norm, Max: norm / 4})
		if bad && step%7 == 3 {
			out = append(out,
				Gradient{Norm: nan, Max: 1, NonFinite: 1},
				Gradient{Norm: inf, Max: 1, NonFinite: 3},
				Gradient{Norm: 1, Max: 1, NonFinite: 2})
		}
	}
	for i := range out {
		out[i].Step = int64(i + 1)
	}
	return out
}

func TestPolicyNames(t *testing.T) {
	for _, c := range policies {
		require.Equal(t, c.name, c.create().Name())
		require.NoError(t, c.create().Validate())
	}
}

// A decision is one of three: leave it, shrink it, clamp it. It never leaves
// more than there was, and is never NaN.
func TestDecisionsAreSound(t *testing.T) {
	run := append(gradients(1, 2000, true),
		Gradient{}, Gradient{Norm: nan}, Gradient{Norm: inf}, Gradient{Norm: inf, Max: math.MaxFloat64},
		Gradient{Norm: math.MaxFloat64, Max: math.MaxFloat64}, Gradient{Norm: 5e-324, Max: 5e-324})
	for _, c := range policies {
		p := c.create()
		for _, g := range run {
			d := p.Decide(g)
			require.Greater(t, d.Factor, 0.0, "%s: %+v", c.name, g)
			require.LessOrEqual(t, d.Factor, 1.0, "%s: %+v", c.name, g)
			require.GreaterOrEqual(t, d.Threshold, 0.0, "%s: %+v", c.name, g)
			require.False(t, math.IsNaN(d.Lower) || math.IsNaN(d.Upper), "%s: %+v", c.name, g)
			if d.Changes() {
				require.NotZero(t, d.Threshold, "%s: %+v", c.name, g)
			}
			if g.NonFinite != 0 || g.Norm == 0 {
				require.False(t, d.Changes(), "%s: %+v", c.name, g)
			}
		}
	}
}

// The same gradients, with and without steps that are not finite, leave the
// same behind.
func TestNonFiniteStepsLeaveNoTrace(t *testing.T) {
	for _, c := range policies {
		t.Run(c.name, func(t *testing.T) {
			clean, poisoned := c.create(), c.create()
			for _, g := range gradients(2, 10_000, false) {
				clean.Decide(g)
			}
			for _, g := range gradients(2, 10_000, true) {
				poisoned.Decide(g)
			}
			requireSameState(t, clean, poisoned)

			once, never := c.create(), c.create()
			once.Decide(Gradient{Norm: nan, NonFinite: 1})
			for _, g := range gradients(3, 10_000, false) {
				require.Equal(t, never.Decide(g), once.Decide(g))
			}
			requireSameState(t, never, once)
		})
	}
}

func TestPoliciesGoOnAfterRestore(t *testing.T) {
	for _, c := range policies {
		t.Run(c.name, func(t *testing.T) {
			p := c.create()
			for _, g := range gradients(4, 1000, true) {
				saved, err := p.State()
				require.NoError(t, err)
				restored := c.create()
				require.NoError(t, restored.Restore(saved))
				require.Equal(t, p.Decide(g), restored.Decide(g))
				requireSameState(t, p, restored)
				p = restored
			}
			uninterrupted := c.create()
			for _, g := range gradients(4, 1000, true) {
				uninterrupted.Decide(g)
			}
			requireSameState(t, uninterrupted, p)
		})
	}
}

// A checkpoint keeps a policy's state as one value in a larger document.
func TestStateInsideADocument(t *testing.T) {
	for _, c := range policies {
		saved, err := c.create().State()
		require.NoError(t, err)
		document, err := json.Marshal(map[string]json.RawMessage{"clip": saved})
		require.NoError(t, err, c.name)
		var back map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(document, &back))
		require.NoError(t, c.create().Restore(back["clip"]), c.name)
	}
}

func TestRestoreOfGarbage(t *testing.T) {
	for _, c := range policies {
		p := c.create()
		for _, g := range gradients(5, 300, false) {
			p.Decide(g)
		}
		before, err := p.State()
		require.NoError(t, err)
		for _, garbage := range []string{`{`, `[]`, `{}`, `"x"`, `{"ratio":5,"window":[-1]}`} {
			require.ErrorContains(t, p.Restore([]byte(garbage)), "clip: ", "%s: %s", c.name, garbage)
		}
		after, err := p.State()
		require.NoError(t, err)
		require.Equal(t, before, after, c.name)
	}
	require.Error(t, Outlier().Restore(nil))
	require.ErrorContains(t, None().Restore([]byte(`{"ratio":5,"window":[]}`)), "saved by another policy")
}

func TestDecideAllocatesNothing(t *testing.T) {
	run := gradients(6, 500, true)
	for _, c := range policies {
		p := c.create()
		require.Zero(t, testing.AllocsPerRun(10, func() {
			for _, g := range run {
				p.Decide(g)
			}
		}), c.name)
	}
}

func FuzzRestore(f *testing.F) {
	p := Outlier()
	for _, g := range gradients(7, 300, true) {
		p.Decide(g)
	}
	good, err := p.State()
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte(nil))
	f.Add([]byte("null"))
	run := gradients(8, 200, true)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range policies {
			p, fresh := c.create(), c.create()
			if p.Restore(data) != nil {
				requireSameState(t, fresh, p)
			}
			for _, g := range run {
				d := p.Decide(g)
				require.True(t, d.Factor >= 0 && d.Factor <= 1)
			}
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	run := gradients(9, 4096, false)
	for _, c := range policies {
		b.Run(c.name, func(b *testing.B) {
			p := c.create()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				p.Decide(run[i%len(run)])
				i++
			}
		})
	}
}

func requireSameState(t *testing.T, a, b Policy) {
	t.Helper()
	stateA, err := a.State()
	require.NoError(t, err)
	stateB, err := b.State()
	require.NoError(t, err)
	require.Equal(t, string(stateA), string(stateB))
}
