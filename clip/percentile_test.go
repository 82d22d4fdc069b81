package clip

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// percentileOf is numpy's percentile with its default, linear interpolation,
// by sorting.
func percentileOf(p float64, values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	at := float64(len(s)-1) * (p / 100)
	i := int(math.Floor(at))
	if i == len(s)-1 {
		return s[i]
	}
	t, step := at-math.Floor(at), s[i+1]-s[i]
	if t >= 0.5 {
		return s[i+1] - step*(1-t)
	}
	return s[i] + step*t
}

func TestPercentileAgainstSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(40, 0))
	streams := map[string]func(i int) float64{
		"noise":   func(int) float64 { return math.Exp(rng.NormFloat64()) },
		"ties":    func(int) float64 { return float64(1 + rng.IntN(3)) },
		"rising":  func(i int) float64 { return float64(i + 1) },
		"falling": func(i int) float64 { return 1 / float64(i+1) },
		"waves":   func(i int) float64 { return 2 + math.Sin(float64(i)/30) },
		"range":   func(int) float64 { return math.Exp(600 * (rng.Float64() - 0.5)) },
	}
	for name, next := range streams {
		for _, p := range []float64{0, 0.1, 1, 10, 25, 33.3, 50, 90, 99.9, 100} {
			for _, window := range []int{1, 2, 3, 7, 100, 301} {
				c := Percentile(p, window)
				var all []float64
				for i := range 2*window + 50 {
					v := next(i)
					all = append(all, v)
					recent := all[max(0, len(all)-window):]
					want := percentileOf(p, recent)
					d := c.Decide(Gradient{Norm: v, Max: v})
					if d.Threshold != want {
						t.Fatalf("%s, percentile %v of %d at %d: %v, want %v", name, p, window, i, d.Threshold, want)
					}
					if d.Changes() != (v > want) {
						t.Fatalf("%s: norm %v, threshold %v: %+v", name, v, want, d)
					}
				}
			}
		}
	}
}

// Ten norms in the order of their size: the first decile lies a tenth of the way
// from the first to the second.
func TestPercentileClipsToTheDecile(t *testing.T) {
	p := Percentile(10, 100)
	var last Decision
	for i := 1; i <= 11; i++ {
		last = p.Decide(Gradient{Norm: float64(i)})
	}
	require.Equal(t, Decision{Factor: ratio(2, 11), Threshold: 2}, last)
	require.Equal(t, Decision{Factor: 1, Threshold: 5}, Percentile(10, 9).Decide(Gradient{Norm: 5}), "the first norm is its own percentile")
}

func TestPercentileExtremes(t *testing.T) {
	smallest, never := Percentile(0, 1000), Percentile(100, 1000)
	least := inf
	for _, g := range gradients(41, 1000, false) {
		if g.Norm > 0 {
			least = min(least, g.Norm)
		}
		d := smallest.Decide(g)
		require.LessOrEqual(t, g.Norm*d.Factor, least)
		require.False(t, never.Decide(g).Changes())
	}
}

func TestPercentileKeepsNoMoreThanItsWindow(t *testing.T) {
	p := Percentile(50, 3)
	for i := 1; i <= 5; i++ {
		p.Decide(Gradient{Norm: float64(i)})
	}
	saved, err := p.State()
	require.NoError(t, err)
	require.JSONEq(t, `{"norms":[3,4,5]}`, string(saved))
	require.NoError(t, Percentile(10, 3).Restore(saved))
	require.EqualError(t, Percentile(50, 2).Restore(saved),
		"clip: the state of Percentile has 3 norms, want a list of at most 2, the window")
}

func TestPercentileRefusesStates(t *testing.T) {
	for _, bad := range []string{
		`null`, `{"norms":null}`, `{"norms":[0]}`, `{"norms":[-1]}`, `{"norms":[1e999]}`, `{"norms":["1"]}`,
		`{"norms":[1,2,3,4,5,6]}`, `{"norms":[1],"p":10}`, `{"norms":[NaN]}`,
	} {
		require.ErrorContains(t, Percentile(10, 5).Restore([]byte(bad)), "clip: the state of Percentile", bad)
	}
	require.Error(t, Percentile(10, 5).Restore(nil))
}

func TestPercentileRefusesValues(t *testing.T) {
	for _, p := range []float64{-1, 100.1, nan, inf} {
		c := Percentile(p, 10)
		require.ErrorContains(t, c.Validate(), fmt.Sprintf("Percentile(%v, 10): a percentile is from 0 to 100", p))
		require.Equal(t, Keep(), c.Decide(Gradient{Norm: 1}))
	}
	for _, window := range []int{0, -5, PercentileMaxWindow + 1, math.MaxInt} {
		c := Percentile(10, window)
		require.ErrorContains(t, c.Validate(), fmt.Sprintf("Percentile(10, %d): a window holds from 1 to 1000000 norms", window))
		require.Equal(t, Keep(), c.Decide(Gradient{Norm: 1}))
	}
	require.NoError(t, Percentile(10, PercentileMaxWindow).Validate())
}

func BenchmarkPercentile(b *testing.B) {
	for _, window := range []int{100, 10_000, PercentileMaxWindow} {
		for _, stream := range []string{"noise", "rising"} {
			b.Run(fmt.Sprintf("%s/%d", stream, window), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(42, 0))
				p, i := Percentile(10, window), 0.0
				step := func() {
					i++
					norm := i
					if stream == "noise" {
						norm = rng.Float64() + 1e-9
					}
					p.Decide(Gradient{Norm: norm})
				}
				for range window {
					step()
				}
				b.ReportAllocs()
				for b.Loop() {
					step()
				}
			})
		}
	}
}
