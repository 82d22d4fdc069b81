package prom

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
	started       time.Time
	lastStep      int64
	lastT         float64
	lastTKnown    bool
	elapsed       float64 // from one step to the next, where both have a time
	curvatureTime float64 // what curvature cost in it
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

// The reasons of a skipped step.
const (
	nonfinite = "nonfinite"
	policy    = "policy"
	rollback  = "rollback"
	stop      = "stop"
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
	s.run, s.started = clean(r.Name), r.Started
	s.steps = m.steps.WithLabelValues(s.run)
	s.clips = m.clips.WithLabelValues(s.run)
	s.nonGradients = m.nonfiniteGradients.WithLabelValues(s.run)
	s.nonLosses = m.nonfiniteLosses.WithLabelValues(s.run)
	s.skipped = map[string]prometheus.Counter{}
	for _, reason := range []string{nonfinite, policy, rollback, stop} {
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

// clip brings the clipping series up to date. The ratio is that of the norms
// where no one factor says it.
func (s *Sink) clip(c *monitor.Clip, norm float64, finite bool) {
	if c.Clipped {
		s.clips.Inc()
	}
	s.gauges[clipThreshold].setNumber(c.Threshold)
	ratio, known := c.Factor.Finite()
	after, measured := c.NormAfter.Finite()
	if !known && measured && finite && norm > 0 {
		ratio, known = after/norm, true
	}
	if !known {
		return
	}
	s.gauges[clipRatio].set(ratio)
	switch {
	case measured:
		s.gauges[clippedNorm].set(after)
	case finite:
		s.gauges[clippedNorm].set(norm * ratio)
	}
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

// update brings the ratio of all parameters' change to the parameters up to date.
func (s *Sink) update(params, updates []monitor.Number) {
	size, change := 0.0, 0.0
	for i := range min(len(params), len(updates)) {
		size, change = math.Hypot(size, params[i].Or(0)), math.Hypot(change, updates[i].Or(0))
	}
	if size > 0 {
		s.gauges[updateRatio].set(change / size)
	}
}

// Step brings the series up to date.
func (s *Sink) Step(st *monitor.Step) error {
	if s.steps == nil {
		return errors.New("prom: Step before Start")
	}
	s.steps.Inc()
	s.gauges[globalStep].set(float64(st.Step))
	s.time(st)
	s.gauges[loss].setNumber(st.Loss)
	s.gauges[learningRate].setNumber(st.LR)
	s.gauges[norm].setNumber(st.GradNorm)
	g, finite := st.GradNorm.Finite()
	if finite {
		s.gauges[squaredNorm].set(g * g)
		s.normHistogram.Observe(g)
	}
	s.gauges[cosine].setNumber(st.Successive.Cosine)
	s.gauges[cosine2].setNumber(st.Successive.Cosine2)
	s.gauges[dot].setNumber(st.Successive.Dot)
	s.clip(&st.Clip, g, finite)
	s.curvature(st.Curvature)
	s.update(st.ParamNorms, st.UpdateNorms)
	badGradient := st.NonFinite.Or(0) > 0 || infinite(st.GradNorm)
	badLoss := infinite(st.Loss)
	if badGradient {
		s.nonGradients.Inc()
	}
	if badLoss {
		s.nonLosses.Inc()
	}
	switch st.Action {
	case monitor.ActionSkip:
		if badGradient || badLoss {
			s.skipped[nonfinite].Inc()
		} else {
			s.skipped[policy].Inc()
		}
	case monitor.ActionRollback:
		s.skipped[rollback].Inc()
	case monitor.ActionStop:
		s.skipped[stop].Inc()
	}
	for i := range s.layers[:min(len(s.layers), len(st.ParamGradNorms))] {
		s.layers[i].setNumber(st.ParamGradNorms[i])
	}
	return nil
}

// time exports when the step was and how long it and gtg took.
func (s *Sink) time(st *monitor.Step) {
	if cost, ok := st.GTGSeconds.Finite(); ok && cost >= 0 {
		s.overhead.Observe(cost)
	}
	t, known := st.T.Finite()
	if known && s.lastTKnown && t >= s.lastT {
		if st.Step == s.lastStep+1 {
			s.duration.Observe(t - s.lastT)
		}
		s.curvatureShare(t-s.lastT, st.Curvature)
	}
	s.lastStep, s.lastT, s.lastTKnown = st.Step, t, known
	if known && !s.started.IsZero() {
		s.gauges[timestamp].set(float64(s.started.UnixNano())/1e9 + t)
	} else {
		s.gauges[timestamp].set(float64(time.Now().UnixNano()) / 1e9)
	}
}

// curvatureShare adds the time since the last step and what of it went into
// measuring curvature. The share appears with the first measurement.
func (s *Sink) curvatureShare(elapsed float64, c *monitor.Curvature) {
	s.elapsed += elapsed
	if c != nil {
		if cost, ok := c.Seconds.Finite(); ok && cost >= 0 {
			s.curvatureTime += cost
		}
	}
	if s.curvatureTime > 0 && s.elapsed > 0 {
		s.gauges[curvatureTime].set(s.curvatureTime / s.elapsed)
	}
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

// infinite says whether the number is known and not finite.
func infinite(n monitor.Number) bool {
	_, finite := n.Finite()
	return n.Known() && !finite
}

// clean makes a label value of any text: a Go string may hold what is not UTF-8.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
