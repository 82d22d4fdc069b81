package otel

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Export returns a sink with a meter provider of its own that exports OTLP
// over HTTP, as protobuf. The environment says where and how often, by the
// variables of the OpenTelemetry specification:
//
//	OTEL_EXPORTER_OTLP_ENDPOINT, …_METRICS_ENDPOINT    the collector; http://localhost:4318
//	OTEL_EXPORTER_OTLP_HEADERS, …_CERTIFICATE, …       credentials, certificates
//	OTEL_METRIC_EXPORT_INTERVAL, …_EXPORT_TIMEOUT      milliseconds between exports and for one of them; 60000, 30000
//	OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES        who this is
//
// The collector need not be there. An export that fails is said by the sink's next
// call, and nothing is lost by it but the time's resolution: counters go on. [Sink.Close]
// exports the last values.
//
// An address that is not one is an error, as it never is to OpenTelemetry, which would
// take the default instead.
func Export(ctx context.Context, options ...Option) (*Sink, error) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"} {
		if u, err := url.Parse(os.Getenv(name)); os.Getenv(name) != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			return nil, fmt.Errorf("otel: %s, not shown since it may hold a secret, is not of the form http://host:port", name)
		}
	}
	exporter, err := otlpmetrichttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("otel: %w", redacted(err))
	}
	f := &faults{Exporter: exporter}
	provider := sdk.NewMeterProvider(sdk.WithReader(sdk.NewPeriodicReader(f)))
	s, err := New(provider, options...)
	if err != nil {
		return nil, errors.Join(err, provider.Shutdown(ctx))
	}
	s.shutdown, s.faults = provider.Shutdown, f
	return s, nil
}

// faults is an exporter whose errors the sink says, instead of OpenTelemetry's
// global handler, which prints them.
type faults struct {
	sdk.Exporter

	mu   sync.Mutex
	last error
}

func (f *faults) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	// One that a Close cuts short is followed by the last.
	if err := f.Exporter.Export(ctx, m); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		f.mu.Lock()
		f.last = fmt.Errorf("otel: an export failed: %w", redacted(err))
		f.mu.Unlock()
	}
	return nil
}

// take returns the last error since the last call.
func (f *faults) take() error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.last
	f.last = nil
	return err
}

var address = regexp.MustCompile(`https?://[^\s"]*`)

// redacted is the error without what may be a secret: of addresses the scheme and
// the host are left, and a server may repeat the headers.
func redacted(err error) error {
	if err == nil {
		return nil
	}
	text := address.ReplaceAllStringFunc(err.Error(), func(a string) string {
		u, err := url.Parse(a)
		if err != nil {
			return "[redacted]"
		}
		return u.Scheme + "://" + u.Host
	})
	for _, name := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"} {
		for header := range strings.SplitSeq(os.Getenv(name), ",") {
			_, value, _ := strings.Cut(header, "=")
			if plain, err := url.PathUnescape(strings.TrimSpace(value)); err == nil {
				value = plain
			}
			for part := range strings.FieldsSeq(value) { // Bearer ...
				if len(part) >= 6 {
					text = strings.ReplaceAll(text, part, "[redacted]")
				}
			}
		}
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}
