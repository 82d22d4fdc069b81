package servertest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Alertmanager is a real one that notifies a webhook at once.
type Alertmanager struct{ program }

// NewAlertmanager starts an Alertmanager that sends what it is told to the
// webhook, each alert as a group of its own.
func NewAlertmanager(t testing.TB, webhook string) *Alertmanager {
	path := Tool(t, "prometheus-alertmanager", "prometheus-alertmanager", "alertmanager")
	dir, addr := t.TempDir(), FreeAddress(t)
	config := filepath.Join(dir, "alertmanager.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
route:
  receiver: hook
  group_by: ['...']
  group_wait: 10ms
  group_interval: 100ms
  repeat_interval: 24h
receivers:
  - name: hook
    webhook_configs:
      - url: %q
`, webhook), 0o600))
	a := &Alertmanager{program{URL: "http://" + addr, command: []string{path, "--config.file=" + config, "--storage.path=" + filepath.Join(dir, "data"),
		"--web.listen-address=" + addr, "--cluster.listen-address="}}}
	t.Cleanup(func() { a.Stop(t) })
	a.Start(t)
	return a
}

// Held is an alert as Alertmanager has it.
type Held struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	Fingerprint  string            `json:"fingerprint"`
	GeneratorURL string            `json:"generatorURL"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	Status       struct {
		State string `json:"state"`
	} `json:"status"`
}

// Alerts are the active alerts that it knows.
func (a *Alertmanager) Alerts(t testing.TB) (all []Held) {
	t.Helper()
	require.NoError(t, a.get("/api/v2/alerts", &all))
	return all
}
