package monitor

import "fmt"

// scheduleLeap is the factor, up or down, from which on a change of the learning
// rate between two records starts a new phase of the run.
const scheduleLeap = 1.5

// schedule follows the learning rate.
type schedule struct {
	LR     float64 `json:"lr"`
	WarmUp int64   `json:"warm_up"` // the last loss before which it rose
	// The last leap: from what to what, at which step.
	From float64 `json:"from"`
	To   float64 `json:"to"`
	Leap int64   `json:"leap"`
}

func (w *schedule) observe(s *Step, losses int64) {
	lr, ok := s.LR.Finite()
	if !ok {
		return
	}
	if w.LR > 0 && lr > w.LR {
		w.WarmUp = losses
	}
	if w.LR > 0 && lr > 0 && (lr > scheduleLeap*w.LR || w.LR > scheduleLeap*lr) {
		w.From, w.To, w.Leap = w.LR, lr, s.Step
	}
	w.LR = lr
}

// scheduleReach is for how many steps what changes is put down to a leap.
const scheduleReach = 2 * span

// why says of what changed at the step whether the schedule accounts for it.
func (w *schedule) why(step int64) string {
	if w.Leap == 0 || step-w.Leap > scheduleReach {
		return ""
	}
	return fmt.Sprintf(", after the learning rate had gone from %.3g to %.3g at step %d", w.From, w.To, w.Leap)
}
