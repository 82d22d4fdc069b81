package push_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-140d0f39/gtg/adapters/push"
	"github.com/seed-140d0f39/gtg/internal/servertest"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"))
}

// train runs two steps and a cliff, and ends.
func train(t *testing.T, ctx context.Context, c push.Config, run string) error {
	t.Helper()
	s, err := push.New(c)
	require.NoError(t, err)
	require.NoError(t, s.Start(&monitor.Run{Name: run, Started: time.Now()}))
	for i := range int64(2) {
		require.NoError(t, s.Step(&monitor.Step{Step: i + 1, T: monitor.Known(float64(i)), Loss: monitor.Known(0.5), GradNorm: monitor.Known(3)}))
	}
	require.NoError(t, s.Event(&monitor.Event{Kind: monitor.Cliff, State: monitor.Firing}))
	return s.Close(ctx, &monitor.End{})
}

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(address)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(body)
}

// A real Pushgateway takes it, and keeps one group for each run.
func TestRealPushgateway(t *testing.T) {
	path := servertest.Tool(t, "prometheus-pushgateway", "prometheus-pushgateway", "pushgateway")
	address := servertest.FreeAddress(t)
	process := exec.Command(path, "--web.listen-address="+address)
	require.NoError(t, process.Start())
	defer func() { _ = process.Process.Kill(); _ = process.Wait() }()
	require.Eventually(t, func() bool { status, _ := get(t, "http://"+address+"/-/ready"); return status == 200 }, 30*time.Second, 50*time.Millisecond)
	for _, run := range []string{"a", "b/c d", "a"} {
		require.NoError(t, train(t, t.Context(), push.Config{URL: "http://" + address, Job: "night", Grouping: map[string]string{"team": "x"}}, run))
	}
	_, text := get(t, "http://"+address+"/metrics")
	for _, run := range []string{"a", "b/c d"} {
		labels := `instance="",job="night",run="` + run + `",team="x"}`
		require.Contains(t, text, "gtg_loss{"+labels+" 0.5\n")
		require.Contains(t, text, "gtg_steps_total{"+labels+" 2\n")
		require.Contains(t, text, "gtg_run_end_timestamp_seconds{"+labels)
		require.Contains(t, text, `gtg_detections_total{detector="cliff",`+labels+" 1\n")
	}
	require.Equal(t, 2, strings.Count(text, "\ngtg_loss{"))
	require.NotContains(t, text, "gtg_step_gradient_norm")
	require.NotContains(t, text, "gtg_last_step_timestamp_seconds")
}

func TestSickGateways(t *testing.T) {
	var calls atomic.Int64
	serve := func(f http.HandlerFunc) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { calls.Add(1); f(w, r) }))
		t.Cleanup(server.Close)
		calls.Store(0)
		return server
	}
	server := serve(func(w http.ResponseWriter, r *http.Request) {
		if calls.Load() < 3 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
		}
	})
	require.NoError(t, train(t, t.Context(), push.Config{URL: server.URL}, "a"))
	require.EqualValues(t, 3, calls.Load(), "it comes once the gateway is back")

	server = serve(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		http.Error(w, "bad "+r.Header.Get("Authorization")+password, http.StatusBadRequest)
	})
	err := train(t, t.Context(), push.Config{URL: server.URL, Username: "me", Password: "hush"}, "a")
	require.ErrorContains(t, err, `run "a"`)
	require.ErrorContains(t, err, "400")
	require.Contains(t, err.Error(), "bad Basic [redacted]")
	require.NotContains(t, err.Error(), "hush")
	require.EqualValues(t, 1, calls.Load(), "what is refused is not sent twice")

	release := make(chan struct{})
	server = serve(func(w http.ResponseWriter, r *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, train(t, ctx, push.Config{URL: server.URL, Timeout: 50 * time.Millisecond}, "a"), context.DeadlineExceeded)
}

func TestConfigIsChecked(t *testing.T) {
	for want, c := range map[string]push.Config{
		"cannot be read":                {URL: "http://me:hush@ho st"},
		`host "h:1" holds credentials`:  {URL: "http://me:hush@h:1"},
		`URL "h:1"`:                     {URL: "h:1"},
		`URL ""`:                        {},
		"Timeout -1s":                   {URL: "http://h:1", Timeout: -time.Second},
		`the label "run", which is set`: {URL: "http://h:1", Grouping: map[string]string{"run": "x"}},
	} {
		_, err := push.New(c)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hush")
	}
}
