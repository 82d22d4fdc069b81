package clip

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
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
	{"norm_p1", func() Policy { return PNorm(1, 1.5) }},
	{"norm_p+Inf", func() Policy { return PNorm(inf, 1.5) }},
	{"per_param", func() Policy { return PerParam(1) }},
	{"block_rms", func() Policy { return BlockRMS(0.1) }},
	{"value", func() Policy { return Value(0.2) }},
	{"bounds", func() Policy { return Bounds(-0.2, inf) }},
	{"outlier", Outlier},
	{"percentile", func() Policy { return Percentile(10, 100) }},
	{"percentile", func() Policy { return Percentile(50, 10_000) }},
	{"zscore", func() Policy { return ZScore(DefaultZScore()) }},
	{"zscore", func() Policy { return ZScore(without(ZAdaptive)) }},
	{"zscore", func() Policy { return ZScore(without(ZMean)) }},
	{"zscore", func() Policy { return ZScore(without(ZPercentile)) }},
	{"mean_ratio", func() Policy { return MeanRatio(1) }},
	{"ema", func() Policy { return EMA(AdaGC()) }},
	{"ema", func() Policy { return EMA(OLMo()) }},
	{"ema", func() Policy {
		c := OLMo()
		c.WarmUp, c.WarmUpFactor = 50, 4
		return EMA(c)
	}},
	{"agc", func() Policy { return AGC(0.3) }},
	{"agc", func() Policy { return AGC(0.3, ExceptOutput(), Axis(1, "a.weight"), Except("unused")) }},
	{"agc", func() Policy { return Scheduled(AGC(0.3), Cosine(2, 1, 100)) }},
	{"curvature_limited", func() Policy { return CurvatureLimited(2) }},
	{"norm", func() Policy { return Scheduled(Norm(1), Linear(10, 1, 100)) }},
	{"norm", func() Policy { return After(20, Norm(1)) }},
	{"value+outlier+norm", func() Policy { return Chain(Value(0.2), Outlier(), Norm(0.5)) }},
	{"groups", func() Policy {
		return Groups(
			Group{"first", []string{"a.*"}, Chain(PNorm(1, 3), Outlier())},
			Group{"rest", nil, Outlier()})
	}},
}

// model is what every policy of the table is bound to.
var model = []Param{
	{Name: "a.weight", Shape: []int64{4, 8}, Numel: 32, Role: RoleHidden},
	{Name: "a.bias", Shape: []int64{4}, Numel: 4, Role: RoleHidden},
	{Name: "unused", Shape: []int64{2}, Numel: 2},
	{Name: "b.weight", Shape: []int64{2, 4}, Numel: 8, Role: RoleOutput},
}

// bound is a policy of the table that knows the model.
func bound(t testing.TB, create func() Policy) *subject {
	p := create()
	require.NoError(t, p.Validate())
	needs, err := Bind(p, model)
	require.NoError(t, err)
	return &subject{p, needs}
}

// A subject is shown all that its policy needs.
type subject struct {
	Policy
	needs Needs
}

// Decide makes up the parameters' part of a gradient from its norm. Gradients
// that are asked for again are as the decision left them.
func (s *subject) Decide(g Gradient) Decision {
	first := s.Policy.Decide(s.complete(g))
	for d, rest := first, g; d.Again; {
		rest.Norm, rest.Max = left(rest.Norm, d), left(rest.Max, d)
		again := s.complete(rest)
		again.Again = true
		d = s.Policy.Decide(again)
	}
	return first
}

func left(v float64, d Decision) float64 {
	v *= d.Factor
	if d.Clamps() {
		v = min(v, d.Upper)
	}
	return v
}

