package programs

import (
	"math"
	"slices"
)

// spread is the range of the values from the 10th to the 90th percentile, over
// their median; 0 of few.
func spread(v []float64) float64 {
	if len(v) < 10 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return finite((s[len(s)*9/10] - s[len(s)/10]) / math.Abs(s[len(s)/2]))
}

// swing is the median relative range of the losses in stretches of 100 steps.
func swing(losses []float64) float64 {
	var ranges []float64
	for ; len(losses) >= 100; losses = losses[100:] {
		ranges = append(ranges, spread(losses[:100]))
	}
	if len(ranges) == 0 {
		return 0
	}
	return median(ranges)
}

// finite keeps a quotient of what may not be finite within JSON.
func finite(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, -math.MaxFloat32), math.MaxFloat32)
}

func absolute(v []float64) []float64 {
	a := make([]float64, len(v))
	for i := range v {
		a[i] = math.Abs(v[i])
	}
	return a
}

func tail(v []float64, n int) []float64 { return v[max(0, len(v)-n):] }

func mean(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

// largest is the largest of the values, the largest number where one is not finite.
func largest(v []float64) float64 {
	var most float64
	for _, x := range v {
		if math.IsNaN(x) {
			x = math.Inf(1)
		}
		most = max(most, x)
	}
	return finite(most)
}
