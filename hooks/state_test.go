package hooks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch/nn"

	"github.com/seed-140d0f39/gtg/adapters/alert"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/monitor"
)

// pulse is a detector that fires at step 5 of every 10, and resolves at step 10.
type pulse struct{}

func (pulse) Kind() monitor.Kind       { return monitor.Cliff }
func (pulse) Explain(e *monitor.Event) { e.Severity = monitor.Critical }
func (pulse) State() ([]byte, error)   { return []byte("{}"), nil }
func (pulse) Restore([]byte) error     { return nil }
func (pulse) Observe(s *monitor.Step, _ *monitor.Course) monitor.Condition {
	if s.Step%10 >= 5 {
		return monitor.Holding
	}
	return monitor.Clear
}

func pulses(*monitor.Run) []monitor.Detector { return []monitor.Detector{pulse{}} }

// pager is a receiver that writes down what processes that are alive tell it.
type pager struct {
	mu   sync.Mutex
	told []string
}

// sink returns the sink of one process, and what kills it.
func (p *pager) sink(t *testing.T) (s *alert.Sink, kill func()) {
	dead := false
	s, err := alert.NewSink([]alert.Receiver{{Name: "pager", Send: func(_ context.Context, alerts []alert.Alert) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, a := range alerts {
			switch {
			case dead:
				return errors.New("dead")
			case a.Firing():
				p.told = append(p.told, "fires")
			default:
				p.told = append(p.told, "is over")
			}
		}
		return nil
	}}}, alert.WithKeepFiring(0), alert.WithCooldown(0))
	require.NoError(t, err)
	return s, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		dead = true
	}
}

func (p *pager) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.told...)
}

// Wherever a process is killed once its state is saved: the receiver hears of
// each alert once when it fires, and once when it is over.
func TestAResumedRunAlertsOnce(t *testing.T) {
	for trial := range uint64(10) {
		random := rand.New(rand.NewPCG(trial, 0))
		vs, loss := regression(t)
		opt := build(t, nn.DefaultSGDConfig(), vs, 1e-3)
		var p pager
		var state []byte
		var want []string
		step := 0
		for process := range 6 {
			s, kill := p.sink(t)
			g := attach(t, opt, hooks.WithState(state), hooks.WithSink("pager", s), hooks.WithDetectors(pulses))
			for i := range 1 + random.IntN(9) {
				if i > 0 { // an alert that comes and goes before anyone looks is none
					require.Eventually(t, func() bool { return len(p.seen()) == len(want) }, time.Minute, time.Millisecond)
				}
				require.NoError(t, opt.BackwardStep(loss()))
				switch step++; step % 10 {
				case 5:
					want = append(want, "fires")
				case 0:
					want = append(want, "is over")
				}
			}
			var err error
			state, err = g.State()
			require.NoError(t, err)
			require.Len(t, p.seen(), len(want), "nothing is on its way any more")
			if process < 5 {
				kill()
			}
			_ = g.Close()
		}
		require.Equal(t, want, p.seen(), "trial %d", trial)
	}
}

// diary is a sink that remembers how many events it had.
type diary struct {
	witness
	block  chan struct{}
	events int
	before []byte
	refuse error
}

func (d *diary) Event(*monitor.Event) error {
	if d.block != nil {
		<-d.block
	}
	d.events++
	return nil
}
func (d *diary) State() ([]byte, error) { return json.Marshal(d.events) }
func (d *diary) Restore(state []byte) error {
	d.before = state
	return d.refuse
}

// A sink that hangs costs State two seconds, and what it was not handed comes to
// the sink of the next process.
func TestStateDoesNotWaitForEver(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 1e-3)
	d := &diary{block: make(chan struct{})}
	g := attach(t, opt, hooks.WithSink("diary", d), hooks.WithDetectors(pulses))
	for range 10 {
		require.NoError(t, opt.BackwardStep(loss()))
	}
	state, err := g.State()
	require.NoError(t, err)
	close(d.block)
	require.NoError(t, g.Close())
	require.Equal(t, 2, d.events)
	after, err := g.State()
	require.NoError(t, err)

	d = &diary{}
	g = attach(t, opt, hooks.WithSink("diary", d), hooks.WithDetectors(pulses), hooks.WithState(state))
	again, err := g.State()
	require.NoError(t, err)
	require.Equal(t, string(state), string(again))
	require.NoError(t, opt.BackwardStep(loss()))
	require.NoError(t, g.Close())
	require.Equal(t, 2, d.events, "what the first was not handed in time")
	require.Nil(t, d.before)

	d = &diary{}
	g = attach(t, opt, hooks.WithSink("diary", d), hooks.WithDetectors(pulses), hooks.WithState(after))
	require.NoError(t, opt.BackwardStep(loss()))
	require.NoError(t, g.Close())
	require.Equal(t, "2", string(d.before), "a state can be saved after Close")
	require.Zero(t, d.events)
}

