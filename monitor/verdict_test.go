package monitor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// verdict runs a recipe and returns its findings by section.
func verdict(t *testing.T, p recipe) map[string]Finding {
	t.Helper()
	m := New(p.run())
	steps := p.make(1)
	for i := range steps {
		m.Observe(&steps[i])
	}
	findings := m.Verdict()
	bySection := map[string]Finding{}
	for i, f := range findings {
		require.Equal(t, []string{"8.2.1", "8.2.2", "8.2.3", "8.2.4", "8.2.5"}[i], f.Section)
		require.NotEmpty(t, f.Finding)
		require.NotEmpty(t, f.Evidence)
		bySection[f.Section] = f
	}
	return bySection
}

func TestVerdictOfAnEmptyRun(t *testing.T) {
	for _, m := range []*Monitor{New(nil), New(&Run{}), New(recipe{}.run())} {
		findings := m.Verdict()
		require.Len(t, findings, 5)
		for _, f := range findings {
			require.Contains(t, f.Finding, "nothing was measured")
		}
	}
}

func TestVerdictOfAHealthyRun(t *testing.T) {
	v := verdict(t, recipe{steps: 3000, layers: 10, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
		s.Clip = Clip{Policy: "outlier", Factor: Known(1)}
		for i := range 4 {
			undefine(s, i)
		}
	}})
	require.Contains(t, v["8.2.1"].Finding, "No sign of ill-conditioning")
	require.Contains(t, v["8.2.1"].Evidence, "gᵀHg was not measured.")
	require.Contains(t, v["8.2.1"].Evidence, "a ratio of")
	require.Contains(t, v["8.2.2"].Finding, "rules out every kind of critical point")
	require.Contains(t, v["8.2.3"].Finding, "No plateau")
	require.Contains(t, v["8.2.4"].Finding, "No cliff was met")
	require.Contains(t, v["8.2.4"].Evidence, "In 3000 records: 0 cliffs, 0 loss spikes, 0 non-finite steps, 0 skipped steps.")
	require.Contains(t, v["8.2.4"].Evidence, "0 of 3000 steps clipped")
	require.Contains(t, v["8.2.5"].Finding, "neither vanished nor exploded through depth")
	require.Contains(t, v["8.2.5"].Evidence, "4 of 20 parameters never had a gradient")
}

func TestVerdictNamesWhatWasMet(t *testing.T) {
	for name, c := range map[string]struct {
		recipe
		section, finding, evidence string
	}{
		"stagnating": {stagnatingFaults()[0].recipe, "8.2.1", "Ill-conditioning is possible", "Stagnation was met once"},
		"shrunk":     {recipe{steps: 3000, loss: plainLoss, norm: fading(1, 1e-3, 100, 0.1)}, "8.2.2", "cannot be ruled out", "a ratio of"},
		"plateau":    {plateauFaults()[0].recipe, "8.2.3", "has been on a plateau", "goes on"},
		"left":       {plateauFaults()[1].recipe, "8.2.3", "left it", "A plateau was met once"},
		"cliff":      {cliffFaults()[0].recipe, "8.2.4", "met cliffs", "1 cliff,"},
		"spike":      {spikeFaults()[0].recipe, "8.2.4", "without a cliff", "1 loss spike,"},
		"nonfinite":  {nonfiniteFaults()[0].recipe, "8.2.4", "not finite", "1 non-finite step,"},
		"diverging":  {divergingFaults()[0].recipe, "8.2.4", "has diverged", "Divergence was met once"},
		"came back":  {divergingFaults()[len(divergingFaults())-1].recipe, "8.2.4", "came back", "Divergence was met once"},
		"exploding":  {explodingFaults()[3].recipe, "8.2.5", "exploded", "An exploding gradient was met"},
		"vanishing":  {vanishingFaults()[0].recipe, "8.2.5", "vanished", "layer1.weight gets about 0.000"},
		"dead":       {deadFaults()[0].recipe, "8.2.5", "died", "A dead parameter was met"},
		"frozen":     {frozenFaults()[0].recipe, "8.2.5", "lost their gradient", "A parameter that lost its gradient was met"},
		"loss only":  {recipe{steps: 100, noParams: true, loss: plainLoss}, "8.2.2", "cannot be judged", "No gradient norm was measured"},
		"skipped": {recipe{steps: 100, noParams: true, norm: plainNorm, edit: func(t int, s *Step, _ *rand.Rand) {
			if t == 50 {
				s.Action, s.GradNorm = ActionSkip, Known(math.NaN())
			}
		}}, "8.2.4", "not finite", "1 skipped step"},
	} {
		t.Run(name, func(t *testing.T) {
			f := verdict(t, c.recipe)[c.section]
			require.Contains(t, f.Finding, c.finding)
			require.Contains(t, f.Evidence, c.evidence)
		})
	}
}

// critical is a run whose gradient becomes insignificant and whose spectrum is
// then measured.
func critical(k Curvature) recipe {
	return recipe{steps: 5000, loss: learning(2.3, 0.5, 100, 0.01), norm: fading(1, 0.01, 50, 0.2), edit: probed(400, k)}
}

