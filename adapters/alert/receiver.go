package alert

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Receiver is one place that is told of alerts.
type Receiver struct {
	// Name says in errors which receiver it is. It holds no secret.
	Name string
	// Send tells the receiver of the alerts, all of which are news to it or due
	// again. Calls do not overlap. An error is tried again later, with the
	// alerts as they are then, unless it is of [Refused]; one of [RetryAfter]
	// says when.
	Send func(ctx context.Context, alerts []Alert) error
	// Batch says that Send takes any number of alerts; otherwise it gets one.
	Batch bool
	// Repeat is how often the receiver is told again of an alert that fires; 0
	// is never.
	Repeat time.Duration
	// Linger is for how long after its end it is still told of an alert.
	Linger time.Duration
	// Pace is the least time from one call to the next.
	Pace time.Duration
	// Close gives back what the receiver holds; may be nil.
	Close func()
}

// Refused marks an error that would be the same the next time.
func Refused(err error) error { return backoff.Permanent(err) }

// RetryAfter marks an error that says when to come again.
func RetryAfter(err error, d time.Duration) error {
	return &tryLater{err, &backoff.RetryAfterError{Duration: d}}
}

type tryLater struct {
	error
	after *backoff.RetryAfterError
}

func (e *tryLater) Unwrap() []error { return []error{e.error, e.after} }
