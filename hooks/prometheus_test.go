package hooks_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/servertest"
	"github.com/seed-140d0f39/gtg/monitor"
)

// While a network is trained, now and then on a poisoned batch and on one of NaN, a real
// Prometheus scrapes it: every expression of the Grafana dashboard has data, and the
// alerting rules say what happened.
func TestATrainingUnderPrometheus(t *testing.T) {
	servertest.Tool(t, "prometheus", "prometheus")
	l := newLesson(t)
	w := &witness{}
	g := attach(t, l.opt, hooks.WithName("scraped"), hooks.WithSink("witness", w), hooks.WithCurvature(0.2), hooks.WithMetrics(prometheus.NewRegistry(), prom.WithLayers(2)),
		hooks.WithDashboard("127.0.0.1:0"))
	server := servertest.NewPrometheus(t, strings.Trim(strings.TrimPrefix(g.Dashboard(), "http://"), "/"), "../rules/gtg.rules.yaml")

	var poisoned []int64
	nans, last := 0, time.Time{}
	missing := servertest.Expressions()
	states := map[string]string{}
	for deadline := time.Now().Add(2 * time.Minute); len(missing) > 0 || states["TrainingCliff"] != "firing" || states["TrainingNonFinite"] != "firing"; {
		if time.Now().After(deadline) {
			t.Fatalf("no data: %q\nalerts: %v\n%s", missing, states, server.Log())
		}
		l.learn(t, 150, 1)
		// When it has come to the bottom, and not more often than Prometheus looks.
		if l.steps > 600 && time.Since(last) > time.Second {
			last = time.Now()
			l.learn(t, 1, 1e4*math.Pow(2.5, float64(len(poisoned)))) // cliffs as high as the last ones would be no news
			poisoned = append(poisoned, int64(l.steps))
			l.learn(t, 80, 1)
			l.learn(t, 2, math.NaN())
			nans += 2
		}
		missing = server.Missing(t, missing)
		for _, rule := range server.Rules(t) {
			require.Empty(t, rule.LastError, rule.Name)
			states[rule.Name] = rule.State
		}
	}
	for _, alert := range []string{"TrainingDiverging", "TrainingStuck", "TrainingGone", "TrainingReportsDropped"} {
		require.Equal(t, "inactive", states[alert], alert)
	}
	t.Logf("%d steps", l.steps)
	// Prometheus comes to know just what happened: a machine's speed decides how many
	// batches are poisoned and how far apart, and so which of them are cliffs.
	for expr, want := range map[string]func() int{
		`gtg_steps_total{run="scraped"}`:                                  func() int { return l.steps },
		`gtg_skipped_steps_total{run="scraped",reason="nonfinite"}`:       func() int { return nans },
		`gtg_nonfinite_losses_total{run="scraped"}`:                       func() int { return nans },
		`gtg_detections_total{run="scraped",detector="cliff"}`:            func() int { return len(w.fired(monitor.Cliff)) },
		`sum by (run) (gtg_reports_dropped_total{run="scraped"})`:         func() int { return 0 },
		`count(gtg_layer_gradient_norm{run="scraped",layer=~"hidden.*"})`: func() int { return 2 },
	} {
		require.Eventually(t, func() bool {
			values := server.Query(t, expr)
			return len(values) == 1 && values[0] == fmt.Sprint(want())
		}, 20*time.Second, 50*time.Millisecond, "%s is not %d", expr, want())
	}
	require.Subset(t, poisoned, w.fired(monitor.Cliff))
}
