package clip

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMeanRatio(t *testing.T) {
	p := MeanRatio(0.5)
	require.Equal(t, Keep(), p.Decide(Gradient{Norm: 8}), "the first step is left alone")
	require.Equal(t, Decision{Factor: 1, Threshold: 4}, p.Decide(Gradient{Norm: 4}), "the limit itself is allowed")
	require.Equal(t, Decision{Factor: 0.25, Threshold: 3}, p.Decide(Gradient{Norm: 12}), "half of (8+4)/2")
	require.Equal(t, Decision{Factor: 1, Threshold: 4}, p.Decide(Gradient{Norm: 0}), "what was clipped counts in full: (8+4+12)/3")
	require.Equal(t, Decision{Factor: 0.5, Threshold: 4}, p.Decide(Gradient{Norm: 8}), "the norm 0 does not count")
}

func TestMeanRatioAgainstTheSum(t *testing.T) {
	p := MeanRatio(2)
	var sum float64
	n := 0
	for _, g := range gradients(45, 5000, false) {
		d := p.Decide(g)
		if n > 0 {
			require.InEpsilon(t, 2*sum/float64(n), d.Threshold, 1e-12)
		}
		if g.Norm > 0 {
			sum += g.Norm
			n++
		}
	}
}

func TestMeanRatioRefuses(t *testing.T) {
	for _, k := range []float64{0, -1, nan, inf} {
		p := MeanRatio(k)
		require.ErrorContains(t, p.Validate(), "has to be a number above 0, as in MeanRatio(1)")
		for range 3 {
			require.False(t, p.Decide(Gradient{Norm: 5}).Changes())
		}
	}
	for _, bad := range []string{`null`, `{"count":0,"mean":1}`, `{"count":-1,"mean":1}`, `{"count":1,"mean":-1}`, `{"count":1}`} {
		require.ErrorContains(t, MeanRatio(1).Restore([]byte(bad)), "clip: the state of MeanRatio", bad)
	}
}
