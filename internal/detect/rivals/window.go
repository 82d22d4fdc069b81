package rivals

import "math"

// window is the last values, in no particular order.
type window struct {
	values []float64
	next   int
}

func newWindow(size int) window { return window{values: make([]float64, 0, size)} }

func (w *window) full() bool { return len(w.values) == cap(w.values) }

func (w *window) push(v float64) {
	if !w.full() {
		w.values = append(w.values, v)
		return
	}
	w.values[w.next] = v
	w.next = (w.next + 1) % len(w.values)
}

// at is the i-th oldest value.
func (w *window) at(i int) float64 { return w.values[(w.next+i)%len(w.values)] }

func (w *window) mean() float64 {
	var sum float64
	for _, v := range w.values {
		sum += v
	}
	return sum / float64(len(w.values))
}

// spread is the mean and the standard deviation, whose sum of squares is divided
// by the number of values less the given number: 1 for the unbiased, 0 for that of
// the population.
func (w *window) spread(less float64) (mean, std float64) {
	mean = w.mean()
	var sum float64
	for _, v := range w.values {
		sum += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(sum / (float64(len(w.values)) - less))
}

// streak counts how many times in a row something held.
type streak int

func (s *streak) add(is bool) int {
	if *s++; !is {
		*s = 0
	}
	return int(*s)
}
