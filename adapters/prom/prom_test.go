package prom_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var known = monitor.Known

func started(t testing.TB, reg prometheus.Registerer, name string, options ...prom.Option) *prom.Sink {
	s, err := prom.New(reg, options...)
	require.NoError(t, err)
	require.NoError(t, s.Start(&monitor.Run{Name: name, Framework: "f", Device: "cpu", Optimizer: &monitor.Optimizer{Kind: "sgd"},
		Started: time.Unix(1000, 0), Params: []monitor.Param{{Name: "a"}, {Name: "b"}, {Name: "c"}}}))
	return s
}

func everything(step int64) *monitor.Step {
	return &monitor.Step{Step: step, T: known(float64(step) / 4), Loss: known(2), LR: known(0.5), GradNorm: known(3),
		ParamGradNorms: []monitor.Number{known(1), known(2), {}}, NonFinite: known(0),
		Clip:   monitor.Clip{Policy: "norm", Clipped: true, Factor: known(0.5), Threshold: known(1.5)},
		Action: monitor.ActionStep, Successive: monitor.Successive{Cosine: known(-0.75), Cosine2: known(0.5), Dot: known(-7)},
		ParamNorms: []monitor.Number{known(3), {}, known(4)}, UpdateNorms: []monitor.Number{known(0.03), {}, known(0.04)},
		Curvature: &monitor.Curvature{GTHG: known(-4), Rayleigh: known(-0.25), Rho: known(-0.125), RhoLimit: known(3.8),
			LambdaMax: known(5), LambdaMin: known(-1), Seconds: known(0.125)}, GTGSeconds: known(0.001)}
}

var theRun = strings.NewReplacer(`,run="r"`, "", `run="r",`, "", `run="r"`, "")

// series is what a scrape of the registry gets: the value of each series, whose
// label run is left out where it is r.
func series(t *testing.T, reg prometheus.Gatherer) map[string]string {
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	all := map[string]string{}
	for line := range strings.Lines(w.Body.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "} "); ok {
			all[theRun.Replace(name)+"}"] = value
		}
	}
	return all
}

func TestAStep(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := started(t, reg, "r")
	require.NoError(t, s.Step(everything(41)))
	require.NoError(t, s.Step(everything(42)))
	skip := everything(44)
	skip.Action = monitor.ActionSkip
	require.NoError(t, s.Step(skip))
	got := series(t, reg)
	for name, want := range map[string]string{
		`gtg_run_info{device="cpu",framework="f",optimizer="sgd"}`: "1",
		`gtg_steps_total{}`:                        "3",
		`gtg_global_step{}`:                        "44",
		`gtg_loss{}`:                               "2",
		`gtg_learning_rate{}`:                      "0.5",
		`gtg_gradient_norm{}`:                      "3",
		`gtg_gradient_clipped_norm{}`:              "1.5",
		`gtg_gradient_squared_norm{}`:              "9",
		`gtg_gradient_cosine{}`:                    "-0.75",
		`gtg_gradient_cosine2{}`:                   "0.5",
		`gtg_gradient_dot{}`:                       "-7",
		`gtg_gradient_curvature{}`:                 "-4",
		`gtg_gradient_rayleigh_quotient{}`:         "-0.25",
		`gtg_rho{}`:                                "-0.125",
		`gtg_rho_limit{}`:                          "3.8",
		`gtg_lambda_max{}`:                         "5",
		`gtg_lambda_min{}`:                         "-1",
		`gtg_curvature_time_ratio{}`:               "0.3333333333333333", // two measurements of 1/8 s in the 3/4 s since the first step
		`gtg_update_ratio{}`:                       "0.01",
		`gtg_gradient_clip_ratio{}`:                "0.5",
		`gtg_gradient_clip_threshold{}`:            "1.5",
		`gtg_gradient_clips_total{}`:               "3",
		`gtg_skipped_steps_total{reason="policy"}`: "1",
		`gtg_last_step_timestamp_seconds{}`:        "1011",
		`gtg_step_gradient_norm_count{}`:           "3",
		`gtg_step_gradient_norm_sum{}`:             "9",
		`gtg_step_gradient_norm_bucket{le="10"}`:   "3",
		`gtg_step_gradient_norm_bucket{le="1"}`:    "0",
		`gtg_step_duration_seconds_count{}`:        "1",
		`gtg_step_duration_seconds_sum{}`:          "0.25",
		`gtg_monitor_duration_seconds_count{}`:     "3",
	} {
		require.Equal(t, want, got[name], name)
	}
	for name := range got {
		require.NotContains(t, name, "layer")
	}
}

