package monitor

import "math"

// updateCourse is what the course knows of how far the steps move the weights. It
// counts measurements, not steps.
type updateCourse struct {
	Bounds int64   `json:"bounds"` // steps whose bound is known
	Last   float64 `json:"last"`   // the last bound
	At     int64   `json:"at"`     // the step that it is of
	Bound  float64 `json:"bound"`  // the sum of the bounds of all steps so far, as an estimate
	Ratios window  `json:"ratios"` // the last update-to-weight ratios of all weights together
}

// observeUpdates follows the update-to-weight ratio ‖Δw‖/‖w‖ of all weights together, and
// what the steps can have won.
func (c *Course) observeUpdates(s *Step) {
	if len(s.UpdateNorms) != len(c.now.Params) || len(s.ParamNorms) != len(c.now.Params) {
		return
	}
	c.observeBound(s)
	updates, weights := 0.0, 0.0
	for _, i := range c.slope.index {
		update, ok := measure(s.UpdateNorms[i])
		weight, ok2 := measure(s.ParamNorms[i])
		if len(s.ParamGradNorms) == len(c.now.Params) && !s.ParamGradNorms[i].known {
			continue // frozen on purpose
		}
		if ok && ok2 && weight > 0 && update >= 0 {
			updates, weights = math.Hypot(updates, update), math.Hypot(weights, weight)
		}
	}
	if weights > 0 {
		c.now.Updates.Ratios.push(min(updates/weights, largest))
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

// updatesSettled is how many measured updates there must be.
const updatesSettled = 4

// Bound is what all steps so far can have changed the loss by, as a share of it, to first
// order. Not ok before there are a few measurements.
func (c *Course) Bound() (share float64, ok bool) {
	now := &c.now.Updates
	return now.Bound + now.Last*float64(max(c.now.LastStep-now.At, 0)), now.Bounds >= updatesSettled
}
