package monitor

// nearlyAll is the share of a gradient's elements that are "nearly all" of it.
const nearlyAll = 0.99

// record is what became of one parameter's gradient so far.
type record struct {
	Had       int64   `json:"had"`       // records in which it was not 0
	Zero      int64   `json:"zero"`      // records in a row, up to now, in which all of it was exactly 0
	Nearly    int64   `json:"nearly"`    // the same for nearly all of it
	Undefined int64   `json:"undefined"` // the same for no gradient at all
	Share     float64 `json:"share"`     // of exact zeros when it last was not 0; -1 when not measured
	Low       float64 `json:"low"`       // the lowest share so far; 1 when not measured
	Mean      float64 `json:"mean"`      // of the share, over about the last 32 records that had it
	Mostly    int64   `json:"mostly"`    // records in a row in which that was deadMostly at least
	Norm      float64 `json:"norm"`      // of the parameter itself when it was last measured; -1 when never
}

// symmetric says whether half of the weights or more are all exactly 0 and never had
// another gradient than 0: a start from which no unit can come to differ from another.
func (c *Course) symmetric() (weights, first int) {
	for _, i := range c.slope.index {
		if r := &c.now.Params[i]; r.Norm == 0 && r.Had == 0 && max(r.Zero, c.now.ZeroNorms) >= deadRecords {
			if weights == 0 {
				first = i
			}
			weights++
		}
	}
	if 2*weights < len(c.slope.index) {
		return 0, 0 // a few that are pruned or not used hold nothing up
	}
	return weights, first
}

// alike says how many weights began with one number, other than 0, for all elements, where
// they are half of the weights or more, and which is the first of them: units that are
// computed by them are one and the same, and stay so. None, once the run has learned all
// the same.
func (c *Course) alike() (weights, first int) { return c.now.Alike, c.now.FirstAlike }

// observeStart notes the weights that begin with one number.
func (c *Course) observeStart() {
	now := &c.now
	for _, i := range c.slope.index {
		if v, ok := c.run.Params[i].Constant.Finite(); ok && v != 0 {
			if now.Alike++; now.Alike == 1 {
				now.FirstAlike = i
			}
		}
	}
	// One layer alone has no units that could be the same.
	if now.Alike < 2 || 2*now.Alike < len(c.slope.index) {
		now.Alike = 0
	}
}

// observeParams follows each parameter's gradient. A step in which every
// gradient is 0 or undefined says nothing about single parameters (a hinge loss
// that has reached 0 is the healthy case), nor does one that is not finite or
// whose lists do not fit the run's parameters.
func (c *Course) observeParams(s *Step) {
	params := c.now.Params
	if len(s.ParamNorms) == len(params) {
		for i, n := range s.ParamNorms {
			if v, ok := measure(n); ok {
				params[i].Norm = v
			}
		}
	}
	c.now.Elasticity.observe(&c.slope, s.ParamElasticities, s.ParamNorms)
	norms, zeros := s.ParamGradNorms, s.ZeroGrads
	if len(norms) != len(params) {
		norms = nil
	}
	if len(zeros) != len(params) {
		zeros = nil
	}
	c.grads = false
	if len(params) == 0 || !c.finite || norms == nil && zeros == nil {
		return
	}
	for i := range params {
		if zero, undefined, _ := c.gradient(i, norms, zeros); !zero && !undefined {
			c.grads = true
			break
		}
	}
	if !c.grads {
		return
	}
	c.now.Judged++
	if norms != nil {
		c.now.Depth.observe(&c.slope, norms)
		c.now.Forward.observe(&c.slope, norms)
	}
	for i := range params {
		r := &params[i]
		zero, undefined, share := c.gradient(i, norms, zeros)
		if undefined {
			r.Undefined++
			continue
		}
		r.Undefined = 0
		if zero {
			r.Zero++
			r.Nearly++
			continue
		}
		r.Zero = 0
		r.Had++
		if r.Share = share; share < 0 {
			r.Nearly = 0
			continue
		}
		r.Low = min(r.Low, share)
		r.Mean += max(depthWeight, 1/float64(r.Had)) * (share - r.Mean)
		if r.Mostly++; r.Mean < deadMostly {
			r.Mostly = 0
		}
		if r.Nearly++; share < nearlyAll {
			r.Nearly = 0
		}
	}
}

// gradient describes parameter i's gradient; share is -1 when it was not
// measured.
func (c *Course) gradient(i int, norms []Number, zeros []int64) (zero, undefined bool, share float64) {
	share = -1
	if norms != nil {
		v, known := norms[i].Get()
		zero, undefined = known && v == 0, !known
	}
	if zeros == nil {
		return zero, undefined, share
	}
	if zeros[i] < 0 {
		return false, true, share
	}
	if n := c.run.Params[i].Numel; n > 0 {
		share = min(float64(zeros[i])/float64(n), 1)
		// A norm may underflow to 0 while the elements do not.
		zero, undefined = zeros[i] >= n, false
	}
	return zero, undefined, share
}
