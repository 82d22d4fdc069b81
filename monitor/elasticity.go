package monitor

import (
	"math"
	"slices"
)

// elasticityFew is how many measurements say something.
const elasticityFew = 5

// elasticity is how much the loss has depended on each weight tensor at most, over all of
// the run so far: peaks, so that a run that has learned and whose gradients are small now
// is none of whose weights never counted. Other than the gradients' norms it needs neither
// the order of the layers nor a gradient to compare with: in a network of rectifiers it is
// the same for all layers, and where it is nearly 0 a tensor may be changed by all of its
// size and the loss would not change. It counts measurements, not steps.
type elasticity struct {
	Count int64 `json:"count"`
	// Peaks has the largest value of each weight, in the slope's order; 0 before there is one,
	// and below 0 for a weight that was 0 at first, whose size says nothing of its gradient.
	Peaks []float64 `json:"peaks"`
	// Quarter is what a quarter of the weights never had more than, and Most the largest of
	// all; those that never had any are frozen, dead or pruned and do not count, nor do those
	// that were 0 at first.
	Quarter float64 `json:"quarter"`
	Most    float64 `json:"most"`
	// Now is the largest that the last measurement found, and Param where.
	Now   float64 `json:"now"`
	Param int     `json:"param"`
}

// observe takes what one step measured.
func (e *elasticity) observe(s *slope, values, norms []Number) {
	if len(values) == 0 || len(values) <= s.last() {
		return
	}
	if e.Count == 0 && len(norms) == len(values) {
		for at, i := range s.index {
			if v, ok := measure(norms[i]); ok && v == 0 {
				e.Peaks[at] = -1
			}
		}
	}
	e.Count++
	e.Now = 0
	seen := 0
	for at, i := range s.index {
		if v, ok := measure(values[i]); ok && e.Peaks[at] >= 0 {
			e.Peaks[at] = max(e.Peaks[at], v)
			if v > e.Now {
				e.Now, e.Param = v, i
			}
		}
		if e.Peaks[at] > 0 {
			s.sizes[seen%depthSeen] = e.Peaks[at]
			seen++
		}
	}
	if seen < depthTwo {
		e.Count = 0
		return
	}
	sorted := s.sizes[:min(seen, depthSeen)]
	slices.Sort(sorted)
	e.Quarter, e.Most = sorted[(len(sorted)-1)/4], sorted[len(sorted)-1]
}

// weakest is the place of the weight that the loss depended on least, of those that it did,
// and how much it did at most.
func (e *elasticity) weakest(s *slope) (weakest int, least float64) {
	least = math.Inf(1)
	for at, i := range s.index {
		if v := e.Peaks[at]; v > 0 && v < least {
			weakest, least = i, v
		}
	}
	return weakest, least
}

// last is the place of the last weight, -1 where there is none.
func (s *slope) last() int {
	if len(s.index) == 0 {
		return -1
	}
	return s.index[len(s.index)-1]
}

// atMinimum says whether the curvature is so large beside the gradient that the loss would
// change more to second order than to first if the weights changed by a fiftieth of their
// size: as it is where a run has converged, and not where it is flat. Not ok where curvature
// was not measured.
func (c *Course) atMinimum() (at, ok bool) {
	k := &c.now.Curvature
	norm, ok := c.NormLevel()
	if !ok || k.Rayleighs.n < settledCurvature {
		return false, false
	}
	weights := 0.0
	for _, i := range c.slope.index {
		weights = math.Hypot(weights, max(c.now.Params[i].Norm, 0))
	}
	return k.Rayleighs.median()*weights > 100*math.Exp(norm), true
}
