// Package receivertest has what the tests of the adapters that notify share: a
// server that can be sick, and what is asked of every one of them.
package receivertest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/alert"
	"github.com/seed-140d0f39/gtg/monitor"
)

// Patience is how long a test waits for what must come.
const Patience = 20 * time.Second

// Poll is how often it looks.
const Poll = 5 * time.Millisecond

// Server is a receiver that can be sick. Its zero Answer is 200.
type Server struct {
	URL string

	mu       sync.Mutex
	listener net.Listener
	http     *http.Server
	mode     string
	answer   int
	tries    int
	taken    []Request
	release  chan struct{}
}

// Request is one that the server took.
type Request struct {
	Path   string
	Header http.Header
	Body   []byte
}

// NewServer returns a server that takes every request with the status.
func NewServer(t testing.TB, status int) *Server {
	s := &Server{answer: status, release: make(chan struct{})}
	s.listen(t, "127.0.0.1:0")
	s.URL = "http://" + s.listener.Addr().String()
	t.Cleanup(func() {
		close(s.release)
		s.http.Close()
	})
	return s
}

func (s *Server) listen(t testing.TB, addr string) {
	var err error
	require.Eventually(t, func() bool { s.listener, err = net.Listen("tcp", addr); return err == nil }, Patience, Poll)
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func(h *http.Server, l net.Listener) { _ = h.Serve(l) }(s.http, s.listener)
}

// Sick makes the server fail, hang, answer garbage or refuse connections.
func (s *Server) Sick(mode string) {
	s.mu.Lock()
	s.mode = mode
	h := s.http
	s.mu.Unlock()
	if mode == "refuse" {
		h.Close()
	}
}

// Heal makes the server well.
func (s *Server) Heal(t testing.TB) {
	s.mu.Lock()
	was := s.mode
	s.mode = ""
	s.mu.Unlock()
	if was == "refuse" {
		s.listen(t, s.listener.Addr().String())
	}
}

// Taken returns the requests that the server took.
func (s *Server) Taken() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.taken...)
}

// Tries is how many requests there were, taken or not.
func (s *Server) Tries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	s.tries++
	mode := s.mode
	if mode == "" && err == nil {
		s.taken = append(s.taken, Request{r.URL.Path, r.Header, body})
	}
	s.mu.Unlock()
	switch mode {
	case "fail":
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write(body)
	case "hang":
		select {
		case <-r.Context().Done():
		case <-s.release:
		}
	case "garbage":
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_, _ = c.Write([]byte("\x00\xffHTTP/9.9 banana\r\n\r\n"))
			c.Close()
		}
	default:
		w.WriteHeader(s.answer)
	}
}

// Event is one of the kind.
func Event(kind monitor.Kind, state monitor.State) *monitor.Event {
	return &monitor.Event{Step: 1200, Kind: kind, State: state, Severity: monitor.Warning, Summary: "The gradient norm leapt to 90 <&>.",
		Advice: "Clip the gradient.", Section: "8.2.4", Values: map[string]float64{"grad_norm": 90, "limit": 12.5}}
}

// Close closes the sink with time enough.
func Close(t testing.TB, s *alert.Sink) error {
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	return s.Close(ctx, &monitor.End{})
}

// Quick are options for tests in real time.
func Quick(more ...alert.Option) []alert.Option {
	return append([]alert.Option{alert.WithRetry(2*time.Millisecond, 20*time.Millisecond), alert.WithTimeout(100 * time.Millisecond),
		alert.WithKeepFiring(0), alert.WithCooldown(0)}, more...)
}

// Recovers tests that an alert arrives once when a server that was sick in any
// way is back, that nothing of it was lost, and that no error has a secret.
func Recovers(t *testing.T, status int, secrets []string, sink func(url string, options ...alert.Option) (*alert.Sink, error)) {
	for _, mode := range []string{"fail", "hang", "garbage", "refuse"} {
		t.Run(mode, func(t *testing.T) {
			server := NewServer(t, status)
			server.Sick(mode)
			s, err := sink(server.URL, Quick()...)
			require.NoError(t, err)
			require.NoError(t, s.Start(&monitor.Run{Name: "night"}))
			require.NoError(t, s.Event(Event(monitor.Cliff, monitor.Firing)))
			require.Eventually(t, func() bool { err = s.Step(&monitor.Step{}); return err != nil }, Patience, Poll)
			require.ErrorContains(t, err, "is out of reach")
			for _, secret := range secrets {
				require.NotContains(t, err.Error(), secret)
			}
			require.Empty(t, server.Taken())
			server.Heal(t)
			require.Eventually(t, func() bool { return len(server.Taken()) > 0 }, Patience, Poll)
			require.NoError(t, Close(t, s))
			require.Len(t, server.Taken(), 1, "once")
			require.Zero(t, s.Lost())
		})
	}
	t.Run("refused for good", func(t *testing.T) {
		server := NewServer(t, 400)
		s, err := sink(server.URL, Quick()...)
		require.NoError(t, err)
		require.NoError(t, s.Start(&monitor.Run{Name: "night"}))
		err = s.Event(Event(monitor.Cliff, monitor.Firing)) // which may know of it already
		require.Eventually(t, func() bool { return s.Lost() == 1 }, Patience, Poll)
		err = errors.Join(err, Close(t, s))
		require.ErrorContains(t, err, "400 Bad Request")
		require.Equal(t, 1, strings.Count(err.Error(), "400 Bad Request"), "said once")
		require.Equal(t, 1, server.Tries(), "not tried again")
	})
	t.Run("never back", func(t *testing.T) {
		server := NewServer(t, status)
		server.Sick("hang")
		s, err := sink(server.URL, Quick()...)
		require.NoError(t, err)
		require.NoError(t, s.Start(&monitor.Run{Name: "night"}))
		require.NoError(t, s.Event(Event(monitor.Cliff, monitor.Firing)))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		require.ErrorContains(t, s.Close(ctx, &monitor.End{}), "was not told of 1 change")
		require.EqualValues(t, 1, s.Lost())
	})
}