func (s *subject) complete(g Gradient) Gradient {
	g.LR, g.GTHG = 0.1, 10*g.Norm*g.Norm*(2+math.Sin(float64(g.Step)))
	for _, share := range []float64{0.64, 0.48, -1, 0.6} {
		n := share * g.Norm
		if share < 0 {
			n = -1
		}
		g.ParamNorms = append(g.ParamNorms, n)
		g.ParamMax = append(g.ParamMax, min(max(0, n)/4, math.MaxFloat64))
	}
	for _, order := range s.needs.PNorms {
		var norms []float64
		for _, n := range g.ParamNorms {
			norms = append(norms, n*(1+1/order))
		}
		g.PNorms = append(g.PNorms, norms)
	}
	for _, u := range s.needs.Units {
		n := int64(1)
		if u.Axis >= 0 {
			n = model[u.Param].Shape[u.Axis]
		}
		units := UnitNorms{}
		for i := range n {
			units.Grads = append(units.Grads, g.ParamNorms[u.Param]/float64(1+i))
			units.Values = append(units.Values, 1/float64(1+i))
		}
		g.Units = append(g.Units, units)
	}
	return g
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
		p := bound(t, c.create)
		for _, g := range run {
			d := p.Decide(g)
			require.Greater(t, d.Factor, 0.0, "%s: %+v", c.name, g)
			require.LessOrEqual(t, d.Factor, 1.0, "%s: %+v", c.name, g)
			require.GreaterOrEqual(t, d.Threshold, 0.0, "%s: %+v", c.name, g)
			require.False(t, math.IsNaN(d.Lower) || math.IsNaN(d.Upper), "%s: %+v", c.name, g)
			if d.Changes() {
				threshold := d.Threshold
				for _, e := range d.Groups {
					if e.Clipped {
						threshold = e.Threshold
					}
				}
				require.NotZero(t, threshold, "%s: %+v", c.name, g)
			}
			for _, change := range d.Params {
				for _, f := range append(change.Units, change.Factor) {
					require.True(t, f > 0 && f <= 1, "%s: %+v", c.name, g)
				}
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
			clean, poisoned := bound(t, c.create), bound(t, c.create)
			for _, g := range gradients(2, 10_000, false) {
				clean.Decide(g)
			}
			for _, g := range gradients(2, 10_000, true) {
				poisoned.Decide(g)
			}
			requireSameState(t, clean, poisoned)

			once, never := bound(t, c.create), bound(t, c.create)
			once.Decide(Gradient{Norm: nan, NonFinite: 1})
			for _, g := range gradients(3, 10_000, false) {
				requireSameDecision(t, never.Decide(g), once.Decide(g))
			}
			requireSameState(t, never, once)
		})
	}
}

// Steps whose elements were zeroed, or whose norm is beyond float64 or 0, are
// clipped by the threshold in force, and not learned.
func TestStepsThatAreClippedAndNotLearned(t *testing.T) {
	for _, c := range policies {
		t.Run(c.name, func(t *testing.T) {
			p := bound(t, c.create)
			if strings.Contains(fmt.Sprintf("%T", p.Policy), "chain") {
				t.Skip("what the second policy is shown depends on the first")
			}
			for _, g := range gradients(11, 600, false) {
				p.Decide(g)
				before, err := p.State()
				require.NoError(t, err)
				for _, odd := range []Gradient{
					{Step: g.Step, Norm: inf, Max: 1e308},
					{Step: g.Step, Norm: 1e9, Max: 1e9, Zeroed: 2},
					{Step: g.Step, Norm: 1e-9, Max: 1e-9, Zeroed: 1},
					{Step: g.Step},
				} {
					d := p.Decide(odd)
					if d.Threshold > 0 && d.Threshold < 1e6 && c.name != "curvature_limited" && g.Step > 100 {
						require.Equal(t, odd.Norm > 1, d.Changes(), "%+v", odd)
					}
				}
				after, err := p.State()
				require.NoError(t, err)
				require.Equal(t, string(before), string(after))
			}
		})
	}
}

