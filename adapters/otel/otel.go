package otel

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/seed-140d0f39/gtg/adapters/internal/derive"
	"github.com/seed-140d0f39/gtg/monitor"
)

// MaxLayers is how many parameters can have a series of their own.
const MaxLayers = 100

// An Option changes what a [Sink] exports.
type Option func(*Sink)

// WithLayers exports gtg.layer.gradient_norm for the first n parameters of the
// run, at most [MaxLayers]. The default is none.
func WithLayers(n int) Option { return func(s *Sink) { s.layerLimit = n } }

// Sink exports one run. It is a [monitor.Sink].
type Sink struct {
	provider   metric.MeterProvider
	shutdown   func(context.Context) error // of the provider, where it is the sink's own
	faults     *faults                     // of the sink's own exporter
	in         *instruments
	layerLimit int

	course     *derive.Course
	run        []metric.AddOption
	record     []metric.RecordOption
	skipped    map[string][]metric.AddOption
	detections map[monitor.Kind][]metric.AddOption
	callback   metric.Registration

	mu     sync.Mutex // the provider reads these when it collects
	gauges [gauges]gauge
	firing map[monitor.Kind]*gauge
	layers []gauge
}

var _ monitor.Sink = (*Sink)(nil)

// New returns a sink that exports through the provider, which stays the caller's
// to shut down. A nil provider, and one that refuses gtg's instruments, is an error.
func New(provider metric.MeterProvider, options ...Option) (*Sink, error) {
	if provider == nil || reflect.ValueOf(provider).Kind() == reflect.Pointer && reflect.ValueOf(provider).IsNil() {
		return nil, errors.New("otel: no meter provider: pass one of your own, otel.GetMeterProvider(), or use Export")
	}
	s := &Sink{provider: provider}
	for _, o := range options {
		if o == nil {
			return nil, errors.New("otel: an option is nil")
		}
		o(s)
	}
	if s.layerLimit < 0 || s.layerLimit > MaxLayers {
		return nil, fmt.Errorf("otel: WithLayers(%d): want a number from 0 to %d", s.layerLimit, MaxLayers)
	}
	var err error
	if s.in, err = newInstruments(provider); err != nil {
		return nil, fmt.Errorf("otel: the meter provider refuses gtg's instruments: %w", err)
	}
	return s, nil
}

// Start makes the series of the run.
func (s *Sink) Start(r *monitor.Run) error {
	if s.course != nil {
		return errors.New("otel: Start a second time: a sink serves one run")
	}
	s.course = derive.New(r.Started)
	run := attribute.String("run", clean(r.Name))
	with := func(more ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append([]attribute.KeyValue{run}, more...)...))
	}
	own := with()
	s.run, s.record = []metric.AddOption{own}, []metric.RecordOption{own}
	for _, c := range []metric.Int64Counter{s.in.steps, s.in.clips, s.in.nonfiniteGradients, s.in.nonfiniteLosses} {
		c.Add(context.Background(), 0, s.run...)
	}
	s.skipped = map[string][]metric.AddOption{}
	for _, reason := range derive.Reasons() {
		s.skipped[reason] = []metric.AddOption{with(attribute.String("reason", reason))}
		s.in.skipped.Add(context.Background(), 0, s.skipped[reason]...)
	}
	s.detections, s.firing = map[monitor.Kind][]metric.AddOption{}, map[monitor.Kind]*gauge{}
	for _, k := range monitor.Kinds() {
		detector := with(attribute.String("detector", string(k)))
		s.detections[k], s.firing[k] = []metric.AddOption{detector}, newGauge(detector)
		s.firing[k].set(monitor.Known(0))
		s.in.detections.Add(context.Background(), 0, s.detections[k]...)
	}
	for i := range s.gauges {
		s.gauges[i] = *newGauge(own)
	}
	for _, p := range r.Params[:min(len(r.Params), s.layerLimit)] {
		s.layers = append(s.layers, *newGauge(with(attribute.String("layer", clean(p.Name)))))
	}
	optimizer := ""
	if r.Optimizer != nil {
		optimizer = r.Optimizer.Kind
	}
	s.gauges[info] = *newGauge(with(attribute.String("framework", clean(r.Framework)),
		attribute.String("device", clean(r.Device)), attribute.String("optimizer", clean(optimizer))))
	s.gauges[info].set(monitor.Known(1))
	var all []metric.Observable
	for _, g := range s.in.gauges {
		all = append(all, g)
	}
	var err error
	s.callback, err = s.in.meter.RegisterCallback(s.observe, all...)
	return err
}

