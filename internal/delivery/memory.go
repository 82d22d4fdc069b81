package delivery

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed-140d0f39/gtg/monitor"
)

// Memory is what a [monitor.Stateful] sink remembers at one point of the run: a
// state of the sink's, nil for a sink that knows nothing, and the events up to
// that point that are not part of it. Handed to a sink that was given the state
// they bring it to where the run was.
type Memory struct {
	Sink   string
	State  []byte
	Events []monitor.Event
}

// Mark marks the point of the run at which it is called. What it returns gives
// the sinks' memories at that point, in the order of the sinks, and waits until
// each has been handed all that comes before. A sink that is not there when the
// context ends, or fails, is remembered as it was when it last said its state, with the
// events since: none is lost, and those that it had handled come to it a
// second time after a resume. At most [EventReserve] are kept, the last ones.
func (h *Hub) Mark() func(ctx context.Context) []Memory {
	var lanes []*lane
	var marks []*mark
	for _, l := range h.lanes {
		if l.memory.sink != nil {
			lanes, marks = append(lanes, l), append(marks, l.mark())
		}
	}
	return func(ctx context.Context) (all []Memory) {
		for i, l := range lanes {
			all = append(all, l.await(ctx, marks[i]))
		}
		return all
	}
}

// Restore gives the sinks of those names their memories back, each before its
// Start. A memory of a sink that is gone is dropped. It comes before Start.
func (h *Hub) Restore(memories []Memory) {
	for _, m := range memories {
		for _, l := range h.lanes {
			if l.name == m.Sink && l.memory.sink != nil && !l.memory.restored { // two sinks may have one name
				l.memory.restored, l.memory.state = true, m.State
				for i := range m.Events {
					l.push(item{event: &m.Events[i]})
				}
				break
			}
		}
	}
}

// memory is what a lane knows of what its sink remembers. The lane's lock guards
// what follows the sink.
type memory struct {
	sink     monitor.Stateful // nil when the sink has no state
	restored bool
	state    []byte           // as the sink last said it
	since    []*monitor.Event // queued after that, and counted in all
	all      int64
	dropped  []*monitor.Event // that the sink never got, for the next process to bring it
}

func (m *memory) add(e *monitor.Event) {
	if m.sink == nil {
		return
	}
	if m.all++; len(m.since) == EventReserve {
		m.since = slices.Delete(m.since, 0, 1)
	}
	m.since = append(m.since, e)
}

// after is where the events begin in since that came after the mark.
func (m *memory) after(k *mark) int { return max(len(m.since)-int(m.all-k.events), 0) }

// mark is a place in a lane's queue. When all before it has been settled the
// lane asks the sink for its state.
type mark struct {
	records int64 // that come before it
	events  int64 // of them
	state   []byte
	known   bool
	done    chan struct{} // closed when the sink was asked
}

// mark marks the end of the queue.
func (l *lane) mark() *mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := &mark{records: l.taken + int64(l.count), events: l.memory.all, done: make(chan struct{})}
	if l.working {
		l.marks = append(l.marks, k)
		l.signal()
	} else { // the sink knows what it will be given, and no more
		close(k.done)
	}
	return k
}

// reached returns the mark that the lane has come to, nil when there is none. It
// is called with the lock held.
func (l *lane) reached() *mark {
	if len(l.marks) == 0 || l.marks[0].records > l.taken || l.stats.SwitchedOff {
		return nil
	}
	k := l.marks[0]
	l.marks = slices.Delete(l.marks, 0, 1)
	return k
}

// remember asks the sink for its state.
func (l *lane) remember(k *mark) error {
	defer close(k.done)
	state, err := l.memory.sink.State()
	if err != nil {
		return fmt.Errorf("its state cannot be saved: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k.state, k.known = state, true
	// What was dropped is no part of the state.
	l.memory.since = slices.Concat(l.memory.dropped, l.memory.since[l.memory.after(k):])
	l.memory.state = state
	return nil
}

// restore gives the sink its state back.
func (l *lane) restore() error {
	err := l.memory.sink.Restore(l.memory.state)
	if err == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.memory.state = nil
	return fmt.Errorf("its state cannot be restored, it starts anew: %w", err)
}

// await returns what the sink remembers at the mark.
func (l *lane) await(ctx context.Context, k *mark) Memory {
	select {
	case <-k.done:
	case <-l.done:
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	m, lacks := Memory{Sink: l.name, State: l.memory.state}, l.memory.since[:l.memory.after(k)]
	l.marks = slices.DeleteFunc(l.marks, func(m *mark) bool { return m == k })
	if k.known {
		m.State, lacks = k.state, l.memory.dropped
	}
	for _, e := range lacks {
		m.Events = append(m.Events, *e)
	}
	return m
}
