package monitor

import "fmt"

const (
	// idleSteps is for how many decisions in a row a threshold did not act.
	idleSteps = 10_000
	// idleMargin is how many times the largest norm since then it is at least.
	idleMargin = 2
)

// clipIdle fires when one and the same threshold has not acted in idleSteps
// decisions and no gradient norm came near to it: as it is, it protects from
// little. Thresholds that follow the run, such as that of clip.Outlier, move by
// themselves and are silent by design.
type clipIdle struct {
	memory[clipIdleState]
}

type clipIdleState struct {
	On        bool    `json:"on"`
	Threshold float64 `json:"threshold"`
	Steps     int64   `json:"steps"`   // decisions since it was set or acted last
	Largest   float64 `json:"largest"` // gradient norm among them
}

func newClipIdle() *clipIdle { return &clipIdle{} }

func (d *clipIdle) Kind() Kind { return ClipIdle }

func (d *clipIdle) Observe(s *Step, c *Course) Condition {
	norm, ok := c.Norm()
	if s.Clip.Empty() || !ok {
		return Undecided
	}
	threshold, ok := s.Clip.Threshold.Finite()
	if !ok {
		threshold = 0
	}
	if s.Clip.Clipped || threshold != d.now.Threshold || threshold <= 0 {
		d.now = clipIdleState{Threshold: threshold}
		return Clear
	}
	d.now.Steps++
	d.now.Largest = max(d.now.Largest, min(norm, largest))
	d.now.On = d.now.Steps >= idleSteps && d.now.Largest*idleMargin < threshold
	if d.now.On {
		return Holding
	}
	return Clear
}

func (d *clipIdle) Explain(e *Event) {
	e.describe(Info, "8.2.4", "Set the threshold a little above the usual gradient norm, or use clip.Outlier, which follows it.")
	if e.State == Resolved {
		e.Values = map[string]float64{"threshold": d.now.Threshold}
		e.Summary = fmt.Sprintf("The clipping threshold that was idle since step %d acts again, or the norms came near to it, or it was changed.", e.Since)
		return
	}
	e.Values = map[string]float64{"threshold": d.now.Threshold, "largest_norm": d.now.Largest, "steps": float64(d.now.Steps)}
	e.Summary = fmt.Sprintf("The clipping threshold of %.4g has not acted in %d steps; the largest gradient norm was %.3g.",
		d.now.Threshold, d.now.Steps, d.now.Largest)
}
