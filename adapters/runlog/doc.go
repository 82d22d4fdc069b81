// Package runlog writes and reads the run log: one file a run, JSON Lines, one
// object a line. It is what a run leaves behind, what gtg replay judges, and
// what a program in any language and framework can write to have its run
// judged.
//
// # The format, schema 1
//
// Every line has a type: run (the first line), step (one optimizer step), event
// (a detector's finding, right after the step that caused it) and end (the last
// line). A field that is not known is left out, never written as 0. JSON has no
// NaN and no infinities: they are the strings "NaN", "+Inf" and "-Inf" wherever
// a number may stand. A float64 is written in the fewest digits that read back
// as the same float64, so a replay sees exactly what the live run saw.
//
// A run line has schema (1), run, started (RFC 3339, UTC), framework, device,
// optimizer (an object of kind, lr, momentum, beta1, beta2, weight_decay),
// params (an array of objects of name, shape, numel) and config (free form).
//
// A step line has step (required, from 1) and what was measured of t, loss, lr,
// grad_norm, param_grad_norms, param_norms, update_norms,
// param_elasticities, zero_grads, nonfinite, clip (policy, factor, threshold), successive (cosine, cosine2, dot,
// error), action (step, skip, rollback, stop), curvature (gthg, rayleigh, lambda_max, lambda_max_residual,
// lambda_min, lambda_min_residual, method) and gtg_seconds. The arrays have one
// entry for each of the run's params, in their order; null is an undefined
// gradient. Their meanings and units are those of [monitor.Step].
//
// An event line has step, kind, state, severity, since, param, summary, advice,
// section and values; an end line step, t, reason and verdict (an array of
// objects of section, finding, evidence).
//
// # What a reader forgives
//
// Fields and line types that it does not know, a missing run line, null for an
// unknown value, blank lines, CR LF, a byte order mark, a field given twice (the
// last one counts), and a torn last line, which a killed process leaves behind.
// Any other bad line is an error that carries its number, and reading goes on.
package runlog
