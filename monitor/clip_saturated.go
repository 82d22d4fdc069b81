package monitor

import "fmt"

const (
	// saturatedWindow is over how many decisions the share is taken.
	saturatedWindow = 1000
	// saturatedShare begins it, saturatedCalm ends it: shares of clipped steps.
	saturatedShare = 0.9
	saturatedCalm  = 0.5
)

// clipSaturated fires when more than saturatedShare of the last saturatedWindow
// steps were clipped: then the threshold and no longer the learning rate sets the
// length of the step, and the gradient's length says nothing any more. Training
// large language models often lives with it, so it is said and no warning.
type clipSaturated struct {
	memory[clipSaturatedState]
	share, factor, threshold float64
}

type clipSaturatedState struct {
	Latch   latch   `json:"latch"`
	Share   float64 `json:"share"`   // of clipped steps in the window that ended last
	Steps   int     `json:"steps"`   // of the window that is being filled
	Clipped int     `json:"clipped"` // of those
	Factor  float64 `json:"factor"`  // sum of norm after over norm before, of the clipped ones
}

func newClipSaturated() *clipSaturated { return &clipSaturated{} }

func (d *clipSaturated) Kind() Kind { return ClipSaturated }

func (d *clipSaturated) Observe(s *Step, c *Course) Condition {
	if s.Clip.Empty() || !c.finite {
		return Undecided
	}
	now := &d.now
	now.Steps++
	if s.Clip.Clipped {
		now.Clipped++
		now.Factor += ratio(s)
	}
	if now.Steps < saturatedWindow {
		return Undecided
	}
	now.Share = float64(now.Clipped) / saturatedWindow
	d.share, d.factor = now.Share, now.Factor/max(1, float64(now.Clipped))
	d.threshold = s.Clip.Threshold.Or(0)
	now.Steps, now.Clipped, now.Factor = 0, 0, 0
	return now.Latch.observe(now.Share > saturatedShare, now.Share < saturatedCalm, 1, 1)
}

// ratio is how much of the gradient's length clipping left.
func ratio(s *Step) float64 {
	if f, ok := s.Clip.Factor.Finite(); ok {
		return max(0, min(1, f))
	}
	before, _ := s.GradNorm.Finite()
	after, ok := s.Clip.NormAfter.Finite()
	if !ok || before <= 0 {
		return 1
	}
	return max(0, min(1, after/before))
}

func (d *clipSaturated) Explain(e *Event) {
	e.describe(Info, "8.2.4", "The threshold sets the step's length now: raise it towards the usual gradient norm, or keep it and think of the learning "+
		"rate as multiplied by the mean factor.")
	e.Values = map[string]float64{"share": d.share, "window": saturatedWindow}
	if e.State == Resolved {
		e.Summary = fmt.Sprintf("Clipping changed only %.1f %% of the last %d steps.", 100*d.share, saturatedWindow)
		return
	}
	e.Values["mean_factor"] = d.factor
	e.Summary = fmt.Sprintf("Clipping changed %.1f %% of the last %d steps and left on average %.3g of the gradient's length.",
		100*d.share, saturatedWindow, d.factor)
	if d.threshold > 0 {
		e.Values["threshold"] = d.threshold
	}
}
