package programs

import (
	"math"
	"slices"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
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
	// Flat is the step at which a quarter of the run's descent was made, and Half
	// that at which half of it was, after the first twentieth of the run.
	Flat int64 `json:"flat"`
	Half int64 `json:"half"`
}

const (
	before    = 64  // steps that an event is compared with
	after     = 3   // steps in which it is looked for
	watched   = 200 // steps in which parameters have to stay silent
	smoothing = 50  // steps that a loss is the mean of
)

func (t *trainer) outcome(p *Program, c *Case) *Outcome {
	tr := t.trace
	o := &Outcome{Steps: int64(len(tr.losses)), Onset: t.breaker.onset, Accuracies: t.metrics}
	o.Metric = atLeast(math.Min(p.Chance, -1), t.check())
	for i := range o.Accuracies {
		o.Accuracies[i] = atLeast(math.Min(p.Chance, -1), o.Accuracies[i])
	}
	o.Stopped = o.Steps < int64(t.Steps)
	on := int(min(o.Onset, o.Steps)) - 1
	from, to := max(on-before, 0), min(on+after, len(tr.losses))
	if on > 0 {
		o.Loss = finite(slices.Max(absolute(tr.losses[on:to])) / median(absolute(tr.losses[from:on])))
		o.Norm = finite(slices.Max(tr.norms[on:to]) / median(tr.norms[from:on]))
		o.Climb = finite(median(tail(tr.losses, before)) / median(tr.losses[from:on]))
	} else {
		o.Climb = finite(median(tail(tr.losses, before)) / tr.losses[0])
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

// spread is the range of the values from the 10th to the 90th percentile, over
// their median; 0 of few.
func spread(v []float64) float64 {
	if len(v) < 10 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return finite((s[len(s)*9/10] - s[len(s)/10]) / math.Abs(s[len(s)/2]))
}

// swing is the median relative range of the losses in stretches of 100 steps.
func swing(losses []float64) float64 {
	var ranges []float64
	for ; len(losses) >= 100; losses = losses[100:] {
		ranges = append(ranges, spread(losses[:100]))
	}
	if len(ranges) == 0 {
		return 0
	}
	return median(ranges)
}

// Label says what was done to the run and whether it had its effect; reference is
// the metric of the plain run of the same program and seed.
func (o *Outcome) Label(p *Program, c *Case, seed int64, reference float64) corpus.Label {
	l := corpus.Label{
		Program: p.Name, Case: c.Name, Seed: seed, Class: c.Class, Hard: c.Hard, HeldOut: p.HeldOut,
		Onset: o.Onset, Steps: o.Steps, Metric: o.Metric, Reference: reference, Chance: p.Chance, Accuracies: o.Accuracies,
	}
	way := (o.Metric - p.Chance) / (reference - p.Chance)
	switch c.Class {
	case corpus.Healthy:
		l.Onset = 0
		l.Confirmed = way >= c.Least && !o.Stopped
	case corpus.Poisoned:
		l.End = min(o.Onset+20, o.Steps)
		l.Confirmed = max(o.Loss, o.Norm) >= 10 && !o.Broken && way >= 0.7
	case corpus.Cliffs:
		l.Confirmed = o.Norm >= 20
	case corpus.NonFinite:
		if !p.Recipe(c).Fault.Lasting {
			l.End = o.Onset
		}
		l.Confirmed = o.Broken
	case corpus.Frozen:
		l.Confirmed = o.Silent > 0.5
	case corpus.Escape:
		l.End = o.Half
		l.Confirmed = float64(o.Flat) >= 0.4*float64(o.Steps) && o.Half < o.Steps && way >= 0.5
	case corpus.Dying:
		l.Confirmed = way <= c.Most && o.Zeros >= 0.6
	case corpus.Oscillating: // and neither comes down nor runs away
		l.Confirmed = (way <= c.Most || o.Climb > 0.8) && o.Swing >= 0.3 && o.Moves >= 0.3 && o.Level > 0.5 && o.Level < 2 && !o.Stopped
	case corpus.Saddle:
		l.Confirmed = way <= c.Most && o.Climb < 1.2 && !o.Stopped
	case corpus.Vanishing, corpus.TooSlow, corpus.IllConditioned:
		l.Confirmed = way <= c.Most && o.Climb < 3 && !o.Stopped
	case corpus.Diverging:
		l.Confirmed = way <= c.Most && (o.Climb > 1.2 || o.Stopped)
	default:
		l.Confirmed = way <= c.Most
	}
	if math.IsNaN(way) {
		l.Confirmed = false
	}
	return l
}

// finite keeps a quotient of what may not be finite within JSON.
func finite(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, -math.MaxFloat32), math.MaxFloat32)
}

func absolute(v []float64) []float64 {
	a := make([]float64, len(v))
	for i := range v {
		a[i] = math.Abs(v[i])
	}
	return a
}

func tail(v []float64, n int) []float64 { return v[max(0, len(v)-n):] }

func mean(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}
