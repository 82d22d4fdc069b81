package alert_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/alert"
	"github.com/seed-140d0f39/gtg/monitor"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }

func event(kind monitor.Kind, state monitor.State, param string) *monitor.Event {
	return &monitor.Event{Step: 7, Kind: kind, State: state, Severity: monitor.Warning, Param: param,
		Summary: "The norm leapt to 90.", Advice: "Clip.", Section: "8.2.4", Values: map[string]float64{"grad_norm": 90, "limit": math.Inf(1)}}
}

func machine(t testing.TB, change func(*alert.Rules)) *alert.Machine {
	r := alert.Rules{Floor: monitor.Warning}
	if change != nil {
		change(&r)
	}
	m, err := alert.NewMachine("r", r)
	require.NoError(t, err)
	return m
}

func TestTheLifeOfAnAlert(t *testing.T) {
	m := machine(t, func(r *alert.Rules) {
		r.For, r.KeepFiring, r.Cooldown = 10*time.Second, 20*time.Second, 100*time.Second
		r.Labels, r.Link = map[string]string{"team": "vision", "empty": ""}, "https://dash/r"
	})
	cliff := alert.Key{Kind: monitor.Cliff}
	see := func(second int, state monitor.State) {
		t.Helper()
		require.NoError(t, m.Observe(at(second), event(monitor.Cliff, state, "")))
	}
	tick := func(second int, want alert.Phase, changes int) []alert.Alert {
		t.Helper()
		changed := m.Tick(at(second))
		require.Equal(t, want, m.Phase(cliff))
		require.Len(t, changed, changes)
		return changed
	}
	tick(0, alert.Inactive, 0)
	see(0, monitor.Firing)
	tick(9, alert.Pending, 0)
	see(9, monitor.Resolved)
	tick(15, alert.Inactive, 0)
	see(20, monitor.Firing)
	tick(29, alert.Pending, 0)
	require.Equal(t, at(30), m.Next())
	a := tick(30, alert.Firing, 1)[0]
	require.True(t, a.Firing())
	require.Equal(t, at(30), a.Started)
	require.Equal(t, map[string]string{"alertname": "GtgCliff", "run": "r", "kind": "cliff", "severity": "warning", "team": "vision"}, a.Labels)
	require.Equal(t, map[string]string{"summary": "The norm leapt to 90.", "description": "Clip.", "section": "8.2.4", "step": "7", "since_step": "7",
		"values": "grad_norm=90, limit=+Inf", "incidents": "2"}, a.Annotations())
	require.Equal(t, "https://dash/r", a.Link)
	require.Equal(t, "[firing] cliff in run r (warning)", a.Title())
	require.Zero(t, m.Next(), "what fires does so until something happens")

	see(40, monitor.Resolved) // and back: one alert
	tick(59, alert.Firing, 0)
	see(59, monitor.Firing)
	tick(61, alert.Firing, 0)
	see(70, monitor.Resolved)
	require.Equal(t, at(90), m.Next())
	end := tick(90, alert.Resolved, 1)[0]
	require.False(t, end.Firing())
	require.Equal(t, at(90), end.Ended)
	require.Equal(t, a.Fingerprint(), end.Fingerprint())
	require.EqualValues(t, 3, end.Incidents)

	see(100, monitor.Firing) // cools down until 190
	tick(150, alert.Pending, 0)
	see(160, monitor.Resolved)
	tick(189, alert.Resolved, 0)
	see(189, monitor.Firing) // holds for long enough at 199
	tick(198, alert.Pending, 0)
	require.EqualValues(t, 2, tick(199, alert.Firing, 1)[0].Incidents)
}

func TestASeverityBelowTheFloorDoesNotAlert(t *testing.T) {
	m := machine(t, func(r *alert.Rules) { r.Floor = monitor.Critical })
	require.NoError(t, m.Observe(t0, event(monitor.Cliff, monitor.Firing, "")))
	require.Empty(t, m.Tick(t0))
	e := event(monitor.Diverging, monitor.Firing, "")
	e.Severity = monitor.Critical
	require.NoError(t, m.Observe(t0, e))
	require.Len(t, m.Tick(t0), 1)
}

