// Package servertest has real servers for tests, on loopback: Prometheus and
// Alertmanager. Where a program is not there the test is skipped and says so.
package servertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a program may take to begin and to end, and poll how often it
// is looked at.
const (
	patience = 30 * time.Second
	poll     = 5 * time.Millisecond
)

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

// program is a server of Prometheus's family.
type program struct {
	URL     string
	command []string
	process *exec.Cmd
	log     buffer
}

// Start starts it again after a Stop, with the memory that it had.
func (p *program) Start(t testing.TB) {
	t.Helper()
	p.process = exec.Command(p.command[0], p.command[1:]...)
	p.process.Stdout, p.process.Stderr = &p.log, &p.log
	require.NoError(t, p.process.Start())
	deadline := time.Now().Add(patience)
	for p.get("/-/ready", nil) != nil {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come up:\n%s", filepath.Base(p.command[0]), p.Log())
		}
		time.Sleep(poll)
	}
}

// Stop ends it in an orderly way.
func (p *program) Stop(testing.TB) {
	if p.process == nil {
		return
	}
	ending := p.process
	p.process = nil
	_ = ending.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(patience, func() { _ = ending.Process.Kill() })
	defer kill.Stop()
	_ = ending.Wait()
}

// Log is what it wrote.
func (p *program) Log() string { return strings.TrimSpace(p.log.String()) }

// get reads the JSON at the path into the value, or nothing where that is nil.
func (p *program) get(path string, into any) error {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(p.URL + path)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	switch {
	case into != nil: // an error is said in JSON as well
		return json.NewDecoder(r.Body).Decode(into)
	case r.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", path, r.Status)
	}
	return nil
}

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
