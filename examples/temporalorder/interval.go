package main

import "math"

// interval is Wilson's 95 % confidence interval of the probability behind k
// successes in n trials (Wilson 1927; n is above 0). Unlike the one that is
// symmetric about k/n it is of use when none or all succeed.
func interval(k, n int) (low, high float64) {
	const z = 1.959963984540054 // the normal distribution's 97.5 % quantile
	p, m := float64(k)/float64(n), float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, middle-half), min(1, middle+half)
}
