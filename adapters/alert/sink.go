package alert

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-140d0f39/gtg/monitor"
)

// Sink turns a run's events into alerts and tells its receivers of them. It is
// a [monitor.Sink]. No call of it but Close waits for a receiver.
type Sink struct {
	config *config
	lost   atomic.Int64
	upset  atomic.Bool // there are complaints

	mu         sync.Mutex
	machine    *Machine
	couriers   []*courier
	complaints []error
	cancel     context.CancelFunc // nil until Start
	settled    chan struct{}      // closed, and made anew, whenever an attempt has ended
	closing    bool
	closed     time.Time
}

var (
	_ monitor.Sink     = (*Sink)(nil)
	_ monitor.Stateful = (*Sink)(nil)
)

// maxComplaints is how many errors wait at most for the next call to return
// them.
const maxComplaints = 16

// NewSink returns a sink that tells the receivers. Each has a goroutine of its
// own, from Start to Close, so that none waits for another.
func NewSink(receivers []Receiver, options ...Option) (*Sink, error) {
	c, err := newConfig(options)
	if err != nil {
		return nil, err
	}
	if len(receivers) == 0 {
		return nil, errors.New("alert: no receiver: want at least one")
	}
	for i := range receivers {
		if r := &receivers[i]; r.Send == nil || r.Repeat < 0 || r.Linger < 0 || r.Pace < 0 {
			return nil, fmt.Errorf("alert: receiver %q: want a Send and durations of at least 0", r.Name)
		}
	}
	s := &Sink{config: c, machine: &Machine{rules: c.rules}, settled: make(chan struct{})}
	for _, r := range receivers {
		s.couriers = append(s.couriers, newCourier(s, r))
	}
	if len(c.state) > 0 {
		if err := s.Restore(c.state); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Start begins the run.
func (s *Sink) Start(r *monitor.Run) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil || s.closing {
		return errors.New("alert: Start a second time or after Close: a sink serves one run")
	}
	s.machine.run = r.Name
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	for _, c := range s.couriers {
		go c.work(ctx)
	}
	return nil
}

// Step says what was lost since the last call.
func (s *Sink) Step(*monitor.Step) error { return s.lament() }

// Event takes an event, and says what was lost since the last call.
func (s *Sink) Event(e *monitor.Event) error {
	s.mu.Lock()
	err := s.machine.Observe(time.Now(), e)
	for _, c := range s.couriers {
		c.signal()
	}
	s.mu.Unlock()
	return errors.Join(err, s.lament())
}

// Close tells the receivers what they do not know yet, before the context ends,
// and says what was lost.
func (s *Sink) Close(ctx context.Context, _ *monitor.End) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return nil
	}
	s.closing, s.closed = true, plain(time.Now())
	cancel := s.cancel
	if cancel != nil {
		s.machine.End(s.closed, s.config.exit == Resolve)
	}
	for _, c := range s.couriers {
		if c.failures > 0 && !c.ordered {
			c.notBefore = time.Time{} // one more attempt at once
		}
		c.signal()
	}
	s.mu.Unlock()
	if cancel != nil {
		s.await(ctx)
		cancel()
	}
	for _, c := range s.couriers {
		if c.receiver.Close != nil {
			c.receiver.Close()
		}
	}
	return s.lament()
}

// await lets the couriers finish, and counts what they could not deliver.
func (s *Sink) await(ctx context.Context) {
	stop := context.AfterFunc(ctx, s.cancel)
	defer stop()
	for _, c := range s.couriers {
		select {
		case <-c.done:
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.couriers {
		if n := c.undelivered(); n > 0 {
			s.lost.Add(n)
			s.complain(fmt.Errorf("%s was not told of %d changes of alerts when time was up: %w", c.receiver.Name, n, errors.Join(c.last, ctx.Err())))
		}
	}
}

// Lost returns how many changes of alerts receivers were not told of so far:
// refused ones, those that came and went while a receiver was out of reach, and
// what was left at the end.
func (s *Sink) Lost() int64 { return s.lost.Load() }

// Firing returns the alerts that are firing.
func (s *Sink) Firing() []Alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.machine.Firing()
}

// complain keeps an error for the next call. It is called with the lock held.
func (s *Sink) complain(err error) {
	if len(s.complaints) < maxComplaints {
		s.complaints = append(s.complaints, fmt.Errorf("alert: %w", err))
		s.upset.Store(true)
	}
}

// lament returns the errors that were kept.
func (s *Sink) lament() error {
	if !s.upset.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.Join(s.complaints...)
	s.complaints = nil
	s.upset.Store(false)
	return err
}

// expires is when a receiver may take the alert to be over: after three reports
// that did not come.
func (s *Sink) expires(now time.Time, a *Alert, repeat time.Duration) time.Time {
	switch {
	case !a.Firing() || repeat == 0:
		return time.Time{}
	case s.closing && s.config.exit == HandOver:
		return plain(now.Add(s.config.handOver))
	}
	return plain(now.Add(4 * repeat))
}

// forget drops the alerts that are over and of which everybody knows. It is
// called with the lock held.
func (s *Sink) forget(now time.Time) {
	before := len(s.machine.lives)
	s.machine.forget(now, s.allTold)
	if len(s.machine.lives) == before {
		return
	}
	for _, c := range s.couriers {
		c.forget(s.machine.lives)
	}
}

// allTold says whether every receiver knows the end of the alert.
func (s *Sink) allTold(l *life) bool {
	for _, c := range s.couriers {
		if c.told[l.Key].Seq != l.Seq || time.Since(l.Alert.Ended) < c.receiver.Linger {
			return false
		}
	}
	return true
}
