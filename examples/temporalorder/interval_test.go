package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInterval(t *testing.T) {
	// None of n gives [0, z²/(n+z²)], all of n its mirror image; 81 of 263, 15 of
	// 148 and 0 of 20 are worked examples of Newcombe 1998, table I.
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{0, 10, 0, 0.2775},
		{10, 10, 0.7225, 1},
		{0, 20, 0, 0.1611},
		{81, 263, 0.2553, 0.3662},
		{15, 148, 0.0624, 0.1605},
		{0, 29, 0, 0.1170},
		{29, 29, 0.8830, 1},
	} {
		low, high := interval(c.k, c.n)
		require.InDelta(t, c.low, low, 5e-5, "%d of %d", c.k, c.n)
		require.InDelta(t, c.high, high, 5e-5, "%d of %d", c.k, c.n)
	}
	// The definition: the probabilities p from which k/n is z standard errors away.
	for n := 1; n <= 40; n++ {
		for k := range n + 1 {
			low, high := interval(k, n)
			require.LessOrEqual(t, low, float64(k)/float64(n)+1e-12)
			require.GreaterOrEqual(t, high, float64(k)/float64(n)-1e-12)
			for _, p := range []float64{low, high} {
				if p > 1e-12 && p < 1-1e-12 {
					z := (float64(k)/float64(n) - p) / math.Sqrt(p*(1-p)/float64(n))
					require.InDelta(t, 1.959964, math.Abs(z), 1e-6, "%d of %d", k, n)
				}
			}
		}
	}
}