func TestACauseSilencesItsConsequences(t *testing.T) {
	m := machine(t, func(r *alert.Rules) { r.KeepFiring, r.Hold = 5*time.Second, time.Minute })
	require.NoError(t, m.Observe(at(0), event(monitor.LossSpike, monitor.Firing, "")))
	require.NoError(t, m.Observe(at(0), event(monitor.Cliff, monitor.Firing, "")))
	changed := m.Tick(at(0))
	require.Len(t, changed, 1, "the cause, though it came second")
	require.Equal(t, monitor.Cliff, changed[0].Kind)
	require.NoError(t, m.Observe(at(10), event(monitor.Cliff, monitor.Resolved, "")))
	require.Empty(t, m.Tick(at(12)))
	changed = m.Tick(at(15))
	require.Len(t, changed, 2, "the cause is over, and what still holds is news")
	require.Equal(t, monitor.LossSpike, changed[1].Kind)
	require.NoError(t, m.Observe(at(20), event(monitor.NonFinite, monitor.Firing, "")))
	require.Len(t, m.Tick(at(20)), 1, "what fires already goes on")
	require.Equal(t, alert.Firing, m.Phase(alert.Key{Kind: monitor.LossSpike}))
	require.NoError(t, m.Observe(at(21), event(monitor.NonFinite, monitor.Instant, "")))
	require.Len(t, m.Tick(at(21)), 1, "an instant is news beside its own kind")
}

func TestOfTwoThatSilenceEachOtherTheFirstFires(t *testing.T) {
	m := machine(t, nil)
	require.NoError(t, m.Observe(at(0), event(monitor.Plateau, monitor.Firing, "")))
	require.NoError(t, m.Observe(at(0), event(monitor.Stagnating, monitor.Firing, "")))
	changed := m.Tick(at(0))
	require.Len(t, changed, 1)
	require.Equal(t, monitor.Plateau, changed[0].Kind)
}

func TestAnInstantFiresForAWhile(t *testing.T) {
	m := machine(t, func(r *alert.Rules) { r.For, r.Hold = time.Hour, time.Minute })
	require.NoError(t, m.Observe(at(0), event(monitor.NonFinite, monitor.Instant, "")))
	a := m.Tick(at(0))
	require.Len(t, a, 1)
	require.Equal(t, "instant", a[0].Labels["duration"])
	require.NoError(t, m.Observe(at(30), event(monitor.NonFinite, monitor.Instant, "")))
	require.Equal(t, at(90), m.Next())
	require.Empty(t, m.Tick(at(89)))
	require.Len(t, m.Tick(at(90)), 1)
}

func TestParametersHaveAlertsOfTheirOwnUpToABound(t *testing.T) {
	m := machine(t, nil)
	for i := range 1000 {
		require.NoError(t, m.Observe(at(0), event(monitor.Dead, monitor.Firing, fmt.Sprintf("layer%d\xff", i))))
	}
	changed := m.Tick(at(0))
	require.Len(t, changed, 21)
	require.Equal(t, "layer0\uFFFD", changed[0].Labels["parameter"])
	require.NotContains(t, changed[20].Labels, "parameter")
	require.NoError(t, m.Observe(at(1), event(monitor.Dead, monitor.Resolved, "layer3\xff")))
	require.Len(t, m.Tick(at(1)), 1)
	require.NoError(t, m.Observe(at(2), event(monitor.Dead, monitor.Resolved, "another")))
	require.Len(t, m.Tick(at(2)), 20, "an end that names what nobody knows ends all of the kind")
	require.Empty(t, m.Firing())
}

func TestTheEndOfTheRun(t *testing.T) {
	for _, resolve := range []bool{false, true} {
		m := machine(t, func(r *alert.Rules) {
			r.KeepFiring, r.KindFor = time.Hour, map[monitor.Kind]time.Duration{monitor.Dead: time.Hour}
		})
		for _, k := range []monitor.Kind{monitor.Cliff, monitor.Dead, monitor.RisingGradient} {
			require.NoError(t, m.Observe(at(0), event(k, monitor.Firing, "")))
		}
		require.Len(t, m.Tick(at(0)), 2)
		require.NoError(t, m.Observe(at(1), event(monitor.Cliff, monitor.Resolved, "")))
		changed := m.End(at(2), resolve)
		require.Equal(t, monitor.Cliff, changed[0].Kind, "its condition was over")
		require.Equal(t, alert.Pending, m.Phase(alert.Key{Kind: monitor.Dead}))
		if resolve {
			require.Len(t, changed, 2)
			require.Contains(t, changed[1].Text(), "run has ended")
			require.Empty(t, m.Firing())
		} else {
			require.Len(t, changed, 1)
			require.Len(t, m.Firing(), 1)
		}
	}
}

