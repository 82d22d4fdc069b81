package alertmanager_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/alert"
	"github.com/seed-140d0f39/gtg/adapters/alertmanager"
	"github.com/seed-140d0f39/gtg/adapters/internal/receivertest"
	"github.com/seed-140d0f39/gtg/internal/servertest"
	"github.com/seed-140d0f39/gtg/monitor"
)

// notified is what Alertmanager told people of: name and status.
func notified(t *testing.T, people *receivertest.Server) (all []string) {
	for _, r := range people.Taken() {
		var m struct {
			Alerts []struct {
				Status string
				Labels map[string]string
			}
		}
		require.NoError(t, json.Unmarshal(r.Body, &m))
		for _, a := range m.Alerts {
			all = append(all, a.Labels["alertname"]+" "+a.Status)
		}
	}
	return all
}

// A real Alertmanager is told of alerts that fire, change and are resolved, and
// is restarted in between: people hear of each once.
func TestARealAlertmanager(t *testing.T) {
	people := receivertest.NewServer(t, 200)
	am := servertest.NewAlertmanager(t, people.URL)
	s, err := alertmanager.New(alertmanager.Config{URLs: []string{am.URL}, Repeat: 50 * time.Millisecond},
		receivertest.Quick(alert.WithLink("https://dash/r"), alert.WithTimeout(5*time.Second))...)
	require.NoError(t, err)
	require.NoError(t, s.Start(&monitor.Run{Name: "night, \"quoted\" ε"}))
	hears := func(want ...string) {
		t.Helper()
		require.Eventually(t, func() bool { return len(notified(t, people)) >= len(want) }, patience, poll, "%v\n%s", want, am.Log())
		require.Equal(t, want, notified(t, people))
	}
	holds := func(summary string) bool {
		for _, a := range am.Alerts(t) {
			if a.Annotations["summary"] == summary {
				require.Equal(t, s.Firing()[0].Labels, a.Labels)
				require.Equal(t, s.Firing()[0].Fingerprint(), a.Fingerprint)
				require.Equal(t, "https://dash/r", a.GeneratorURL)
				require.Equal(t, "active", a.Status.State)
				return true
			}
		}
		return false
	}

	cliff := receivertest.Event(monitor.Cliff, monitor.Firing)
	require.NoError(t, s.Event(cliff))
	hears("GtgCliff firing")
	require.True(t, holds(cliff.Summary))

	cliff.Summary, cliff.Step = "The gradient norm leapt to 900.", 1300
	require.NoError(t, s.Event(cliff))
	require.Eventually(t, func() bool { return holds(cliff.Summary) }, patience, poll)
	hears("GtgCliff firing")

	am.Stop(t)
	_ = s.Event(receivertest.Event(monitor.RisingGradient, monitor.Firing)) // may say that it is out of reach
	am.Start(t)
	hears("GtgCliff firing", "GtgRisingGradient firing")
	require.Eventually(t, func() bool { return holds(cliff.Summary) }, patience, poll, "what fires is told to one that forgot")

	cliff.State, cliff.Summary = monitor.Resolved, "It is over."
	_ = s.Event(cliff)
	hears("GtgCliff firing", "GtgRisingGradient firing", "GtgCliff resolved")

	am.Stop(t)
	_ = s.Event(receivertest.Event(monitor.RisingGradient, monitor.Resolved))
	require.Eventually(t, func() bool { return len(s.Firing()) == 0 }, patience, poll)
	am.Start(t)
	require.Eventually(t, func() bool { return len(am.Alerts(t)) == 0 }, patience, poll)
	_ = receivertest.Close(t, s)
	require.Zero(t, s.Lost())
}

// The state of a run that goes on in another process keeps its alert the same.
func TestARealAlertmanagerDoesNotNoticeAResume(t *testing.T) {
	people := receivertest.NewServer(t, 200)
	am := servertest.NewAlertmanager(t, people.URL)
	start := func(state []byte) *alert.Sink {
		s, err := alertmanager.New(alertmanager.Config{URLs: []string{am.URL}, Repeat: 50 * time.Millisecond},
			receivertest.Quick(alert.WithHandOver(time.Minute), alert.WithState(state))...)
		require.NoError(t, err)
		require.NoError(t, s.Start(&monitor.Run{Name: "night"}))
		return s
	}
	s := start(nil)
	require.NoError(t, s.Event(receivertest.Event(monitor.Cliff, monitor.Firing)))
	require.Eventually(t, func() bool { return len(notified(t, people)) == 1 }, patience, poll)
	state, err := s.State()
	require.NoError(t, err)
	require.NoError(t, receivertest.Close(t, s))
	before := am.Alerts(t)[0]
	require.True(t, before.EndsAt.After(time.Now().Add(30*time.Second)), "handed over")
	s = start(state)
	again := receivertest.Event(monitor.Cliff, monitor.Firing)
	again.Summary = "It leapt again."
	require.NoError(t, s.Event(again))
	require.Eventually(t, func() bool { return am.Alerts(t)[0].Annotations["summary"] == again.Summary }, patience, poll, "taken over")
	require.Equal(t, before.StartsAt, am.Alerts(t)[0].StartsAt)
	require.NoError(t, s.Event(receivertest.Event(monitor.Cliff, monitor.Resolved)))
	require.Eventually(t, func() bool { return len(notified(t, people)) == 2 }, patience, poll)
	require.Equal(t, []string{"GtgCliff firing", "GtgCliff resolved"}, notified(t, people))
	require.NoError(t, receivertest.Close(t, s))
}
