package dashboards_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/dashboards"
	"github.com/seed-140d0f39/gtg/internal/servertest"
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

// Every expression has data in a real Prometheus that has scraped a run. That of a real
// training is in package hooks.
func TestEveryExpressionHasData(t *testing.T) {
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
				ParamNorms: []monitor.Number{one, one}, UpdateNorms: []monitor.Number{one, one},
				Successive: monitor.Successive{Cosine: one, Cosine2: one, Dot: one, Error: one},
				Curvature:  &monitor.Curvature{GTHG: one, Rayleigh: one, Rho: one, RhoLimit: one, LambdaMax: one, LambdaMin: one, Seconds: monitor.Known(1e-5)}})
		}
		_ = s.Event(&monitor.Event{Kind: monitor.Cliff, State: monitor.Firing})
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	}))
	defer trainer.Close()

	server := servertest.NewPrometheus(t, strings.TrimPrefix(trainer.URL, "http://"))
	missing := servertest.Expressions()
	require.NotContains(t, strings.Join(missing, " "), "$", "a variable that is not known")
	for deadline := time.Now().Add(time.Minute); len(missing) > 0; time.Sleep(100 * time.Millisecond) {
		missing = server.Missing(t, missing)
		if time.Now().After(deadline) {
			t.Fatalf("no data: %q\n%s", missing, server.Log())
		}
	}
}
