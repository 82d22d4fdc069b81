package rivals

import (
	"math"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// lightning is the SpikeDetection of PyTorch Lightning with its defaults: a loss
// that is not finite, or above the last one and away from the mean of the last 10
// by at least twice that mean. A spike does not enter the window.
type lightning struct {
	about
	window window
	last   float64
}

func newLightning() *lightning {
	return &lightning{about: claim("Lightning SpikeDetection", corpus.Poisoned, corpus.NonFinite), window: newWindow(10)}
}

func (r *lightning) Observe(s *monitor.Step) monitor.Condition {
	loss, known := s.Loss.Get()
	if !known {
		return monitor.Undecided
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return monitor.Holding
	}
	if len(r.window.values) > 0 {
		mean := r.window.mean()
		if loss > r.last && math.Abs(loss-mean) >= 2*math.Abs(mean) {
			return monitor.Holding
		}
	}
	r.window.push(loss)
	r.last = loss
	return monitor.Clear
}