// A sink may save the state, as one that writes checkpoints when there is news does;
// one that has a state of its own waits for itself, but not for ever.
func TestASinkMaySaveTheState(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 1e-3)
	var g *hooks.Guard
	var saved []string
	ask := func() {
		state, err := g.State()
		require.NoError(t, err)
		saved = append(saved, string(state))
	}
	c := &asking{ask: ask}
	g = attach(t, opt, hooks.WithSink("asking", c), hooks.WithDetectors(pulses))
	for range 6 {
		require.NoError(t, opt.BackwardStep(loss()))
	}
	require.NoError(t, g.Close())
	require.Len(t, saved, 1)
	require.Contains(t, saved[0], `"sink":"asking"`)
	require.Contains(t, saved[0], `"events":"{\"type\":\"event\",\"step\":5,`, "the event that it is busy with may not be handled")
}

// asking is a diary that asks at each event.
type asking struct {
	diary
	ask func()
}

func (a *asking) Event(*monitor.Event) error { a.ask(); return nil }

// logged is what is said through slog in the meantime.
func logged(t *testing.T) *bytes.Buffer {
	var out bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	t.Cleanup(func() { slog.SetDefault(old) })
	return &out
}

func TestASinkWhoseStateIsRefusedStartsAnew(t *testing.T) {
	out := logged(t)
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 1e-3)
	g := attach(t, opt, hooks.WithSink("diary", &diary{}), hooks.WithSink("gone", &diary{}))
	require.NoError(t, opt.BackwardStep(loss()))
	state, err := g.State()
	require.NoError(t, err)
	require.NoError(t, g.Close())
	w := &diary{refuse: errors.New("of another kind")}
	g = attach(t, opt, hooks.WithSink("diary", w), hooks.WithSink("new", &diary{}), hooks.WithState(state))
	require.NoError(t, opt.BackwardStep(loss()))
	require.ErrorContains(t, g.Close(), "its state cannot be restored, it starts anew: of another kind")
	require.EqualValues(t, 2, w.steps[0].Step)
	require.Contains(t, out.String(), "it starts anew: of another kind")
	require.Contains(t, out.String(), "sink=diary")
}

// What does not fit is an error that says what would, and the optimizer is as it
// was; or the run starts anew, where that was asked for.
func TestAStateThatDoesNotFit(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 1e-3)
	g := attach(t, opt)
	for range 3 {
		require.NoError(t, opt.BackwardStep(loss()))
	}
	good, err := g.State()
	require.NoError(t, err)
	require.NoError(t, g.Close())
	without := strings.NewReplacer(`,{"name":"bias","shape":[1]}`, "", `{"name":"bias","shape":[1]},`, "").Replace(string(good))
	edited := func(old, new string) []byte {
		require.Contains(t, string(good), old)
		return []byte(strings.Replace(string(good), old, new, 1))
	}
	for name, c := range map[string]struct {
		state []byte
		says  []string
	}{
		"another version": {edited(`"version":1`, `"version":99`), []string{"version 99 of the state is not known, this gtg reads version 1"}},
		"other shapes": {edited(`[1,4]`, `[2,4]`), []string{"another model: it has 2 parameters, this optimizer 2",
			`only the state has "weight" [2 4], only the optimizer "weight" [1 4]`}},
		"other names": {edited(`"bias"`, `"beta"`), []string{`only the state has "beta" [1], only the optimizer "bias" [1]`}},
		"fewer parameters": {[]byte(without), []string{"it has 1 parameters, this optimizer 2",
			`only the state has none, only the optimizer "bias" [1]`}},
		"no state":           {[]byte("%"), []string{"this is not a guard's state"}},
		"an empty file":      {[]byte{}, []string{"this is not a guard's state"}},
		"impossible numbers": {edited(`"step":3`, `"step":-3`), []string{"step -3"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := hooks.Attach(opt, quiet(), hooks.WithState(c.state))
			for _, says := range c.says {
				require.ErrorContains(t, err, says)
			}
			require.ErrorContains(t, err, "hooks.WithFreshStart()")

			out := logged(t)
			w := &witness{}
			g := attach(t, opt, hooks.WithSink("witness", w), hooks.WithState(c.state), hooks.WithFreshStart())
			require.NoError(t, opt.BackwardStep(loss()))
			require.NoError(t, g.Close())
			require.EqualValues(t, 1, w.steps[0].Step)
			require.Equal(t, 1, strings.Count(out.String(), "the run starts anew"), out)
			require.NotContains(t, out.String(), "run=\"\"")
		})
	}
	w := &witness{}
	g = attach(t, opt, hooks.WithSink("witness", w), hooks.WithState(good), hooks.WithFreshStart())
	require.NoError(t, opt.BackwardStep(loss()))
	require.NoError(t, g.Close())
	require.EqualValues(t, 4, w.steps[0].Step, "one that fits is used")
}
