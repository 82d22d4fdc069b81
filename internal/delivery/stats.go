package delivery

import (
	"errors"
	"fmt"
)

// Stats says what has become of the records (steps and events) meant for one
// sink. Every record is in one of Delivered, Dropped, Errors and Queued; calls
// of Start and Close count only where they fail.
type Stats struct {
	// Sink is the sink's name.
	Sink string
	// Delivered counts the records that the sink took.
	Delivered int64
	// Dropped counts the records that the sink was never shown: its queue was
	// full, it was switched off, or time was up. What a sink with a method Lost()
	// int64 took and could not bring to where it goes is added.
	Dropped int64
	// Errors counts the calls that failed.
	Errors int64
	// Queued is how many records wait, one that the sink is busy with included.
	Queued int
	// FirstError and LastError are of the calls that failed.
	FirstError, LastError error
	// SwitchedOff says that the sink panicked and is not called any more.
	SwitchedOff bool
	// Abandoned says that the sink did not come to its end before Close's time
	// was up. Its goroutine lives on until the sink returns.
	Abandoned bool
}

func (s *Stats) fail(err error) {
	s.Errors++
	if s.FirstError == nil {
		s.FirstError = err
	}
	s.LastError = err
}

// Err says what was lost, or nil when the sink took everything.
func (s Stats) Err() error {
	if s.Dropped == 0 && s.Errors == 0 && s.Queued == 0 && !s.Abandoned {
		return nil
	}
	text := fmt.Sprintf("sink %s: %d records delivered, %d dropped", s.Sink, s.Delivered, s.Dropped)
	if s.Abandoned {
		text += fmt.Sprintf(", %d left when it did not finish in time", s.Queued)
	}
	if s.Errors == 0 {
		return errors.New(text)
	}
	return fmt.Errorf("%s, %d calls failed, the first with: %w", text, s.Errors, s.FirstError)
}

// Report has the [Stats] of every sink.
type Report []Stats

// Err joins what the sinks lost, or is nil when nothing was lost.
func (r Report) Err() error {
	var errs []error
	for _, s := range r {
		errs = append(errs, s.Err())
	}
	return errors.Join(errs...)
}
