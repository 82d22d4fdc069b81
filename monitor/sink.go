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
