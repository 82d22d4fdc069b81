package monitor

import (
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
		"came back":  {divergingFaults()[5].recipe, "8.2.4", "came back", "Divergence was met once"},
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
