package monitor

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// growing has every layer given activations that are that many times as large as those
// that the layer before is given: its weight's gradient is as much larger beside its
// bias's.
func growing(factor float64) func(int, *Step, *rand.Rand) {
	return func(_ int, s *Step, _ *rand.Rand) {
		for i := 0; i < len(s.ParamGradNorms); i += 2 {
			s.ParamGradNorms[i+1] = Known(s.ParamGradNorms[i].value / 10 / math.Pow(factor, float64(i/2)))
		}
	}
}

// recurring measures the spectral radii of recurrent weights in every 20th step.
func recurring(radii func(t int) []float64) func(int, *Step, *rand.Rand) {
	return func(t int, s *Step, _ *rand.Rand) {
		if t%20 != 0 {
			return
		}
		s.Curvature = &Curvature{Method: "hvp"}
		for i, v := range radii(t) {
			s.Curvature.SpectralRadii = append(s.Curvature.SpectralRadii,
				SpectralRadius{Name: []string{"rnn.weight_hh_l0", "rnn.weight_hh_l1"}[i], Radius: Known(v), Converged: true})
		}
	}
}

// always is the same at every step.
func always(v ...float64) func(int) []float64 { return func(int) []float64 { return v } }

// thrownAway has gradients that are that many times as large in the first steps.
func thrownAway(factor float64, steps int) func(int, *rand.Rand) float64 {
	return func(t int, r *rand.Rand) float64 {
		if t < steps {
			return factor * plainNorm(t, r)
		}
		return plainNorm(t, r)
	}
}

// cutTo has clipping leave that share of every gradient.
func cutTo(factor float64) func(int, *Step, *rand.Rand) {
	return func(_ int, s *Step, _ *rand.Rand) {
		s.Clip = Clip{Policy: "norm", Clipped: true, Factor: Known(factor), Threshold: Known(factor)}
	}
}

// steep has some weight on which the loss depends steeply, with clipping that bites hard.
func steep() func(int, *Step, *rand.Rand) {
	return chained(cutTo(0.004), depends(50, 20, 150, 3, 1))
}

func explodingFaults() []fault {
	flat := learning(2.3, 2.25, 50, 0.02)
	return []fault{
		{recipe{name: "in time", steps: 500, loss: flat, norm: func(t int, r *rand.Rand) float64 {
			return math.Exp(math.Min(math.Max(float64(t-200)/10, 0), 12)) * plainNorm(t, r)
		}}, Exploding, 240, 350, false, []Kind{Cliff}},
		{recipe{name: "in time and back", steps: 1500, loss: flat, norm: func(t int, r *rand.Rand) float64 {
			return math.Exp(12*math.Exp(-math.Pow(float64(t-500)/150, 2))) * plainNorm(t, r)
		}}, Exploding, 350, 550, true, []Kind{Cliff, Stagnating}},
		{recipe{name: "norm only", steps: 500, noParams: true, norm: func(t int, r *rand.Rand) float64 {
			return math.Exp(math.Min(math.Max(float64(t-200)/10, 0), 12)) * plainNorm(t, r)
		}}, Exploding, 292, 360, false, []Kind{Cliff}},
		{recipe{name: "through depth", steps: 500, layers: 12, loss: flat, norm: plainNorm,
			depth: func(int) float64 { return math.Log(1e6) }}, Exploding, 100, 160, false, nil},
		{recipe{name: "forward", steps: 200, loss: flat, norm: plainNorm, edit: growing(9)}, Exploding, 16, 16, false, nil},
		{recipe{name: "forward, by far", steps: 200, loss: flat, norm: plainNorm, edit: growing(30)}, Exploding, 3, 3, false, nil},
		{recipe{name: "forward, and the gradients become small", steps: 1000, loss: plainLoss, norm: fading(1, 1e-3, 30, 0.2), edit: growing(9)},
			Exploding, 16, 16, true, []Kind{CriticalPoint}},
		{recipe{name: "forward, clipped", steps: 200, loss: flat, norm: plainNorm, edit: func(t int, s *Step, r *rand.Rand) {
			growing(9)(t, s, r)
			cutTo(1e-3)(t, s, r)
		}}, Exploding, 16, 16, false, nil},
		{recipe{name: "in the first steps", steps: 150, loss: flat, norm: thrownAway(1e6, 5)}, Exploding, 32, 32, false, nil},
		{recipe{name: "in the first steps, and never over", steps: 1500, loss: flat, norm: thrownAway(1e6, 5)}, Exploding, 32, 32, false, []Kind{Stagnating}},
		{recipe{name: "in the first steps, over later", steps: 1000, loss: plainLoss, norm: thrownAway(1e6, 2)}, Exploding, 32, 32, true, nil},
		{recipe{name: "through time", steps: 500, loss: flat, norm: plainNorm, edit: recurring(always(0.9, 15))}, Exploding, 299, 299, false, nil},
		{recipe{name: "through time, with some progress", steps: 700, loss: learning(2.3, 1.4, 60, 0.01), norm: plainNorm, edit: recurring(always(15))},
			Exploding, 299, 650, false, nil},
		{recipe{name: "through time, and mended", steps: 1000, loss: after(400, flat, learning(2.25, 0.3, 200, 0.02)), norm: plainNorm, edit: recurring(func(t int) []float64 {
			if t < 400 {
				return []float64{15}
			}
			return []float64{1}
		})}, Exploding, 299, 299, true, nil},
		{recipe{name: "too steep everywhere, clipped", steps: 900, loss: learning(27, 20, 500, 0.5), norm: plainNorm, edit: steep()},
			Exploding, 298, 310, false, nil},
		{recipe{name: "too steep, clipped to next to nothing, and coming down slowly", steps: 900, loss: learning(27, 9, 100, 0.5), norm: plainNorm, edit: steep()},
			Exploding, 298, 310, false, nil},
		{recipe{name: "too steep, and mended", steps: 1200, loss: after(400, flat, learning(2.25, 0.3, 200, 0.02)), norm: plainNorm, edit: func(t int, s *Step, r *rand.Rand) {
			if t < 400 {
				steep()(t, s, r)
			}
		}}, Exploding, 298, 310, true, nil},
		{recipe{name: "runaway into NaN", steps: 200, loss: func(t int, r *rand.Rand) float64 {
			return 2.3 * math.Exp(3*float64(t))
		}, norm: func(t int, _ *rand.Rand) float64 { return math.Exp(3 * float64(t)) }, edit: func(t int, s *Step, _ *rand.Rand) {
			if t >= 15 {
				s.Loss, s.GradNorm, s.NonFinite = Known(math.NaN()), Known(math.NaN()), Known(100)
			}
		}}, Exploding, 5, 8, false, []Kind{NonFinite}},
	}
}

