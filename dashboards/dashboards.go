// Package dashboards has a Grafana dashboard over the metrics of adapters/prom. It is
// made by Go code, so that it cannot drift from the metrics, and kept as gtg.json, which
// Grafana imports (Dashboards, New, Import). It asks for a Prometheus data source.
package dashboards

import (
	"bytes"
	"encoding/json"
)

//go:generate go test -run TestGolden -update

// Query is one expression of a panel, in PromQL with Grafana's variables $run and
// $__rate_interval, and the legend of its series.
type Query struct{ Expr, Legend string }

// Panel is one figure.
type Panel struct {
	Title, Description string
	Kind               string // timeseries, stat, heatmap or state-timeline
	Unit               string // Grafana's name of the unit
	Log                bool   // logarithmic axis
	Width              int    // of 24
	Queries            []Query
}

// Panels are the figures, in order, in the terms of Deep Learning, section 8.2.
func Panels() []Panel {
	series := func(names ...string) (all []Query) {
		for i := 0; i < len(names); i += 2 {
			all = append(all, Query{names[i] + `{run=~"$run"}`, "{{run}} " + names[i+1]})
		}
		return all
	}
	return []Panel{
		{Title: "Step", Kind: "stat", Width: 4, Queries: series("gtg_global_step", "")},
		{Title: "Since the last step", Kind: "stat", Unit: "s", Width: 4, Description: "Of runs that go on.",
			Queries: []Query{{`time() - gtg_last_step_timestamp_seconds{run=~"$run"} unless on (job, instance, run) gtg_run_end_timestamp_seconds`, "{{run}}"}}},
		{Title: "Detectors that fire", Kind: "stat", Width: 4, Queries: []Query{{`sum by (run) (gtg_detector_firing{run=~"$run"})`, "{{run}}"}}},
		{Title: "Skipped steps", Kind: "stat", Width: 4, Queries: []Query{{`sum by (run) (gtg_skipped_steps_total{run=~"$run"})`, "{{run}}"}}},
		{Title: "Steps a second", Kind: "stat", Width: 4, Queries: []Query{{`rate(gtg_steps_total{run=~"$run"}[$__rate_interval])`, "{{run}}"}}},
		{Title: "Lost reports", Kind: "stat", Width: 4, Queries: []Query{{`sum by (run) (gtg_reports_dropped_total{run=~"$run"})`, "{{run}}"}}},

		{Title: "Loss", Kind: "timeseries", Width: 12, Queries: series("gtg_loss", "")},
		{Title: "Gradient norm", Kind: "timeseries", Width: 12, Log: true, Description: "Before and after clipping, and the threshold in force.",
			Queries: series("gtg_gradient_norm", "before", "gtg_gradient_clipped_norm", "after", "gtg_gradient_clip_threshold", "threshold")},
		{Title: "Gradient norms between scrapes", Kind: "heatmap", Width: 12,
			Queries: []Query{{`sum by (le) (increase(gtg_step_gradient_norm_bucket{run=~"$run"}[$__rate_interval]))`, "{{le}}"}}},
		{Title: "Events", Kind: "state-timeline", Width: 12, Description: "1 while a detector fires.",
			Queries: []Query{{`max by (run, detector) (gtg_detector_firing{run=~"$run"})`, "{{run}} {{detector}}"}}},
		{Title: "Detections", Kind: "timeseries", Width: 12,
			Queries: []Query{{`increase(gtg_detections_total{run=~"$run"}[$__rate_interval]) > 0`, "{{run}} {{detector}}"}}},
		{Title: "Steps clipped", Kind: "timeseries", Unit: "percentunit", Width: 12,
			Queries: []Query{{`rate(gtg_gradient_clips_total{run=~"$run"}[$__rate_interval]) / (rate(gtg_steps_total{run=~"$run"}[$__rate_interval]) > 0)`, "{{run}}"}}},
		{Title: "gᵀg and gᵀHg (8.2.1)", Kind: "timeseries", Width: 12, Queries: series("gtg_gradient_squared_norm", "gᵀg", "gtg_gradient_curvature", "gᵀHg")},
		{Title: "ρ = η·gᵀHg/gᵀg and its limit", Kind: "timeseries", Width: 12, Queries: series("gtg_rho", "ρ", "gtg_rho_limit", "limit")},
		{Title: "Ends of the Hessian's spectrum (8.2.2, 8.2.3)", Kind: "timeseries", Width: 12, Queries: series("gtg_lambda_max", "largest", "gtg_lambda_min", "smallest")},
		{Title: "Update-to-weight ratio", Kind: "timeseries", Width: 12, Log: true, Description: "About 0.001 is usual.", Queries: series("gtg_update_ratio", "")},
		{Title: "Cosine of successive gradients", Kind: "timeseries", Width: 12, Description: "Near -1 one step apart and near 1 two steps apart: the steps go to and fro.",
			Queries: series("gtg_gradient_cosine", "one step apart", "gtg_gradient_cosine2", "two steps apart")},
		{Title: "Gradient norm by layer (8.2.5)", Kind: "timeseries", Width: 12, Log: true, Description: "With prom.WithLayers.",
			Queries: []Query{{`gtg_layer_gradient_norm{run=~"$run"}`, "{{run}} {{layer}}"}}},
		{Title: "Learning rate", Kind: "timeseries", Width: 8, Queries: series("gtg_learning_rate", "")},
		{Title: "Steps that were not made", Kind: "timeseries", Width: 8,
			Queries: []Query{{`increase(gtg_skipped_steps_total{run=~"$run"}[$__rate_interval])`, "{{run}} {{reason}}"},
				{`increase(gtg_nonfinite_gradients_total{run=~"$run"}[$__rate_interval])`, "{{run}} gradient not finite"},
				{`increase(gtg_nonfinite_losses_total{run=~"$run"}[$__rate_interval])`, "{{run}} loss not finite"}}},
		{Title: "What gtg costs", Kind: "timeseries", Unit: "percentunit", Width: 8, Description: "Share of the time of a step.",
			Queries: []Query{{`rate(gtg_monitor_duration_seconds_sum{run=~"$run"}[$__rate_interval]) / (rate(gtg_step_duration_seconds_sum{run=~"$run"}[$__rate_interval]) > 0)`, "{{run}}"},
				{`gtg_curvature_time_ratio{run=~"$run"}`, "{{run}} curvature"}}},
	}
}

