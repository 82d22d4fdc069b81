package monitor

import (
	"encoding/json"
	"fmt"
	"slices"
)

// span is how many records a window remembers.
const span = 64

// window holds the last span values of a series, in order of arrival and in
// order of size, so that its quantiles cost nothing to read.
type window struct {
	ring   [span]float64
	sorted [span]float64
	n      int
	next   int // where the oldest value of a full ring lies
}

// push takes the next value, which is finite, in the place of the oldest.
func (w *window) push(v float64) {
	s := w.sorted[:w.n]
	in, _ := slices.BinarySearch(s, v)
	if w.n < span {
		copy(w.sorted[in+1:w.n+1], s[in:])
		w.sorted[in] = v
		w.ring[w.n] = v
		w.n++
		return
	}
	out, _ := slices.BinarySearch(s, w.ring[w.next])
	if out < in {
		in--
		copy(s[out:in], s[out+1:in+1])
	} else {
		copy(s[in+1:out+1], s[in:out])
	}
	s[in] = v
	w.ring[w.next] = v
	w.next = (w.next + 1) % span
}

// median is 0 for an empty window.
func (w *window) median() float64 {
	if w.n == 0 {
		return 0
	}
	return w.sorted[(w.n-1)/2]/2 + w.sorted[w.n/2]/2
}

// last is the newest value of a window that is not empty.
func (w *window) last() float64 {
	if w.n < span {
		return w.ring[w.n-1]
	}
	return w.ring[(w.next+span-1)%span]
}

// quantile is the value below which the share p of a window that is not empty lies.
func (w *window) quantile(p float64) float64 {
	return w.sorted[min(int(p*float64(w.n)), w.n-1)]
}

// deviation estimates the standard deviation from the quartiles, which
// outliers cannot drag (the interquartile range of a normal distribution is
// 1.349 standard deviations).
func (w *window) deviation() float64 {
	if w.n == 0 {
		return 0
	}
	return (w.quantile(0.75) - w.quantile(0.25)) / 1.349
}

// halves are the medians of the last k values, fewer than there are, and of those
// before them.
func (w *window) halves(k int) (older, newer float64) {
	var values [span]float64
	n := copy(values[:], w.ring[w.next:w.n])
	n += copy(values[n:], w.ring[:w.next])
	a, b := values[:n-k], values[n-k:n]
	slices.Sort(a)
	slices.Sort(b)
	middle := func(s []float64) float64 { return s[(len(s)-1)/2]/2 + s[len(s)/2]/2 }
	return middle(a), middle(b)
}

// MarshalJSON writes the values, oldest first.
func (w window) MarshalJSON() ([]byte, error) {
	values := make([]float64, 0, w.n)
	values = append(values, w.ring[w.next:w.n]...)
	values = append(values, w.ring[:w.next]...)
	return json.Marshal(values)
}

// UnmarshalJSON takes back what MarshalJSON wrote.
func (w *window) UnmarshalJSON(data []byte) error {
	var values []float64
	if err := json.Unmarshal(data, &values); err != nil {
		return err
	}
	if len(values) > span {
		return fmt.Errorf("a window of %d values, want at most %d", len(values), span)
	}
	*w = window{}
	for _, v := range values {
		w.push(v)
	}
	return nil
}