// Step brings the series up to date, and says what went wrong with exports since the
// last call.
func (s *Sink) Step(st *monitor.Step) error {
	if s.course == nil {
		return errors.New("otel: Step before Start")
	}
	ctx := context.Background()
	d := s.course.Step(st)
	s.gaugesOf(st, &d)
	s.in.steps.Add(ctx, 1, s.run...)
	if g, ok := st.GradNorm.Finite(); ok {
		s.in.gradientNorm.Record(ctx, g, s.record...)
	}
	if t, ok := d.Duration.Finite(); ok {
		s.in.duration.Record(ctx, t, s.record...)
	}
	if cost, ok := st.GTGSeconds.Finite(); ok && cost >= 0 {
		s.in.overhead.Record(ctx, cost, s.record...)
	}
	if st.Clip.Clipped {
		s.in.clips.Add(ctx, 1, s.run...)
	}
	if d.BadGradient {
		s.in.nonfiniteGradients.Add(ctx, 1, s.run...)
	}
	if d.BadLoss {
		s.in.nonfiniteLosses.Add(ctx, 1, s.run...)
	}
	if d.Skipped != "" {
		s.in.skipped.Add(ctx, 1, s.skipped[d.Skipped]...)
	}
	return s.faults.take()
}

// Event counts what a detector found. An event of an unknown kind, state or
// severity is an error: each would be a series of its own.
func (s *Sink) Event(e *monitor.Event) error {
	if s.detections[e.Kind] == nil {
		return fmt.Errorf("otel: event of unknown kind %q", e.Kind)
	}
	switch e.State {
	case monitor.Firing, monitor.Instant, monitor.Resolved:
	default:
		return fmt.Errorf("otel: event %s in unknown state %q", e.Kind, e.State)
	}
	switch e.Severity {
	case monitor.Info, monitor.Warning, monitor.Critical, "":
	default:
		return fmt.Errorf("otel: event %s of unknown severity %q", e.Kind, e.Severity)
	}
	ctx := context.Background()
	s.in.events.Add(ctx, 1, s.detections[e.Kind][0], metric.WithAttributes(
		attribute.String("state", string(e.State)), attribute.String("severity", string(e.Severity))))
	if e.State != monitor.Resolved {
		s.in.detections.Add(ctx, 1, s.detections[e.Kind]...)
	}
	if e.State != monitor.Instant {
		s.fire(e.Kind, e.State == monitor.Firing)
	}
	return nil
}

// Close says that the run is over, has the provider export the last values before the
// context ends, and takes the run's gauges out of it. A sink of [Export] shuts
// its provider down.
func (s *Sink) Close(ctx context.Context, _ *monitor.End) error {
	flush := s.shutdown
	if p, ok := s.provider.(interface{ ForceFlush(context.Context) error }); ok && flush == nil && s.callback != nil {
		flush = p.ForceFlush
	}
	if s.callback != nil {
		s.end()
	}
	if flush == nil {
		flush = func(context.Context) error { return nil }
	}
	err := redacted(errors.Join(flush(ctx), s.faults.take()))
	if err != nil {
		err = fmt.Errorf("otel: the last values: %w", err)
	}
	if s.callback != nil {
		err = errors.Join(err, s.callback.Unregister())
	}
	s.shutdown, s.callback = nil, nil
	return err
}

// clean makes an attribute of any text: a Go string may hold what is not UTF-8.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
