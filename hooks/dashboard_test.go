package hooks_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch/nn"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/seed-140d0f39/gtg/adapters/dashboard"
	"github.com/seed-140d0f39/gtg/hooks"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

func TestDashboard(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	core, logs := observer.New(zap.InfoLevel)
	g := attach(t, opt, hooks.WithName("watched"), hooks.WithLogger(zap.New(core)), hooks.WithDashboard("127.0.0.1:0"))
	url := g.Dashboard()
	require.True(t, strings.HasPrefix(url, "http://127.0.0.1:"), url)
	require.Equal(t, url, logs.FilterMessage("live page").All()[0].ContextMap()["url"])

	health := func() (h struct {
		Run    string
		Step   int
		Status string
	}) {
		_, body := get(t, url+"healthz")
		require.NoError(t, json.Unmarshal([]byte(body), &h))
		return h
	}
	require.Equal(t, "waiting", health().Status)
	require.Equal(t, "watched", health().Run, "before its first step too")
	for range 30 {
		require.NoError(t, opt.BackwardStep(loss()))
	}
	require.Eventually(t, func() bool { return health().Step == 30 }, 20*time.Second, 10*time.Millisecond)
	require.Equal(t, "running", health().Status)
	code, body := get(t, url)
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "<!doctype html>")
	require.Eventually(t, func() bool {
		_, body := get(t, url+"metrics")
		return strings.Contains(body, `gtg_steps_total{run="watched"} 30`) && strings.Contains(body, `gtg_reports_dropped_total{run="watched",sink="dashboard"} 0`)
	}, 20*time.Second, 10*time.Millisecond)

	require.NoError(t, g.Close())
	_, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/"))
	require.Error(t, err, "closed with the guard")

	// The next run has the same address.
	opt = build(t, nn.DefaultSGDConfig(), vs, 0.1)
	again := attach(t, opt, hooks.WithDashboard(strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")))
	require.Equal(t, url, again.Dashboard())
	require.NoError(t, again.Close(), "without a step")
}

// The metrics are the caller's, where they can be read.
func TestDashboardMetrics(t *testing.T) {
	for name, registerer := range map[string]func(*prometheus.Registry) prometheus.Registerer{
		"registry": func(r *prometheus.Registry) prometheus.Registerer { return r },
		"wrapped": func(r *prometheus.Registry) prometheus.Registerer {
			return prometheus.WrapRegistererWithPrefix("my_", r)
		},
	} {
		vs, loss := regression(t)
		opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
		registry := prometheus.NewRegistry()
		registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "of_the_caller"}))
		g := attach(t, opt, hooks.WithName("r"), hooks.WithMetrics(registerer(registry)), hooks.WithDashboard(""))
		require.NoError(t, opt.BackwardStep(loss()))
		require.Eventually(t, func() bool {
			_, body := get(t, g.Dashboard()+"metrics")
			return strings.Contains(body, `gtg_steps_total{run="r"} 1`) && strings.Contains(body, "of_the_caller") == (name == "registry")
		}, 20*time.Second, 10*time.Millisecond, name)
		require.NoError(t, g.Close())
	}
}

func TestDashboardRefusals(t *testing.T) {
	vs, loss := regression(t)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := busy.Addr().String()
	for want, option := range map[string]hooks.Option{
		"cannot serve the live page on " + addr: hooks.WithDashboard(addr),
		`"8080"`:                                hooks.WithDashboard("8080"),
		"dashboard.WithRemote(token)":           hooks.WithDashboard("0.0.0.0:0"),
		"has 3 characters, want at least 16":    hooks.WithDashboard("0.0.0.0:0", dashboard.WithRemote("abc")),
		"an option is nil":                      hooks.WithDashboard("", nil),
	} {
		_, err := hooks.Attach(opt, quiet(), option)
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, busy.Close())
	// Where another sink cannot be opened the address is given back.
	_, err = hooks.Attach(opt, quiet(), hooks.WithDashboard(addr), hooks.WithRunLog(filepath.Join(t.TempDir(), "none", "run.jsonl")))
	require.ErrorContains(t, err, "no such")
	g := attach(t, opt, hooks.WithDashboard(addr))
	require.NoError(t, opt.BackwardStep(loss()))
	require.NoError(t, g.Close())
	require.Empty(t, attach(t, build(t, nn.DefaultSGDConfig(), vs, 0.1)).Dashboard())
}
