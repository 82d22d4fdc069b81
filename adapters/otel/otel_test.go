package otel_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/otlptranslator"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/seed-140d0f39/gtg/adapters/otel"
	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var known = monitor.Known

func run(name string) *monitor.Run {
	return &monitor.Run{Name: name, Framework: "f", Device: "cpu", Optimizer: &monitor.Optimizer{Kind: "sgd"},
		Started: time.Unix(1000, 0), Params: []monitor.Param{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
}

func started(t testing.TB, p metric.MeterProvider, name string, options ...otel.Option) *otel.Sink {
	t.Helper()
	s, err := otel.New(p, options...)
	require.NoError(t, err)
	require.NoError(t, s.Start(run(name)))
	return s
}

func everything(step int64) *monitor.Step {
	return &monitor.Step{Step: step, T: known(float64(step) / 4), Loss: known(2), LR: known(0.5), GradNorm: known(3),
		ParamGradNorms: []monitor.Number{known(1), known(2), {}}, NonFinite: known(0),
		Clip:   monitor.Clip{Policy: "norm", Clipped: true, Factor: known(0.5), Threshold: known(1.5)},
		Action: monitor.ActionStep,
		Curvature: &monitor.Curvature{GTHG: known(-4), Rayleigh: known(-0.25), Rho: known(-0.125), RhoLimit: known(3.8),
			LambdaMax: known(5), LambdaMin: known(-1), Seconds: known(0.125)}, GTGSeconds: known(0.001)}
}

func provider() (*sdk.MeterProvider, *sdk.ManualReader) {
	r := sdk.NewManualReader()
	return sdk.NewMeterProvider(sdk.WithReader(r)), r
}

// collected is what the reader gets: the value of each series, a histogram's
// count, by name and attributes but for run=r.
func collected(t testing.TB, r *sdk.ManualReader) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for _, m := range metrics(t, r) {
		put := func(set attribute.Set, v float64) {
			var attributes []string
			for _, kv := range set.ToSlice() {
				if a := string(kv.Key) + "=" + kv.Value.AsString(); a != "run=r" {
					attributes = append(attributes, a)
				}
			}
			require.False(t, math.IsNaN(v) || math.IsInf(v, 0), m.Name)
			all[strings.Join(append([]string{m.Name}, attributes...), " ")] = v
		}
		switch d := m.Data.(type) {
		case metricdata.Gauge[float64]:
			for _, p := range d.DataPoints {
				put(p.Attributes, p.Value)
			}
		case metricdata.Sum[int64]:
			require.True(t, d.IsMonotonic, m.Name)
			for _, p := range d.DataPoints {
				put(p.Attributes, float64(p.Value))
			}
		case metricdata.Histogram[float64]:
			for _, p := range d.DataPoints {
				put(p.Attributes, float64(p.Count))
				require.False(t, math.IsNaN(p.Sum) || math.IsInf(p.Sum, 0), m.Name)
			}
		default:
			t.Fatalf("%s is a %T", m.Name, d)
		}
	}
	return all
}

func metrics(t testing.TB, r *sdk.ManualReader) (all []metricdata.Metrics) {
	t.Helper()
	var rm metricdata.ResourceMetrics
	require.NoError(t, r.Collect(context.Background(), &rm))
	for _, s := range rm.ScopeMetrics {
		require.Equal(t, "github.com/seed-140d0f39/gtg/adapters/otel", s.Scope.Name)
		all = append(all, s.Metrics...)
	}
	return all
}

func TestAStep(t *testing.T) {
	p, r := provider()
	s := started(t, p, "r", otel.WithLayers(2))
	require.NoError(t, s.Step(everything(41)))
	require.NoError(t, s.Step(everything(42)))
	skip := everything(44)
	skip.Action = monitor.ActionSkip
	require.NoError(t, s.Step(skip))
	got := collected(t, r)
	for name, want := range map[string]float64{
		"gtg.run.info device=cpu framework=f optimizer=sgd": 1,
		"gtg.steps":                       3,
		"gtg.global_step":                 44,
		"gtg.loss":                        2,
		"gtg.learning_rate":               0.5,
		"gtg.gradient.norm":               3,
		"gtg.gradient.clipped_norm":       1.5,
		"gtg.gradient.squared_norm":       9,
		"gtg.gradient.curvature":          -4,
		"gtg.gradient.rayleigh_quotient":  -0.25,
		"gtg.rho":                         -0.125,
		"gtg.rho_limit":                   3.8,
		"gtg.lambda_max":                  5,
		"gtg.lambda_min":                  -1,
		"gtg.curvature.time_ratio":        1. / 3, // two measurements of 1/8 s in the 3/4 s since the first step
		"gtg.gradient.clip_ratio":         0.5,
		"gtg.gradient.clip_threshold":     1.5,
		"gtg.gradient.clips":              3,
		"gtg.skipped_steps reason=policy": 1,
		"gtg.last_step.timestamp":         1011,
		"gtg.step.gradient_norm":          3,
		"gtg.step.duration":               1,
		"gtg.monitor.duration":            3,
		"gtg.layer.gradient_norm layer=a": 1,
		"gtg.layer.gradient_norm layer=b": 2,
	} {
		v, ok := got[name]
		require.True(t, ok, name)
		require.InDelta(t, want, v, 1e-12, name)
	}
	require.NotContains(t, got, "gtg.layer.gradient_norm layer=c")
	require.NotContains(t, got, "gtg.run.end_timestamp")
}

// What is counted is there at 0 from the start; what is measured is not.
func TestTheSeriesOfARunThatHasNotStepped(t *testing.T) {
	p, r := provider()
	s := started(t, p, "r")
	want := map[string]float64{"gtg.run.info device=cpu framework=f optimizer=sgd": 1}
	for _, name := range []string{"gtg.steps", "gtg.gradient.clips", "gtg.nonfinite.gradients", "gtg.nonfinite.losses"} {
		want[name] = 0
	}
	for _, reason := range []string{"nonfinite", "policy", "rollback", "stop"} {
		want["gtg.skipped_steps reason="+reason] = 0
	}
	for _, k := range monitor.Kinds() {
		want["gtg.detections detector="+string(k)] = 0
		want["gtg.detector.firing detector="+string(k)] = 0
	}
	require.Equal(t, want, collected(t, r))
	require.NoError(t, s.Step(&monitor.Step{Step: 5}))
	got := collected(t, r)
	require.Equal(t, 5.0, got["gtg.global_step"])
	require.NotContains(t, got, "gtg.loss", "not measured")
}

// A value that is not finite is counted, and spoils neither gauge nor histogram.
func TestGaugesKeepTheLastFiniteValue(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		p, r := provider()
		s := started(t, p, "r", otel.WithLayers(3))
		require.NoError(t, s.Step(everything(1)))
		want := collected(t, r)
		b := known(bad)
		step := everything(2)
		step.Loss, step.LR, step.GradNorm, step.T, step.GTGSeconds, step.NonFinite = b, b, b, b, b, known(7)
		step.Clip = monitor.Clip{Policy: "norm", Factor: b, Threshold: b, NormAfter: b}
		step.Curvature = &monitor.Curvature{GTHG: b, Rayleigh: b, Rho: b, RhoLimit: b, LambdaMax: b, LambdaMin: b, Seconds: b}
		step.ParamGradNorms = []monitor.Number{b, b, b}
		step.Action = monitor.ActionSkip
		require.NoError(t, s.Step(step))
		got := collected(t, r)
		for name, now := range map[string]float64{"gtg.steps": 2, "gtg.global_step": 2, "gtg.nonfinite.gradients": 1,
			"gtg.nonfinite.losses": 1, "gtg.skipped_steps reason=nonfinite": 1} {
			require.Equal(t, now, got[name], name)
			want[name] = now
		}
		delete(got, "gtg.last_step.timestamp") // now, since the step says no time
		delete(want, "gtg.last_step.timestamp")
		require.Equal(t, want, got)
	}
}

