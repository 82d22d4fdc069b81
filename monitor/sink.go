package monitor

import "context"

// A Sink takes a run's records somewhere: a log, a metric, a file, a person.
// Start is called first, then Step and Event in the order of the run (an event
// right after the step that caused it), then Close once. Calls never overlap.
//
// An error from any of them is counted and reported; the run goes on. What a
// Sink is handed is shared: it is read only and may not be kept after the call.
type Sink interface {
	Start(*Run) error
	Step(*Step) error
	Event(*Event) error
	// Close writes what is left, the end of the run included, before the
	// context ends.
	Close(ctx context.Context, end *End) error
}

// A Stateful sink remembers something of the run that a resumed run has to know,
// such as which alerts fire and who was told of them. Its memory is saved and
// restored with the run's own. Restore comes before Start, if at all, and State
// at any time after it, the time after Close included. Like the other methods of
// a Sink they never overlap with another call.
type Stateful interface {
	// State returns the memory as it is after the records that the sink was
	// handed so far.
	State() ([]byte, error)
	// Restore takes back a State. After an error the sink is as it was.
	Restore(state []byte) error
}