// What is counted is there at 0 from the start; what is measured is not.
func TestTheSeriesOfARunThatHasNotStepped(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := started(t, reg, "r")
	got := series(t, reg)
	for _, k := range monitor.Kinds() {
		require.Equal(t, "0", got[fmt.Sprintf(`gtg_detections_total{detector="%s"}`, k)])
		require.Equal(t, "0", got[fmt.Sprintf(`gtg_detector_firing{detector="%s"}`, k)])
	}
	for _, name := range []string{"gtg_steps_total{}", "gtg_gradient_clips_total{}", "gtg_nonfinite_gradients_total{}",
		"gtg_nonfinite_losses_total{}", `gtg_skipped_steps_total{reason="nonfinite"}`, `gtg_skipped_steps_total{reason="policy"}`,
		`gtg_skipped_steps_total{reason="rollback"}`, `gtg_skipped_steps_total{reason="stop"}`, "gtg_step_gradient_norm_count{}",
		"gtg_step_duration_seconds_count{}", "gtg_monitor_duration_seconds_count{}"} {
		require.Equal(t, "0", got[name], name)
	}
	for _, name := range []string{"gtg_loss{}", "gtg_gradient_norm{}", "gtg_gradient_curvature{}", "gtg_curvature_time_ratio{}", "gtg_global_step{}"} {
		require.NotContains(t, got, name)
	}
	require.NoError(t, s.Step(&monitor.Step{Step: 5}))
	got = series(t, reg)
	require.Equal(t, "5", got["gtg_global_step{}"])
	require.NotContains(t, got, "gtg_loss{}", "not measured")
}

// A value that is not finite is counted, and spoils neither gauge nor histogram.
func TestGaugesKeepTheLastFiniteValue(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		reg := prometheus.NewRegistry()
		s := started(t, reg, "r", prom.WithLayers(3))
		require.NoError(t, s.Step(everything(1)))
		before := series(t, reg)
		b := known(bad)
		step := everything(2)
		step.Loss, step.LR, step.GradNorm, step.T, step.GTGSeconds, step.NonFinite = b, b, b, b, b, known(7)
		step.Clip = monitor.Clip{Policy: "norm", Factor: b, Threshold: b}
		step.Curvature = &monitor.Curvature{GTHG: b, Rayleigh: b, Rho: b, RhoLimit: b, LambdaMax: b, LambdaMin: b, Seconds: b}
		step.Successive = monitor.Successive{Cosine: b, Cosine2: b, Dot: b, Error: b}
		step.ParamGradNorms, step.UpdateNorms = []monitor.Number{b, b, b}, []monitor.Number{b, b, b}
		step.Action = monitor.ActionSkip
		require.NoError(t, s.Step(step))
		after := series(t, reg)
		for name, now := range map[string]string{"gtg_steps_total{}": "2", "gtg_global_step{}": "2", "gtg_nonfinite_gradients_total{}": "1",
			"gtg_nonfinite_losses_total{}": "1", `gtg_skipped_steps_total{reason="nonfinite"}`: "1"} {
			require.Equal(t, now, after[name], name)
			before[name] = now
		}
		delete(before, "gtg_last_step_timestamp_seconds{}")
		delete(after, "gtg_last_step_timestamp_seconds{}")
		require.Equal(t, before, after)
	}
}

func TestTheReasonsOfASkippedStep(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := started(t, reg, "r")
	for _, st := range []*monitor.Step{
		{Step: 1, Action: monitor.ActionSkip, NonFinite: known(1)},
		{Step: 2, Action: monitor.ActionSkip, Loss: known(math.NaN())},
		{Step: 3, Action: monitor.ActionSkip, GradNorm: known(math.Inf(1))},
		{Step: 4, Action: monitor.ActionSkip},
		{Step: 5, Action: monitor.ActionRollback},
		{Step: 6, Action: monitor.ActionStop},
		{Step: 7},
	} {
		require.NoError(t, s.Step(st))
	}
	got := series(t, reg)
	for reason, n := range map[string]string{"nonfinite": "3", "policy": "1", "rollback": "1", "stop": "1"} {
		require.Equal(t, n, got[`gtg_skipped_steps_total{reason="`+reason+`"}`], reason)
	}
}

func TestEvents(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := started(t, reg, "r")
	state := func(state monitor.State, firing, detections string) {
		t.Helper()
		require.NoError(t, s.Event(&monitor.Event{Kind: monitor.Cliff, State: state}))
		got := series(t, reg)
		require.Equal(t, firing, got[`gtg_detector_firing{detector="cliff"}`])
		require.Equal(t, detections, got[`gtg_detections_total{detector="cliff"}`])
	}
	state(monitor.Firing, "1", "1")
	state(monitor.Resolved, "0", "1")
	state(monitor.Instant, "0", "2")
	state(monitor.Firing, "1", "3")
	require.ErrorContains(t, s.Event(&monitor.Event{Kind: "new"}), `"new"`)
	require.NoError(t, s.Close(t.Context(), &monitor.End{}))
	require.Equal(t, "0", series(t, reg)[`gtg_detector_firing{detector="cliff"}`], "a run that is over fires nothing")
}

