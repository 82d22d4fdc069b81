package prom

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-140d0f39/gtg/adapters/internal/derive"
	"github.com/seed-140d0f39/gtg/monitor"
)

// MaxLayers is how many parameters can have a series of their own. Every series
// costs memory in the Prometheus server for as long as it keeps its data.
const MaxLayers = 100

// An Option changes what a [Sink] exports.
type Option func(*Sink)

// WithLayers exports gtg_layer_gradient_norm for the first n parameters of the
// run, at most [MaxLayers]. The default is none.
func WithLayers(n int) Option { return func(s *Sink) { s.layerLimit = n } }

// WithRemoval removes the run's series at Close.
func WithRemoval() Option { return func(s *Sink) { s.removal = true } }

// WithDropped exports gtg_reports_dropped_total: dropped yields each sink of
// the run and how many records it has lost so far. It is asked at every
// scrape, from any goroutine.
func WithDropped(dropped func(yield func(sink string, records int64))) Option {
	return func(s *Sink) { s.dropped = dropped }
}

// Sink exports one run. It is a [monitor.Sink].
type Sink struct {
	metrics    *metrics
	layerLimit int
	removal    bool
	dropped    dropped

	run           string
	course        *derive.Course
	steps         prometheus.Counter
	clips         prometheus.Counter
	nonGradients  prometheus.Counter
	nonLosses     prometheus.Counter
	skipped       map[string]prometheus.Counter
	detections    map[monitor.Kind]prometheus.Counter
	firing        map[monitor.Kind]prometheus.Gauge
	normHistogram prometheus.Observer
	duration      prometheus.Observer
	overhead      prometheus.Observer
	gauges        [gauges]gauge
	layers        []gauge
}

var _ monitor.Sink = (*Sink)(nil)

// The gauges that appear with their first value.
const (
	globalStep = iota
	timestamp
	loss
	learningRate
	norm
	clippedNorm
	squaredNorm
	cosine
	cosine2
	dot
	curvature
	rayleigh
	rho
	rhoLimit
	lambdaMax
	lambdaMin
	curvatureTime
	updateRatio
	clipRatio
	clipThreshold
	gauges
)

// New returns a sink that exports to the registry. Sinks of one registry share
// their metrics. Metrics of the same names that are not gtg's are an error.
func New(reg prometheus.Registerer, options ...Option) (*Sink, error) {
	if reg == nil {
		return nil, errors.New("prom: no registry: pass prometheus.DefaultRegisterer or prometheus.NewRegistry()")
	}
	s := &Sink{metrics: newMetrics()}
	for _, o := range options {
		o(s)
	}
	if s.layerLimit < 0 || s.layerLimit > MaxLayers {
		return nil, fmt.Errorf("prom: WithLayers(%d): want a number from 0 to %d", s.layerLimit, MaxLayers)
	}
	if err := reg.Register(s.metrics); err != nil {
		var already prometheus.AlreadyRegisteredError
		shared := false
		if errors.As(err, &already) {
			s.metrics, shared = already.ExistingCollector.(*metrics)
		}
		if !shared {
			return nil, fmt.Errorf("prom: the registry refuses gtg's metrics: %w", err)
		}
	}
	return s, nil
}

// Start makes the series of the run.
func (s *Sink) Start(r *monitor.Run) error {
	m := s.metrics
	s.run, s.course = clean(r.Name), derive.New(r.Started)
	s.steps = m.steps.WithLabelValues(s.run)
	s.clips = m.clips.WithLabelValues(s.run)
	s.nonGradients = m.nonfiniteGradients.WithLabelValues(s.run)
	s.nonLosses = m.nonfiniteLosses.WithLabelValues(s.run)
	s.skipped = map[string]prometheus.Counter{}
	for _, reason := range derive.Reasons() {
		s.skipped[reason] = m.skipped.WithLabelValues(s.run, reason)
	}
	s.detections, s.firing = map[monitor.Kind]prometheus.Counter{}, map[monitor.Kind]prometheus.Gauge{}
	for _, k := range monitor.Kinds() {
		s.detections[k] = m.detections.WithLabelValues(s.run, string(k))
		s.firing[k] = m.firing.WithLabelValues(s.run, string(k))
		s.firing[k].Set(0)
	}
	s.normHistogram = m.normHistogram.WithLabelValues(s.run)
	s.duration = m.duration.WithLabelValues(s.run)
	s.overhead = m.overhead.WithLabelValues(s.run)
	m.end.DeleteLabelValues(s.run) // of an earlier run of that name
	for i, vec := range [gauges]*prometheus.GaugeVec{m.step, m.timestamp, m.loss, m.lr, m.norm, m.clippedNorm, m.squaredNorm,
		m.cosine, m.cosine2, m.dot, m.curvature, m.rayleigh, m.rho, m.rhoLimit, m.lambdaMax, m.lambdaMin, m.curvatureTime, m.updateRatio, m.clipRatio, m.clipThreshold} {
		s.gauges[i] = gauge{vec: vec, labels: []string{s.run}}
	}
	s.layers = nil
	for _, p := range r.Params[:min(len(r.Params), s.layerLimit)] {
		s.layers = append(s.layers, gauge{vec: m.layers, labels: []string{s.run, clean(p.Name)}})
	}
	optimizer := ""
	if r.Optimizer != nil {
		optimizer = r.Optimizer.Kind
	}
	m.info.WithLabelValues(s.run, clean(r.Framework), clean(r.Device), clean(optimizer)).Set(1)
	if s.dropped != nil {
		m.mu.Lock()
		m.drops[s.run] = s.dropped
		m.mu.Unlock()
	}
	return nil
}

