package clip

import "math"

// TotalNorm combines the p-norms of parts into the p-norm of the whole, p > 0
// or +Inf, also where the powers leave float64's range. Negative parts are
// undefined and count as nothing. It is NaN when a part is NaN, else +Inf when a
// part is. Parts are added in order.
func TotalNorm(p float64, parts ...float64) float64 {
	if p == 2 {
		squares := 0.0
		for _, v := range parts {
			v = max(v, 0)
			squares += v * v
		}
		if squares > 1e-290 && squares <= math.MaxFloat64 {
			return math.Sqrt(squares)
		}
	}
	largest := 0.0
	for _, v := range parts {
		largest = max(largest, v)
	}
	if math.IsNaN(largest) || largest == 0 || math.IsInf(largest, 1) || math.IsInf(p, 1) {
		return largest
	}
	var sum float64
	for _, v := range parts {
		if v > 0 {
			sum += power(v/largest, p)
		}
	}
	return largest * math.Pow(sum, 1/p)
}

// power is v to the p, exact where multiplying is.
func power(v, p float64) float64 {
	switch p {
	case 1:
		return v
	case 2:
		return v * v
	}
	return math.Pow(v, p)
}
