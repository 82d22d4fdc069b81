package clip

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// without is the configuration without a largest norm, that does not learn from
// spikes.
func without(form ZScoreForm) ZScoreConfig {
	c := DefaultZScore()
	c.MaxNorm, c.Form, c.SkipUpdateOnSpike = inf, form, true
	return c
}

// knowing is a ZScore past its warm-up, with that mean and deviation.
func knowing(t *testing.T, c ZScoreConfig, mean, std float64) Policy {
	t.Helper()
	p := ZScore(c)
	s, err := json.Marshal(zscoreState{c.WarmUp, mean, std})
	require.NoError(t, err)
	require.NoError(t, p.Restore(s))
	return p
}

// moments are what the policy remembers.
func moments(t *testing.T, p Policy) (s zscoreState) {
	t.Helper()
	data, err := p.State()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &s))
	return s
}

// μ 1, σ² 0.25 and a threshold of 2: the norm 3 has z = 4, so half of
// two deviations are left above the mean.
func TestZScoreAdaptiveScaling(t *testing.T) {
	c := DefaultZScore()
	c.Threshold, c.MaxNorm = 2, inf
	p := knowing(t, c, 1, 0.5)
	d := p.Decide(Gradient{Norm: 3})
	require.InEpsilon(t, 1.5, 3*d.Factor, 1e-6)
	require.InEpsilon(t, 2, d.Threshold, 2e-6, "where spikes begin")
	after := moments(t, p)
	require.InEpsilon(t, 0.97+0.03*1.5, after.Mean, 1e-6)
	require.InEpsilon(t, 0.97*0.25+0.03*(1.5-1.015)*(1.5-1.015), after.Std*after.Std, 1e-6)

	require.False(t, knowing(t, c, 1, 0.5).Decide(Gradient{Norm: 1.99}).Changes())
	higher := knowing(t, c, 1, 0.5).Decide(Gradient{Norm: 9})
	require.InEpsilon(t, 1+0.125, 9*higher.Factor, 1e-6, "z = 16")

	c.ClipFactor = 0.5
	require.InEpsilon(t, 0.75, 3*knowing(t, c, 1, 0.5).Decide(Gradient{Norm: 3}).Factor, 1e-6)
}

func TestZScoreMeanOption(t *testing.T) {
	c := DefaultZScore()
	c.Form, c.MaxNorm = ZMean, inf
	p := knowing(t, c, 1, 0.5)
	require.Equal(t, ratio(1, 3), p.Decide(Gradient{Norm: 3}).Factor)
	require.InEpsilon(t, 1, moments(t, p).Mean, 1e-15)
}

func TestZScorePercentileMode(t *testing.T) {
	c := DefaultZScore()
	c.Form, c.MaxNorm = ZPercentile, inf
	p := knowing(t, c, 1, 0.5)
	require.Equal(t, Decision{Factor: 0.75, Threshold: 2.25}, p.Decide(Gradient{Norm: 3}))
	require.InEpsilon(t, 0.97+0.03*2.25, moments(t, p).Mean, 1e-15)
	require.False(t, knowing(t, c, 1, 0.5).Decide(Gradient{Norm: 2.25}).Changes())
}

// What is learned from a spike is what z-scores say, whatever the largest norm.
func TestZScoreMaxNorm(t *testing.T) {
	c := DefaultZScore()
	c.Form, c.MaxNorm = ZPercentile, 0.5
	p := knowing(t, c, 1, 0.5)
	require.Equal(t, Decision{Factor: 0.125, Threshold: 0.5}, p.Decide(Gradient{Norm: 4}))
	require.InEpsilon(t, 0.97+0.03*2.25, moments(t, p).Mean, 1e-15)

	p = knowing(t, c, 1, 0.5)
	require.Equal(t, Decision{Factor: 0.5, Threshold: 0.5}, p.Decide(Gradient{Norm: 1}), "no spike, and above the largest norm")
	require.Equal(t, 1.0, moments(t, p).Mean)
}

func TestZScoreSkipsTheUpdateOnASpike(t *testing.T) {
	c := DefaultZScore()
	c.SkipUpdateOnSpike = true
	p := knowing(t, c, 1, 0.5)
	before := moments(t, p)
	require.True(t, p.Decide(Gradient{Norm: 5}).Changes())
	require.Equal(t, before, moments(t, p))
	p.Decide(Gradient{Norm: 1.5})
	require.NotEqual(t, before, moments(t, p))
}

func TestZScoreWarmsUp(t *testing.T) {
	c := DefaultZScore()
	c.WarmUp, c.MaxNorm = 5, 2
	p := ZScore(c)
	norms := []float64{1, 2, 3, 4, 5}
	for _, n := range norms {
		d := p.Decide(Gradient{Norm: n})
		require.Equal(t, 2.0, d.Threshold)
		require.Equal(t, min(n, 2), n*d.Factor)
	}
	after := moments(t, p)
	require.Equal(t, 5, after.Count)
	require.InEpsilon(t, 3, after.Mean, 1e-15)
	require.InEpsilon(t, math.Sqrt(2), after.Std, 1e-15, "the population's deviation")

	c.MaxNorm = inf
	p = ZScore(c)
	for range 5 {
		require.Equal(t, Keep(), p.Decide(Gradient{Norm: 1}), "there is no threshold yet")
	}
	require.True(t, p.Decide(Gradient{Norm: 1.01}).Changes())
}

