package otel_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/seed-140d0f39/gtg/adapters/otel"
	"github.com/seed-140d0f39/gtg/internal/delivery"
	"github.com/seed-140d0f39/gtg/monitor"
)

// receiver is an OTLP/HTTP receiver that keeps the last value of what it gets.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	sick     http.HandlerFunc
	requests int
	values   map[string]float64 // of sums and gauges, by name; of several series one
	resource map[string]string
}

func receive(t *testing.T) *receiver {
	r := &receiver{values: map[string]float64{}, resource: map[string]string{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
	t.Setenv("OTEL_SERVICE_NAME", "training")
	return r
}

func (r *receiver) set(sick http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sick = sick
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	sick := r.sick
	r.requests++
	r.mu.Unlock()
	if sick != nil {
		sick(w, req)
		return
	}
	var in io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		in, _ = gzip.NewReader(req.Body)
	}
	body, err := io.ReadAll(in)
	var message collector.ExportMetricsServiceRequest
	if err != nil || req.URL.Path != "/v1/metrics" || req.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(body, &message) != nil {
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rm := range message.ResourceMetrics {
		for _, kv := range rm.Resource.Attributes {
			r.resource[kv.Key] = kv.Value.GetStringValue()
		}
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				for _, p := range append(m.GetSum().GetDataPoints(), m.GetGauge().GetDataPoints()...) {
					r.values[m.Name] = p.GetAsDouble() + float64(p.GetAsInt())
				}
			}
		}
	}
}

func (r *receiver) value(name string) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.values[name]
}

func (r *receiver) asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

func exporting(t *testing.T) *otel.Sink {
	t.Helper()
	s, err := otel.Export(t.Context())
	require.NoError(t, err)
	return s
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t *testing.T, f func() bool, what string) {
	t.Helper()
	require.Eventually(t, f, time.Minute, 5*time.Millisecond, what)
}

func TestACollectorGetsTheRun(t *testing.T) {
	r := receive(t)
	s := exporting(t)
	require.NoError(t, s.Start(run("r")))
	require.NoError(t, s.Step(everything(7)))
	eventually(t, func() bool { return r.value("gtg.global_step") == 7 }, "by itself")
	require.NoError(t, s.Step(everything(8)))
	require.NoError(t, s.Close(within(t, time.Minute), &monitor.End{}))
	require.Equal(t, 8.0, r.value("gtg.global_step"), "the last values")
	require.Equal(t, 2.0, r.value("gtg.steps"))
	require.NotZero(t, r.value("gtg.run.end_timestamp"))
	require.Equal(t, "training", r.resource["service.name"])
	before := r.asked()
	require.NoError(t, s.Close(t.Context(), nil), "a second Close does nothing")
	require.Equal(t, before, r.asked())
}

// A collector that is sick costs the run nothing and is said, and gets the whole when
// it is well.
func TestASickCollector(t *testing.T) {
	t.Setenv("OTEL_METRIC_EXPORT_TIMEOUT", "200")
	for name, sick := range map[string]http.HandlerFunc{
		"503":   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "busy", http.StatusServiceUnavailable) },
		"400":   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "what?", http.StatusBadRequest) },
		"hangs": hang,
		"gone":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			r := receive(t)
			r.set(sick)
			s := exporting(t)
			h := delivery.New([]delivery.Named{{Name: "otel", Sink: s}})
			h.Start(run("r"))
			step := int64(0)
			next := func() { step++; h.Step(everything(step)) }
			next()
			eventually(t, func() bool { return r.asked() > 0 }, "it tries")
			eventually(t, func() bool { next(); return h.Stats()[0].Errors > 0 }, "it says so")
			require.ErrorContains(t, h.Stats()[0].FirstError, "otel: an export failed")
			r.set(nil)
			eventually(t, func() bool { return r.value("gtg.steps") > 0 }, "it comes back")
			report := h.Close(within(t, time.Minute), &monitor.End{})
			require.Equal(t, float64(step), r.value("gtg.steps"))
			require.Zero(t, report[0].Dropped)
		})
	}
}

// hang answers nothing for as long as the client waits.
func hang(_ http.ResponseWriter, req *http.Request) {
	_, _ = io.Copy(io.Discard, req.Body)
	<-req.Context().Done()
}

// Close keeps to its context whatever the collector does.
func TestCloseDoesNotWaitForACollectorThatHangs(t *testing.T) {
	r := receive(t)
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
	r.set(hang)
	s := exporting(t)
	require.NoError(t, s.Start(run("r")))
	require.NoError(t, s.Step(everything(1)))
	err := s.Close(within(t, 200*time.Millisecond), &monitor.End{})
	require.ErrorContains(t, err, "otel: the last values")
	require.ErrorContains(t, err, "deadline")
	require.Equal(t, 1, r.asked())
}

// A provider of the caller's is not shut down.
func TestACallersProviderIsFlushed(t *testing.T) {
	p, r := provider()
	s := started(t, p, "r")
	require.NoError(t, s.Step(everything(1)))
	require.NoError(t, s.Close(t.Context(), nil))
	require.NotEmpty(t, collected(t, r), "it goes on")
	require.NoError(t, p.Shutdown(t.Context()))
}

// No error holds what the address or the headers hold.
func TestSecretsAreInNoError(t *testing.T) {
	r := receive(t)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cr3t-t0k3n,x=s3cr3tX")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
	repeats := func(w http.ResponseWriter, req *http.Request) {
		http.Error(w, "who is "+req.Header.Get("Authorization")+" of "+req.Header.Get("X")+"?", http.StatusUnauthorized)
	}
	r.set(repeats)
	for address, says := range map[string]string{
		r.URL + "/s3cr3t-path":                    "401",
		"http://user:s3cr3tW@127.0.0.1:1/s3cr3t":  "refused",
		"http://user:s3cr3tW@127.0.0.1:1/s3cr3t%": "",
		"s3cr3t://x": "",
	} {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
		t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2000")
		s, err := otel.Export(t.Context())
		if err == nil {
			require.NoError(t, s.Start(run("r")))
			err = s.Close(within(t, 500*time.Millisecond), nil)
		}
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "s3cr3t", address)
	}
}
