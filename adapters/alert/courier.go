package alert

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// sayAfter is after how many failures in a row a receiver is said to be out of
// reach.
const sayAfter = 3

// courier brings one receiver up to date. It has no queue: what is to be told
// is the difference between the alerts as they are and what the receiver knows,
// so that the latest state wins and memory is bounded by the number of alerts.
type courier struct {
	sink     *Sink
	receiver Receiver
	wake     chan struct{}
	done     chan struct{}

	// The sink's lock guards what follows.
	told      map[Key]told
	pause     *backoff.ExponentialBackOff
	notBefore time.Time
	ordered   bool // it was the receiver that said so
	sending   bool // an attempt is under way
	failures  int  // in a row
	singly    int  // how many alerts are sent alone, since one of them was refused
	last      error
}

// letter is an alert on its way, with its count of changes.
type letter struct {
	Alert
	seq int64
}

func newCourier(s *Sink, r Receiver) *courier {
	c := &courier{sink: s, receiver: r, wake: make(chan struct{}, 1), done: make(chan struct{}), told: map[Key]told{},
		pause: &backoff.ExponentialBackOff{InitialInterval: s.config.retryFirst, MaxInterval: s.config.retryMost,
			Multiplier: 2, RandomizationFactor: 0.5}}
	c.pause.Reset()
	return c
}

func (c *courier) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// work is the courier's goroutine.
func (c *courier) work(ctx context.Context) {
	defer close(c.done)
	for {
		batch, until, over := c.next(ctx)
		switch {
		case over:
			return
		case batch == nil:
			c.sleep(ctx, until)
		default:
			c.settle(batch, c.send(ctx, batch))
		}
	}
}

func (c *courier) sleep(ctx context.Context, until time.Time) {
	var alarm <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		alarm = t.C
	}
	select {
	case <-c.wake:
	case <-alarm:
	case <-ctx.Done():
	}
}

// next returns the alerts to send now, or until when there is nothing to do:
// zero is until something happens.
func (c *courier) next(ctx context.Context) (batch []letter, until time.Time, over bool) {
	s := c.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return nil, until, true
	}
	now := time.Now()
	if !s.closing {
		s.machine.Tick(now)
		s.forget(now)
	}
	due, later := c.due(now)
	if len(due) == 0 {
		return nil, sooner(later, s.machine.Next()), s.closing
	}
	if now.Before(c.notBefore) {
		return nil, c.notBefore, false
	}
	if !c.receiver.Batch || c.singly > 0 {
		due = due[:1]
	}
	for i := range due {
		due[i].Expires = s.expires(now, &due[i].Alert, c.receiver.Repeat)
	}
	c.sending = true
	return due, until, false
}

// due returns what the receiver is to be told now, and when the next of what it
// is to be told again is due.
func (c *courier) due(now time.Time) (due []letter, later time.Time) {
	s := c.sink
	for _, l := range s.machine.lives {
		if l.Alert == nil {
			continue
		}
		t, known := c.told[l.Key]
		again := t.At.Add(c.receiver.Repeat)
		switch {
		case !known || t.Seq != l.Seq:
		case s.closing:
			if !(s.config.exit == HandOver && l.firing() && c.receiver.Repeat > 0 && t.At.Before(s.closed)) || t.Refused {
				continue
			}
		case c.receiver.Repeat == 0 || t.Refused || !l.firing() && !now.Before(l.Alert.Ended.Add(c.receiver.Linger)):
			continue
		case now.Before(again):
			later = sooner(later, again)
			continue
		}
		due = append(due, letter{*l.Alert, l.Seq})
	}
	return due, later
}

// sooner is the earlier of two times of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// send makes one attempt, whose panic is an error.
func (c *courier) send(ctx context.Context, batch []letter) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.sink.config.timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = Refused(fmt.Errorf("%s panicked: %v", c.receiver.Name, p))
		}
	}()
	alerts := make([]Alert, len(batch))
	for i := range batch {
		alerts[i] = batch[i].Alert
	}
	return c.receiver.Send(ctx, alerts)
}

// settle notes what became of an attempt.
func (c *courier) settle(batch []letter, err error) {
	s := c.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	c.sending = false
	close(s.settled)
	s.settled = make(chan struct{})
	now := time.Now()
	var refused *backoff.PermanentError
	if err != nil && !errors.As(err, &refused) {
		c.failed(now, err)
		return
	}
	c.failures, c.last = 0, nil
	c.pause.Reset()
	c.notBefore = now.Add(c.receiver.Pace)
	c.singly = max(c.singly-1, 0)
	if err != nil && len(batch) > 1 {
		c.singly = len(batch) // the others are not to suffer for one
		return
	}
	for _, l := range batch {
		lost := max(l.seq-c.told[l.Key].Seq-1, 0) // came and went unseen
		if err != nil {
			lost++
			s.complain(fmt.Errorf("%s refused alert %s: %w", c.receiver.Name, l.Name(), refused.Err))
		}
		s.lost.Add(lost)
		c.told[l.Key] = told{Key: l.Key, Seq: l.seq, At: plain(now), Refused: err != nil}
	}
}

// failed puts the next attempt off.
func (c *courier) failed(now time.Time, err error) {
	d := c.pause.NextBackOff()
	var after *backoff.RetryAfterError
	if errors.As(err, &after) {
		d = max(after.Duration, 0)
	}
	c.ordered = after != nil
	c.notBefore, c.last = now.Add(d), err
	if c.failures++; c.failures == sayAfter {
		c.sink.complain(fmt.Errorf("%s is out of reach, and tried again until the run ends: %w", c.receiver.Name, err))
	}
}

// undelivered counts the changes that the receiver was not told of.
func (c *courier) undelivered() (n int64) {
	for _, l := range c.sink.machine.lives {
		n += l.Seq - c.told[l.Key].Seq
	}
	return n
}

// knows is what the receiver was told, in the order of the alerts.
func (c *courier) knows() (all []told) {
	for _, l := range c.sink.machine.lives {
		if t, ok := c.told[l.Key]; ok {
			all = append(all, t)
		}
	}
	return all
}

// remember takes back what the receiver knew. A receiver of which nothing is
// known is told of what fires and not of what was over before.
func (c *courier) remember(lives []*life, all []told, known bool) {
	for _, l := range lives {
		i := slices.IndexFunc(all, func(t told) bool { return t.Key == l.Key })
		switch {
		case i >= 0 && all[i].Seq <= l.Seq:
			t := all[i]
			if now := time.Now(); t.At.After(now) {
				t.At = plain(now)
			}
			c.told[l.Key] = t
		case known || l.Alert == nil:
		case l.firing():
			c.told[l.Key] = told{Key: l.Key, Seq: l.Seq - 1}
		default:
			c.told[l.Key] = told{Key: l.Key, Seq: l.Seq}
		}
	}
}

// forget drops what is known of alerts that are gone.
func (c *courier) forget(lives []*life) {
	maps.DeleteFunc(c.told, func(k Key, _ told) bool {
		return !slices.ContainsFunc(lives, func(l *life) bool { return l.Key == k })
	})
}
