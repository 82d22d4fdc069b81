package rules_test

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/internal/servertest"
	"github.com/seed-140d0f39/gtg/monitor"
)

func promtool(t *testing.T, arguments ...string) {
	t.Helper()
	path := servertest.Tool(t, "prometheus", "promtool")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, arguments...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestRulesAreValid(t *testing.T) { promtool(t, "check", "rules", "gtg.rules.yaml") }

func TestRulesDoWhatTheySay(t *testing.T) { promtool(t, "test", "rules", "gtg_test.yaml") }

// exported gathers what a run that has everything exports.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	s, err := prom.New(reg, prom.WithDropped(func(yield func(string, int64)) { yield("log", 1) }))
	require.NoError(t, err)
	require.NoError(t, s.Start(&monitor.Run{Name: "run"}))
	one := monitor.Known(1)
	require.NoError(t, s.Step(&monitor.Step{Step: 1, T: one, Loss: one, LR: one, GradNorm: one, GTGSeconds: one,
		Clip: monitor.Clip{Clipped: true, Factor: one, Threshold: one}}))
	require.NoError(t, s.Close(t.Context(), &monitor.End{}))
	families, err := reg.Gather()
	require.NoError(t, err)
	names := map[string]bool{}
	for _, f := range families {
		names[f.GetName()] = true
		if f.GetMetric()[0].GetHistogram() != nil {
			names[f.GetName()+"_sum"], names[f.GetName()+"_count"] = true, true
		}
	}
	return names
}

// Every metric of the rules is one that is exported, and every kind of event one that
// there is.
func TestRulesAskForWhatThereIs(t *testing.T) {
	data, err := os.ReadFile("gtg.rules.yaml")
	require.NoError(t, err)
	names := exported(t)
	found := regexp.MustCompile(`\b(run:)?gtg_[a-z_0-9]+`).FindAllString(string(data), -1)
	require.Greater(t, len(found), 10)
	for _, name := range found {
		if !strings.HasPrefix(name, "run:") { // ours
			require.Contains(t, names, name)
		}
	}
	kinds := map[string]bool{}
	for _, k := range monitor.Kinds() {
		kinds[string(k)] = true
	}
	for _, match := range regexp.MustCompile(`detector=~?"([^"]+)"`).FindAllStringSubmatch(string(data), -1) {
		for _, kind := range strings.Split(match[1], "|") {
			require.Contains(t, kinds, kind)
		}
	}
}
