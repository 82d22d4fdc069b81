package monitor

import (
	"fmt"
	"math"
)

// signalMeasured is how many cosines there must be before their mean says anything.
const signalMeasured = 32

// signalSlow is the weight of the newest cosine in the long mean.
const signalSlow = 1.0 / 512

// successiveCourse is what the course knows of how successive gradients relate.
// Its windows count measurements, not steps.
type successiveCourse struct {
	Cosines  window  `json:"cosines"`  // with the gradient of the step before
	Cosines2 window  `json:"cosines2"` // with that of the step before the last
	Count    int64   `json:"count"`
	Early    float64 `json:"early"` // the mean of the first window
	Slow     float64 `json:"slow"`  // the long mean
	Error    float64 `json:"error"` // the last standard error of a cosine
}

func (c *Course) observeSuccessive(s *Step) {
	now := &c.now.Successive
	cosine, ok := s.Successive.Cosine.Finite()
	if !ok || math.Abs(cosine) > 1 {
		return
	}
	now.Cosines.push(cosine)
	if cosine2, ok := s.Successive.Cosine2.Finite(); ok && math.Abs(cosine2) <= 1 {
		now.Cosines2.push(cosine2)
	}
	if err, ok := s.Successive.Error.Finite(); ok {
		now.Error = min(math.Abs(err), 1)
	}
	now.Count++
	now.Slow += max(signalSlow, 1/float64(now.Count)) * (cosine - now.Slow)
	if now.Count == span {
		now.Early, _ = now.Cosines.mean()
	}
}

// Signal is the share of gᵀg that is the squared norm of the true gradient, not
// the noise of mini-batches: the mean cosine between the gradients of successive
// steps, whose batches are independent of each other (McCandlish et al. 2018,
// appendix A). It comes with its standard error, of the mean and of the sketches, whose
// signs are the same throughout a run. Where a step jumps from one wall
// of a valley to the other it is negative. Not ok before there are 32 measurements.
func (c *Course) Signal() (share, err float64, ok bool) {
	now := &c.now.Successive
	if c.signalOf != now.Count { // once for all who ask after a step
		c.signalOf = now.Count
		c.signal, c.signalErr = now.Cosines.mean()
		c.signalErr = math.Hypot(c.signalErr, now.Error)
	}
	return c.signal, c.signalErr, now.Cosines.n >= signalMeasured
}

// signalEarly is how much of the first gradients must have been signal for what is
// left of it to be compared.
const signalEarly = 0.2

// insignificant is what is left of the true gradient's squared norm, with two standard
// errors, when ratio is left of gᵀg; at most ratio.
func (c *Course) insignificant(ratio float64) float64 {
	now := &c.now.Successive
	share, err, ok := c.Signal()
	if !ok || now.Count < 2*span || now.Early < signalEarly || share < -2*err {
		return ratio // steps that go to and fro are no noise
	}
	return ratio * min(max(share+2*err, 0)/now.Early, 1)
}

// related says whether successive gradients surely have something in common, or
// contradict each other, over the last few hundred steps.
func (c *Course) related() bool {
	now := &c.now.Successive
	_, err := now.Cosines.mean()
	err *= math.Sqrt(float64(now.Cosines.n) * max(signalSlow, 1/float64(max(now.Count, 1))))
	return math.Abs(now.Slow) > 2*math.Hypot(err, now.Error)
}

// signal describes how much of gᵀg is signal.
func (m *Monitor) signal() string {
	share, err, ok := m.course.Signal()
	if !ok {
		return ""
	}
	s := fmt.Sprintf("successive gradients have a mean cosine of %.2f ± %.2f", share, err)
	switch {
	case share-2*err > 0:
		return s + fmt.Sprintf(": about %.0f %% of gᵀg is the true gradient's, the rest the noise of mini-batches", 100*share)
	case share+2*err < 0:
		return s + ": the steps go to and fro"
	}
	return s + ": next to nothing of gᵀg can be told from the noise of mini-batches"
}

// mean is the mean of the window's values, with its standard error.
func (w *window) mean() (mean, err float64) {
	if w.n == 0 {
		return 0, 0
	}
	n := float64(w.n)
	for _, v := range w.sorted[:w.n] { // an order that a restart does not change
		mean += v / n
	}
	var squares float64
	for _, v := range w.sorted[:w.n] {
		squares += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(squares) / n
}