// Grafana is the dashboard in Grafana's JSON model.
func Grafana() ([]byte, error) {
	type object = map[string]any
	source := object{"type": "prometheus", "uid": "${datasource}"}
	var panels []object
	x, y, height := 0, 0, 0
	for i, p := range Panels() {
		if x+p.Width > 24 {
			x, y = 0, y+height
		}
		height = 8
		if p.Kind == "stat" {
			height = 4
		}
		var targets []object
		for j, q := range p.Queries {
			targets = append(targets, object{"datasource": source, "expr": q.Expr, "legendFormat": q.Legend, "refId": string(rune('A' + j))})
		}
		defaults := object{}
		if p.Unit != "" {
			defaults["unit"] = p.Unit
		}
		if p.Log {
			defaults["custom"] = object{"scaleDistribution": object{"type": "log", "log": 10}}
		}
		panels = append(panels, object{"id": i + 1, "title": p.Title, "description": p.Description, "type": p.Kind, "datasource": source,
			"gridPos": object{"x": x, "y": y, "w": p.Width, "h": height}, "targets": targets,
			"fieldConfig": object{"defaults": defaults, "overrides": []object{}}})
		x += p.Width
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(object{
		"title": "gtg: training health", "uid": "gtg-training-health", "tags": []string{"gtg"}, "schemaVersion": 39, "version": 1,
		"editable": true, "refresh": "10s", "time": object{"from": "now-1h", "to": "now"}, "panels": panels,
		"templating": object{"list": []object{
			{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"},
			{"name": "run", "type": "query", "label": "Run", "datasource": source, "query": "label_values(gtg_run_info, run)",
				"includeAll": true, "allValue": ".*", "multi": true, "refresh": 2, "current": object{"text": "All", "value": "$__all"}},
		}},
	})
	return out.Bytes(), err
}
