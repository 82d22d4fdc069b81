package otel

import (
	"errors"
	"math"

	"go.opentelemetry.io/otel/metric"
)

// scope is the name of gtg's meter.
const scope = "github.com/seed-140d0f39/gtg/adapters/otel"

// The gauges, in the order of the table below.
const (
	info = iota
	globalStep
	timestamp
	endTimestamp
	loss
	learningRate
	norm
	clippedNorm
	squaredNorm
	curvature
	rayleigh
	rho
	rhoLimit
	lambdaMax
	lambdaMin
	curvatureTime
	clipRatio
	clipThreshold
	firing
	layerNorm
	gauges
)

var gaugeTable = [gauges]struct{ name, unit, description string }{
	info:          {"gtg.run.info", "", "What the run is; always 1."},
	globalStep:    {"gtg.global_step", "{step}", "Number of the last step; goes on after a resume."},
	timestamp:     {"gtg.last_step.timestamp", "s", "Unix time of the last step."},
	endTimestamp:  {"gtg.run.end_timestamp", "s", "Unix time of the run's end; absent while it goes on."},
	loss:          {"gtg.loss", "", "Last finite loss."},
	learningRate:  {"gtg.learning_rate", "", "Learning rate in force."},
	norm:          {"gtg.gradient.norm", "", "Last finite L2 norm of all gradients before clipping."},
	clippedNorm:   {"gtg.gradient.clipped_norm", "", "Last finite L2 norm of all gradients after clipping."},
	squaredNorm:   {"gtg.gradient.squared_norm", "", "Last finite squared L2 norm of all gradients before clipping, the product of g with itself."},
	curvature:     {"gtg.gradient.curvature", "", "Last finite curvature along the gradient, the product of g, H and g."},
	rayleigh:      {"gtg.gradient.rayleigh_quotient", "", "Last finite Rayleigh quotient of the Hessian along the gradient."},
	rho:           {"gtg.rho", "", "Last finite rho, the effective learning rate times the Rayleigh quotient."},
	rhoLimit:      {"gtg.rho_limit", "", "What the optimizer tolerates of rho for long."},
	lambdaMax:     {"gtg.lambda_max", "", "Last finite estimate of the Hessian's largest eigenvalue."},
	lambdaMin:     {"gtg.lambda_min", "", "Last finite estimate of the Hessian's smallest eigenvalue."},
	curvatureTime: {"gtg.curvature.time_ratio", "1", "Share of the time since this process's first step that measuring curvature took."},
	clipRatio:     {"gtg.gradient.clip_ratio", "1", "L2 norm of all gradients after clipping over that before, in the last step; 1 is untouched."},
	clipThreshold: {"gtg.gradient.clip_threshold", "", "Clipping threshold in force."},
	firing:        {"gtg.detector.firing", "", "1 while a detector fires, 0 otherwise."},
	layerNorm:     {"gtg.layer.gradient_norm", "", "Last finite L2 norm of one parameter's gradient before clipping."},
}

// instruments are gtg's in one provider. Providers give those of one name out
// again, so that several runs share them.
type instruments struct {
	meter  metric.Meter
	gauges [gauges]metric.Float64ObservableGauge

	steps, clips, nonfiniteGradients, nonfiniteLosses metric.Int64Counter
	skipped, detections, events                       metric.Int64Counter
	gradientNorm, duration, overhead                  metric.Float64Histogram
}

func newInstruments(provider metric.MeterProvider) (*instruments, error) {
	in := &instruments{meter: provider.Meter(scope)}
	var errs []error
	for i, g := range gaugeTable {
		var err error
		in.gauges[i], err = in.meter.Float64ObservableGauge(g.name, metric.WithUnit(g.unit), metric.WithDescription(g.description))
		errs = append(errs, err)
	}
	counter := func(name, unit, description string) metric.Int64Counter {
		c, err := in.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return c
	}
	histogram := func(name, unit, description string, from, to int) metric.Float64Histogram {
		h, err := in.meter.Float64Histogram(name, metric.WithUnit(unit), metric.WithDescription(description),
			metric.WithExplicitBucketBoundaries(decades(from, to)...))
		errs = append(errs, err)
		return h
	}
	in.steps = counter("gtg.steps", "{step}", "Optimizer steps that this process reported.")
	in.clips = counter("gtg.gradient.clips", "{step}", "Steps whose gradients were changed by clipping.")
	in.nonfiniteGradients = counter("gtg.nonfinite.gradients", "{step}", "Steps with a gradient that holds a NaN or an infinity.")
	in.nonfiniteLosses = counter("gtg.nonfinite.losses", "{step}", "Steps with a loss that is NaN or infinite.")
	in.skipped = counter("gtg.skipped_steps", "{step}", "Steps that did not reach the optimizer or were taken back.")
	in.detections = counter("gtg.detections", "{event}", "Times that a detector began to fire.")
	in.events = counter("gtg.events", "{event}", "What detectors reported.")
	in.gradientNorm = histogram("gtg.step.gradient_norm", "", "L2 norms of all gradients before clipping that are finite.", -8, 8)
	in.duration = histogram("gtg.step.duration", "s", "Time from one step to the next.", -5, 3)
	in.overhead = histogram("gtg.monitor.duration", "s", "What gtg itself cost in a step.", -7, 1)
	return in, errors.Join(errs...)
}

// decades are the powers of 10.
func decades(from, to int) (boundaries []float64) {
	for i := from; i <= to; i++ {
		boundaries = append(boundaries, math.Pow10(i))
	}
	return boundaries
}
