package otel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/seed-140d0f39/gtg/adapters/internal/derive"
	"github.com/seed-140d0f39/gtg/monitor"
)

// gauge is a value that is exported once it is known.
type gauge struct {
	value   float64
	known   bool
	options []metric.ObserveOption
}

func newGauge(o metric.ObserveOption) *gauge { return &gauge{options: []metric.ObserveOption{o}} }

func (g *gauge) set(n monitor.Number) {
	if v, ok := n.Finite(); ok {
		g.value, g.known = v, true
	}
}

func (g *gauge) observe(o metric.Observer, in metric.Float64Observable) {
	if g.known {
		o.ObserveFloat64(in, g.value, g.options...)
	}
}

// observe is called by the provider, from any goroutine.
func (s *Sink) observe(_ context.Context, o metric.Observer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.gauges {
		s.gauges[i].observe(o, s.in.gauges[i])
	}
	for _, f := range s.firing {
		f.observe(o, s.in.gauges[firing])
	}
	for i := range s.layers {
		s.layers[i].observe(o, s.in.gauges[layerNorm])
	}
	return nil
}

// gaugesOf brings the gauges to a step.
func (s *Sink) gaugesOf(st *monitor.Step, d *derive.Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gauges[globalStep].set(monitor.Known(float64(st.Step)))
	s.gauges[timestamp].set(monitor.Known(d.Time))
	s.gauges[loss].set(st.Loss)
	s.gauges[learningRate].set(st.LR)
	s.gauges[norm].set(st.GradNorm)
	s.gauges[squaredNorm].set(d.Squared)
	s.gauges[clippedNorm].set(d.ClippedNorm)
	s.gauges[clipRatio].set(d.ClipRatio)
	s.gauges[clipThreshold].set(st.Clip.Threshold)
	s.gauges[curvatureTime].set(d.CurvatureTime)
	if c := st.Curvature; c != nil {
		s.gauges[curvature].set(c.GTHG)
		s.gauges[rayleigh].set(c.Rayleigh)
		s.gauges[rho].set(c.Rho)
		s.gauges[rhoLimit].set(c.RhoLimit)
		s.gauges[lambdaMax].set(c.LambdaMax)
		s.gauges[lambdaMin].set(c.LambdaMin)
	}
	for i := range s.layers[:min(len(s.layers), len(st.ParamGradNorms))] {
		s.layers[i].set(st.ParamGradNorms[i])
	}
}

// fire says whether the detector fires.
func (s *Sink) fire(k monitor.Kind, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := 0.0
	if on {
		v = 1
	}
	s.firing[k].set(monitor.Known(v))
}

// end sets the last values.
func (s *Sink) end() {
	for k := range s.firing {
		s.fire(k, false)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gauges[endTimestamp].set(monitor.Known(float64(time.Now().UnixNano()) / 1e9))
}
