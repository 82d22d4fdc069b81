// Package delivery hands the records of a run from the training loop to the
// sinks without ever making the loop wait.
//
// Every sink has one bounded queue and one goroutine of its own. A step is
// copied once, into a record that all queues share and that is used again when
// the last sink has seen it, so that a step costs no allocation however many
// parameters the model has. Where a queue is full the record is lost for that
// sink, and counted. Each sink sees Start, then steps and events in the order
// of the run, then Close, once each and never two calls at a time.
//
// A sink that returns an error is tried again with the next record. A sink
// that panics is switched off: none of its methods is called again. A sink that
// hangs is abandoned when Close's time is up; Go cannot end a goroutine, so its
// goroutine stays for as long as the sink hangs.
package delivery

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/seed-140d0f39/gtg/monitor"
)

// The limits in force unless an [Option] says otherwise.
const (
	// DefaultDepth is how many steps a queue holds.
	DefaultDepth = 4096
	// DefaultBytes is how much memory the steps of a queue may take. With 1000
	// parameters, all measured, a step takes 56 kB and a queue holds about 150.
	DefaultBytes = 8 << 20
	// EventReserve is how many places of a queue only events can take, so that
	// events still get through where steps are already lost.
	EventReserve = 256
	// DefaultCloseTimeout bounds a Close whose context has no deadline.
	DefaultCloseTimeout = 10 * time.Second
)

// Named is a sink and the name under which its losses are reported.
type Named struct {
	Name string
	Sink monitor.Sink
}

// An Option changes a limit of a [Hub].
type Option func(*Hub)

// WithDepth sets how many steps each queue holds, at least 1.
func WithDepth(steps int) Option { return func(h *Hub) { h.depth = max(steps, 1) } }

// WithBytes sets how much memory the steps of each queue may take. One step is
// always taken, however large.
func WithBytes(n int) Option { return func(h *Hub) { h.bytes = n } }

// WithErrorHandler sets a function that is told of each sink's first error, and
// of its panic. It is called from the sink's goroutine.
func WithErrorHandler(f func(sink string, err error)) Option {
	return func(h *Hub) { h.onError = f }
}

// Hub delivers one run's records. Its methods are safe for concurrent use.
type Hub struct {
	depth   int
	bytes   int
	onError func(string, error)
	lanes   []*lane
	records pool
	start   sync.Once
	close   sync.Once
	report  Report
}

// New returns a hub for the sinks. Nothing is called before Start.
func New(sinks []Named, options ...Option) *Hub {
	h := &Hub{depth: DefaultDepth, bytes: DefaultBytes, onError: func(string, error) {}}
	for _, o := range options {
		o(h)
	}
	for _, s := range sinks {
		h.lanes = append(h.lanes, newLane(s, h))
	}
	return h
}

// Start hands over the run, which may not be changed any more. Only the first
// call counts.
func (h *Hub) Start(run *monitor.Run) {
	h.start.Do(func() {
		for _, l := range h.lanes {
			l.begin(run)
		}
	})
}

// Step hands over a step, which is the caller's again at once.
func (h *Hub) Step(s *monitor.Step) {
	if len(h.lanes) == 0 {
		return
	}
	r := h.records.take()
	r.fill(s)
	r.refs.Store(int32(len(h.lanes)))
	for _, l := range h.lanes {
		if !l.push(item{step: r, bytes: r.bytes}) {
			h.records.release(r)
		}
	}
}

// Event hands over an event, which is the caller's again at once.
func (h *Hub) Event(e *monitor.Event) {
	if len(h.lanes) == 0 {
		return
	}
	c := *e
	c.Values = maps.Clone(e.Values)
	for _, l := range h.lanes {
		l.push(item{event: &c})
	}
}

// Close delivers what is queued, closes every sink and reports what became of
// the records. It returns when the context ends at the latest. Half of the time
// is for the queues, after which what is left in them is dropped, so that a
// slow sink still gets to write the end of the run. Records that come after
// Close are ignored, and a second Close returns the first one's report.
func (h *Hub) Close(ctx context.Context, end *monitor.End) Report {
	h.close.Do(func() { h.report = h.shut(ctx, end) })
	return h.report
}

func (h *Hub) shut(ctx context.Context, end *monitor.End) Report {
	h.start.Do(func() { // never started: the sinks are closed all the same
		for _, l := range h.lanes {
			l.begin(nil)
		}
	})
	now := time.Now()
	deadline, bounded := ctx.Deadline()
	if !bounded {
		deadline = now.Add(DefaultCloseTimeout)
	}
	left := deadline.Sub(now)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	// A sink that keeps to its context is not abandoned by a hair's breadth.
	sinks, cancelSinks := context.WithDeadline(ctx, now.Add(left*9/10))
	defer cancelSinks()
	for _, l := range h.lanes {
		l.shut(sinks, end, now.Add(left/2))
	}
	for _, l := range h.lanes {
		select {
		case <-l.done:
		case <-ctx.Done():
			l.abandon()
		}
	}
	return h.Stats()
}

// Stats returns what has become of the records so far, in the order of the
// sinks.
func (h *Hub) Stats() Report {
	r := make(Report, len(h.lanes))
	for i, l := range h.lanes {
		r[i] = l.snapshot()
	}
	return r
}

// Dropped returns how many records the named sink has lost so far because its
// queue was full or it was switched off, and how many it says it lost itself.
func (h *Hub) Dropped(sink string) int64 {
	var n int64
	for _, l := range h.lanes {
		if l.name == sink {
			n += l.snapshot().Dropped
		}
	}
	return n
}

// tell reports a sink's error. The handler's own panic goes no further.
func (h *Hub) tell(sink string, err error) {
	defer func() { _ = recover() }()
	h.onError(sink, err)
}