func TestBadEventsAndRulesAreRefused(t *testing.T) {
	m := machine(t, nil)
	for text, e := range map[string]monitor.Event{
		`"new"`:   {Kind: "new", State: monitor.Firing, Severity: monitor.Warning},
		`"begun"`: {Kind: monitor.Cliff, State: "begun", Severity: monitor.Warning},
		`"dire"`:  {Kind: monitor.Cliff, State: monitor.Firing, Severity: "dire"},
	} {
		require.ErrorContains(t, m.Observe(t0, &e), text)
	}
	require.Empty(t, m.Tick(t0))
	for text, r := range map[string]alert.Rules{
		`"dire"`:      {Floor: "dire"},
		"-1s":         {Floor: monitor.Info, For: -time.Second},
		`"bad-name"`:  {Floor: monitor.Info, Labels: map[string]string{"bad-name": "x"}},
		`"run"`:       {Floor: monitor.Info, Labels: map[string]string{"run": "x"}},
		`"new"`:       {Floor: monitor.Info, KindFor: map[monitor.Kind]time.Duration{"new": 1}},
		"KeepFiring":  {Floor: monitor.Info, KeepFiring: -1},
		"Cooldown of": {Floor: monitor.Info, Cooldown: -1},
	} {
		_, err := alert.NewMachine("r", r)
		require.ErrorContains(t, err, text)
	}
	for text, state := range map[string]string{
		"not a state": "{", "version 2": `{"version":2}`, `"new"`: `{"version":1,"lives":[{"kind":"new"}]}`, "null": `{"version":1,"lives":[null]}`,
		"two alerts": `{"version":1,"lives":[{"kind":"cliff"},{"kind":"cliff"}]}`, "changed -1": `{"version":1,"lives":[{"kind":"cliff","seq":-1}]}`,
	} {
		require.ErrorContains(t, m.Restore(t0, []byte(state)), text)
	}
}

func TestAStateFromTheFutureDoesNotWaitForIt(t *testing.T) {
	m := machine(t, func(r *alert.Rules) { r.KeepFiring = time.Minute })
	require.NoError(t, m.Observe(at(1e6), event(monitor.Cliff, monitor.Firing, "")))
	m.Tick(at(1e6))
	require.NoError(t, m.Observe(at(1e6), event(monitor.Cliff, monitor.Resolved, "")))
	state, err := m.State()
	require.NoError(t, err)
	require.NoError(t, m.Restore(at(0), state))
	require.Equal(t, at(60), m.Next())
}

// course is a random sequence of events, in seconds from t0, and what is true of
// its conditions in every second.
type course struct {
	rules  alert.Rules
	kinds  []monitor.Kind
	events map[int][]*monitor.Event
	holds  map[monitor.Kind][]bool
}

const seconds = 300

func randomCourse(rng *rand.Rand) *course {
	duration := func(n int) time.Duration { return time.Duration(rng.IntN(n)) * time.Second }
	c := &course{rules: alert.Rules{Floor: monitor.Warning, For: duration(10), KeepFiring: duration(20), Cooldown: duration(40),
		KindFor: map[monitor.Kind]time.Duration{monitor.Diverging: duration(30)}},
		kinds:  []monitor.Kind{monitor.NonFinite, monitor.Cliff, monitor.LossSpike, monitor.Diverging, monitor.Stagnating, monitor.Plateau},
		events: map[int][]*monitor.Event{}, holds: map[monitor.Kind][]bool{}}
	for _, k := range c.kinds {
		on, rate := false, 1+rng.IntN(40)
		for s := range seconds {
			if rng.IntN(rate) == 0 {
				state := monitor.Firing
				if on {
					state = monitor.Resolved
				}
				on = !on
				e := event(k, state, "")
				e.Step = int64(s)
				c.events[s] = append(c.events[s], e)
			}
			c.holds[k] = append(c.holds[k], on)
		}
	}
	return c
}

// since says for how many seconds the condition has been so at second s.
func (c *course) since(k monitor.Kind, s int, on bool) time.Duration {
	n := 0
	for s-n >= 0 && c.holds[k][s-n] == on {
		n++
	}
	return time.Duration(n-1) * time.Second
}

type change struct {
	at    int
	kind  monitor.Kind
	fired bool
}

func changes(s int, alerts []alert.Alert) (all []change) {
	for _, a := range alerts {
		all = append(all, change{s, a.Kind, a.Firing()})
	}
	return all
}

