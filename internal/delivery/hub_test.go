package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-140d0f39/gtg/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// probe is a sink that writes down what it is called with, and does first what
// the test asks for.
type probe struct {
	before func(call string) error // may block, panic or fail
	mu     sync.Mutex
	calls  []string
	inside int
}

func (p *probe) note(format string, args ...any) error {
	call := fmt.Sprintf(format, args...)
	p.mu.Lock()
	p.calls = append(p.calls, call)
	p.inside++
	overlap := p.inside > 1
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.inside--
		p.mu.Unlock()
	}()
	if overlap {
		return errors.New("calls overlap")
	}
	if p.before != nil {
		return p.before(call)
	}
	return nil
}

func (p *probe) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.calls...)
}

func (p *probe) Start(r *monitor.Run) error   { return p.note("start %s", r.Name) }
func (p *probe) Step(s *monitor.Step) error   { return p.note("step %d", s.Step) }
func (p *probe) Event(e *monitor.Event) error { return p.note("event %d", e.Step) }
func (p *probe) Close(_ context.Context, e *monitor.End) error {
	return p.note("close %d", e.Step)
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func start(sinks map[string]*probe, options ...Option) *Hub {
	var named []Named
	for name, s := range sinks {
		named = append(named, Named{name, s})
	}
	h := New(named, options...)
	h.Start(&monitor.Run{Name: "r"})
	return h
}

func (r Report) of(t *testing.T, sink string) Stats {
	for _, s := range r {
		if s.Sink == sink {
			return s
		}
	}
	t.Fatalf("no sink %s in the report", sink)
	return Stats{}
}

func TestEverySinkSeesTheRunInOrder(t *testing.T) {
	a, b := &probe{}, &probe{}
	h := start(map[string]*probe{"a": a, "b": b})
	want := []string{"start r"}
	for i := int64(1); i <= 500; i++ {
		h.Step(&monitor.Step{Step: i})
		want = append(want, fmt.Sprintf("step %d", i))
		if i%7 == 0 {
			h.Event(&monitor.Event{Step: i})
			want = append(want, fmt.Sprintf("event %d", i))
		}
	}
	r := h.Close(within(t, 10*time.Second), &monitor.End{Step: 500})
	want = append(want, "close 500")
	require.NoError(t, r.Err())
	require.Equal(t, want, a.seen())
	require.Equal(t, want, b.seen())
	require.EqualValues(t, 571, r.of(t, "a").Delivered)

	h.Step(&monitor.Step{Step: 501})
	h.Event(&monitor.Event{Step: 501})
	h.Start(&monitor.Run{Name: "again"})
	require.Equal(t, r, h.Close(context.Background(), nil))
	require.Equal(t, want, a.seen(), "nothing is delivered after Close, and nothing twice")
}

func TestSinksAreClosedThoughTheRunNeverStarted(t *testing.T) {
	p := &probe{}
	h := New([]Named{{"p", p}})
	require.NoError(t, h.Close(context.Background(), &monitor.End{}).Err())
	require.Equal(t, []string{"close 0"}, p.seen())
	require.NoError(t, New(nil).Close(context.Background(), nil).Err())
}

// A record is what the loop handed over, however the loop goes on with it.
func TestRecordsAreCopies(t *testing.T) {
	release := make(chan struct{})
	var steps []monitor.Step
	var events []monitor.Event
	sink := &copying{release: release, steps: &steps, events: &events}
	h := New([]Named{{"s", sink}})
	h.Start(&monitor.Run{})
	s := monitor.Step{}
	e := monitor.Event{Values: map[string]float64{}}
	for i := int64(1); i <= 3; i++ {
		s.Step, s.Loss = i, monitor.Known(float64(i))
		s.ParamGradNorms = append(s.ParamGradNorms[:0], monitor.Known(float64(i)), monitor.Number{})
		s.ZeroGrads = nil
		s.Curvature = nil
		if i == 2 {
			s.ZeroGrads = []int64{5}
			s.Curvature = &monitor.Curvature{GTHG: monitor.Known(2)}
		}
		h.Step(&s)
		e.Step, e.Values["n"] = i, float64(i)
		h.Event(&e)
	}
	close(release)
	require.NoError(t, h.Close(within(t, 10*time.Second), nil).Err())
	require.Len(t, steps, 3)
	for i, got := range steps {
		n := float64(i + 1)
		want := monitor.Step{Step: int64(i + 1), Loss: monitor.Known(n),
			ParamGradNorms: []monitor.Number{monitor.Known(n), {}}}
		if i == 1 {
			want.ZeroGrads = []int64{5}
			want.Curvature = &monitor.Curvature{GTHG: monitor.Known(2)}
		}
		require.Equal(t, want, got)
		require.Equal(t, monitor.Event{Step: int64(i + 1), Values: map[string]float64{"n": n}}, events[i])
	}
}

type copying struct {
	release chan struct{}
	steps   *[]monitor.Step
	events  *[]monitor.Event
}

func (c *copying) Start(*monitor.Run) error { <-c.release; return nil }
func (c *copying) Step(s *monitor.Step) error {
	var own monitor.Step
	own.CopyFrom(s)
	*c.steps = append(*c.steps, own)
	return nil
}
func (c *copying) Event(e *monitor.Event) error              { *c.events = append(*c.events, *e); return nil }
func (c *copying) Close(context.Context, *monitor.End) error { return nil }

// A sink that stands still loses steps, keeps events for longer, and costs the
// other sink and the loop nothing.
func TestAFullQueueDropsStepsBeforeEvents(t *testing.T) {
	release := make(chan struct{})
	slow := &probe{before: func(string) error { <-release; return nil }}
	fast := &probe{}
	h := start(map[string]*probe{"slow": slow, "fast": fast}, WithDepth(4))
	require.Eventually(t, func() bool { return len(slow.seen()) == 1 }, 10*time.Second, time.Millisecond)
	for i := int64(1); i <= 10; i++ {
		h.Step(&monitor.Step{Step: i})
		require.Eventually(t, func() bool { return len(fast.seen()) == int(i)+1 }, 10*time.Second, time.Millisecond)
	}
	require.EqualValues(t, 6, h.Dropped("slow"))
	require.Zero(t, h.Dropped("fast"))
	for i := int64(1); i <= EventReserve; i++ {
		h.Event(&monitor.Event{Step: i})
	}
	require.EqualValues(t, 6, h.Dropped("slow"), "events have places of their own")
	h.Event(&monitor.Event{})
	require.EqualValues(t, 7, h.Dropped("slow"), "but not without bound")

	close(release)
	r := h.Close(within(t, 10*time.Second), &monitor.End{})
	require.Error(t, r.Err())
	require.EqualValues(t, 4+EventReserve, r.of(t, "slow").Delivered)
	require.Equal(t, []string{"start r", "step 1", "step 2", "step 3", "step 4", "event 1"}, slow.seen()[:6])
	require.EqualValues(t, 10+EventReserve+1, r.of(t, "fast").Delivered+r.of(t, "fast").Dropped)
}

func TestAQueueIsBoundedInBytes(t *testing.T) {
	release := make(chan struct{})
	p := &probe{before: func(string) error { <-release; return nil }}
	h := start(map[string]*probe{"p": p}, WithBytes(110_000))
	require.Eventually(t, func() bool { return len(p.seen()) == 1 }, 10*time.Second, time.Millisecond)
	s := monitor.Step{ParamGradNorms: make([]monitor.Number, 1000), ZeroGrads: make([]int64, 1000)}
	for range 50 {
		h.Step(&s)
	}
	queued := h.Stats()[0].Queued
	require.InDelta(t, 4, queued, 0.5, "a step takes at least 24 kB")
	close(release)
	h.Close(within(t, 10*time.Second), &monitor.End{})

	big := &probe{}
	h = start(map[string]*probe{"big": big}, WithBytes(1))
	h.Step(&s)
	require.NoError(t, h.Close(within(t, 10*time.Second), &monitor.End{}).Err(), "one step always fits")
}

func TestAnErrorIsCountedAndReportedOnce(t *testing.T) {
	var told []string
	p := &probe{before: func(call string) error {
		if call == "step 2" || call == "step 4" {
			return errors.New("no " + call)
		}
		return nil
	}}
	h := start(map[string]*probe{"p": p}, WithErrorHandler(func(sink string, err error) {
		told = append(told, sink+": "+err.Error())
		panic("the handler's own fault")
	}))
	for i := int64(1); i <= 5; i++ {
		h.Step(&monitor.Step{Step: i})
	}
	r := h.Close(within(t, 10*time.Second), &monitor.End{})
	s := r.of(t, "p")
	require.EqualValues(t, 3, s.Delivered)
	require.EqualValues(t, 2, s.Errors)
	require.EqualError(t, s.FirstError, "no step 2")
	require.EqualError(t, s.LastError, "no step 4")
	require.ErrorIs(t, r.Err(), s.FirstError)
	require.Equal(t, []string{"p: no step 2"}, told)
	require.Len(t, p.seen(), 7, "a sink with errors is tried again, and closed")
}

func TestASinkThatPanicsIsSwitchedOff(t *testing.T) {
	for name, misdeed := range map[string]func(){
		"panic":  func() { panic("boom") },
		"nil":    func() { panic(nil) },
		"goexit": runtime.Goexit,
	} {
		for _, at := range []string{"start r", "step 2", "event 2", "close 9"} {
			t.Run(name+" at "+at, func(t *testing.T) {
				var told int
				bad := &probe{before: func(call string) error {
					if call == at {
						misdeed()
					}
					return nil
				}}
				good := &probe{}
				h := start(map[string]*probe{"bad": bad, "good": good},
					WithErrorHandler(func(string, error) { told++ }))
				for i := int64(1); i <= 3; i++ {
					h.Step(&monitor.Step{Step: i})
					h.Event(&monitor.Event{Step: i})
				}
				r := h.Close(within(t, 10*time.Second), &monitor.End{Step: 9})
				require.NoError(t, r.of(t, "good").Err())
				s := r.of(t, "bad")
				require.True(t, s.SwitchedOff)
				require.Error(t, s.FirstError)
				require.False(t, s.Abandoned)
				require.Equal(t, 1, told)
				calls := bad.seen()
				require.Equal(t, at, calls[len(calls)-1], "no call after the panic")
				failed := int64(1)
				if at == "start r" || at == "close 9" {
					failed = 0
				}
				require.EqualValues(t, 6, s.Delivered+s.Dropped+failed)
			})
		}
	}
}

func TestAHangingSinkIsAbandoned(t *testing.T) {
	for _, at := range []string{"start r", "step 1", "event 1", "close 9"} {
		t.Run(at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				p := &probe{before: func(call string) error {
					if call == at {
						<-release
					}
					return nil
				}}
				good := &probe{}
				h := start(map[string]*probe{"p": p, "good": good})
				h.Step(&monitor.Step{Step: 1})
				h.Event(&monitor.Event{Step: 1})
				h.Step(&monitor.Step{Step: 2})
				began := time.Now()
				r := h.Close(within(t, time.Minute), &monitor.End{Step: 9})
				require.Equal(t, time.Minute, time.Since(began), "the whole time, and no more")
				require.NoError(t, r.of(t, "good").Err())
				s := r.of(t, "p")
				require.True(t, s.Abandoned)
				require.Error(t, s.Err())
				require.EqualValues(t, 3, s.Delivered+s.Dropped+int64(s.Queued))

				// Back to life, it is closed and its goroutine ends.
				close(release)
				synctest.Wait()
				calls := p.seen()
				require.Equal(t, "close 9", calls[len(calls)-1])
			})
		})
	}
}

func TestACloseWithoutADeadlineHasOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := start(map[string]*probe{"p": {before: func(string) error { <-release; return nil }}})
		began := time.Now()
		require.True(t, h.Close(context.Background(), &monitor.End{})[0].Abandoned)
		require.Equal(t, DefaultCloseTimeout, time.Since(began))
		close(release)
	})
}

// A slow sink with a long queue still writes the end of the run.
func TestCloseLeavesTimeForTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &probe{before: func(call string) error {
			if call != "close 9" {
				time.Sleep(time.Second)
			}
			return nil
		}}
		h := start(map[string]*probe{"p": p})
		for i := range int64(1000) {
			h.Step(&monitor.Step{Step: i + 1})
		}
		s := h.Close(within(t, time.Minute), &monitor.End{Step: 9}).of(t, "p")
		require.False(t, s.Abandoned)
		require.EqualValues(t, 29, s.Delivered, "half a minute, less the second of Start")
		require.EqualValues(t, 971, s.Dropped)
		calls := p.seen()
		require.Equal(t, "close 9", calls[len(calls)-1])
	})
}

func TestConcurrentUse(t *testing.T) {
	p := &probe{}
	h := start(map[string]*probe{"p": p}, WithDepth(8))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range int64(200) {
				h.Step(&monitor.Step{Step: i + 1, ParamGradNorms: make([]monitor.Number, 10)})
				h.Event(&monitor.Event{Step: i + 1})
				h.Dropped("p")
				h.Stats()
			}
		})
	}
	wg.Wait()
	s := h.Close(within(t, 10*time.Second), &monitor.End{}).of(t, "p")
	require.EqualValues(t, 1600, s.Delivered+s.Dropped)
	require.Zero(t, s.Errors)
}

