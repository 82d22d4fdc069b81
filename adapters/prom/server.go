package prom

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Server serves /metrics.
type Server struct {
	listener net.Listener
	http     *http.Server
	done     chan struct{} // closed when serving has ended, with err
	err      error
}

// Serve serves the gatherer's metrics under /metrics until it is closed.
//
// An address without a host is one of this machine only: ":9090" is
// 127.0.0.1:9090, and the empty address a free port of 127.0.0.1, which
// [Server.Addr] tells. To serve other machines takes a host on purpose, such as
// "0.0.0.0:9090"; anyone who reaches it can read the metrics.
func Serve(addr string, gatherer prometheus.Gatherer) (*Server, error) {
	if gatherer == nil {
		return nil, errors.New("prom: no gatherer: pass prometheus.DefaultGatherer or the registry")
	}
	local, err := loopback(addr)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", local)
	if err != nil {
		return nil, fmt.Errorf("prom: cannot serve metrics on %s: %w", local, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{
		EnableOpenMetrics:   true,
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 8,
		Timeout:             10 * time.Second,
	}))
	s := &Server{
		listener: listener,
		http: &http.Server{
			Handler:           mux,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      30 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
		},
		done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		s.err = s.http.Serve(listener)
	}()
	return s, nil
}

// loopback fills in the host.
func loopback(addr string) (string, error) {
	if addr == "" {
		return "127.0.0.1:0", nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("prom: metrics address %q: %w; want host:port or :port", addr, err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// Addr is the address that is served, with the port that was found.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL is where the metrics are.
func (s *Server) URL() string { return "http://" + s.Addr() + "/metrics" }

// Close waits for the scrapes under way and stops serving, at the latest when
// the context ends. A failure that ended the serving before comes back here.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("prom: stopping to serve metrics: %w", err), s.http.Close())
	}
	<-s.done
	if !errors.Is(s.err, http.ErrServerClosed) {
		err = errors.Join(fmt.Errorf("prom: serving metrics: %w", s.err), err)
	}
	return err
}
