package alertmanager_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-140d0f39/gtg/adapters/alert"
	"github.com/seed-140d0f39/gtg/adapters/alertmanager"
	"github.com/seed-140d0f39/gtg/adapters/internal/receivertest"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience, poll = receivertest.Patience, receivertest.Poll

func at(url string, options ...alert.Option) (*alert.Sink, error) {
	return alertmanager.New(alertmanager.Config{URLs: []string{url}}, options...)
}

func TestSickServers(t *testing.T) {
	receivertest.Recovers(t, 200, nil, at)
}

func TestWhatIsPosted(t *testing.T) {
	server := receivertest.NewServer(t, 200)
	s, err := at(server.URL+"/prefix/", alert.WithLink("https://dash/r"), alert.WithLabels(map[string]string{"team": "vision"}), alert.WithExit(alert.Resolve))
	require.NoError(t, err)
	require.NoError(t, s.Start(&monitor.Run{Name: "night"}))
	before := time.Now()
	require.NoError(t, s.Event(receivertest.Event(monitor.Cliff, monitor.Firing)))
	require.Eventually(t, func() bool { return len(server.Taken()) == 1 }, patience, poll)
	require.NoError(t, receivertest.Close(t, s))
	taken := server.Taken()
	require.Len(t, taken, 2)
	var alerts [2][]map[string]any
	for i, r := range taken {
		require.Equal(t, "/prefix/api/v2/alerts", r.Path)
		require.Equal(t, "application/json", r.Header.Get("Content-Type"))
		require.NoError(t, json.Unmarshal(r.Body, &alerts[i]))
		require.Len(t, alerts[i], 1)
		require.Equal(t, map[string]any{"alertname": "GtgCliff", "run": "night", "kind": "cliff", "severity": "warning", "team": "vision"}, alerts[i][0]["labels"])
		require.Equal(t, "https://dash/r", alerts[i][0]["generatorURL"], "the whole alert each time")
		require.Equal(t, alerts[0][0]["startsAt"], alerts[i][0]["startsAt"])
	}
	require.Equal(t, map[string]any{"summary": "The gradient norm leapt to 90 <&>.", "description": "Clip the gradient.", "section": "8.2.4",
		"step": "1200", "since_step": "1200", "values": "grad_norm=90, limit=12.5"}, alerts[0][0]["annotations"])
	ends := func(i int) time.Time {
		v, err := time.Parse(time.RFC3339Nano, alerts[i][0]["endsAt"].(string))
		require.NoError(t, err)
		return v
	}
	require.True(t, ends(0).After(before.Add(4*alertmanager.DefaultRepeat)))
	require.True(t, ends(1).Before(time.Now()), "resolved")
}

func TestAlertmanagersAreToldEachForItself(t *testing.T) {
	sick, well := receivertest.NewServer(t, 200), receivertest.NewServer(t, 200)
	sick.Sick("hang")
	s, err := alertmanager.New(alertmanager.Config{URLs: []string{sick.URL, well.URL}}, receivertest.Quick()...)
	require.NoError(t, err)
	require.NoError(t, s.Start(&monitor.Run{Name: "night"}))
	require.NoError(t, s.Event(receivertest.Event(monitor.Cliff, monitor.Firing)))
	require.Eventually(t, func() bool { return len(well.Taken()) == 1 }, patience, poll)
	require.Empty(t, sick.Taken())
	sick.Heal(t)
	require.Eventually(t, func() bool { return len(sick.Taken()) == 1 }, patience, poll)
	_ = receivertest.Close(t, s)
	require.Zero(t, s.Lost())
}

func TestBadConfigurationsAreRefused(t *testing.T) {
	for text, c := range map[string]alertmanager.Config{
		"at least one":      {},
		"https://host/path": {URLs: []string{"alertmanager:9093"}},
		"-1s":               {URLs: []string{"http://a"}, Repeat: -time.Second},
	} {
		_, err := alertmanager.New(c)
		require.ErrorContains(t, err, text)
	}
}
