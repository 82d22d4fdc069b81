package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/seed-140d0f39/gtg/monitor"
)

// maxConnections is how many connections a server holds; more wait.
const maxConnections = 4 * MaxViewers

// Server is a [Sink] on an address of its own.
type Server struct {
	*Sink
	listener net.Listener
	http     *http.Server
	stop     sync.Once
	done     chan struct{} // closed when serving has ended, with err
	err      error
}

// Serve serves a run's page until it is closed.
//
// An address without a host is one of this machine only: ":8080" is
// 127.0.0.1:8080, and the empty address a free port of 127.0.0.1, which
// [Server.Addr] tells. An address that other machines reach, such as
// "0.0.0.0:8080", takes [WithRemote] and its token.
func Serve(addr string, options ...Option) (*Server, error) {
	sink, err := New(options...)
	if err != nil {
		return nil, err
	}
	local, err := resolve(addr)
	if err != nil {
		return nil, err
	}
	if !local.IP.IsLoopback() && sink.token == nil {
		return nil, fmt.Errorf("dashboard: other machines reach %s: give the token that they need with dashboard.WithRemote(token), or an address of this machine only, such as 127.0.0.1:%d", local, local.Port)
	}
	listener, err := net.ListenTCP("tcp", local)
	if err != nil {
		return nil, fmt.Errorf("dashboard: cannot serve the live page on %s: %w", local, err)
	}
	s := &Server{
		Sink:     sink,
		listener: listener,
		http: &http.Server{
			Handler:           sink,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      30 * time.Second, // a stream sets its own
			IdleTimeout:       time.Minute,
			MaxHeaderBytes:    64 << 10,
		},
		done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		s.err = s.http.Serve(netutil.LimitListener(listener, maxConnections))
	}()
	return s, nil
}

// resolve fills in the host.
func resolve(addr string) (*net.TCPAddr, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("dashboard: address %q: %w; want host:port or :port", addr, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	local, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("dashboard: address %q: %w", addr, err)
	}
	return local, nil
}

// Addr is the address that is served, with the port that was found.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL is where the page is, without the token.
func (s *Server) URL() string { return "http://" + s.Addr() + "/" }

// Close shows the end of the run to those who are connected, lets them go and
// stops serving, at the latest when the context ends. A failure that ended the
// serving before comes back here.
func (s *Server) Close(ctx context.Context, end *monitor.End) error {
	err := s.Sink.Close(ctx, end)
	s.stop.Do(func() {
		s.show(ctx)
		close(s.leaving)
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if s.http.Shutdown(ctx) != nil {
			// A browser that opened a connection to have one, or does not read.
			_ = s.http.Close()
		}
	})
	<-s.done
	if !errors.Is(s.err, http.ErrServerClosed) {
		err = errors.Join(fmt.Errorf("dashboard: serving the live page: %w", s.err), err)
	}
	return err
}

// show waits until the last picture is up where someone looks, for half of the
// time that there is.
func (s *Server) show(ctx context.Context) {
	s.mu.Lock()
	drawing := s.drawing
	s.mu.Unlock()
	if !drawing {
		return
	}
	wait := 2 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)/2)
	}
	enough := time.NewTimer(wait)
	defer enough.Stop()
	select {
	case <-s.final:
	case <-enough.C:
	case <-ctx.Done():
	}
}
