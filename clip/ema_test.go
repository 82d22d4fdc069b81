package clip

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// named binds the policy to parameters of these names.
func named(t testing.TB, p Policy, names ...string) Policy {
	t.Helper()
	require.NoError(t, p.Validate())
	var params []Param
	for _, n := range names {
		params = append(params, Param{Name: n, Shape: []int64{4}, Numel: 4})
	}
	_, err := Bind(p, params)
	require.NoError(t, err)
	return p
}

// norms is a gradient with these norms of the parameters.
func norms(n ...float64) Gradient {
	g := Gradient{Norm: TotalNorm(2, n...), ParamNorms: n}
	for _, v := range n {
		g.ParamMax = append(g.ParamMax, min(max(0, v), 1e308))
		g.Max = max(g.Max, g.ParamMax[len(g.ParamMax)-1])
	}
	return g
}

func averages(t testing.TB, p Policy) map[string]float64 {
	t.Helper()
	data, err := p.State()
	require.NoError(t, err)
	var s emaState
	require.NoError(t, json.Unmarshal(data, &s))
	return s.Averages
}

// In the warm-up the global norm is clipped to 1, its square root and not the sum
// of squares, and each average is the smallest norm so clipped.
func TestAdaGCWarmUp(t *testing.T) {
	p := named(t, EMA(AdaGC()), "a", "b")
	require.Equal(t, Decision{Factor: 0.1, Threshold: 1}, p.Decide(norms(6, 8)))
	require.InDeltaMapValues(t, map[string]float64{"a": 0.6, "b": 0.8}, averages(t, p), 1e-15)
	require.Equal(t, Decision{Factor: 1, Threshold: 1}, p.Decide(norms(0.7, 0.3)))
	require.InDeltaMapValues(t, map[string]float64{"a": 0.6, "b": 0.3}, averages(t, p), 1e-15)
	require.Equal(t, Decision{Factor: 1, Threshold: 1}, p.Decide(norms(0, -1)), "nothing there")
	require.InDeltaMapValues(t, map[string]float64{"a": 0.6, "b": 0.3}, averages(t, p), 1e-15)
}

func TestAdaGCAfterTheWarmUp(t *testing.T) {
	c := AdaGC()
	c.WarmUp = 1
	p := named(t, EMA(c), "a", "b", "late")
	p.Decide(norms(0.6, 0.8, -1))

	d := p.Decide(norms(0.6, 8, 5))
	require.Equal(t, 1.05, d.Threshold)
	require.Equal(t, Change{Factor: 1}, d.Params[0])
	require.InEpsilon(t, 1.05*0.8, 8*d.Params[1].Factor, 1e-15)
	require.Equal(t, Change{Factor: 1}, d.Params[2], "its first norm begins its average")
	require.InDeltaMapValues(t, map[string]float64{"a": 0.6, "b": 0.98*0.8 + 0.02*1.05*0.8, "late": 5}, averages(t, p), 1e-15)
	require.Equal(t, Decision{Factor: 1, Threshold: 1.05}, p.Decide(norms(0.6, 0.8, 5)))
}

// OLMo's lerp with the clipped norm, without an epsilon.
func TestOLMo(t *testing.T) {
	p := named(t, EMA(OLMo()), "a", "b")
	require.Equal(t, Decision{Factor: 1, Threshold: 2}, p.Decide(norms(1, 3)), "the averages begin")
	d := p.Decide(norms(8, 2))
	require.Equal(t, []Change{{Factor: 0.25}, {Factor: 1}}, d.Params)
	require.InDeltaMapValues(t, map[string]float64{"a": 0.95 + 0.05*2, "b": 0.95*3 + 0.05*2}, averages(t, p), 1e-15)
}

func TestOLMoWarmUpFactor(t *testing.T) {
	c := OLMo()
	c.WarmUp, c.WarmUpFactor = 2, 3
	p := named(t, EMA(c), "a")
	require.Equal(t, 6.0, p.Decide(norms(1)).Threshold)
	require.Equal(t, Decision{Factor: 1, Threshold: 6}, p.Decide(norms(6)))
	require.Equal(t, 2.0, p.Decide(norms(1)).Threshold, "the warm-up is over")
}

// By the formula alone, on noise with spikes.
func TestEMAAgainstItsFormula(t *testing.T) {
	c := AdaGC()
	p := named(t, EMA(c), "a", "b")
	rng := rand.New(rand.NewPCG(60, 0))
	var gamma [2]float64
	clipped := 0
	for step := range 3000 {
		n := []float64{math.Exp(0.3 * rng.NormFloat64()), 2 * math.Exp(0.3*rng.NormFloat64())}
		if step%40 == 7 {
			n[step%2] *= 100
		}
		d := p.Decide(norms(n...))
		h := min(1/math.Sqrt(n[0]*n[0]+n[1]*n[1]), 1)
		for i := range n {
			after := n[i] * d.Factor
			if d.Params != nil {
				after = n[i] * d.Params[i].Factor
			}
			switch {
			case step == 0:
				gamma[i] = h * n[i]
			case step < c.WarmUp:
				gamma[i] = min(gamma[i], h*n[i])
			default:
				h = min(1.05*gamma[i]/n[i], 1)
				gamma[i] = 0.98*gamma[i] + 0.02*h*n[i]
			}
			require.InEpsilon(t, h*n[i], after, 1e-9)
			require.LessOrEqual(t, after, n[i])
			if after != n[i] {
				clipped++
			}
		}
	}
	require.Greater(t, clipped, 150)
}