type null struct{}

func (null) Start(*monitor.Run) error                  { return nil }
func (null) Step(*monitor.Step) error                  { return nil }
func (null) Event(*monitor.Event) error                { return nil }
func (null) Close(context.Context, *monitor.End) error { return nil }

// full is a step that measures everything, and one that measures little.
func full(params int) (everything, little *monitor.Step) {
	everything = &monitor.Step{
		ParamGradNorms:    make([]monitor.Number, params),
		ParamNorms:        make([]monitor.Number, params),
		UpdateNorms:       make([]monitor.Number, params),
		ParamElasticities: make([]monitor.Number, params),
		ZeroGrads:         make([]int64, params),
		Curvature:         &monitor.Curvature{},
	}
	return everything, &monitor.Step{ParamGradNorms: make([]monitor.Number, params)}
}

func TestAStepAllocatesNothing(t *testing.T) {
	everything, little := full(1000)
	h := New([]Named{{"a", null{}}, {"b", null{}}}, WithDepth(4))
	h.Start(&monitor.Run{})
	both := func() {
		h.Step(everything)
		h.Step(little)
		for h.queued() > 0 {
			runtime.Gosched()
		}
	}
	for range 100 {
		both()
	}
	require.Zero(t, testing.AllocsPerRun(200, both))
	h.Close(within(t, 10*time.Second), nil)
}

