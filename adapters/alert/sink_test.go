package alert_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-140d0f39/gtg/adapters/alert"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book is a receiver that writes down what it is told, and does first what the
// test asks for.
type book struct {
	mu     sync.Mutex
	before func(ctx context.Context, alerts []alert.Alert) error
	calls  []time.Time
	seen   []alert.Alert
}

func (b *book) set(before func(ctx context.Context, alerts []alert.Alert) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before = before
}

func (b *book) send(ctx context.Context, alerts []alert.Alert) error {
	b.mu.Lock()
	before := b.before
	b.calls = append(b.calls, time.Now())
	b.mu.Unlock()
	if before != nil {
		if err := before(ctx, alerts); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, alerts...)
	return nil
}

// take returns what was written since, as kind+ for firing and kind- for resolved.
func (b *book) take() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.seen {
		sign := "-"
		if a.Firing() {
			sign = "+"
		}
		all = append(all, string(a.Kind)+sign)
	}
	b.seen = nil
	return all
}

// told is what was written since, and times is when it was tried.
func (b *book) told() []alert.Alert {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.seen)
}

func (b *book) times() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.calls)
}

func (b *book) attempts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.calls)
}

func (b *book) receiver() alert.Receiver { return alert.Receiver{Name: "book", Send: b.send} }

func started(t testing.TB, receivers []alert.Receiver, options ...alert.Option) *alert.Sink {
	s, err := alert.NewSink(receivers, options...)
	require.NoError(t, err)
	require.NoError(t, s.Start(&monitor.Run{Name: "r"}))
	return s
}

func one(r alert.Receiver) []alert.Receiver { return []alert.Receiver{r} }

func closing(s *alert.Sink, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return s.Close(ctx, &monitor.End{})
}

var (
	refuse  = func(context.Context, []alert.Alert) error { return alert.Refused(errors.New("no such key")) }
	fail    = func(context.Context, []alert.Alert) error { return errors.New("500") }
	hang    = func(ctx context.Context, _ []alert.Alert) error { <-ctx.Done(); return ctx.Err() }
	boom    = func(context.Context, []alert.Alert) error { panic("boom") }
	instant = []alert.Option{alert.WithKeepFiring(0), alert.WithCooldown(0)}
)

func begin(t testing.TB, s *alert.Sink, k monitor.Kind) {
	t.Helper()
	require.NoError(t, s.Event(event(k, monitor.Firing, "")))
}

func over(t testing.TB, s *alert.Sink, k monitor.Kind) {
	t.Helper()
	require.NoError(t, s.Event(event(k, monitor.Resolved, "")))
}

func TestEveryReceiverIsToldOfEveryChangeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &book{}, &book{}
		s := started(t, []alert.Receiver{a.receiver(), b.receiver()})
		begin(t, s, monitor.Cliff)
		begin(t, s, monitor.Cliff)
		time.Sleep(time.Hour)
		require.Len(t, s.Firing(), 1)
		over(t, s, monitor.Cliff)
		time.Sleep(time.Hour)
		require.NoError(t, closing(s, time.Second))
		for _, r := range []*book{a, b} {
			require.Equal(t, []string{"cliff+", "cliff-"}, r.take())
		}
		require.Zero(t, s.Lost())
	})
}

