package monitor

import "math"

// updateCourse is what the course knows of how far the steps move the weights. It
// counts measurements, not steps.
type updateCourse struct {
	Bounds int64   `json:"bounds"` // steps whose bound is known
	Last   float64 `json:"last"`   // the last bound
	At     int64   `json:"at"`     // the step that it is of
	Bound  float64 `json:"bound"`  // the sum of the bounds of all steps so far, as an estimate
	// Marks are the bound at the end of each block of the loss's history, to a precision that does.
	Marks  []float32 `json:"marks"`
	Ratios window    `json:"ratios"` // the last update-to-weight ratios of all weights together
	Most   window    `json:"most"`   // those of the weight that moved most
}

// observeUpdates follows the update-to-weight ratio ‖Δw‖/‖w‖ of all weights together, and
// what the steps can have won.
func (c *Course) observeUpdates(s *Step) {
	if len(s.UpdateNorms) != len(c.now.Params) || len(s.ParamNorms) != len(c.now.Params) {
		return
	}
	c.observeBound(s)
	updates, weights, most := 0.0, 0.0, 0.0
	for _, i := range c.slope.index {
		update, ok := measure(s.UpdateNorms[i])
		weight, ok2 := measure(s.ParamNorms[i])
		if len(s.ParamGradNorms) == len(c.now.Params) && !s.ParamGradNorms[i].known {
			continue // frozen on purpose
		}
		if ok && ok2 && weight > 0 && update >= 0 {
			updates, weights = math.Hypot(updates, update), math.Hypot(weights, weight)
			most = max(most, min(update/weight, largest))
		}
	}
	if weights > 0 {
		c.now.Updates.Ratios.push(min(updates/weights, largest))
		c.now.Updates.Most.push(most)
	}
}

// observeBound follows what a step can change the loss by, as a share of it, to first
// order: by the Cauchy–Schwarz inequality, at most the sum of ‖gradient‖·‖Δw‖/|loss|, which
// is each parameter's elasticity times its update-to-weight ratio. Between two
// measurements the larger of them stands for all.
func (c *Course) observeBound(s *Step) {
	if len(s.ParamElasticities) != len(c.now.Params) {
		return
	}
	bound, found := 0.0, false
	for i := range s.ParamElasticities {
		elasticity, ok := measure(s.ParamElasticities[i])
		update, ok2 := measure(s.UpdateNorms[i])
		weight, ok3 := measure(s.ParamNorms[i])
		if ok && ok2 && ok3 && weight > 0 && update >= 0 {
			bound, found = min(bound+elasticity*min(update/weight, largest), largest), true
		}
	}
	if !found {
		return
	}
	now := &c.now.Updates
	now.Bound = min(now.Bound+max(bound, now.Last)*float64(max(s.Step-now.At, 0)), largest)
	now.Last, now.At = bound, s.Step
	now.Bounds++
}

// most is the update-to-weight ratio of the weight that moves most: the median of the last
// records, or the last one where the steps have become shorter since.
func (u *updateCourse) most() float64 {
	if u.Most.n == 0 {
		return 0
	}
	return min(u.Most.median(), u.Most.last())
}

// updatesSettled is how many measured updates there must be.
const updatesSettled = 4

// Bound is what all steps so far can have changed the loss by, as a share of it, to first
// order. Not ok before there are a few measurements.
func (c *Course) Bound() (share float64, ok bool) {
	now := &c.now.Updates
	return now.Bound + now.Last*float64(max(c.now.LastStep-now.At, 0)), now.Bounds >= updatesSettled
}

// markBound keeps the bound at the end of a block of the loss's history.
func (c *Course) markBound() {
	now, means := &c.now.Updates, len(c.now.History.Means)
	if cap(now.Marks) < blocks {
		now.Marks = append(make([]float32, 0, blocks), now.Marks...)
	}
	bound, _ := c.Bound()
	if now.Marks = append(now.Marks, float32(min(bound, math.MaxFloat32))); len(now.Marks) > means { // neighbours were merged
		for i := range means {
			now.Marks[i] = now.Marks[2*i+1]
		}
		now.Marks = now.Marks[:means]
	}
}

// Efficiency is how much of what the steps could have done to the loss, to first order, they
// did lately: the logarithm of the loss's decrease from the third quarter of the run to the
// fourth, as a share of the bound of the steps in between. Not ok before there is enough of
// either, or where a loss is not positive.
func (c *Course) Efficiency() (share, bound float64, ok bool) {
	h, marks := &c.now.History, c.now.Updates.Marks
	n := len(marks)
	if n < stuckBlocks || n != len(h.Means) {
		return 0, 0, false
	}
	q, k := h.quarters(), n/4
	bound = float64(marks[n-1-k/2] - marks[n-1-k-k/2])
	if q[2] <= 0 || q[3] <= 0 || bound <= 0 {
		return 0, 0, false
	}
	return math.Log(q[2]/q[3]) / bound, bound, true
}
