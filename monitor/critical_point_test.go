package monitor

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// probed measures the spectrum in the steps from on, every 500.
func probed(from int, k Curvature) func(int, *Step, *rand.Rand) {
	return func(t int, s *Step, r *rand.Rand) {
		curved(50, gaussian(0.5, 0.1), nil)(t, s, r)
		if t >= from && (t-from)%500 == 0 {
			c := k
			s.Curvature = &c
		}
	}
}

func spectrum(low, high float64) Curvature {
	return Curvature{LambdaMin: Known(low), LambdaMax: Known(high), LambdaMinResidual: Known(1e-6), LambdaMaxResidual: Known(1e-6), Converged: true}
}

var wildNumber = Known(math.NaN())

func unconverged(k Curvature) Curvature {
	k.Converged = false
	return k
}

func criticalFaults() []fault {
	shrunk := fading(1, 0.01, 50, 0.2)
	loss := learning(2.3, 0.5, 100, 0.01)
	leaves := func(t int, r *rand.Rand) float64 {
		if t < 3000 {
			return shrunk(t, r)
		}
		return plainNorm(t, r)
	}
	nothing := func(t int, s *Step, _ *rand.Rand) {
		if t >= 1000 {
			s.GradNorm = Known(0)
			for i := range s.ParamGradNorms {
				zero(s, i)
			}
		}
	}
	return []fault{
		{recipe{name: "minimum", steps: 3000, loss: loss, norm: shrunk, edit: probed(400, spectrum(1e-4, 5))},
			CriticalPoint, 401, 401, false, nil},
		{recipe{name: "saddle", steps: 6000, loss: loss, norm: leaves, edit: probed(400, spectrum(-1, 5))},
			CriticalPoint, 401, 401, true, nil},
		{recipe{name: "probed before it was asked for", steps: 3000, loss: loss, norm: shrunk, edit: probed(20, spectrum(-1, 5))},
			CriticalPoint, 521, 521, false, nil},
		{recipe{name: "probes that do not converge", steps: 5000, loss: loss, norm: shrunk, edit: probed(400, unconverged(spectrum(-1, 5)))},
			CriticalPoint, 3901, 3901, false, nil},
		{recipe{name: "never probed", steps: 3000, loss: loss, norm: shrunk},
			CriticalPoint, 400, 700, false, nil},
		{recipe{name: "measured but never probed", steps: 12_000, loss: loss, norm: shrunk, edit: curved(50, gaussian(0.5, 0.1), nil)},
			CriticalPoint, 10_100, 10_500, false, nil},
		{recipe{name: "exactly 0", steps: 3000, loss: loss, norm: plainNorm, edit: nothing},
			CriticalPoint, 1200, 1400, false, nil},
	}
}

func TestCriticalPoint(t *testing.T) {
	for _, f := range criticalFaults() {
		f.check(t)
	}
	recipe{name: "never shrank", steps: 5000, loss: plainLoss, norm: fading(1, 0.2, 300, 0.2), edit: probed(0, spectrum(-1, 1))}.silent(t, CriticalPoint)
	recipe{name: "noise as large as the fall", steps: 5000, loss: plainLoss, norm: fading(1, 0.05, 300, 1.5)}.silent(t, CriticalPoint)
}

func TestClassify(t *testing.T) {
	with := func(k Curvature, edit func(*Curvature)) Curvature {
		edit(&k)
		return k
	}
	for name, c := range map[string]struct {
		k     Curvature
		scale float64
		want  Class
	}{
		"positive definite":        {spectrum(1, 5), 5, ClassMinimum},
		"zeros but no negative":    {spectrum(-1e-5, 5), 5, ClassMinimum},
		"x² − y²":                  {spectrum(-2, 2), 2, ClassSaddle},
		"weakly negative":          {spectrum(-0.01, 5), 5, ClassSaddle},
		"mostly negative":          {spectrum(-5, 0.01), 5, ClassSaddle},
		"negative definite":        {spectrum(-5, -1), 5, ClassMaximum},
		"zeros but no positive":    {spectrum(-5, 1e-5), 5, ClassMaximum},
		"exactly 0":                {spectrum(0, 0), 0, ClassFlat},
		"flat beside what it was":  {spectrum(-1e-4, 1e-4), 5, ClassFlat},
		"small but all that it is": {with(spectrum(-1e-9, 2e-9), func(k *Curvature) { k.LambdaMaxResidual, k.LambdaMinResidual = Known(1e-13), Known(1e-13) }), 2e-9, ClassSaddle},
		"one value":                {spectrum(3, 3), 3, ClassMinimum},
		"no residuals":             {with(spectrum(-1, 1), func(k *Curvature) { k.LambdaMaxResidual, k.LambdaMinResidual = Number{}, Number{} }), 1, ClassSaddle},
		"lambda_min is uncertain":  {with(spectrum(-0.1, 5), func(k *Curvature) { k.LambdaMinResidual = Known(0.5) }), 5, ClassUnknown},
		"its 0 is uncertain":       {with(spectrum(0, 5), func(k *Curvature) { k.LambdaMinResidual = Known(0.5) }), 5, ClassUnknown},
		"sure in spite of it":      {with(spectrum(-3, 5), func(k *Curvature) { k.LambdaMinResidual = Known(0.5) }), 5, ClassSaddle},
		"not converged":            {with(spectrum(-2, 2), func(k *Curvature) { k.Converged = false }), 2, ClassUnknown},
		"one end only":             {with(spectrum(-2, 2), func(k *Curvature) { k.LambdaMin = Number{} }), 2, ClassUnknown},
		"the ends are exchanged":   {spectrum(2, -2), 2, ClassUnknown},
		"NaN residual":             {with(spectrum(-2, 2), func(k *Curvature) { k.LambdaMaxResidual = wildNumber }), 2, ClassUnknown},
		"NaN":                      {with(spectrum(-2, 2), func(k *Curvature) { k.LambdaMax = wildNumber }), 2, ClassUnknown},
		// gᵀHg is 0 at (s, s) on x² − y² and decides nothing.
		"gᵀHg alone": {Curvature{GTHG: Known(0), Rayleigh: Known(0), Converged: true}, 2, ClassUnknown},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, classify(&c.k, c.scale)) })
	}
}

