package monitor

import "fmt"

// scheduleLeap is the factor, up or down, from which on a change of the learning
// rate between two records starts a new phase of the run.
const scheduleLeap = 1.5

// schedule follows the learning rate.
type schedule struct {
	LR     float64 `json:"lr"`
	WarmUp int64   `json:"warm_up"` // the last loss before which it rose
	// The last leap: from what to what, at which step and how many records ago.
	From float64 `json:"from"`
	To   float64 `json:"to"`
	Leap int64   `json:"leap"`
	Ago  int64   `json:"ago"`
	// Peak is the highest rate there has been, and Past that before the last leap.
	Peak float64 `json:"peak"`
	Past float64 `json:"past"`
}

// observe says whether the learning rate leapt.
func (w *schedule) observe(s *Step, losses int64) (leapt bool) {
	w.Ago++
	lr, ok := s.LR.Finite()
	if !ok {
		return false
	}
	if w.LR > 0 && lr > w.LR {
		w.WarmUp = losses
	}
	if w.LR > 0 && lr > 0 && (lr > scheduleLeap*w.LR || w.LR > scheduleLeap*lr) {
		w.From, w.To, w.Leap, w.Ago, w.Past = w.LR, lr, s.Step, 0, w.Peak
		leapt = true
	}
	w.Peak = max(w.Peak, lr)
	if lr > 0 { // a rate of 0 is the end of a schedule, and what follows a new start
		w.LR = lr
	}
	return leapt
}

// raised says whether the learning rate leapt up within the last window: what the
// run's own recent range was says little about it now.
func (w *schedule) raised() bool { return w.Leap > 0 && w.To > w.From && w.Ago < span }

// beyond says whether the last leap led to a rate so many times higher than any before,
// which no warm-up does in one step and no restart of a schedule.
func (w *schedule) beyond(factor float64) bool {
	return w.Leap > 0 && w.Past > 0 && w.To > factor*w.Past && w.LR > factor*w.Past
}

// why says of what changed now whether the schedule accounts for it.
func (w *schedule) why() string {
	if w.Leap == 0 || w.Ago > 2*span {
		return ""
	}
	return fmt.Sprintf(", after the learning rate had gone from %.3g to %.3g at step %d", w.From, w.To, w.Leap)
}