func TestEvents(t *testing.T) {
	p, r := provider()
	s := started(t, p, "r")
	send := func(state monitor.State) error {
		return s.Event(&monitor.Event{Kind: monitor.Cliff, State: state, Severity: monitor.Warning})
	}
	require.NoError(t, send(monitor.Firing))
	got := collected(t, r)
	require.Equal(t, 1.0, got["gtg.detector.firing detector=cliff"])
	require.NoError(t, send(monitor.Resolved))
	require.NoError(t, send(monitor.Firing))
	require.NoError(t, send(monitor.Resolved))
	require.NoError(t, send(monitor.Instant))
	got = collected(t, r)
	require.Zero(t, got["gtg.detector.firing detector=cliff"])
	require.Equal(t, 3.0, got["gtg.detections detector=cliff"])
	require.Equal(t, 2.0, got["gtg.events detector=cliff severity=warning state=firing"])
	require.Equal(t, 2.0, got["gtg.events detector=cliff severity=warning state=resolved"])
	require.Equal(t, 1.0, got["gtg.events detector=cliff severity=warning state=instant"])

	before := len(got)
	require.ErrorContains(t, s.Event(&monitor.Event{Kind: "odd", State: monitor.Firing}), `unknown kind "odd"`)
	require.ErrorContains(t, s.Event(&monitor.Event{Kind: monitor.Cliff, State: "odd"}), `state "odd"`)
	require.ErrorContains(t, s.Event(&monitor.Event{Kind: monitor.Cliff, State: monitor.Firing, Severity: "odd"}), `severity "odd"`)
	require.Len(t, collected(t, r), before, "attributes are a closed set")
}