// In place of the algorithm's own arithmetic: the definitions, by sums.
func TestZScoreAgainstItsDefinition(t *testing.T) {
	c := DefaultZScore()
	c.MaxNorm = inf
	p := ZScore(c)
	var warm []float64
	var mu, variance float64
	spikes := 0
	for _, g := range gradients(43, 5000, false) {
		d := p.Decide(g)
		if g.Norm == 0 {
			continue
		}
		if len(warm) < c.WarmUp {
			if warm = append(warm, g.Norm); len(warm) == c.WarmUp {
				for _, v := range warm {
					mu += v / float64(len(warm))
				}
				for _, v := range warm {
					variance += (v - mu) * (v - mu) / float64(len(warm))
				}
			}
			require.Equal(t, Keep(), d)
			continue
		}
		x, sigma := g.Norm, math.Sqrt(variance)
		if z := (g.Norm - mu) / (sigma + 1e-6); z > 2.5 {
			x = mu + 2.5*sigma/(z/2.5)
			spikes++
		}
		require.InEpsilon(t, x, g.Norm*d.Factor, 1e-9)
		mu = 0.97*mu + 0.03*x
		variance = 0.97*variance + 0.03*(x-mu)*(x-mu)
	}
	require.Greater(t, spikes, 50)
}

// Norms whose squares leave float64 do not end the memory.
func TestZScoreOfExtremeNorms(t *testing.T) {
	for _, scale := range []float64{1e300, 1e-300} {
		c := DefaultZScore()
		c.MaxNorm, c.Epsilon = inf, 0
		p, ordinary := ZScore(c), ZScore(c)
		for _, g := range gradients(44, 1000, false) {
			want := ordinary.Decide(g)
			g.Norm *= scale
			require.InEpsilon(t, want.Factor, p.Decide(g).Factor, 1e-9)
		}
	}
}

func TestZScoreRefusesValues(t *testing.T) {
	for field, bad := range map[string]func(*ZScoreConfig){
		"Alpha is 0":         func(c *ZScoreConfig) { c.Alpha = 0 },
		"Alpha is 1":         func(c *ZScoreConfig) { c.Alpha = 1 },
		"Alpha is NaN":       func(c *ZScoreConfig) { c.Alpha = nan },
		"Threshold is -2":    func(c *ZScoreConfig) { c.Threshold = -2 },
		"Threshold is NaN":   func(c *ZScoreConfig) { c.Threshold = nan },
		"Threshold is +Inf":  func(c *ZScoreConfig) { c.Threshold = inf },
		"MaxNorm is 0":       func(c *ZScoreConfig) { c.MaxNorm = 0 },
		"MaxNorm is NaN":     func(c *ZScoreConfig) { c.MaxNorm = nan },
		"WarmUp is 0":        func(c *ZScoreConfig) { c.WarmUp = 0 },
		"Form is 3":          func(c *ZScoreConfig) { c.Form = 3 },
		"ClipFactor is 0":    func(c *ZScoreConfig) { c.ClipFactor = 0 },
		"ClipFactor is 1.5":  func(c *ZScoreConfig) { c.ClipFactor = 1.5 },
		"ClipFactor is NaN":  func(c *ZScoreConfig) { c.ClipFactor = nan },
		"Epsilon is -1e-06":  func(c *ZScoreConfig) { c.Epsilon = -1e-6 },
		"Epsilon is +Inf":    func(c *ZScoreConfig) { c.Epsilon = inf },
		"start from Default": func(c *ZScoreConfig) { *c = ZScoreConfig{} },
	} {
		c := DefaultZScore()
		bad(&c)
		p := ZScore(c)
		require.ErrorContains(t, p.Validate(), field)
		require.Equal(t, Keep(), p.Decide(Gradient{Norm: 5}), "a refused policy changes nothing")
	}
}

func TestZScoreRefusesStates(t *testing.T) {
	for _, bad := range []string{
		`null`, `{"count":26,"mean":1,"std":1}`, `{"count":-1,"mean":1,"std":1}`, `{"count":3,"mean":-1,"std":1}`,
		`{"count":3,"mean":1,"std":-1}`, `{"count":0,"mean":1,"std":0}`, `{"count":3,"mean":1e999,"std":0}`,
		`{"count":2.5,"mean":1,"std":0}`, `{"count":3,"mean":1}`, `{"count":3,"mean":1,"std":1,"more":1}`,
	} {
		require.ErrorContains(t, ZScore(DefaultZScore()).Restore([]byte(bad)), "clip: the state of ZScore", bad)
	}
}
