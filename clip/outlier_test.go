package clip

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOutlierScalesACliffToTheLimit(t *testing.T) {
	p := Outlier()
	for range RangeWarmUp {
		require.Equal(t, Keep(), p.Decide(Gradient{Norm: 2}), "there is no threshold yet")
	}
	require.Equal(t, Decision{Factor: 1, Threshold: 10}, p.Decide(Gradient{Norm: 2}))
	require.Equal(t, Decision{Factor: 1, Threshold: 10}, p.Decide(Gradient{Norm: 0}))
	require.Equal(t, Decision{Factor: 0.01, Threshold: 10}, p.Decide(Gradient{Norm: 1000}))
	require.Equal(t, Decision{Factor: 1, Threshold: 10}, p.Decide(Gradient{Norm: 10}), "the limit itself is no outlier")
}

func TestOutlierLeavesAHealthyRunAlone(t *testing.T) {
	p := Outlier()
	_, next := warm(30, 0)
	for range 100_000 {
		require.False(t, p.Decide(Gradient{Norm: next()}).Changes())
	}
}

func TestOutlierClippedNormsAreOrdinary(t *testing.T) {
	p := Outlier()
	for _, g := range gradients(31, 5000, true) {
		saved, err := p.State()
		require.NoError(t, err)
		d := p.Decide(g)
		if !d.Changes() {
			continue
		}
		require.LessOrEqual(t, g.Norm*d.Factor, d.Threshold)
		again := Outlier()
		require.NoError(t, again.Restore(saved))
		require.False(t, again.Decide(Gradient{Norm: g.Norm * d.Factor}).Changes())
	}
}

func TestOutlierHasNoUnit(t *testing.T) {
	a, b := Outlier(), Outlier()
	clipped := 0
	for _, g := range gradients(32, 5000, true) {
		d := a.Decide(g)
		g.Norm *= 1000
		scaled := b.Decide(g)
		require.Equal(t, d.Changes(), scaled.Changes())
		require.InEpsilon(t, d.Factor, scaled.Factor, 1e-12)
		if d.Changes() {
			clipped++
		}
	}
	require.Greater(t, clipped, 50)
}

func TestOutlierBeyondFloat64(t *testing.T) {
	p := Outlier()
	g := Gradient{Norm: inf, Max: 1e308}
	require.Equal(t, Keep(), p.Decide(g), "nothing is known yet")
	for range RangeWarmUp {
		p.Decide(Gradient{Norm: 2})
	}
	before, err := p.State()
	require.NoError(t, err)
	d := p.Decide(g)
	require.Greater(t, d.Factor, 0.0)
	require.LessOrEqual(t, g.Max*d.Factor*math.Sqrt(1e6), d.Threshold)
	after, err := p.State()
	require.NoError(t, err)
	require.Equal(t, before, after)
}
