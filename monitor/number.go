package monitor

import "math"

// A Number is a measured value that may be unknown. NaN and the infinities are
// known values: a run can have them, and the detectors must see them. The zero
// Number is unknown.
type Number struct {
	value float64
	known bool
}

// Known returns the Number v.
func Known(v float64) Number { return Number{v, true} }

// Get returns the value and whether it is known.
func (n Number) Get() (v float64, known bool) { return n.value, n.known }

// Or returns the value, or otherwise when it is unknown.
func (n Number) Or(otherwise float64) float64 {
	if n.known {
		return n.value
	}
	return otherwise
}

// Finite returns the value and whether it is known and neither NaN nor infinite.
func (n Number) Finite() (v float64, ok bool) {
	return n.value, n.known && !math.IsNaN(n.value) && !math.IsInf(n.value, 0)
}

// Known says whether there is a value.
func (n Number) Known() bool { return n.known }
