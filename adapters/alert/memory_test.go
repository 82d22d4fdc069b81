package alert_test

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/alert"
	"github.com/seed-140d0f39/gtg/monitor"
)

// A process that is killed as soon as its state is saved has told nobody of
// anything that the next one tells again.
func TestAStateKnowsWhatHasJustBeenTold(t *testing.T) {
	for name, travel := range map[string]time.Duration{"at once": 0, "in a while": 300 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &book{}
				random := rand.New(rand.NewPCG(3, 4))
				var state []byte
				var want []string
				holds := map[monitor.Kind]bool{}
				for range 100 {
					var dead atomic.Bool // what a dead process sends does not arrive
					b.set(func(ctx context.Context, _ []alert.Alert) error {
						time.Sleep(travel)
						if dead.Load() {
							<-ctx.Done()
						}
						return ctx.Err()
					})
					r := b.receiver()
					s := started(t, one(r), append(instant, alert.WithState(state),
						alert.WithSilences(func(_, _ monitor.Kind) bool { return false }))...)
					for range random.IntN(3) {
						time.Sleep(time.Second) // what comes and goes in no time alerts nobody
						k := []monitor.Kind{monitor.Cliff, monitor.Dead, monitor.Stagnating}[random.IntN(3)]
						if holds[k] = !holds[k]; holds[k] {
							begin(t, s, k)
							want = append(want, string(k)+"+")
						} else {
							over(t, s, k)
							want = append(want, string(k)+"-")
						}
					}
					var err error
					state, err = s.State()
					require.NoError(t, err)
					dead.Store(true)
					_ = closing(s, time.Nanosecond)
					synctest.Wait()
				}
				require.Greater(t, len(want), 50)
				require.Equal(t, want, b.take())
				require.Empty(t, unseen(t, state))
			})
		})
	}
}

// unseen is what a receiver was not told of when the state was saved.
func unseen(t *testing.T, state []byte) []string {
	b := &book{}
	s := started(t, one(b.receiver()), append(instant, alert.WithState(state))...)
	time.Sleep(time.Hour)
	require.NoError(t, closing(s, time.Second))
	return b.take()
}

func TestAStateWaitsForASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{before: hang}
		s := started(t, one(b.receiver()), instant...)
		begin(t, s, monitor.Cliff)
		before := time.Now()
		state, err := s.State()
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(before))
		require.Equal(t, []string{"cliff+"}, unseen(t, state))
		time.Sleep(time.Hour)
		before = time.Now()
		_, err = s.State()
		require.NoError(t, err)
		require.Zero(t, time.Since(before), "what is out of reach is not waited for")
		_ = closing(s, time.Second)
		_, err = s.State()
		require.NoError(t, err)
	})
}

func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		s := started(t, one(b.receiver()))
		begin(t, s, monitor.Cliff)
		state, err := s.State()
		require.NoError(t, err)
		require.ErrorContains(t, s.Restore(state), "after Start")
		require.NoError(t, closing(s, time.Second))
		require.Equal(t, []string{"cliff+"}, b.take())

		s, err = alert.NewSink(one(b.receiver()))
		require.NoError(t, err)
		require.NoError(t, s.Restore(state))
		for text, bad := range map[string]string{"not a state": "x", "version 7": `{"version":7}`, `kind "odd"`: `{"version":1,"lives":[{"kind":"odd"}]}`} {
			require.ErrorContains(t, s.Restore([]byte(bad)), text)
		}
		again, err := s.State()
		require.NoError(t, err)
		require.JSONEq(t, string(state), string(again), "bad states change nothing")
		require.NoError(t, s.Start(&monitor.Run{Name: "r"}))
		over(t, s, monitor.Cliff)
		time.Sleep(time.Hour)
		require.NoError(t, closing(s, time.Second))
		require.Equal(t, []string{"cliff-"}, b.take())
	})
}
