package receivertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Alertmanager is a real one, on loopback, that notifies a webhook at once.
type Alertmanager struct {
	URL     string
	command []string
	process *exec.Cmd
	log     buffer
}

// Tool returns the path of a program, or skips the test where it is missing.
func Tool(t testing.TB, debianPackage string, names ...string) string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed: apt-get install %s", names[0], debianPackage)
	return ""
}

// FreeAddress is an address of loopback on which nothing listens.
func FreeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

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
	a := &Alertmanager{URL: "http://" + addr, command: []string{path, "--config.file=" + config, "--storage.path=" + filepath.Join(dir, "data"),
		"--web.listen-address=" + addr, "--cluster.listen-address="}}
	t.Cleanup(func() { a.Stop(t) })
	a.Start(t)
	return a
}

// Start starts it again after a Stop, with the memory that it had.
func (a *Alertmanager) Start(t testing.TB) {
	a.process = exec.Command(a.command[0], a.command[1:]...)
	a.process.Stdout, a.process.Stderr = &a.log, &a.log
	require.NoError(t, a.process.Start())
	a.await(t)
}

func (a *Alertmanager) await(t testing.TB) {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	deadline := time.Now().Add(Patience)
	for time.Now().Before(deadline) {
		if r, err := client.Get(a.URL + "/-/ready"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(Poll)
	}
	t.Fatalf("Alertmanager does not come up:\n%s", a.log.String())
}

// Stop ends it in an orderly way.
func (a *Alertmanager) Stop(t testing.TB) {
	if a.process == nil {
		return
	}
	p := a.process
	a.process = nil
	_ = p.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(Patience, func() { _ = p.Process.Kill() })
	defer kill.Stop()
	_ = p.Wait()
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
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(a.URL + "/api/v2/alerts")
	require.NoError(t, err)
	defer r.Body.Close()
	require.NoError(t, json.NewDecoder(r.Body).Decode(&all))
	return all
}

// Log is what it wrote.
func (a *Alertmanager) Log() string { return strings.TrimSpace(a.log.String()) }

type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
