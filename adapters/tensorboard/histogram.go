package tensorboard

import (
	"math"

	"github.com/seed-140d0f39/gtg/monitor"
)

// perDecade is how many buckets there are between a norm and ten times it.
const perDecade = 8

// histogram counts decimal logarithms. Its buckets begin and end at multiples of
// 1/perDecade, so those of all steps are the same; the first is empty and tells
// where the second begins.
type histogram struct {
	min, max, num, sum, sumSquares float64
	limits, counts                 []float64
	logs                           []float64 // the values, between two uses of the space
}

// of counts the norms, and returns how many are exactly 0. Those and what is
// not finite or unknown are left out; num says how many are in it.
func (h *histogram) of(norms []monitor.Number) (zero int) {
	*h = histogram{min: math.Inf(1), max: math.Inf(-1), limits: h.limits[:0], counts: h.counts[:0], logs: h.logs[:0]}
	for _, n := range norms {
		v, finite := n.Finite()
		switch {
		case finite && v == 0:
			zero++
		case finite && v > 0:
			log := math.Log10(v)
			h.logs = append(h.logs, log)
			h.min, h.max = min(h.min, log), max(h.max, log)
			h.num++
			h.sum += log
			h.sumSquares += log * log
		}
	}
	if h.num == 0 {
		return zero
	}
	first, last := bucket(h.min), bucket(h.max)
	for k := first; k <= last+1; k++ {
		h.limits = append(h.limits, float64(k)/perDecade)
		h.counts = append(h.counts, 0)
	}
	for _, log := range h.logs {
		h.counts[bucket(log)-first+1]++
	}
	return zero
}

// bucket is the place of the bucket that holds the logarithm. A float64's lie
// between -324 and 309.
func bucket(log float64) int { return int(math.Floor(log * perDecade)) }
