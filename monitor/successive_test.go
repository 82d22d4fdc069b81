package monitor

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSignal(t *testing.T) {
	p := recipe{name: "signal", steps: 200, loss: plainLoss, norm: plainNorm, edit: toAndFro(0.4, 0.4)}
	m := New(p.run())
	_, _, ok := m.course.Signal()
	require.False(t, ok)
	steps := p.make(1)
	for i := range steps {
		m.Observe(&steps[i])
	}
	share, err, ok := m.course.Signal()
	require.True(t, ok)
	require.InDelta(t, 0.4, share, 0.05) // four errors of a mean of 64 with deviation 0.1
	require.InDelta(t, 0.06, err, 0.005) // that of the sketches, which a mean does not lessen
	require.Contains(t, m.Verdict()[0].Evidence, "Successive gradients have a mean cosine of 0.39")
	require.Contains(t, m.Verdict()[0].Evidence, "% of gᵀg is the true gradient's")
}

func TestTheVerdictTellsToAndFroFromNoise(t *testing.T) {
	for cosine, want := range map[float64]string{-0.3: "the steps go to and fro", 0: "next to nothing of gᵀg can be told"} {
		p := recipe{name: "verdict", steps: 200, loss: plainLoss, norm: plainNorm, edit: toAndFro(cosine, 0)}
		m := New(p.run())
		for _, s := range p.make(1) {
			m.Observe(&s)
		}
		require.Contains(t, m.Verdict()[0].Evidence, want)
	}
}

// A gradient that is as large as ever but has become noise is insignificant once its
// norm falls a little: it is the true gradient that counts.
func TestCriticalPointOfTheTrueGradient(t *testing.T) {
	faded := func(signal float64) recipe {
		return recipe{name: "faded", steps: 1500, loss: learning(2.3, 0.2, 100, 0.05), norm: fading(1, 0.15, 100, 0.1),
			edit: func(t int, s *Step, r *rand.Rand) {
				if t > 300 {
					toAndFro(signal, signal)(t, s, r)
				} else {
					toAndFro(0.9, 0.9)(t, s, r)
				}
				s.Successive.Error = Known(0.01)
			}}
	}
	var kinds []Kind
	for _, e := range observe(faded(0).run(), faded(0).make(1)) {
		kinds = append(kinds, e.Kind)
	}
	require.Contains(t, kinds, CriticalPoint)
	faded(0.9).silent(t, CriticalPoint)
}

// Whether longer steps help is told by whether the gradient points the same way.
func TestStagnatingAsksForLongerSteps(t *testing.T) {
	flat := recipe{name: "flat", steps: 1500, loss: func(_ int, r *rand.Rand) float64 { return 2.3 + 0.01*r.NormFloat64() }, norm: plainNorm}
	flat.edit = toAndFro(0.8, 0.8)
	e := observe(flat.run(), flat.make(1))[0]
	require.Equal(t, Stagnating, e.Kind)
	require.Contains(t, e.Advice, "Raise the learning rate")
	require.InDelta(t, 0.8-2*0.06, e.Values["signal"], 0.06)
	// What has nothing in common from step to step is noise, as in fine-tuning from good weights.
	flat.edit = toAndFro(0, 0)
	flat.silent(t, Stagnating)
}

// A cosine that is none is not learned from.
func TestSuccessiveIgnoresNonsense(t *testing.T) {
	m := New(nil)
	m.Observe(&Step{Step: 1, Successive: Successive{Cosine: Known(1.5), Cosine2: Known(0)}})
	require.Zero(t, m.course.now.Successive.Count)
}