func TestVerdictOfCurvature(t *testing.T) {
	radii := func(t int, s *Step, r *rand.Rand) {
		curved(10, gaussian(1, 0), nil)(t, s, r)
		if s.Curvature != nil {
			s.Curvature.SpectralRadii = []SpectralRadius{{Name: "rnn.weight_hh_l0", Radius: Known(1.25), Converged: true},
				{Name: "rnn.weight_hh_l1", Radius: Known(0.5), Converged: true}, {Name: "other", Radius: Known(9)}}
		}
	}
	third := func(t int, s *Step, r *rand.Rand) {
		curved(10, func(t int, _ *rand.Rand) float64 { return []float64{1, -0.5, 3}[t/10%3] }, nil)(t, s, r)
	}
	fifth := func(t int, s *Step, r *rand.Rand) {
		curved(10, func(t int, _ *rand.Rand) float64 { return []float64{1, -0.5, 3, 1, 1}[t/10%5] }, nil)(t, s, r)
	}
	risen := func(t int, r *rand.Rand) float64 { return plainLoss(t, r) * (1 + 8*max(float64(t-1500)/1500, 0)) }
	slightly := func(t int, s *Step, r *rand.Rand) {
		curved(10, func(t int, _ *rand.Rand) float64 { return []float64{1, -0.5, 2.2}[t/10%3] }, nil)(t, s, r)
	}
	for name, c := range map[string]struct {
		recipe
		section, finding, evidence string
	}{
		"ill-conditioned": {illFaults()[0].recipe, "8.2.1", "the curvature stood in the way", "Ill-conditioning was met once"},
		"share above": {recipe{steps: 3000, loss: plainLoss, norm: plainNorm, edit: third}, "8.2.1", "The curvature limited the step: ρ was often above the optimizer's limit, though",
			"gᵀHg was measured on 300 steps. ρ = η·gᵀHg/gᵀg had a median of 1 in the last 64 measurements, the smallest being -0.5, the 90 % quantile 3 and the largest 3; 33.3 % of all 300 were above the optimizer's limit of 2."},
		"time": {recipe{steps: 3000, loss: plainLoss, norm: plainNorm, edit: third}, "8.2.1", "The curvature limited the step", "Measuring curvature took 1 % of the time."},
		"share below": {recipe{steps: 3000, loss: plainLoss, norm: plainNorm, edit: fifth}, "8.2.1", "No sign of ill-conditioning",
			"20 % of all 300 were above the optimizer's limit of 2."},
		"share above, loss not at its best": {recipe{steps: 3000, loss: risen, norm: plainNorm, edit: slightly}, "8.2.1", "Ill-conditioning is likely",
			"33.3 % of all 300 were above"},
		"no limit": {recipe{steps: 3000, loss: plainLoss, norm: plainNorm, edit: func(t int, s *Step, r *rand.Rand) {
			third(t, s, r)
			if s.Curvature != nil {
				s.Curvature.RhoLimit = Number{}
			}
		}}, "8.2.1", "No sign", "the optimizer has no known limit for it."},
		"a minimum":      {critical(spectrum(0.1, 5)), "8.2.2", "came near a minimum: gᵀg shrank to", "At step 401 the Hessian's eigenvalues go from 0.1 to 5."},
		"no minimum":     {critical(spectrum(-1, 5)), "8.2.2", "curvature of both signs there, as at a saddle point.", "from -1 to 5"},
		"a saddle":       {critical(spectrum(-1, 5)), "8.2.3", "near a saddle point since step 401", "The gradient was insignificant near a saddle point once."},
		"a maximum":      {critical(spectrum(-5, -1)), "8.2.2", "at no local minimum", "from -5 to -1"},
		"flat":           {critical(spectrum(0, 0)), "8.2.2", "as in a flat region", "from 0 to 0"},
		"not converged":  {critical(unconverged(spectrum(-1, 5))), "8.2.2", "A critical point cannot be ruled out", "not accurately enough to decide"},
		"never measured": {recipe{steps: 3000, loss: plainLoss, norm: fading(1, 1e-3, 100, 0.1)}, "8.2.2", "only the curvature could say", "An insignificant gradient was met once"},
		"never shrank":   {recipe{steps: 3000, loss: plainLoss, norm: plainNorm, edit: probed(100, spectrum(-1, 1))}, "8.2.2", "rules out every kind of critical point", "a ratio of"},
		"two radii": {recipe{steps: 100, loss: plainLoss, norm: plainNorm, edit: radii}, "8.2.5", "neither vanished nor exploded",
			"The spectral radii of 2 recurrent matrices go from 0.5 (rnn.weight_hh_l1) to 1.25 (rnn.weight_hh_l0): a linear recurrence explodes with the 1 above 1 and vanishes with those below."},
	} {
		t.Run(name, func(t *testing.T) {
			f := verdict(t, c.recipe)[c.section]
			require.Contains(t, f.Finding, c.finding)
			require.Contains(t, f.Evidence, c.evidence)
		})
	}
}

func TestVerdictOfSpectralRadii(t *testing.T) {
	for want, radius := range map[string]float64{": a linear recurrence with them explodes.": 1.5, "does not explode, and vanishes": 1} {
		m := New(nil)
		m.Observe(&Step{Step: 1, Curvature: &Curvature{SpectralRadii: []SpectralRadius{{Name: "w", Radius: Known(7), Converged: true}}}})
		m.Observe(&Step{Step: 2, Curvature: &Curvature{SpectralRadii: []SpectralRadius{{Name: "w", Radius: Known(radius), Converged: true}}}})
		evidence := m.Verdict()[4].Evidence
		require.Contains(t, evidence, "The spectral radius of w is "+fmt.Sprint(radius))
		require.Contains(t, evidence, want)
	}
}
