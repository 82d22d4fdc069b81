package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/seed-140d0f39/gtg/monitor"
)

// item is one call to a sink: that of the field that is set, or Close. Only
// steps and events are ever queued.
type item struct {
	restore bool
	run     *monitor.Run
	step    *record
	event   *monitor.Event
	mark    *mark
	bytes   int // what a step counts against the queue's memory
}

// lane is one sink with its queue. The loop pushes, the lane's goroutine works.
type lane struct {
	name string
	sink monitor.Sink
	hub  *Hub
	wake chan struct{} // signalled when the queue is no longer empty, and at the end
	done chan struct{} // closed when the goroutine has ended

	mu    sync.Mutex
	queue []item // a ring
	head  int
	count int
	bytes int
	busy  bool  // a call of the sink is under way
	taken int64 // from the queue so far
	stats Stats

	working bool // the goroutine has been started
	memory  memory
	marks   []*mark

	closing    bool
	ctx        context.Context // for the sink's Close
	end        *monitor.End
	drainUntil time.Time
}

func newLane(s Named, h *Hub) *lane {
	l := &lane{
		name:  s.Name,
		sink:  s.Sink,
		hub:   h,
		wake:  make(chan struct{}, 1),
		done:  make(chan struct{}),
		queue: make([]item, h.depth+EventReserve),
		stats: Stats{Sink: s.Name},
	}
	l.memory.sink, _ = s.Sink.(monitor.Stateful)
	return l
}

// begin starts the lane's goroutine.
func (l *lane) begin(run *monitor.Run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.working = true
	go l.work(run)
}

// push queues the item and says whether there was room.
func (l *lane) push(it item) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return false
	}
	full := l.count == len(l.queue)
	if it.step != nil && l.count > 0 {
		full = full || l.count >= l.hub.depth || l.bytes+it.bytes > l.hub.bytes
	}
	if full || l.stats.SwitchedOff {
		l.stats.Dropped++
		return false
	}
	if it.event != nil {
		l.memory.add(it.event)
	}
	l.queue[(l.head+l.count)%len(l.queue)] = it
	l.count++
	l.bytes += it.bytes
	if l.count == 1 {
		l.signal()
	}
	return true
}

func (l *lane) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// work is the lane's goroutine. A run that is nil was never started.
func (l *lane) work(run *monitor.Run) {
	defer close(l.done)
	ended := false
	defer func() {
		if !ended { // the sink called runtime.Goexit
			l.switchOff(errors.New("the sink ended the goroutine that it was called from"))
		}
	}()
	do := func(it item) {
		if !l.counts().SwitchedOff {
			l.settle(it, l.call(it))
		}
	}
	if l.memory.restored && l.memory.state != nil {
		do(item{restore: true})
	}
	if run != nil {
		do(item{run: run})
	}
	for {
		it, ok := l.take()
		if !ok {
			break
		}
		l.settle(it, l.call(it))
	}
	do(item{})
	if l.memory.sink != nil && run != nil {
		do(item{mark: l.mark()}) // for those who ask when all is over
	}
	ended = true
}

// take waits for the next item. It returns false when there will be none.
func (l *lane) take() (item, bool) {
	for {
		l.mu.Lock()
		if l.closing && l.count > 0 && !time.Now().Before(l.drainUntil) {
			l.discard()
		}
		if k := l.reached(); k != nil {
			l.mu.Unlock()
			return item{mark: k}, true
		}
		if l.count > 0 {
			it := l.pop()
			l.busy = true
			l.mu.Unlock()
			return it, true
		}
		over := l.closing || l.stats.SwitchedOff
		l.mu.Unlock()
		if over {
			return item{}, false
		}
		<-l.wake
	}
}

// pop is called with the lock held and the queue not empty.
func (l *lane) pop() item {
	it := l.queue[l.head]
	l.queue[l.head] = item{}
	l.head = (l.head + 1) % len(l.queue)
	l.count--
	l.taken++
	l.bytes -= it.bytes
	return it
}

// discard drops what is queued. It is called with the lock held.
func (l *lane) discard() {
	for l.count > 0 {
		it := l.pop()
		if it.step != nil {
			l.hub.records.release(it.step)
		}
		if it.event != nil && l.memory.sink != nil {
			l.memory.dropped = append(l.memory.dropped, it.event)
		}
		l.stats.Dropped++
	}
}

// call makes the item's call of the sink, Close for the empty item. A panic
// comes back as an error of type *panicked.
func (l *lane) call(it item) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{p, debug.Stack()}
		}
	}()
	switch {
	case it.run != nil:
		return l.sink.Start(it.run)
	case it.step != nil:
		return l.sink.Step(&it.step.step)
	case it.event != nil:
		return l.sink.Event(it.event)
	case it.mark != nil:
		return l.remember(it.mark)
	case it.restore:
		return l.restore()
	}
	return l.sink.Close(l.ctx, l.end)
}

// settle counts what became of a call and gives the record back.
func (l *lane) settle(it item, err error) {
	if it.step != nil {
		l.hub.records.release(it.step)
	}
	if _, ok := err.(*panicked); ok { // call returns it as it is
		l.switchOff(err)
		return
	}
	l.mu.Lock()
	l.busy = false
	first := err != nil && l.stats.FirstError == nil
	switch {
	case err != nil:
		l.stats.fail(err)
	case it.step != nil || it.event != nil:
		l.stats.Delivered++
	}
	l.mu.Unlock()
	if first {
		l.hub.tell(l.name, err)
	}
}

// switchOff ends all calls to the sink.
func (l *lane) switchOff(err error) {
	l.mu.Lock()
	l.busy = false
	l.stats.SwitchedOff = true
	l.stats.fail(err)
	l.discard()
	l.mu.Unlock()
	l.hub.tell(l.name, err)
}

// shut lets the lane come to its end.
func (l *lane) shut(ctx context.Context, end *monitor.End, drainUntil time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing, l.ctx, l.end, l.drainUntil = true, ctx, end, drainUntil
	l.signal()
}

// abandon gives up the lane unless it has just come to its end. Should the sink
// come back to life, all that is left for it is its Close.
func (l *lane) abandon() {
	select {
	case <-l.done:
		return
	default:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Abandoned = true
	l.discard()
}

func (l *lane) snapshot() Stats {
	s := l.counts()
	// Not under the lock: the loop never waits for a sink.
	s.Dropped += lost(l.sink)
	return s
}

func (l *lane) counts() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Queued = l.count
	if l.busy {
		s.Queued++
	}
	return s
}

// A loser is a sink that delivers by itself, and counts what it lost since.
type loser interface{ Lost() int64 }

// lost is what the sink says that it lost.
func lost(s monitor.Sink) (n int64) {
	defer func() { _ = recover() }()
	if l, ok := s.(loser); ok {
		n = l.Lost()
	}
	return n
}

// panicked is a sink's panic.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string {
	return fmt.Sprintf("the sink panicked and is switched off: %v\n%s", p.value, p.stack)
}
