package digest_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/monitor"
)

// Whatever the length, a series knows what a program that keeps everything knows.
func TestSeriesLosesNoExtreme(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 1, 2, digest.Buckets, digest.Buckets + 1, 2*digest.Buckets + 3, 100_000} {
		var s digest.Series
		var all []float64
		var steps []int64
		bad := int64(0)
		step := int64(0)
		for range n {
			step += 1 + rng.Int64N(3)
			v := rng.NormFloat64() * math.Exp(3*rng.NormFloat64())
			switch rng.IntN(100) {
			case 0:
				v = math.NaN()
			case 1:
				v = math.Inf(-1)
			case 2:
				s.Add(step, monitor.Number{})
				continue
			}
			s.Add(step, monitor.Known(v))
			if math.IsNaN(v) || math.IsInf(v, 0) {
				bad++
				continue
			}
			all, steps = append(all, v), append(steps, step)
		}
		for _, most := range []int{1, 2, 300, digest.Buckets} {
			buckets := s.Reduce(most)
			require.LessOrEqual(t, len(buckets), most)
			at, seenBad := 0, int64(0)
			for i, b := range buckets {
				if i > 0 {
					require.Greater(t, b.First, buckets[i-1].Last)
				}
				low, high, sum := math.Inf(1), math.Inf(-1), 0.0
				var lowAt, highAt int64
				for range b.N {
					v := all[at]
					if v < low {
						low, lowAt = v, steps[at]
					}
					if v > high {
						high, highAt = v, steps[at]
					}
					sum += v
					at++
				}
				seenBad += b.Bad
				if b.N == 0 {
					continue
				}
				require.Equal(t, low, b.Min)
				require.Equal(t, high, b.Max)
				require.Equal(t, lowAt, b.MinAt)
				require.Equal(t, highAt, b.MaxAt)
				require.InDelta(t, sum/float64(b.N), b.Mean, 1e-9*(math.Abs(high)+math.Abs(low)))
			}
			require.Equal(t, len(all), at, "every finite value is in one bucket")
			require.Equal(t, bad, seenBad)
		}
		require.Equal(t, len(all)+int(bad) <= digest.Buckets, s.Whole())
	}
}

func TestSeriesOfHugeValues(t *testing.T) {
	var s digest.Series
	for i := range int64(10000) {
		s.Add(i+1, monitor.Known(math.MaxFloat64*float64(1-2*(i%2))))
	}
	all := s.All()
	require.Equal(t, math.MaxFloat64, all.Max)
	require.False(t, math.IsNaN(all.Mean) || math.IsInf(all.Mean, 0), "the mean is %v", all.Mean)
	for _, b := range s.Reduce(100) {
		require.False(t, math.IsNaN(b.Mean) || math.IsInf(b.Mean, 0), "the mean is %v", b.Mean)
	}
	require.True(t, math.IsNaN(new(digest.Bucket).Geometric()))
}