// curvature brings the gauges of what was measured up to date.
func (s *Sink) curvature(c *monitor.Curvature) {
	if c == nil {
		return
	}
	s.gauges[curvature].setNumber(c.GTHG)
	s.gauges[rayleigh].setNumber(c.Rayleigh)
	s.gauges[rho].setNumber(c.Rho)
	s.gauges[rhoLimit].setNumber(c.RhoLimit)
	s.gauges[lambdaMax].setNumber(c.LambdaMax)
	s.gauges[lambdaMin].setNumber(c.LambdaMin)
}

// Step brings the series up to date.
func (s *Sink) Step(st *monitor.Step) error {
	if s.steps == nil {
		return errors.New("prom: Step before Start")
	}
	d := s.course.Step(st)
	s.steps.Inc()
	s.gauges[globalStep].set(float64(st.Step))
	s.gauges[timestamp].set(d.Time)
	s.gauges[loss].setNumber(st.Loss)
	s.gauges[learningRate].setNumber(st.LR)
	s.gauges[norm].setNumber(st.GradNorm)
	s.gauges[squaredNorm].setNumber(d.Squared)
	s.gauges[clipThreshold].setNumber(st.Clip.Threshold)
	s.gauges[clipRatio].setNumber(d.ClipRatio)
	s.gauges[clippedNorm].setNumber(d.ClippedNorm)
	s.gauges[curvatureTime].setNumber(d.CurvatureTime)
	s.gauges[updateRatio].setNumber(d.UpdateRatio)
	s.gauges[cosine].setNumber(st.Successive.Cosine)
	s.gauges[cosine2].setNumber(st.Successive.Cosine2)
	s.gauges[dot].setNumber(st.Successive.Dot)
	s.curvature(st.Curvature)
	observe(s.normHistogram, st.GradNorm)
	observe(s.duration, d.Duration)
	if cost, ok := st.GTGSeconds.Finite(); ok && cost >= 0 {
		s.overhead.Observe(cost)
	}
	if st.Clip.Clipped {
		s.clips.Inc()
	}
	if d.BadGradient {
		s.nonGradients.Inc()
	}
	if d.BadLoss {
		s.nonLosses.Inc()
	}
	if d.Skipped != "" {
		s.skipped[d.Skipped].Inc()
	}
	for i := range s.layers[:min(len(s.layers), len(st.ParamGradNorms))] {
		s.layers[i].setNumber(st.ParamGradNorms[i])
	}
	return nil
}

// Event counts what a detector found.
func (s *Sink) Event(e *monitor.Event) error {
	detections, firing := s.detections[e.Kind], s.firing[e.Kind]
	switch {
	case detections == nil: // a label of its own would break the closed set
		return fmt.Errorf("prom: event of unknown kind %q", e.Kind)
	case e.State == monitor.Resolved:
		firing.Set(0)
		return nil
	case e.State == monitor.Firing:
		firing.Set(1)
	}
	detections.Inc()
	return nil
}

// Close says that the run is over and leaves the series as they are but for the
// detectors, which fire no more, or removes them all (see [WithRemoval]).
func (s *Sink) Close(context.Context, *monitor.End) error {
	for _, firing := range s.firing {
		firing.Set(0)
	}
	switch {
	case s.steps == nil: // never started
	case s.removal:
		s.metrics.remove(s.run)
	default:
		s.metrics.end.WithLabelValues(s.run).SetToCurrentTime()
	}
	return nil
}

// gauge is a child that is made with its first finite value.
type gauge struct {
	vec    *prometheus.GaugeVec
	labels []string
	child  prometheus.Gauge
}

func (g *gauge) set(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	if g.child == nil {
		g.child = g.vec.WithLabelValues(g.labels...)
	}
	g.child.Set(v)
}

func (g *gauge) setNumber(n monitor.Number) {
	if v, ok := n.Finite(); ok {
		g.set(v)
	}
}

// observe adds a value that is finite.
func observe(to prometheus.Observer, n monitor.Number) {
	if v, ok := n.Finite(); ok {
		to.Observe(v)
	}
}

// clean makes a label value of any text: a Go string may hold what is not UTF-8.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