// queued is how many records are queued, without allocating a report.
func (h *Hub) queued() (n int) {
	for _, l := range h.lanes {
		n += l.snapshot().Queued
	}
	return n
}

func BenchmarkStep(b *testing.B) {
	for _, params := range []int{1, 20, 1000} {
		b.Run(fmt.Sprintf("params=%d", params), func(b *testing.B) {
			_, s := full(params)
			h := New([]Named{{"a", null{}}, {"b", null{}}, {"c", null{}}})
			h.Start(&monitor.Run{})
			b.ReportAllocs()
			for b.Loop() {
				h.Step(s)
			}
			h.Close(context.Background(), nil)
		})
	}
}

// sender is a sink that takes everything and loses some of it later.
type sender struct {
	null
	lost func() int64
}

func (s sender) Lost() int64 { return s.lost() }

func TestWhatASinkLosesByItselfIsDropped(t *testing.T) {
	h := New([]Named{{"s", sender{lost: func() int64 { return 2 }}}, {"bad", sender{lost: func() int64 { panic("boom") }}}})
	h.Start(&monitor.Run{})
	h.Step(&monitor.Step{Step: 1})
	require.EqualValues(t, 2, h.Dropped("s"))
	require.Zero(t, h.Dropped("bad"))
	r := h.Close(within(t, 10*time.Second), &monitor.End{})
	require.EqualValues(t, 1, r.of(t, "s").Delivered)
	require.EqualValues(t, 2, r.of(t, "s").Dropped)
	require.ErrorContains(t, r.Err(), "2 dropped")
}
