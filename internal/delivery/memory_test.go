package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/monitor"
)

// keeper is a sink whose state is the steps of the events that it was handed.
type keeper struct {
	probe
	had     []int64
	restore error
	save    func() error
}

func (k *keeper) Event(e *monitor.Event) error {
	err := k.probe.Event(e)
	k.had = append(k.had, e.Step)
	return err
}

func (k *keeper) State() ([]byte, error) {
	if err := k.note("state"); err != nil {
		return nil, err
	}
	if k.save != nil {
		if err := k.save(); err != nil {
			return nil, err
		}
	}
	return json.Marshal(k.had)
}

func (k *keeper) Restore(state []byte) error {
	if err := k.note("restore"); err != nil {
		return err
	}
	if k.restore != nil {
		return k.restore
	}
	return json.Unmarshal(state, &k.had)
}

// knows is what a sink of that memory knows in the end.
func knows(t *testing.T, memory []Memory) []int64 {
	t.Helper()
	k := &keeper{}
	h := New([]Named{{"k", k}})
	h.Restore(memory)
	h.Start(&monitor.Run{})
	require.NoError(t, h.Close(within(t, time.Minute), &monitor.End{}).Err())
	return k.had
}

func count(from, to int64) (all []int64) {
	for i := from; i <= to; i++ {
		all = append(all, i)
	}
	return all
}

// Wherever the run is stopped, and however slow the sink is: with its memory and
// what comes after it has seen every event once.
func TestAMemoryIsThatOfItsPoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		var memory []Memory
		step, behind := int64(0), 0
		for range 200 {
			k := &keeper{}
			slow := time.Duration(random.IntN(300)) * time.Millisecond
			k.before = func(string) error { time.Sleep(slow); return nil }
			h := New([]Named{{"other", &probe{}}, {"k", k}})
			h.Restore(memory)
			h.Start(&monitor.Run{})
			events := func() {
				for range random.IntN(5) {
					step++
					h.Step(&monitor.Step{Step: step})
					h.Event(&monitor.Event{Step: step})
				}
			}
			events()
			take := h.Mark()
			saved := step
			events() // of another goroutine, or after a checkpoint
			memory = take(within(t, time.Duration(random.IntN(5))*time.Second))
			require.Len(t, memory, 1)
			behind += min(len(memory[0].Events), 1)
			step = saved
			h.Close(context.Background(), &monitor.End{})
			// The sink may have fallen behind: then it is handed again what it had.
			seen := map[int64]bool{}
			for _, s := range knows(t, memory) {
				seen[s] = true
			}
			require.Len(t, seen, int(step))
			require.True(t, step == 0 || seen[1] && seen[step])
		}
		require.Greater(t, step, int64(200))
		require.Greater(t, behind, 20)
		require.Less(t, behind, 180)
	})
}

func TestAMemoryWaitsForTheQueueAndHasNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		k.before = func(string) error { time.Sleep(time.Millisecond); return nil }
		h := New([]Named{{"k", k}})
		h.Start(&monitor.Run{})
		for i := range int64(100) {
			h.Step(&monitor.Step{Step: i + 1})
			h.Event(&monitor.Event{Step: i + 1})
		}
		take := h.Mark()
		h.Event(&monitor.Event{Step: 101})
		before := time.Now()
		memory := take(within(t, time.Minute))
		require.Less(t, time.Since(before), time.Second)
		require.Empty(t, memory[0].Events)
		require.Equal(t, count(1, 100), knows(t, memory))
		report := h.Close(context.Background(), &monitor.End{})
		require.NoError(t, report.Err())
		require.EqualValues(t, 201, report[0].Delivered, "a state is no record")
	})
}

