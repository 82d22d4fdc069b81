package servertest

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/dashboards"
)

// interval is that of scrapes and of rules.
const interval = "500ms"

// Prometheus is a real one that scrapes a trainer.
type Prometheus struct{ program }

// NewPrometheus starts a Prometheus that scrapes /metrics of the trainer at the
// address, host:port, with the files of rules in force.
func NewPrometheus(t testing.TB, trainer string, rules ...string) *Prometheus {
	path := Tool(t, "prometheus", "prometheus")
	dir, addr := t.TempDir(), FreeAddress(t)
	var files []string
	for _, file := range rules {
		full, err := filepath.Abs(file)
		require.NoError(t, err)
		files = append(files, fmt.Sprintf("%q", full))
	}
	config := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
global: {scrape_interval: %[1]s, scrape_timeout: %[1]s, evaluation_interval: %[1]s}
rule_files: [%[2]s]
scrape_configs:
  - job_name: gtg
    static_configs: [{targets: [%[3]q]}]
`, interval, strings.Join(files, ", "), trainer), 0o600))
	p := &Prometheus{program{URL: "http://" + addr, command: []string{path, "--config.file=" + config,
		"--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + addr}}}
	t.Cleanup(func() { p.Stop(t) })
	p.Start(t)
	return p
}

// Query returns the values of an expression now, one for each of its series.
func (p *Prometheus) Query(t testing.TB, expr string) (values []string) {
	t.Helper()
	var answer struct {
		Error string
		Data  struct{ Result []struct{ Value [2]any } }
	}
	require.NoError(t, p.get("/api/v1/query?query="+url.QueryEscape(expr), &answer))
	require.Empty(t, answer.Error, expr)
	for _, r := range answer.Data.Result {
		values = append(values, fmt.Sprint(r.Value[1])) // a number, as a string
	}
	return values
}

// Missing returns those of the expressions that have no data now.
func (p *Prometheus) Missing(t testing.TB, expressions []string) (missing []string) {
	t.Helper()
	for _, expr := range expressions {
		if len(p.Query(t, expr)) == 0 {
			missing = append(missing, expr)
		}
	}
	return missing
}

// Expressions are those of the Grafana dashboard, with Grafana's variables replaced as
// it does for all runs.
func Expressions() (all []string) {
	variables := strings.NewReplacer("$run", ".*", "$__rate_interval", "10s")
	for _, panel := range dashboards.Panels() {
		for _, q := range panel.Queries {
			all = append(all, variables.Replace(q.Expr))
		}
	}
	return all
}

// Rule is one of Prometheus's rules as it stands.
type Rule struct {
	Name, Health, LastError string
	State                   string // of an alerting rule: inactive, pending or firing
}

// Rules are those of all files.
func (p *Prometheus) Rules(t testing.TB) (all []Rule) {
	t.Helper()
	var answer struct {
		Data struct{ Groups []struct{ Rules []Rule } }
	}
	require.NoError(t, p.get("/api/v1/rules", &answer))
	for _, g := range answer.Data.Groups {
		all = append(all, g.Rules...)
	}
	return all
}