// A receiver that is sick for an hour is told once when it is back, and not how
// often it came and went, and the other receiver and the loop do not feel it.
func TestASickReceiverIsToldOnceWhenItIsBack(t *testing.T) {
	for name, sick := range map[string]func(context.Context, []alert.Alert) error{"fails": fail, "hangs": hang} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, well := &book{}, &book{}
				b.set(sick)
				s := started(t, []alert.Receiver{b.receiver(), well.receiver()}, instant...)
				before := time.Now()
				begin(t, s, monitor.Cliff)
				require.Zero(t, time.Since(before), "an event waits for nobody")
				time.Sleep(time.Hour)
				require.Equal(t, []string{"cliff+"}, well.take())
				require.Less(t, b.attempts(), 120, "about one a minute")
				require.Greater(t, b.attempts(), 30)
				require.ErrorContains(t, s.Step(&monitor.Step{}), "book is out of reach")
				require.NoError(t, s.Step(&monitor.Step{}), "said once")
				b.set(nil)
				time.Sleep(2 * time.Minute)
				require.Equal(t, []string{"cliff+"}, b.take())
				require.Zero(t, s.Lost())

				b.set(sick)
				for range 100 { // 100 ends and 99 beginnings that nobody hears of
					// Either may say that the receiver is out of reach.
					_ = s.Event(event(monitor.Cliff, monitor.Resolved, ""))
					time.Sleep(time.Second)
					_ = s.Event(event(monitor.Cliff, monitor.Firing, ""))
					time.Sleep(time.Second)
				}
				b.set(nil)
				time.Sleep(2 * time.Minute)
				require.Equal(t, []string{"cliff+"}, b.take())
				require.EqualValues(t, 199, s.Lost())
				require.Len(t, well.take(), 200)
				_ = closing(s, time.Second)
			})
		})
	}
}

func TestWhatIsRefusedIsLostAndNotTriedAgain(t *testing.T) {
	for name, sick := range map[string]func(context.Context, []alert.Alert) error{"refused": refuse, "panic": boom} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &book{before: sick}
				r := b.receiver()
				r.Repeat = time.Minute
				s := started(t, one(r), instant...)
				err := s.Event(event(monitor.Cliff, monitor.Firing, "")) // which may know of it already
				time.Sleep(time.Hour)
				require.Equal(t, 1, b.attempts())
				require.EqualValues(t, 1, s.Lost())
				err = errors.Join(err, s.Step(&monitor.Step{}))
				require.ErrorContains(t, err, "alert: book refused alert GtgCliff: ")
				require.Equal(t, 1, strings.Count(err.Error(), "GtgCliff"), "said once")
				b.set(nil)
				over(t, s, monitor.Cliff)
				time.Sleep(time.Second)
				require.Equal(t, []string{"cliff-"}, b.take(), "what changed is tried")
				require.NoError(t, closing(s, time.Second))
			})
		})
	}
}

func TestOneRefusedAlertDoesNotSpoilTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{before: func(_ context.Context, alerts []alert.Alert) error {
			for _, a := range alerts {
				if a.Kind == monitor.Dead {
					return alert.Refused(errors.New("bad label"))
				}
			}
			return nil
		}}
		r := b.receiver()
		r.Batch = true
		s, err := alert.NewSink(one(r))
		require.NoError(t, err)
		for _, k := range []monitor.Kind{monitor.Cliff, monitor.Dead, monitor.RisingGradient} {
			begin(t, s, k)
		}
		require.NoError(t, s.Start(&monitor.Run{}))
		time.Sleep(time.Hour)
		require.Equal(t, 4, b.attempts(), "together, then one by one")
		require.Equal(t, []string{"cliff+", "rising_gradient+"}, b.take())
		require.EqualValues(t, 1, s.Lost())
		require.ErrorContains(t, closing(s, time.Second), "GtgDead: bad label")
	})
}

func TestAFiringAlertIsToldAgainAndItsEndForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		r := b.receiver()
		r.Repeat, r.Linger = time.Minute, 5*time.Minute
		s := started(t, one(r), instant...)
		begin(t, s, monitor.Cliff)
		time.Sleep(10*time.Minute + time.Second)
		for _, a := range b.told() {
			require.True(t, a.Expires.After(a.Started))
		}
		require.Equal(t, 4*time.Minute, b.told()[10].Expires.Sub(b.times()[10]))
		require.Len(t, b.take(), 11)
		over(t, s, monitor.Cliff)
		time.Sleep(time.Hour)
		require.Equal(t, []string{"cliff-", "cliff-", "cliff-", "cliff-", "cliff-"}, b.take())
		require.NoError(t, closing(s, time.Second))
		require.Empty(t, b.take())
	})
}

func TestAReceiverSaysWhenToComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{before: func(context.Context, []alert.Alert) error {
			return alert.RetryAfter(errors.New("429"), 20*time.Minute)
		}}
		s := started(t, one(b.receiver()), instant...)
		begin(t, s, monitor.Cliff)
		time.Sleep(time.Minute)
		begin(t, s, monitor.Dead)
		time.Sleep(18 * time.Minute)
		require.Equal(t, 1, b.attempts())
		b.set(nil)
		time.Sleep(2 * time.Minute)
		require.Equal(t, []string{"cliff+", "dead+"}, b.take())
		b.set(func(context.Context, []alert.Alert) error { return alert.RetryAfter(errors.New("429"), time.Hour) })
		over(t, s, monitor.Cliff)
		synctest.Wait()
		require.ErrorContains(t, closing(s, 5*time.Second), "429")
		require.Equal(t, 4, b.attempts(), "the end of the run is no reason to come sooner")
		require.EqualValues(t, 1, s.Lost())
	})
}

func TestThePaceIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		r := b.receiver()
		r.Pace = 3 * time.Second
		s := started(t, one(r))
		for _, k := range []monitor.Kind{monitor.Cliff, monitor.Dead, monitor.RisingGradient} {
			begin(t, s, k)
		}
		time.Sleep(time.Minute)
		require.Len(t, b.times(), 3)
		require.Equal(t, 6*time.Second, b.times()[2].Sub(b.times()[0]))
		require.NoError(t, closing(s, time.Second))
	})
}

func TestCloseDeliversWhatItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{before: fail}
		s := started(t, one(b.receiver()), instant...)
		begin(t, s, monitor.Cliff)
		time.Sleep(time.Hour)
		b.set(nil)
		before := time.Now()
		err := closing(s, time.Minute)
		require.ErrorContains(t, err, "out of reach")
		require.Equal(t, []string{"cliff+"}, b.take())
		require.Zero(t, time.Since(before), "at once")
		require.Zero(t, s.Lost())
		require.NoError(t, closing(s, time.Minute), "a second Close does nothing")
	})
	for name, sick := range map[string]func(context.Context, []alert.Alert) error{"fails": fail, "hangs": hang} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &book{before: sick}
				s := started(t, one(b.receiver()), instant...)
				begin(t, s, monitor.Cliff)
				begin(t, s, monitor.Dead)
				before := time.Now()
				require.ErrorContains(t, closing(s, 5*time.Second), "book was not told of 2 changes")
				require.Equal(t, 5*time.Second, time.Since(before))
				require.EqualValues(t, 2, s.Lost())
			})
		})
	}
}

func TestTheChoiceOnExit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			option alert.Option
			want   []string
		}{
			"leave":     {alert.WithExit(alert.Leave), nil},
			"resolve":   {alert.WithExit(alert.Resolve), []string{"cliff-"}},
			"hand over": {alert.WithHandOver(3 * time.Hour), []string{"cliff+"}},
		} {
			b := &book{}
			r := b.receiver()
			r.Repeat = time.Minute
			s := started(t, one(r), c.option)
			begin(t, s, monitor.Cliff)
			time.Sleep(time.Second)
			require.Equal(t, []string{"cliff+"}, b.take())
			require.NoError(t, closing(s, time.Second))
			if name == "hand over" {
				require.Equal(t, 3*time.Hour, b.told()[0].Expires.Sub(b.times()[1]))
			}
			require.Equal(t, c.want, b.take(), name)
		}
	})
}

func TestAResumedRunDoesNotAlertAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		s := started(t, one(b.receiver()))
		begin(t, s, monitor.Cliff)
		time.Sleep(time.Second)
		require.Equal(t, []string{"cliff+"}, b.take())
		b.set(fail)
		begin(t, s, monitor.Dead) // not told before the process dies
		state, err := s.State()
		require.NoError(t, err)
		require.Error(t, closing(s, time.Second))

		b.set(nil)
		time.Sleep(time.Hour)
		s = started(t, one(b.receiver()), alert.WithState(state))
		time.Sleep(time.Hour)
		require.Equal(t, []string{"dead+"}, b.take(), "what is known is not told again")
		over(t, s, monitor.Cliff)
		time.Sleep(time.Hour)
		require.Equal(t, []string{"cliff-"}, b.take())
		state, err = s.State()
		require.NoError(t, err)
		require.NoError(t, closing(s, time.Second))
		require.Zero(t, s.Lost())

		other := &book{}
		s = started(t, []alert.Receiver{b.receiver(), other.receiver()}, alert.WithState(state))
		time.Sleep(time.Hour)
		require.Empty(t, b.take())
		require.Equal(t, []string{"dead+"}, other.take(), "a new receiver is told of what fires")
		require.NoError(t, closing(s, time.Second))
		require.Zero(t, s.Lost())
	})
}

// However many alerts there were, what is remembered is what is needed.
func TestWhatIsOverIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		s := started(t, one(b.receiver()), instant...)
		for i := range 500 {
			require.NoError(t, s.Event(event(monitor.Dead, monitor.Firing, fmt.Sprint("layer", i))))
			time.Sleep(time.Second)
			require.NoError(t, s.Event(event(monitor.Dead, monitor.Resolved, fmt.Sprint("layer", i))))
			time.Sleep(time.Second)
		}
		state, err := s.State()
		require.NoError(t, err)
		require.Less(t, len(state), 1500)
		require.Len(t, b.take(), 1000)
		require.Zero(t, s.Lost())
		require.NoError(t, closing(s, time.Second))
	})
}

func TestASinkWithoutAStartCloses(t *testing.T) {
	s, err := alert.NewSink(one((&book{}).receiver()))
	require.NoError(t, err)
	require.NoError(t, closing(s, time.Second))
	require.Error(t, s.Start(&monitor.Run{}))
}

func TestBadOptionsAreRefused(t *testing.T) {
	good := one((&book{}).receiver())
	for text, o := range map[string]alert.Option{
		"an option is nil": nil, "WithExit(7)": alert.WithExit(7), "WithHandOver(0s)": alert.WithHandOver(0), "WithTimeout(-1s)": alert.WithTimeout(-time.Second),
		"WithRetry(2s, 1s)": alert.WithRetry(2*time.Second, time.Second), `"dire"`: alert.WithFloor("dire"), "not a state": alert.WithState([]byte("x")),
		`"a b"`: alert.WithLabels(map[string]string{"a b": "c"}), `"new"`: alert.WithFor(1, "new"), "Hold": alert.WithHold(-1),
		`link "here"`: alert.WithLink("here"),
	} {
		_, err := alert.NewSink(good, o)
		require.ErrorContains(t, err, text)
	}
	_, err := alert.NewSink(nil)
	require.ErrorContains(t, err, "no receiver")
	_, err = alert.NewSink([]alert.Receiver{{Name: "x"}})
	require.ErrorContains(t, err, `receiver "x"`)
}

func TestConcurrentUse(t *testing.T) {
	b := &book{}
	s := started(t, one(b.receiver()), instant...)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 200 {
				state := monitor.Firing
				if i%2 == 1 {
					state = monitor.Resolved
				}
				_ = s.Event(event(monitor.Cliff, state, ""))
				_ = s.Step(&monitor.Step{})
				_, _ = s.State()
				s.Lost()
				s.Firing()
			}
		})
	}
	wg.Wait()
	require.NoError(t, closing(s, 10*time.Second))
}
