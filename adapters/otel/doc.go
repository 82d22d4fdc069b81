// Package otel exports a run's state as OpenTelemetry metrics, over OTLP or
// whatever else the program's meter provider exports to. It is a module of its own,
// so that who does not use it does not build it:
//
//	go get github.com/seed-140d0f39/gtg/adapters/otel
//
// A program that has a meter provider hands it to [New]; [Export] is for one that
// has none, and sends OTLP over HTTP as the OTEL_ variables of the environment say.
//
// The metrics are those of package prom. Names are OpenTelemetry's, units UCUM's (none
// for what is a plain number), and every metric has the attribute run:
//
//	gtg.run.info                      gauge, always 1; framework, device, optimizer
//	gtg.steps                         counter, {step}, of this process
//	gtg.global_step                   gauge, {step}
//	gtg.loss                          gauge
//	gtg.learning_rate                 gauge
//	gtg.gradient.norm                 gauge, L2, before clipping
//	gtg.gradient.clipped_norm         gauge, after it
//	gtg.gradient.squared_norm         gauge, gᵀg
//	gtg.gradient.curvature            gauge, gᵀHg
//	gtg.gradient.rayleigh_quotient    gauge, gᵀHg/gᵀg
//	gtg.rho, gtg.rho_limit            gauge, η·gᵀHg/gᵀg and what the optimizer tolerates
//	gtg.lambda_max, gtg.lambda_min    gauge, the ends of the Hessian's spectrum
//	gtg.curvature.time_ratio          gauge, 1, share of this process's time
//	gtg.gradient.clip_ratio           gauge, 1
//	gtg.gradient.clip_threshold       gauge
//	gtg.gradient.clips                counter, {step}
//	gtg.nonfinite.gradients           counter, {step}
//	gtg.nonfinite.losses              counter, {step}
//	gtg.skipped_steps                 counter, {step}; reason: nonfinite, policy, rollback, stop
//	gtg.detections                    counter, {event}, what began to fire; detector: a kind of event
//	gtg.events                        counter, {event}; detector, state, severity
//	gtg.detector.firing               gauge, 0 or 1; detector
//	gtg.step.gradient_norm            histogram
//	gtg.step.duration                 histogram, s, where two steps follow each other
//	gtg.monitor.duration              histogram, s, what gtg itself costs in a step
//	gtg.layer.gradient_norm           gauge, on request; layer
//	gtg.last_step.timestamp           gauge, s, Unix time
//	gtg.run.end_timestamp             gauge, s, Unix time, absent before the end
//
// A Prometheus that receives OTLP (from version 2.47; 3 with its default translation)
// stores them under the names of package prom, so that gtg's rules and dashboard work
// on them; gtg_reports_dropped_total is prom's alone.
//
// Gauges appear with the first finite value, keep the last one, and are observable: they
// are read when the provider collects. Counters and gtg.detector.firing are
// there at 0 from the start. NaN and infinities are counted, never exported. All
// attributes have few values, whatever the run does; layers are at most [MaxLayers].
//
// Nothing that a sink does waits for the network but its Close, which hands over the
// last values before its context ends, and takes the run's gauges out of the provider.
// A collector that hangs or is gone costs the run nothing else.
package otel
