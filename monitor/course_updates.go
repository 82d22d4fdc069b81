package monitor

import "math"

// updateCourse is what the course knows of how far the steps move the weights. It
// counts measurements, not steps.
type updateCourse struct {
	Count  int64   `json:"count"`
	Last   float64 `json:"last"`   // the last ratio
	At     int64   `json:"at"`     // the step that it is of
	Moved  float64 `json:"moved"`  // the sum of the ratios of all steps so far, as an estimate
	Ratios window  `json:"ratios"` // the last ones over all weights together
}

// observeUpdates follows the update-to-weight ratio ‖Δw‖/‖w‖: the largest of all
// weight tensors, and that of all together. Between two measurements the larger of
// them stands for all.
func (c *Course) observeUpdates(s *Step) {
	if len(s.UpdateNorms) != len(c.now.Params) || len(s.ParamNorms) != len(c.now.Params) {
		return
	}
	ratio, updates, weights, found := 0.0, 0.0, 0.0, false
	for _, i := range c.slope.index {
		update, ok := measure(s.UpdateNorms[i])
		weight, ok2 := measure(s.ParamNorms[i])
		if len(s.ParamGradNorms) == len(c.now.Params) && !s.ParamGradNorms[i].known {
			continue // frozen on purpose
		}
		if ok && ok2 && weight > 0 && update >= 0 {
			ratio, found = max(ratio, min(update/weight, largest)), true
			updates, weights = math.Hypot(updates, update), math.Hypot(weights, weight)
		}
	}
	if !found {
		return
	}
	now := &c.now.Updates
	now.Moved = min(now.Moved+max(ratio, now.Last)*float64(max(s.Step-now.At, 0)), largest)
	now.Last, now.At = ratio, s.Step
	now.Count++
	now.Ratios.push(min(updates/weights, largest))
}

// updatesSettled is how many update ratios there must be.
const updatesSettled = 4

// Moved is a bound on how far the steps so far can have moved a weight tensor, as a
// share of its norm: the sum of the update-to-weight ratios. Not ok before there are
// a few measurements.
func (c *Course) Moved() (share float64, ok bool) {
	now := &c.now.Updates
	return now.Moved + now.Last*float64(max(c.now.LastStep-now.At, 0)), now.Count >= updatesSettled
}
