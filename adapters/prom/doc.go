// Package prom exports a run's state as Prometheus metrics.
//
// The metrics follow Prometheus's naming rules, so some names say in full what
// the run log's key abbreviates. Every metric has the label run, the run's name.
//
//	metric                           run log key             type
//	gtg_run_info                     run, framework, …       gauge, always 1
//	gtg_steps_total                  (lines)                 counter of this process
//	gtg_global_step                  step                    gauge
//	gtg_loss                         loss                    gauge
//	gtg_learning_rate                lr                      gauge
//	gtg_gradient_norm                grad_norm               gauge, before clipping
//	gtg_gradient_clipped_norm        grad_norm · clip.factor gauge
//	gtg_gradient_squared_norm        grad_norm²              gauge, gᵀg
//	gtg_gradient_cosine              successive.cosine       gauge
//	gtg_gradient_cosine2             successive.cosine2      gauge
//	gtg_gradient_dot                 successive.dot          gauge
//	gtg_gradient_curvature           curvature.gthg          gauge, gᵀHg
//	gtg_gradient_rayleigh_quotient   curvature.rayleigh      gauge, gᵀHg/gᵀg
//	gtg_rho                          curvature.rho           gauge, η·gᵀHg/gᵀg
//	gtg_rho_limit                    curvature.rho_limit     gauge
//	gtg_lambda_max                   curvature.lambda_max    gauge
//	gtg_lambda_min                   curvature.lambda_min    gauge
//	gtg_curvature_time_ratio         curvature.seconds, t    gauge, share of this process's time
//	gtg_update_ratio                 update_norms, …         gauge, change over parameters, ‖Δθ‖/‖θ‖
//	gtg_gradient_clip_ratio          clip.factor             gauge
//	gtg_gradient_clip_threshold      clip.threshold          gauge
//	gtg_gradient_clips_total         clip.factor < 1         counter of steps
//	gtg_nonfinite_gradients_total    nonfinite > 0           counter of steps
//	gtg_nonfinite_losses_total       loss                    counter of steps
//	gtg_skipped_steps_total          action                  counter, label reason
//	gtg_detections_total             event                   counter, label detector
//	gtg_detector_firing              event                   gauge 0 or 1, label detector
//	gtg_step_gradient_norm           grad_norm               histogram, native and classic
//	gtg_step_duration_seconds        t                       histogram
//	gtg_monitor_duration_seconds     gtg_seconds             histogram, what gtg itself costs
//	gtg_layer_gradient_norm          param_grad_norms        gauge, label layer, on request
//	gtg_last_step_timestamp_seconds  started + t             gauge, Unix time
//	gtg_run_end_timestamp_seconds    end                     gauge, Unix time, absent before the end
//	gtg_reports_dropped_total        (delivery)              counter, label sink
//
// Counters, histograms and gtg_detector_firing exist at 0 from the start, for
// every kind of event, since an increase from nothing is not seen by
// increase(). The gauges of measured values appear with the first value and keep
// the last finite one: a single NaN would spoil every average over the window
// that holds it, and a 0 that nobody measured would be a lie. What is not finite
// is counted instead.
//
// The reason of a skipped step is nonfinite (a skip because the loss or the
// gradient was), policy (any other skip), rollback or stop. A detector is a
// kind of event. gtg_step_duration_seconds is observed where two steps follow
// each other.
//
// # Several runs
//
// Any number of sinks can share a registry; the label run tells the runs apart,
// so names should differ: two runs of one name write to the same series. The
// series of a run that is closed stay, so that the last values can still be
// scraped, and gtg_detector_firing goes to 0; [WithRemoval] removes them at
// Close, for a process that trains many runs.
package prom
