package programs

import (
	"math"
	"slices"
)

// An Outcome is what became of a run.
type Outcome struct {
	Steps      int64     `json:"steps"`
	Onset      int64     `json:"onset"`
	Metric     float64   `json:"metric"` // the last of Accuracies, or of a run that was stopped
	Accuracies []float64 `json:"accuracies"`
	// Loss and Norm are by what factor the loss and the gradient's norm exceed, in
	// the three steps from the onset on, their median of the 64 steps before.
	Loss float64 `json:"loss_spike"`
	Norm float64 `json:"norm_spike"`
	// Leap is the first of these steps whose norm exceeds it by cliffNorm, 0 where none does.
	Leap int64 `json:"leap,omitempty"`
	// First is the largest gradient norm of the first ten steps, the largest number
	// where one was not finite.
	First float64 `json:"first_norm"`
	// Broken: the loss or a gradient was not finite in one of these steps.
	Broken bool `json:"broken"`
	// Stopped: gtg advised to stop, after gradients that were not finite.
	Stopped bool `json:"stopped"`
	// Silent is the share of parameters without any gradient in the run's rest,
	// or the 200 steps after the onset.
	Silent float64 `json:"silent"`
	// Zeros is the median share of the gradients' elements that are exactly 0, in
	// the run's second half.
	Zeros float64 `json:"zeros"`
	// Swing is the median, over stretches of 100 steps in the run's second half, of
	// the loss's range (from the 10th to the 90th percentile) over its median.
	Swing float64 `json:"swing"`
	// Moves is the range of the loss on the held-out data, from the 10th to the
	// 90th percentile of the checks in the run's second half, over its median: what
	// of the swing is not the batches' noise.
	Moves float64 `json:"moves"`
	// Level is the median loss of the run's last quarter over that of its second.
	Level float64 `json:"level"`
	// Climb is the loss at the end as a multiple of that before the onset.
	Climb float64 `json:"climb"`
	// Stiffness is the median of η·gᵀHg/gᵀg over what plain gradient descent tolerates
	// of it, in the run's second half: how near to the limit the learning rate is.
	Stiffness float64 `json:"stiffness"`
	// Flat is the step at which a quarter of the run's descent was made, and Half
	// that at which half of it was, after the first twentieth of the run.
	Flat int64 `json:"flat"`
	Half int64 `json:"half"`
}

const (
	before    = 64  // steps that an event is compared with
	after     = 3   // steps in which it is looked for
	watched   = 200 // steps in which parameters have to stay silent
	opening   = 10  // steps at the run's beginning
	smoothing = 50  // steps that a loss is the mean of
	plateau   = 600 // steps below which a flat beginning is a late start, of which nobody is told
	cliffNorm = 20  // by what factor the gradient's norm leaps off a cliff
)

func (t *trainer) outcome(p *Program, c *Case) *Outcome {
	tr := t.trace
	o := &Outcome{Steps: int64(len(tr.losses)), Onset: t.breaker.onset, Accuracies: t.metrics}
	o.Metric = metric(t.last)
	for i, m := range o.Accuracies {
		o.Accuracies[i] = metric(m)
	}
	o.Stopped = o.Steps < int64(t.Steps)
	on := int(min(o.Onset, o.Steps)) - 1
	from, to := max(on-before, 0), min(on+after, len(tr.losses))
	if on > 0 {
		o.Loss = finite(slices.Max(absolute(tr.losses[on:to])) / median(absolute(tr.losses[from:on])))
		usual := median(tr.norms[from:on])
		o.Norm = finite(slices.Max(tr.norms[on:to]) / usual)
		o.Leap = leapt(tr.norms[:to], on, usual)
		o.Climb = finite(median(tail(tr.losses, before)) / median(tr.losses[from:on]))
	} else {
		o.Climb = finite(median(tail(tr.losses, before)) / tr.losses[0])
	}
	o.First = largest(tr.norms[:min(opening, len(tr.norms))])
	if half := tr.stiff[len(tr.stiff)/2:]; len(half) > 0 {
		o.Stiffness = median(half)
	}
	o.Broken = slices.Contains(tr.broken[on:to], true)
	o.Silent = slices.Min(tr.silent[min(on+1, len(tr.silent)-1):min(on+watched, len(tr.silent))])
	o.Flat, o.Half = descent(tr.losses)
	quarter := len(tr.losses) / 4
	if quarter > 0 {
		o.Level = finite(median(tail(tr.losses, quarter)) / median(tr.losses[quarter:2*quarter]))
	}
	o.Zeros = median(tr.zeros[len(tr.zeros)/2:])
	o.Swing = finite(swing(tr.losses[len(tr.losses)/2:]))
	o.Moves = spread(t.checked[len(t.checked)/2:])
	return o
}

// leapt is the first step after so many, counted from 1, whose norm leaps off a cliff; 0 where none does.
func leapt(norms []float64, after int, usual float64) int64 {
	for i, norm := range norms[after:] {
		if finite(norm/usual) >= cliffNorm {
			return int64(after + i + 1)
		}
	}
	return 0
}

// metric keeps four decimals of a metric, and -1 at least.
func metric(m float64) float64 { return math.Round(1e4*atLeast(-1, m)) / 1e4 }

// descent finds where a quarter and half of the loss's descent were made, 0 where
// there was none.
func descent(losses []float64) (quarter, half int64) {
	skip := len(losses) / 20
	if skip < smoothing {
		return 0, 0
	}
	top, bottom := mean(losses[skip:2*skip]), mean(tail(losses, skip))
	if !(bottom < top) {
		return 0, 0
	}
	for i := skip; i+smoothing <= len(losses); i++ {
		l := mean(losses[i : i+smoothing])
		if quarter == 0 && l < top-(top-bottom)/4 {
			quarter = int64(i + 1)
		}
		if l < (top+bottom)/2 {
			return quarter, int64(i + smoothing/2)
		}
	}
	return quarter, int64(len(losses))
}
