package rivals

import (
	"math"
	"slices"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// killLossSpike is the callback of that name of llm-foundry with its defaults: the
// fifth loss in a row of at least twice the mean of the window, or, after two
// windows, a window of which half is above the largest loss of the first window or
// above 10. The window is 100 steps or a twentieth of the run.
type killLossSpike struct {
	about
	window window
	seen   int
	spikes streak
	limit  float64
}

func newKillLossSpike(steps int64) *killLossSpike {
	return &killLossSpike{about: claim("llm-foundry KillLossSpike", corpus.Diverging, corpus.SignError), window: newWindow(int(max(100, steps/20)))}
}

func (r *killLossSpike) Observe(s *monitor.Step) monitor.Condition {
	loss, known := s.Loss.Get()
	if !known {
		return monitor.Undecided
	}
	spike := r.window.full() && loss >= 2*r.window.mean()
	r.window.push(loss)
	if r.seen++; r.seen == cap(r.window.values) {
		r.limit = math.Min(10, slices.Max(r.window.values))
	}
	return holds(r.spikes.add(spike) >= 5 || r.seen >= 2*cap(r.window.values) && r.high())
}

func (r *killLossSpike) high() bool {
	above := 0
	for _, v := range r.window.values {
		if v > r.limit {
			above++
		}
	}
	return 2*above >= len(r.window.values)
}