func TestEMAFollowsTheNames(t *testing.T) {
	p := named(t, EMA(OLMo()), "a", "b")
	p.Decide(norms(1, 10))
	named(t, p, "new", "b", "a")
	d := p.Decide(norms(100, 40, 4))
	require.Equal(t, []Change{{Factor: 1}, {Factor: 0.5}, {Factor: 0.5}}, d.Params)
	named(t, p, "b")
	p.Decide(norms(10))
	require.Len(t, averages(t, p), 3, "those that are away are kept")
	named(t, p, "a", "new")
	require.False(t, p.Decide(norms(1, 100)).Changes())
}

func TestEMARestoresBeforeAndAfterBind(t *testing.T) {
	p := named(t, EMA(OLMo()), "a", "b")
	p.Decide(norms(1, 10))
	saved, err := p.State()
	require.NoError(t, err)

	before := EMA(OLMo())
	require.NoError(t, before.Restore(saved))
	named(t, before, "b", "c", "a")
	after := named(t, EMA(OLMo()), "b", "c", "a")
	after.Decide(norms(7, 7, 7))
	require.NoError(t, after.Restore(saved))
	for range 3 {
		g := norms(40, 3, 4)
		want := named(t, p, "b", "c", "a").Decide(g)
		requireSameDecision(t, want, before.Decide(g))
		requireSameDecision(t, want, after.Decide(g))
	}
	requireSameState(t, p, before)
	requireSameState(t, p, after)
}

func TestEMADoesNotLearnFromWhatIsLeft(t *testing.T) {
	p := named(t, EMA(OLMo()), "a", "b")
	p.Decide(norms(1, 1))
	before := averages(t, p)
	zeroed := norms(4, 0)
	zeroed.Zeroed = 4
	require.Equal(t, []Change{{Factor: 0.5}, {Factor: 1}}, p.Decide(zeroed).Params, "clipped all the same")
	infinite := norms(inf, 1)
	d := p.Decide(infinite)
	require.True(t, d.Params[0].Factor > 0 && 1e308*d.Params[0].Factor < 2)
	bad := norms(5, 5)
	bad.NonFinite = 1
	require.False(t, p.Decide(bad).Changes())
	require.Equal(t, before, averages(t, p))
}

func TestEMARefuses(t *testing.T) {
	for want, bad := range map[string]func(*EMAConfig){
		"Ratio is 0.9":          func(c *EMAConfig) { c.Ratio = 0.9 },
		"Ratio is NaN":          func(c *EMAConfig) { c.Ratio = nan },
		"Ratio is +Inf":         func(c *EMAConfig) { c.Ratio = inf },
		"Beta is 1":             func(c *EMAConfig) { c.Beta = 1 },
		"Beta is NaN":           func(c *EMAConfig) { c.Beta = nan },
		"WarmUp is -1":          func(c *EMAConfig) { c.WarmUp = -1 },
		"WarmUpNorm is -1":      func(c *EMAConfig) { c.WarmUpNorm = -1 },
		"WarmUpNorm is NaN":     func(c *EMAConfig) { c.WarmUpNorm = nan },
		"WarmUpFactor is 0.5":   func(c *EMAConfig) { c.WarmUpFactor = 0.5 },
		"WarmUpFactor is 2":     func(c *EMAConfig) { c.WarmUpFactor = 2 },
		"start from AdaGC() or": func(c *EMAConfig) { *c = EMAConfig{} },
	} {
		c := AdaGC()
		bad(&c)
		require.ErrorContains(t, EMA(c).Validate(), want)
		require.Equal(t, Keep(), EMA(c).Decide(Gradient{Norm: 5}))
	}
	_, err := Bind(EMA(AdaGC()), []Param{{Name: "a"}, {Name: "b"}, {Name: "a"}})
	require.ErrorContains(t, err, `two parameters have the name "a"`)

	for _, bad := range []string{
		`null`, `{"steps":1,"averages":null}`, `{"steps":-1,"averages":{}}`, `{"steps":101,"averages":{}}`, `{"steps":1,"averages":{"a":0}}`,
		`{"steps":1,"averages":{"a":-1}}`, `{"steps":1,"averages":{"a":1e999}}`, `{"steps":1,"averages":[1]}`, `{"averages":{}}`,
	} {
		require.ErrorContains(t, EMA(AdaGC()).Restore([]byte(bad)), "clip: the state of EMA", bad)
	}
}