func TestLayersAreBounded(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := started(t, reg, "r", prom.WithLayers(2))
	require.NoError(t, s.Step(everything(1)))
	got := series(t, reg)
	require.Equal(t, "1", got[`gtg_layer_gradient_norm{layer="a"}`])
	require.Equal(t, "2", got[`gtg_layer_gradient_norm{layer="b"}`])
	n, err := testutil.GatherAndCount(reg, "gtg_layer_gradient_norm")
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.NoError(t, s.Step(&monitor.Step{Step: 2, ParamGradNorms: []monitor.Number{known(7)}}), "fewer than the run has")
	require.Equal(t, "7", series(t, reg)[`gtg_layer_gradient_norm{layer="a"}`])

	for _, n := range []int{-1, prom.MaxLayers + 1} {
		_, err := prom.New(reg, prom.WithLayers(n))
		require.ErrorContains(t, err, fmt.Sprintf("WithLayers(%d): want a number from 0 to 100", n))
	}
	_, err = prom.New(reg, prom.WithLayers(prom.MaxLayers))
	require.NoError(t, err)
}

func TestSeveralRunsInOneRegistry(t *testing.T) {
	reg := prometheus.NewRegistry()
	for name, r := range map[string]prometheus.Registerer{
		"plain":   reg,
		"wrapped": prometheus.WrapRegistererWith(prometheus.Labels{"job": "x"}, prometheus.NewRegistry()),
	} {
		a, b := started(t, r, name+"-a"), started(t, r, name+"-b", prom.WithRemoval())
		require.NoError(t, a.Step(everything(1)))
		require.NoError(t, b.Step(everything(2)))
		require.NoError(t, b.Step(everything(3)))
		if name != "plain" {
			continue
		}
		got := series(t, reg)
		require.Equal(t, "1", got[`gtg_steps_total{run="plain-a"}`])
		require.Equal(t, "2", got[`gtg_steps_total{run="plain-b"}`])
		require.NoError(t, a.Close(t.Context(), nil))
		require.NoError(t, b.Close(t.Context(), nil))
		got = series(t, reg)
		require.Equal(t, "1", got[`gtg_steps_total{run="plain-a"}`])
		for name := range got {
			require.NotContains(t, name, "plain-b", "removed")
		}
	}
}

func TestAStrangersMetricOfTheSameName(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "gtg_loss", Help: "Another."}))
	_, err := prom.New(reg)
	require.ErrorContains(t, err, "gtg_loss")
	_, err = prom.New(nil)
	require.ErrorContains(t, err, "no registry")
}

func TestDroppedReports(t *testing.T) {
	reg := prometheus.NewRegistry()
	lost := int64(3)
	s := started(t, reg, "r", prom.WithRemoval(), prom.WithDropped(func(yield func(string, int64)) {
		yield("runlog", lost)
		yield("zap", 1)
		yield("zap", 1)
	}))
	require.Equal(t, "3", series(t, reg)[`gtg_reports_dropped_total{sink="runlog"}`])
	lost = 5
	require.Equal(t, "5", series(t, reg)[`gtg_reports_dropped_total{sink="runlog"}`])
	require.Equal(t, "2", series(t, reg)[`gtg_reports_dropped_total{sink="zap"}`])
	require.NoError(t, s.Close(t.Context(), nil))
	require.Empty(t, series(t, reg))
}

// lossless has lost nothing so far.
func lossless(yield func(string, int64)) { yield("runlog", 0) }

func TestTheMetricsPassTheLinter(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s, err := prom.New(reg, prom.WithLayers(2), prom.WithDropped(lossless))
	require.NoError(t, err)
	require.NoError(t, s.Start(&monitor.Run{Name: "bad\xff\"name\n", Params: []monitor.Param{{Name: "\xfe"}}}))
	require.NoError(t, s.Step(everything(1)))
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
}

// The package's table names every metric there is, and no other.
func TestTheTableOfTheMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	s, err := prom.New(reg, prom.WithLayers(1), prom.WithDropped(lossless))
	require.NoError(t, err)
	require.NoError(t, s.Start(&monitor.Run{Params: []monitor.Param{{}}}))
	require.NoError(t, s.Step(everything(1)))
	require.NoError(t, s.Step(everything(2)))
	require.NoError(t, s.Close(t.Context(), &monitor.End{}))
	families, err := reg.Gather()
	require.NoError(t, err)
	var exported []string
	for _, f := range families {
		exported = append(exported, f.GetName())
	}
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	var documented []string
	for _, row := range regexp.MustCompile(`(?m)^//\t(gtg_\w+) `).FindAllStringSubmatch(string(doc), -1) {
		documented = append(documented, row[1])
	}
	require.ElementsMatch(t, documented, exported)
}

func TestAStepAllocatesNothing(t *testing.T) {
	s := started(t, prometheus.NewRegistry(), "r", prom.WithLayers(3))
	step := everything(1)
	require.NoError(t, s.Step(step))
	require.Zero(t, testing.AllocsPerRun(100, func() { step.Step++; _ = s.Step(step) }))
}

func TestCallsBeforeStart(t *testing.T) {
	s, err := prom.New(prometheus.NewRegistry(), prom.WithRemoval())
	require.NoError(t, err)
	require.Error(t, s.Step(&monitor.Step{}))
	require.Error(t, s.Event(&monitor.Event{}))
	require.NoError(t, s.Close(t.Context(), nil))
}

func BenchmarkStep(b *testing.B) {
	s, step := started(b, prometheus.NewRegistry(), "r"), everything(1)
	b.ReportAllocs()
	for b.Loop() {
		step.Step++
		_ = s.Step(step)
	}
}
