package pagerduty_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-140d0f39/gtg/adapters/alert"
	"github.com/seed-140d0f39/gtg/adapters/internal/receivertest"
	"github.com/seed-140d0f39/gtg/adapters/pagerduty"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "0123456789abcdef0123456789abcdef"

func at(url string, options ...alert.Option) (*alert.Sink, error) {
	return pagerduty.New(pagerduty.Config{RoutingKey: key, URL: url + "/v2/enqueue", Source: "gpu-7"}, options...)
}

func TestSickServers(t *testing.T) {
	receivertest.Recovers(t, 202, []string{key}, at)
}

func TestTriggerAndResolve(t *testing.T) {
	server := receivertest.NewServer(t, 202)
	s, err := at(server.URL, receivertest.Quick(alert.WithLink("https://dash/r"))...)
	require.NoError(t, err)
	require.NoError(t, s.Start(&monitor.Run{Name: "night"}))
	e := receivertest.Event(monitor.Diverging, monitor.Firing)
	e.Severity, e.Summary = monitor.Critical, strings.Repeat("é", 5000)
	require.NoError(t, s.Event(e))
	require.Eventually(t, func() bool { return len(server.Taken()) == 1 }, receivertest.Patience, receivertest.Poll)
	require.NoError(t, s.Event(receivertest.Event(monitor.Diverging, monitor.Resolved)))
	require.NoError(t, receivertest.Close(t, s))
	require.Len(t, server.Taken(), 2)
	var got [2]map[string]any
	for i, r := range server.Taken() {
		require.Equal(t, "/v2/enqueue", r.Path)
		require.NoError(t, json.Unmarshal(r.Body, &got[i]))
		require.Equal(t, key, got[i]["routing_key"])
	}
	require.Equal(t, "trigger", got[0]["event_action"])
	require.Regexp(t, `^gtg-[0-9a-f]{16}$`, got[0]["dedup_key"])
	require.Equal(t, map[string]any{"routing_key": key, "event_action": "resolve", "dedup_key": got[0]["dedup_key"]}, got[1])
	p := got[0]["payload"].(map[string]any)
	require.Len(t, []rune(p["summary"].(string)), 1024)
	for k, want := range map[string]string{"severity": "critical", "source": "gpu-7", "group": "night", "class": "diverging", "component": "training"} {
		require.Equal(t, want, p[k])
	}
	_, err = time.Parse(time.RFC3339Nano, p["timestamp"].(string))
	require.NoError(t, err)
	require.Equal(t, "1200", p["custom_details"].(map[string]any)["step"])
	require.Equal(t, []any{map[string]any{"href": "https://dash/r", "text": "The run"}}, got[0]["links"])
}

func TestABadKeyIsRefusedAndNotShown(t *testing.T) {
	_, err := pagerduty.New(pagerduty.Config{RoutingKey: "R0UTING"})
	require.ErrorContains(t, err, "of 7 characters: want the 32")
	require.NotContains(t, err.Error(), "R0UTING")
}

func ExampleNew() {
	sink, err := pagerduty.New(pagerduty.Config{RoutingKey: "0123456789abcdef0123456789abcdef"},
		alert.WithFloor(monitor.Critical), alert.WithExit(alert.Resolve))
	fmt.Println(sink != nil, err)
	// Output: true <nil>
}