// play ticks in every second, or only when the machine says that it is time.
func (c *course) play(t *testing.T, everySecond bool, each func(s int, m **alert.Machine, changed []alert.Alert)) (all []change) {
	m, err := alert.NewMachine("r", c.rules)
	require.NoError(t, err)
	for s := range seconds {
		for _, e := range c.events[s] {
			require.NoError(t, m.Observe(at(s), e))
		}
		next := m.Next()
		if everySecond || len(c.events[s]) > 0 || !next.IsZero() && !next.After(at(s)) {
			changed := m.Tick(at(s))
			require.Empty(t, m.Tick(at(s)), "a second tick at the same time changes nothing")
			all = append(all, changes(s, changed)...)
			if each != nil {
				each(s, &m, changed)
			}
		} else {
			require.True(t, next.IsZero() || next.After(at(s)))
		}
	}
	return all
}

// Whatever comes, an alert fires exactly when its condition has held for long
// enough, it has cooled down and no cause silences it, and is resolved exactly
// when its condition has been clear for long enough.
func TestRandomLivesKeepTheRules(t *testing.T) {
	for seed := range uint64(60) {
		c := randomCourse(rand.New(rand.NewPCG(seed, 1)))
		firing, ended := map[monitor.Kind]bool{}, map[monitor.Kind]int{}
		fired := 0
		c.play(t, true, func(s int, m **alert.Machine, changed []alert.Alert) {
			now := map[monitor.Kind]bool{}
			for _, a := range changed {
				require.NotEqual(t, firing[a.Kind], a.Firing(), "fired and resolved by turns")
				if now[a.Kind] = true; a.Firing() {
					fired++
				} else {
					ended[a.Kind] = s
				}
				firing[a.Kind] = a.Firing()
			}
			for _, k := range c.kinds {
				wait := c.rules.For
				if d, ok := c.rules.KindFor[k]; ok {
					wait = d
				}
				e, was := ended[k]
				ready := c.holds[k][s] && c.since(k, s, true) >= wait && (!was || time.Duration(s-e)*time.Second >= c.rules.Cooldown)
				cause := slices.ContainsFunc(c.kinds, func(o monitor.Kind) bool {
					mutual := monitor.Silences(k, o) && !firing[o]
					return monitor.Silences(o, k) && !mutual && (c.holds[o][s] || firing[o])
				})
				mutual := slices.ContainsFunc(c.kinds, func(o monitor.Kind) bool { return monitor.Silences(k, o) && monitor.Silences(o, k) && c.holds[o][s] })
				over := !c.holds[k][s] && c.since(k, s, false) >= c.rules.KeepFiring
				switch {
				case now[k] && firing[k]:
					require.True(t, ready && !cause, "seed %d second %d %s", seed, s, k)
				case now[k]:
					require.True(t, over, "seed %d second %d %s", seed, s, k)
				case firing[k]:
					require.False(t, over, "seed %d second %d %s", seed, s, k)
				default:
					require.False(t, ready && !cause && !mutual, "seed %d second %d %s", seed, s, k)
				}
			}
		})
		if seed == 0 {
			require.NotZero(t, fired)
		}
	}
}

// A machine that sleeps until Next misses nothing, and one that is saved and
// restored at any time goes on as if nothing had been.
func TestSleepingAndResumingChangeNothing(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 2))
		c := randomCourse(rng)
		want := c.play(t, true, nil)
		require.Equal(t, want, c.play(t, false, nil), "seed %d", seed)
		require.Equal(t, want, c.play(t, true, func(s int, m **alert.Machine, _ []alert.Alert) {
			if rng.IntN(5) != 0 {
				return
			}
			state, err := (*m).State()
			require.NoError(t, err)
			fresh, err := alert.NewMachine("r", c.rules)
			require.NoError(t, err)
			require.NoError(t, fresh.Restore(at(s), state))
			require.Equal(t, (*m).Firing(), fresh.Firing())
			again, err := fresh.State()
			require.NoError(t, err)
			require.JSONEq(t, string(state), string(again))
			*m = fresh
		}), "seed %d", seed)
	}
}

func FuzzRestore(f *testing.F) {
	m := machine(f, nil)
	_ = m.Observe(t0, event(monitor.Cliff, monitor.Firing, "w"))
	m.Tick(t0)
	state, _ := m.State()
	f.Add(state)
	f.Fuzz(func(t *testing.T, state []byte) {
		m := machine(t, nil)
		if m.Restore(t0, state) != nil {
			return
		}
		m.Tick(at(1))
		_ = m.Observe(at(2), event(monitor.Cliff, monitor.Resolved, ""))
		m.Tick(m.Next())
		_, err := m.State()
		require.NoError(t, err)
		m.End(at(1e6), true)
		require.Empty(t, m.Firing())
	})
}
