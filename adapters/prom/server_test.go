package prom_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/prom"
)

func get(t *testing.T, url string) (int, string) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	r, err := client.Get(url)
	require.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(body)
}

func TestServe(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := started(t, reg, "r")
	require.NoError(t, s.Step(everything(1)))
	server, err := prom.Serve("", reg)
	require.NoError(t, err)
	status, body := get(t, server.URL())
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "gtg_gradient_norm{run=\"r\"} 3")
	status, _ = get(t, "http://"+server.Addr()+"/")
	require.Equal(t, http.StatusNotFound, status)

	_, err = prom.Serve(server.Addr(), reg)
	require.ErrorContains(t, err, "cannot serve metrics on "+server.Addr())
	require.ErrorContains(t, err, "address already in use")

	require.NoError(t, server.Close(t.Context()))
	require.NoError(t, server.Close(t.Context()), "closed is closed")
	_, err = net.Dial("tcp", server.Addr())
	require.Error(t, err)
}

func TestServeBindsThisMachineOnlyUnlessAHostIsGiven(t *testing.T) {
	for addr, local := range map[string]bool{"": true, ":0": true, "127.0.0.1:0": true, "0.0.0.0:0": false} {
		server, err := prom.Serve(addr, prometheus.NewRegistry())
		require.NoError(t, err, addr)
		bound, err := netip.ParseAddrPort(server.Addr())
		require.NoError(t, err)
		require.Equal(t, local, bound.Addr().IsLoopback(), addr)
		require.Equal(t, !local, bound.Addr().IsUnspecified(), addr)
		require.NotZero(t, bound.Port())
		require.NoError(t, server.Close(t.Context()))
	}
	for _, addr := range []string{"9090", "host:port:more", "127.0.0.1:http:", "127.0.0.1:99999"} {
		_, err := prom.Serve(addr, prometheus.NewRegistry())
		require.ErrorContains(t, err, addr)
	}
	_, err := prom.Serve("", nil)
	require.ErrorContains(t, err, "no gatherer")
}

// A scrape that hangs does not keep Close beyond its context.
func TestCloseDoesNotWaitForEver(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	reg := prometheus.NewRegistry()
	require.NoError(t, reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hanging"}, func() float64 {
		close(inside)
		<-release
		return 0
	})))
	server, err := prom.Serve("", reg)
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if r, err := http.Get(server.URL()); err == nil {
			r.Body.Close()
		}
	}()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, server.Close(ctx), context.DeadlineExceeded)
	close(release)
	<-done
	http.DefaultClient.CloseIdleConnections()
}
