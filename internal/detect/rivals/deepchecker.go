package rivals

import (
	"math"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// deepChecker are those checks of TheDeepChecker (Ben Braiek and Khomh, TOSEM 2022)
// that the log allows, with its default settings: every tenth step from the tenth
// on. They are made for a run on one fixed batch, and are given real ones here.
func deepChecker(run *monitor.Run) []Rule {
	g := newGradients(run)
	return []Rule{
		&deepTrend{about: claim("TheDeepChecker vanishing gradient", corpus.Vanishing), g: g,
			level: func(mean float64) bool { return mean < 1e-6 }, step: func(ratio float64) bool { return ratio <= 0.5 }},
		&deepTrend{about: claim("TheDeepChecker exploding gradient", corpus.Exploding), g: g,
			level: func(mean float64) bool { return mean > 1e6 }, step: func(ratio float64) bool { return ratio >= 2 }},
		&deepLoss{about: claim("TheDeepChecker non-decreasing loss", noProgress...), loss: math.NaN(),
			is: func(loss, before, _ float64) bool { return loss > 0.95*before }},
		&deepLoss{about: claim("TheDeepChecker diverging loss", corpus.Diverging, corpus.SignError), loss: math.NaN(), least: math.Inf(1),
			is: func(loss, _, least float64) bool { return loss >= 2*least }},
		&deepUpdate{about: claim("TheDeepChecker unstable learning", corpus.TooSlow, corpus.Diverging), kernels: g.kernels,
			sums: make([]float64, len(g.kernels)), counts: make([]float64, len(g.kernels))},
	}
}

// tenth is due at every tenth record.
type tenth int

func (t *tenth) due() bool {
	*t++
	return *t%10 == 0
}

// deepTrend: a gradient's mean magnitude is beyond a level, or went the same way
// at four checks in a row.
type deepTrend struct {
	about
	g           gradients
	level, step func(float64) bool
	due         tenth
	before      []float64
	streaks     []streak
}

func (r *deepTrend) Observe(s *monitor.Step) monitor.Condition {
	if !r.due.due() {
		return monitor.Undecided
	}
	out := monitor.Undecided
	if r.before == nil {
		r.before, r.streaks = make([]float64, len(r.g.kernels)), make([]streak, len(r.g.kernels))
	}
	for i, k := range r.g.kernels {
		mean, known := r.g.mean(s, k)
		if !known {
			continue
		}
		if out == monitor.Undecided {
			out = monitor.Clear
		}
		row := r.streaks[i].add(r.before[i] > 0 && r.step(mean/r.before[i]))
		r.before[i] = mean
		if r.level(mean) || row >= 4 {
			out = monitor.Holding
		}
	}
	return out
}

// deepLoss: something is so of the loss at five checks in a row.
type deepLoss struct {
	about
	is          func(loss, before, least float64) bool
	due         tenth
	loss, least float64
	row         streak
}

func (r *deepLoss) Observe(s *monitor.Step) monitor.Condition {
	loss, known := s.Loss.Get()
	if !known || !r.due.due() {
		return monitor.Undecided
	}
	row := r.row.add(r.is(loss, r.loss, r.least))
	r.loss, r.least = loss, math.Min(r.least, loss)
	return holds(row >= 5)
}

// deepUpdate: the mean of log₁₀(update/weight) over ten steps is above -1, too
// fast, or below -4, too slow.
type deepUpdate struct {
	about
	kernels      []int
	due          tenth
	sums, counts []float64
}

func (r *deepUpdate) Observe(s *monitor.Step) monitor.Condition {
	for i, k := range r.kernels {
		if ratio, known := updateRatio(s, k); known {
			r.sums[i], r.counts[i] = r.sums[i]+math.Log10(ratio), r.counts[i]+1
		}
	}
	if !r.due.due() {
		return monitor.Undecided
	}
	out := monitor.Undecided
	for i := range r.kernels {
		if r.counts[i] == 0 {
			continue
		}
		if out == monitor.Undecided {
			out = monitor.Clear
		}
		if mean := r.sums[i] / r.counts[i]; mean > -1 || mean < -4 {
			out = monitor.Holding
		}
		r.sums[i], r.counts[i] = 0, 0
	}
	return out
}