func TestClassOfASpectrum(t *testing.T) {
	for class, k := range map[Class]Curvature{ClassMinimum: spectrum(1, 5), ClassSaddle: spectrum(-2, 2), ClassMaximum: spectrum(-5, -1), ClassFlat: spectrum(0, 0), ClassUnknown: {}} {
		require.Equal(t, class, k.Class())
	}
}

// Multiplying the loss by any constant changes no class.
func TestClassifyHasNoScale(t *testing.T) {
	for _, scale := range []float64{1e-150, 1e-7, 1, 1e7, 1e150} {
		for class, ends := range map[Class][2]float64{ClassMinimum: {0.1, 5}, ClassSaddle: {-0.1, 5}, ClassMaximum: {-5, -0.1}, ClassFlat: {-1e-4, 1e-4}} {
			k := spectrum(ends[0]*scale, ends[1]*scale)
			k.LambdaMaxResidual, k.LambdaMinResidual = Known(1e-5*scale), Known(1e-5*scale)
			require.Equal(t, class, classify(&k, 5*scale), "%g", scale)
		}
	}
}

// The monitor asks for the spectrum when the gradient has become insignificant
// and until it has it; gᵀHg of 0 is no answer.
func TestWantsTheSpectrum(t *testing.T) {
	p := recipe{steps: 3000, loss: learning(2.3, 0.5, 100, 0.01), norm: fading(1, 0.01, 50, 0.2), edit: curved(50, gaussian(0, 0), gaussian(0, 0))}
	cut := unconverged(spectrum(-1, 5)) // by a budget: it is asked for again
	m := New(p.run())
	steps := p.make(1)
	asked := 0
	for i := range steps {
		s := &steps[i]
		if m.Wants().Spectrum {
			if asked++; asked%20 == 0 {
				s.Curvature = &cut
			}
			if asked == 100 {
				k := spectrum(-3, 4)
				s.Curvature = &k
			}
		}
		events := m.Observe(s)
		if asked < 100 {
			require.Empty(t, events)
		} else if s.Curvature != nil && s.Curvature.Converged {
			require.Len(t, events, 1)
			e := events[0]
			require.Equal(t, CriticalPoint, e.Kind)
			require.Equal(t, ClassSaddle, e.Class)
			require.Equal(t, Info, e.Severity)
			require.Equal(t, "8.2.3", e.Section)
			require.InDelta(t, -3, e.Values["lambda_min"], 0)
			require.InDelta(t, 4, e.Values["lambda_max"], 0)
			require.Contains(t, e.Summary, "near a saddle point: the Hessian's eigenvalues go from -3 to 4")
			require.False(t, m.Wants().Spectrum)
		}
	}
	require.Equal(t, 100, asked)
	require.False(t, New(nil, newCliff()).Wants().Spectrum, "no such detector")
}

func TestWantsACloserLook(t *testing.T) {
	m := New(nil)
	observe := func(loss float64) Wants {
		m.Observe(&Step{Step: m.course.Records() + 1, Loss: Known(loss)})
		return m.Wants()
	}
	require.False(t, observe(1).Closer)
	require.True(t, observe(wildNumber.value).Closer)
	for range closerRecords - 1 {
		require.True(t, observe(1).Closer)
	}
	require.False(t, observe(1).Closer)
}
