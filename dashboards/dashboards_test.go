package dashboards_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/dashboards"
	"github.com/seed-140d0f39/gtg/monitor"
)

var update = flag.Bool("update", false, "write gtg.json")

func TestGolden(t *testing.T) {
	now, err := dashboards.Grafana()
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("gtg.json", now, 0o644))
	}
	golden, err := os.ReadFile("gtg.json")
	require.NoError(t, err)
	require.Equal(t, string(golden), string(now), "go generate ./dashboards writes it anew")
}

// Panels fill the rows of Grafana's grid of 24 columns and do not overlap.
func TestPanelsFillTheirRows(t *testing.T) {
	data, err := dashboards.Grafana()
	require.NoError(t, err)
	var d struct {
		Panels []struct {
			ID      int
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ RefID string }
		}
	}
	require.NoError(t, json.Unmarshal(data, &d))
	require.Len(t, d.Panels, len(dashboards.Panels()))
	taken := map[[2]int]int{}
	bottom := 0
	for _, p := range d.Panels {
		require.NotEmpty(t, p.Targets)
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				require.Zero(t, taken[[2]int{x, y}], "panel %d", p.ID)
				taken[[2]int{x, y}] = p.ID
			}
		}
		bottom = max(bottom, p.GridPos.Y+p.GridPos.H)
	}
	require.Len(t, taken, 24*bottom)
}

// Every expression has data in a real Prometheus that has scraped a run.
func TestEveryExpressionHasData(t *testing.T) {
	path, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed: apt-get install prometheus")
	}
	registry := prometheus.NewRegistry()
	s, err := prom.New(registry, prom.WithLayers(1), prom.WithDropped(func(yield func(string, int64)) { yield("log", 1) }))
	require.NoError(t, err)
	started := time.Now()
	require.NoError(t, s.Start(&monitor.Run{Name: "run", Started: started, Params: []monitor.Param{{Name: "w"}}}))
	// The run goes on, an event and a clipped step at every scrape.
	step := int64(0)
	one := monitor.Known(1)
	trainer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			step++
			_ = s.Step(&monitor.Step{Step: step, T: monitor.Known(time.Since(started).Seconds()), Loss: one, LR: one, GradNorm: one, GTGSeconds: monitor.Known(1e-4),
				ParamGradNorms: []monitor.Number{one}, Clip: monitor.Clip{Clipped: true, Factor: one, Threshold: one},
				Curvature: &monitor.Curvature{GTHG: one, Rayleigh: one, Rho: one, RhoLimit: one, LambdaMax: one, LambdaMin: one, Seconds: monitor.Known(1e-5)}})
		}
		_ = s.Event(&monitor.Event{Kind: monitor.Cliff, State: monitor.Firing})
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	}))
	defer trainer.Close()

	folder := t.TempDir()
	config := filepath.Join(folder, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs:\n- job_name: gtg\n  static_configs:\n  - targets: [%q]\n",
		strings.TrimPrefix(trainer.URL, "http://")), 0o600))
	probe := httptest.NewServer(nil) // a port that is free
	address := strings.TrimPrefix(probe.URL, "http://")
	probe.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	server := exec.CommandContext(ctx, path, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address="+address)
	var log strings.Builder
	server.Stderr = &log
	require.NoError(t, server.Start())
	defer func() { cancel(); _ = server.Wait() }()

	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	query := func(expr string) (n int, problem string) {
		r, err := client.Get("http://" + address + "/api/v1/query?query=" + url.QueryEscape(expr))
		if err != nil {
			return 0, err.Error()
		}
		defer r.Body.Close()
		var answer struct {
			Error string
			Data  struct{ Result []any }
		}
		if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
			return 0, err.Error()
		}
		return len(answer.Data.Result), answer.Error
	}
	for _, p := range dashboards.Panels() {
		for _, q := range p.Queries {
			expr := strings.NewReplacer("$run", ".*", "$__rate_interval", "10s").Replace(q.Expr)
			require.NotContains(t, expr, "$", p.Title)
			deadline := time.Now().Add(45 * time.Second)
			for {
				n, problem := query(expr)
				if n > 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%s: %s has no data: %s\n%s", p.Title, expr, problem, log.String())
				}
				time.Sleep(100 * time.Millisecond)
			}
		}
	}
}
