package alert

import (
	"errors"
	"time"
)

// settleTime is how long State waits for attempts that are under way.
const settleTime = time.Second

// State returns all that the sink remembers, as JSON, to be saved beside a
// checkpoint for [Sink.Restore] or [WithState]; hooks.Guard.State includes it. It is as of the
// events that have arrived, and can be called at any time, from any goroutine,
// after Close as well.
//
// It waits, for a second at most, until the receivers that can be reached know of
// what has just changed, so that they are not told a second time by a run that goes
// on from here. A receiver that was told, and did not say so in time, is.
func (s *Sink) State() ([]byte, error) {
	enough := time.NewTimer(settleTime)
	defer enough.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.atRest() {
		settled := s.settled
		s.mu.Unlock()
		expired := false
		select {
		case <-settled:
		case <-enough.C:
			expired = true
		}
		s.mu.Lock()
		if expired {
			break
		}
	}
	var all [][]told
	for _, c := range s.couriers {
		all = append(all, c.knows())
	}
	return s.machine.state(all)
}

// atRest says whether nothing is on its way to a receiver, nor about to be. One
// that is out of reach is left out. It is called with the lock held.
func (s *Sink) atRest() bool {
	if s.cancel == nil || s.closing {
		return true
	}
	now := time.Now()
	s.machine.Tick(now)
	for _, c := range s.couriers {
		if c.failures > 0 {
			continue
		}
		if due, _ := c.due(now); c.sending || len(due) > 0 && !now.Before(c.notBefore) {
			c.signal()
			return false
		}
	}
	return true
}

// Restore takes back what [Sink.State] returned, before Start, so that a run that
// is resumed neither alerts again of what was known nor leaves it open for ever.
// After an error the sink is as it was.
func (s *Sink) Restore(state []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil || s.closing {
		return errors.New("alert: Restore after Start or Close: a state belongs to the beginning of a run")
	}
	known, err := s.machine.restore(time.Now(), state)
	if err != nil {
		return err
	}
	for i, c := range s.couriers {
		clear(c.told)
		if i < len(known) {
			c.remember(s.machine.lives, known[i], true)
		} else {
			c.remember(s.machine.lives, nil, false)
		}
	}
	return nil
}