func TestExploding(t *testing.T) {
	for _, f := range explodingFaults() {
		f.check(t)
	}
	// The same growth while the loss goes down is healthy.
	recipe{name: "rising with progress", steps: 3000, loss: learning(2.3, 0.1, 2000, 0.02), norm: func(t int, r *rand.Rand) float64 {
		return math.Exp(float64(t)/400) * plainNorm(t, r)
	}}.silent(t, Exploding)
}

func TestExplodingNearMisses(t *testing.T) {
	flat := learning(2.3, 2.25, 50, 0.02)
	inputs := func(first, factor float64) func(int, *Step, *rand.Rand) {
		return func(t int, s *Step, r *rand.Rand) {
			growing(factor)(t, s, r)
			for i := 1; i < len(s.ParamGradNorms); i += 2 {
				s.ParamGradNorms[i] = Known(s.ParamGradNorms[i].value / first)
			}
		}
	}
	for _, p := range []recipe{
		{name: "large inputs", layers: 4, edit: inputs(1e5, 1)},
		{name: "large inputs, in a shallow network", layers: 3, edit: inputs(1e5, 100)},
		{name: "small inputs", layers: 4, edit: inputs(1e-3, 9)},
		{name: "grows a little", layers: 4, edit: growing(4)},
		{name: "driven to grow by its first steps", layers: 4, edit: func(t int, s *Step, r *rand.Rand) {
			if t > 0 {
				growing(9)(t, s, r)
			}
		}},
		{name: "biases' gradients cancel, and no weight matters", layers: 4, edit: both(growing(9), depends(1, 0.01, 0.01, 0.01, 0.01))},
		{name: "grows in two steps alone", layers: 4, edit: func(t int, s *Step, r *rand.Rand) {
			if t < 2 {
				growing(40)(t, s, r)
			}
		}},
		{name: "grows later", layers: 4, edit: func(t int, s *Step, r *rand.Rand) {
			if t >= forwardRecords {
				growing(9)(t, s, r)
			}
		}},
		{name: "large gradients in the first steps", norm: thrownAway(2e2, 5)},
		{name: "a first gradient of heavy tails, clipped", norm: thrownAway(1e6, 1), edit: func(_ int, s *Step, _ *rand.Rand) {
			if n := s.GradNorm.Or(1); n > 10 {
				s.Clip = Clip{Policy: "norm", Clipped: true, Factor: Known(10 / n)}
			}
		}},
		{name: "large gradients after the first steps", norm: func(t int, r *rand.Rand) float64 {
			if t >= 8 && t < 12 {
				return 1e6 * plainNorm(t, r)
			}
			return plainNorm(t, r)
		}},
		{name: "steep, and not clipped", edit: depends(50, 20, 150, 3, 1)},
		{name: "steep, and clipped a little", edit: chained(cutTo(0.05), depends(50, 20, 150, 3, 1))},
		{name: "clipped hard, and not steep", edit: chained(cutTo(0.004), depends(50, 20, 20, 3, 1))},
		{name: "steep and clipped, and coming down", loss: learning(27, 9, 100, 0.5), edit: chained(cutTo(0.02), depends(50, 20, 150, 3, 1))},
		{name: "steep and clipped hard, and it learns", loss: learning(2.3, 0.3, 100, 0.02), edit: steep()},
		{name: "a spectral radius above 1", edit: recurring(always(5))},
		{name: "a spectral radius that has grown", edit: recurring(func(t int) []float64 { return []float64{min(1+float64(t)/20, 20)} })},
		{name: "a large spectral radius, and it learns", loss: plainLoss, edit: recurring(always(15))},
		{name: "a spectral radius that is not known yet", edit: func(t int, s *Step, r *rand.Rand) {
			if recurring(always(15))(t, s, r); s.Curvature != nil {
				s.Curvature.SpectralRadii[0].Converged = false
			}
		}},
	} {
		p.steps = 800
		if p.loss == nil {
			p.loss = flat
		}
		if p.norm == nil {
			p.norm = plainNorm
		}
		p.silent(t, Exploding)
	}
}