func TestPoliciesGoOnAfterRestore(t *testing.T) {
	for _, c := range policies {
		t.Run(c.name, func(t *testing.T) {
			p := bound(t, c.create)
			for _, g := range gradients(4, 1000, true) {
				saved, err := p.State()
				require.NoError(t, err)
				restored := bound(t, c.create)
				require.NoError(t, restored.Restore(saved))
				requireSameDecision(t, p.Decide(g), restored.Decide(g))
				requireSameState(t, p, restored)
				p = restored
			}
			uninterrupted := bound(t, c.create)
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
		p := bound(t, c.create)
		for _, g := range gradients(5, 300, false) {
			p.Decide(g)
		}
		before, err := p.State()
		require.NoError(t, err)
		for _, garbage := range []string{`{`, `[]`, `{}`, `"x"`, `7`, `[[]]`, `{"a":{}}`, `{"first":null,"rest":null}`, `[null,null,null]`,
			`{"ratio":5,"window":[-1]}`, `{"norms":[1,-1]}`, `{"count":-1,"mean":1}`, `{"count":1,"mean":1,"std":-1}`,
			`{"steps":0,"averages":{"a.weight":0}}`} {
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
	for _, c := range policies {
		p := bound(t, c.create)
		run := p.all(gradients(6, 500, true))
		require.Zero(t, testing.AllocsPerRun(10, func() {
			for _, g := range run {
				p.Policy.Decide(g)
			}
		}), c.name)
	}
}

// all is the run as the policy sees it, without its second looks.
func (s *subject) all(run []Gradient) []Gradient {
	out := make([]Gradient, len(run))
	for i, g := range run {
		out[i] = s.complete(g)
	}
	return out
}

// A threshold of +Inf measures: whatever comes, nothing is written.
func TestInfinityNeverWrites(t *testing.T) {
	forever := DefaultZScore()
	forever.MaxNorm, forever.WarmUp = inf, math.MaxInt
	for name, create := range map[string]func() Policy{
		"norm":      func() Policy { return Norm(inf) },
		"norm_p1":   func() Policy { return PNorm(1, inf) },
		"norm_pinf": func() Policy { return PNorm(inf, inf) },
		"per_param": func() Policy { return PerParam(inf) },
		"block_rms": func() Policy { return BlockRMS(inf) },
		"value":     func() Policy { return Value(inf) },
		"bounds":    func() Policy { return Bounds(math.Inf(-1), inf) },
		"curvature": func() Policy { return CurvatureLimited(inf) },
		"zscore":    func() Policy { return ZScore(forever) },
		"groups":    func() Policy { return Groups(Group{"all", nil, Norm(inf)}) },
		"chain":     func() Policy { return Chain(Norm(inf), Value(inf)) },
		"scheduled": func() Policy { return Scheduled(Norm(inf), Linear(10, 1, 100)) },
	} {
		p := bound(t, create)
		for _, g := range append(gradients(10, 500, true), Gradient{Norm: inf, Max: math.MaxFloat64}, Gradient{Norm: inf, Max: inf, NonFinite: 1}) {
			require.False(t, p.Decide(g).Changes(), "%s: %+v", name, g)
		}
	}
}

func FuzzRestore(f *testing.F) {
	for _, c := range policies {
		p := bound(f, c.create)
		for _, g := range gradients(7, 60, true) {
			p.Decide(g)
		}
		good, err := p.State()
		require.NoError(f, err)
		f.Add(good)
	}
	f.Add([]byte(nil))
	f.Add([]byte("null"))
	run := gradients(8, 60, true)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range policies {
			p, fresh := bound(t, c.create), bound(t, c.create)
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
	for _, c := range policies {
		b.Run(c.name, func(b *testing.B) {
			p := bound(b, c.create)
			run := p.all(gradients(9, 4096, false))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				p.Policy.Decide(run[i%len(run)])
				i++
			}
		})
	}
}

// requireSameDecision takes NaN for equal to itself.
func requireSameDecision(t *testing.T, a, b Decision) {
	t.Helper()
	require.Equal(t, fmt.Sprintf("%+v", a), fmt.Sprintf("%+v", b))
}

func requireSameState(t *testing.T, a, b Policy) {
	t.Helper()
	stateA, err := a.State()
	require.NoError(t, err)
	stateB, err := b.State()
	require.NoError(t, err)
	require.Equal(t, string(stateA), string(stateB))
}
