package otel_test

import (
	"context"
	"fmt"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/seed-140d0f39/gtg/adapters/otel"
	"github.com/seed-140d0f39/gtg/monitor"
)

// A program's own meter provider exports the run beside whatever else it measures.
// The sink is plugged in with hooks.WithSink("otel", sink).
func ExampleNew() {
	reader := sdk.NewManualReader() // in a program: sdk.NewPeriodicReader(exporter)
	provider := sdk.NewMeterProvider(sdk.WithReader(reader))
	sink, err := otel.New(provider)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = sink.Start(&monitor.Run{Name: "night"})
	_ = sink.Step(&monitor.Step{Step: 1, Loss: monitor.Known(0.25)})

	var all metricdata.ResourceMetrics
	_ = reader.Collect(context.Background(), &all)
	for _, m := range all.ScopeMetrics[0].Metrics {
		if m.Name == "gtg.loss" {
			p := m.Data.(metricdata.Gauge[float64]).DataPoints[0]
			run, _ := p.Attributes.Value("run")
			fmt.Println(m.Name, run.AsString(), p.Value)
		}
	}
	_ = sink.Close(context.Background(), nil)
	// Output: gtg.loss night 0.25
}

// Without a meter provider, OTLP over HTTP goes where the environment says, such as
// OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318.
func ExampleExport() {
	sink, err := otel.Export(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	// guard, err := hooks.Attach(opt, hooks.WithSink("otel", sink))
	// ... and Guard.Close closes the sink:
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = sink.Close(ctx, nil)
}

// The norms of the first layers' gradients, a series for each.
func ExampleWithLayers() {
	_, err := otel.New(sdk.NewMeterProvider(), otel.WithLayers(1000))
	fmt.Println(err)
	// Output: otel: WithLayers(1000): want a number from 0 to 100
}