// A sink that hangs keeps nobody longer than the context, and loses nothing.
func TestAHangingSinkIsRememberedAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		k := &keeper{}
		k.before = func(call string) error {
			if call == "event 4" {
				<-release
			}
			return nil
		}
		h := New([]Named{{"k", k}})
		h.Start(&monitor.Run{})
		send := func(from, to int64) {
			for i := from; i <= to; i++ {
				h.Event(&monitor.Event{Step: i})
			}
		}
		send(1, 2)
		require.Empty(t, h.Mark()(within(t, time.Second))[0].Events)
		send(3, 6)
		for range 3 {
			before := time.Now()
			memory := h.Mark()(within(t, time.Second))
			require.Equal(t, time.Second, time.Since(before))
			require.Len(t, memory[0].Events, 4, "what came after the last state")
			require.Equal(t, count(1, 6), knows(t, memory))
		}
		require.Empty(t, h.lanes[0].marks, "who does not wait leaves nothing")
		send(7, EventReserve+10)
		require.Len(t, h.Mark()(within(t, time.Second))[0].Events, EventReserve, "but not without bound")
		close(release)
		h.Close(within(t, time.Minute), &monitor.End{})
	})
}

func TestASinkThatFailsToSayItsState(t *testing.T) {
	for name, misdeed := range map[string]func() error{
		"fails":  func() error { return errors.New("no ink") },
		"panics": func() error { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			var told []string
			k := &keeper{save: misdeed}
			h := New([]Named{{"k", k}}, WithErrorHandler(func(_ string, err error) { told = append(told, err.Error()) }))
			h.Start(&monitor.Run{})
			h.Event(&monitor.Event{Step: 1})
			memory := h.Mark()(within(t, time.Minute))
			require.Equal(t, []int64{1}, knows(t, memory))
			h.Close(within(t, time.Minute), &monitor.End{})
			require.Len(t, told, 1)
			require.Regexp(t, "cannot be saved: no ink|boom", told[0])
		})
	}
}

func TestASinkThatCannotBeRestoredStartsAnew(t *testing.T) {
	var told []string
	k := &keeper{restore: errors.New("of another sink")}
	h := New([]Named{{"k", k}}, WithErrorHandler(func(sink string, err error) { told = append(told, sink+": "+err.Error()) }))
	h.Restore([]Memory{{Sink: "k", State: []byte("[1]"), Events: []monitor.Event{{Step: 2}}}, {Sink: "gone", State: []byte("x")}})
	h.Start(&monitor.Run{Name: "r"})
	require.Equal(t, "[2]", string(h.Mark()(within(t, time.Minute))[0].State))
	h.Close(within(t, time.Minute), &monitor.End{})
	require.Equal(t, []string{"k: its state cannot be restored, it starts anew: of another sink"}, told)
	require.Equal(t, []string{"restore", "start r", "event 2", "state", "close 0", "state"}, k.seen())
}

func TestMemoriesOfSinksOfOneName(t *testing.T) {
	a, b := &keeper{}, &keeper{}
	h := New([]Named{{"k", a}, {"p", &probe{}}, {"k", b}})
	h.Restore([]Memory{{Sink: "k", State: []byte("[1]")}, {Sink: "k", State: []byte("[2]")}})
	memory := h.Mark()(within(t, time.Minute))
	require.Equal(t, []Memory{{Sink: "k", State: []byte("[1]")}, {Sink: "k", State: []byte("[2]")}}, memory, "not started yet")
	h.Start(&monitor.Run{})
	h.Event(&monitor.Event{Step: 3})
	h.Close(within(t, time.Minute), &monitor.End{})
	require.Equal(t, "[[1 3] [2 3]]", fmt.Sprint([][]int64{a.had, b.had}))
	memory = h.Mark()(within(t, time.Minute))
	require.Equal(t, []Memory{{Sink: "k", State: []byte("[1,3]")}, {Sink: "k", State: []byte("[2,3]")}}, memory, "after the end")
}

// Events that a slow sink had no time for before the end are in its memory.
func TestAMemoryHasWhatTheEndDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		k.save = func() error { return nil }
		slow := &sluggish{keeper: k, each: time.Second}
		h := New([]Named{{"k", slow}})
		h.Start(&monitor.Run{})
		for i := range int64(6) {
			h.Event(&monitor.Event{Step: i + 1})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		require.Error(t, h.Close(ctx, &monitor.End{}).Err())
		time.Sleep(time.Minute) // until the sink has done what it was at
		require.Equal(t, count(1, 6), knows(t, h.Mark()(within(t, time.Minute))))
	})
}

// sluggish takes its time for every event.
type sluggish struct {
	*keeper
	each time.Duration
}

func (s *sluggish) Event(e *monitor.Event) error {
	time.Sleep(s.each)
	return s.keeper.Event(e)
}