func TestExplodingSaysTheNumbers(t *testing.T) {
	fired := func(name string) Event {
		for _, f := range explodingFaults() {
			if f.name == name {
				for _, e := range observe(f.run(), f.make(1)) {
					if e.Kind == Exploding {
						require.Equal(t, name != "too steep everywhere, clipped", e.Severity == Critical)
						require.Equal(t, "8.2.5", e.Section)
						return e
					}
				}
			}
		}
		require.Fail(t, "silent", name)
		return Event{}
	}
	e := fired("forward")
	// 4096 weights and 64 biases: a tenth of the norm is 0.8 of the root mean square.
	// Of four layers the last one's input does not count.
	require.InEpsilon(t, 10.0/8*9*9, e.Values["size"], 1e-9)
	require.InEpsilon(t, 9*9, e.Values["forward_growth"], 1e-9)
	require.Empty(t, e.Param)
	require.Contains(t, e.Summary, "what some layers are given is about 101 in size, 81 times what others are.")
	require.Contains(t, e.Advice, "clipping alone does not help here")

	e = fired("too steep everywhere, clipped")
	require.InDelta(t, 150, e.Values["elasticity"], 50)
	require.InDelta(t, 0.004, e.Values["factor"], 0)
	require.Equal(t, "layer2.weight", e.Param)
	require.Contains(t, e.Summary, "and clipping leaves 0.004 of the gradient.")

	e = fired("in the first steps")
	require.InEpsilon(t, 1e6, e.Values["first"], 1)
	require.Greater(t, e.Values["first"], 1e6)
	require.Contains(t, e.Summary, "times as large as the median of the first 32.")
	require.Contains(t, e.Advice, "Start again")

	e = fired("through time")
	require.InDelta(t, 15, e.Values["radius"], 0)
	require.Equal(t, "rnn.weight_hh_l1", e.Param)
	require.Contains(t, e.Summary, "The recurrent weights rnn.weight_hh_l1 have a spectral radius of 15,")
	require.Contains(t, e.Advice, "orthogonal")
}

// Steepness that clipping holds in check is a warning when it begins and when it ends.
func TestExplodingIsMildWhereNothingBreaks(t *testing.T) {
	for _, f := range explodingFaults() {
		if f.name != "too steep, and mended" {
			continue
		}
		var got []Severity
		for _, e := range observe(f.run(), f.make(1)) {
			if e.Kind == Exploding {
				got = append(got, e.Severity)
				require.Contains(t, e.Summary, "too steep")
				require.Contains(t, e.Values, "elasticity")
			}
		}
		require.Equal(t, []Severity{Warning, Warning}, got)
	}
}

// Long after the first steps the run has troubles of its own.
func TestExplodingOfTheFirstStepsSilencesForAWhile(t *testing.T) {
	p := recipe{steps: 900, loss: func(t int, r *rand.Rand) float64 {
		if t == 0 {
			return 0.2
		}
		return 1.2 + 0.2*r.NormFloat64()
	}, norm: thrownAway(1e6, 5)}
	events := observe(p.run(), p.make(1))
	require.Len(t, events, 2, summaries(events))
	require.Equal(t, Exploding, events[0].Kind)
	require.Equal(t, Oscillating, events[1].Kind)
	require.GreaterOrEqual(t, events[1].Step, int64(500))
}