// Runs share a provider. One that is closed leaves its counters, and its gauges go.
func TestRunsInOneProvider(t *testing.T) {
	p, r := provider()
	a, b := started(t, p, "a"), started(t, p, "b\xff")
	require.NoError(t, a.Step(everything(1)))
	require.NoError(t, b.Step(everything(7)))
	require.NoError(t, a.Event(&monitor.Event{Kind: monitor.Cliff, State: monitor.Firing, Severity: monitor.Warning}))
	got := collected(t, r)
	require.Equal(t, 1.0, got["gtg.global_step run=a"])
	require.Equal(t, 7.0, got["gtg.global_step run=b\uFFFD"])
	require.NoError(t, a.Close(t.Context(), &monitor.End{}))
	got = collected(t, r)
	require.NotContains(t, got, "gtg.global_step run=a")
	require.NotContains(t, got, "gtg.detector.firing detector=cliff run=a")
	require.Equal(t, 1.0, got["gtg.steps run=a"])
	require.Equal(t, 7.0, got["gtg.global_step run=b\uFFFD"])
	require.NoError(t, b.Close(t.Context(), &monitor.End{}))
}

// Prometheus stores what it gets by OTLP under the names that package prom has:
// its own library for these names says so.
func TestThePrometheusNames(t *testing.T) {
	reg := prometheus.NewRegistry()
	ps, err := prom.New(reg, prom.WithLayers(3))
	require.NoError(t, err)
	require.NoError(t, ps.Start(run("r")))
	require.NoError(t, ps.Step(everything(1)))
	require.NoError(t, ps.Step(everything(2)))
	require.NoError(t, ps.Close(t.Context(), nil))
	families, err := reg.Gather()
	require.NoError(t, err)
	var want []string
	for _, f := range families {
		want = append(want, f.GetName())
	}

	p, r := provider()
	s := started(t, p, "r", otel.WithLayers(3))
	require.NoError(t, s.Step(everything(1)))
	require.NoError(t, s.Step(everything(2)))
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	var got []string
	for _, m := range metrics(t, r) {
		var kind otlptranslator.MetricType = otlptranslator.MetricTypeGauge
		switch m.Data.(type) {
		case metricdata.Sum[int64]:
			kind = otlptranslator.MetricTypeMonotonicCounter
		case metricdata.Histogram[float64]:
			kind = otlptranslator.MetricTypeHistogram
		}
		name, err := namer.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: kind})
		require.NoError(t, err)
		got = append(got, name)
	}
	end, err := namer.Build(otlptranslator.Metric{Name: "gtg.run.end_timestamp", Unit: "s", Type: otlptranslator.MetricTypeGauge})
	require.NoError(t, err)
	require.ElementsMatch(t, want, append(got, end))
}

func TestAttributesDoNotGrow(t *testing.T) {
	p, r := provider()
	s := started(t, p, "r", otel.WithLayers(otel.MaxLayers))
	series := func() int { return len(collected(t, r)) }
	add := func(from, to int64) {
		for i := from; i < to; i++ {
			require.NoError(t, s.Step(everything(i)))
			require.NoError(t, s.Event(&monitor.Event{Step: i, Kind: monitor.Dead, State: monitor.Firing, Severity: monitor.Warning,
				Param: fmt.Sprint("layer", i)}))
		}
	}
	add(1, 10)
	before := series()
	add(10, 500)
	require.Equal(t, before, series())
}

func TestItIsRefused(t *testing.T) {
	for text, f := range map[string]func() (*otel.Sink, error){
		"no meter provider": func() (*otel.Sink, error) { return otel.New(nil) },
		"no meter provide":  func() (*otel.Sink, error) { return otel.New((*sdk.MeterProvider)(nil)) },
		"an option is nil":  func() (*otel.Sink, error) { return otel.New(noop.NewMeterProvider(), nil) },
		"WithLayers(101)":   func() (*otel.Sink, error) { return otel.New(noop.NewMeterProvider(), otel.WithLayers(101)) },
		"WithLayers(-1)":    func() (*otel.Sink, error) { return otel.New(noop.NewMeterProvider(), otel.WithLayers(-1)) },
	} {
		_, err := f()
		require.ErrorContains(t, err, text)
	}
	s, err := otel.New(noop.NewMeterProvider())
	require.NoError(t, err)
	require.ErrorContains(t, s.Step(everything(1)), "before Start")
	require.NoError(t, s.Close(t.Context(), nil), "never started")
	s = started(t, noop.NewMeterProvider(), "r")
	require.ErrorContains(t, s.Start(run("r")), "a second time")
	require.NoError(t, s.Step(everything(1)))
	require.NoError(t, s.Close(t.Context(), nil))
}

func BenchmarkStep(b *testing.B) {
	p, _ := provider()
	s := started(b, p, "r")
	step := everything(1)
	b.ReportAllocs()
	for b.Loop() {
		_ = s.Step(step)
	}
}
