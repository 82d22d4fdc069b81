// Package tensorboard writes a run into an event file that TensorBoard opens.
//
//	w, err := tensorboard.Create("runs/first")
//	guard, err := hooks.Attach(opt, hooks.WithSink("tensorboard", w))
//
//	$ tensorboard --logdir runs
//
// Scalars carry the run log's keys as their tags; what lies inside an object is
// joined by a dot, and what a name tells apart by a slash, by which TensorBoard
// groups:
//
//	loss, lr, grad_norm, nonfinite, zeroed, gtg_seconds
//	clip.factor, clip.threshold, clip.norm_after, clip.lower, clip.upper
//	clip.groups.norm/NAME, clip.groups.norm_after/NAME, clip.groups.threshold/NAME
//	successive.cosine, successive.cosine2, successive.dot, successive.error
//	curvature.gthg, curvature.rayleigh, curvature.rho, curvature.rho_preconditioned,
//	curvature.rho_limit, curvature.predicted_change, curvature.loss_change,
//	curvature.gtu, curvature.uthu, curvature.lambda_max, curvature.lambda_max_residual,
//	curvature.lambda_min, curvature.lambda_min_residual, curvature.trace,
//	curvature.trace_error, curvature.seconds
//	curvature.spectral_radii/NAME
//	action.skip, action.rollback, action.stop     how many there were so far, when there is one more
//	param_grad_norms/NAME                         on request, see WithParams
//
// TensorBoard keeps scalars in 32 bits: a number above 3.4e38 is shown as an
// infinity. NaN and the infinities are written as they are, and TensorBoard
// marks them on the curve.
//
// Histograms show how the norms of the parameters are spread:
//
//	param_grad_norms.log10, param_norms.log10, update_norms.log10
//	param_grad_norms.zero                         a scalar: how many gradients are exactly 0
//
// They are of the norms' decimal logarithms, in buckets of an eighth of a
// decade. TensorBoard draws histograms in 30 bins of equal width, in which norms
// that differ by orders of magnitude would all stand in the first; of the
// logarithms it draws vanishing and exploding as they are. A norm that is 0 or not finite
// has no logarithm and is left out.
//
// Text, as Markdown:
//
//	run                                           what the run is, with its configuration
//	events/KIND                                   what a detector found
//	verdict                                       the verdict on each section, at the end
//
// The time of everything is the run's start plus the step's t, so a log that is
// converted later shows when it happened, not when it was converted. Of a run
// without a known start the times count from 1970, which TensorBoard's relative
// axis does not mind.
//
// # The format
//
// An event file is a TFRecord file: each record is its length in 8 bytes, the
// masked CRC-32C of these, the data, and the data's masked CRC-32C, all little
// endian. The data is a protocol buffer, tensorflow.Event: wall_time, step, and
// a file_version ("brain.Event:2", in the first record) or a Summary, which has
// values of a tag and a simple_value, a HistogramProto or a TensorProto.
//
// A run that goes on after a resume writes a file of its own, best into the same
// folder. It says at which step it starts, and TensorBoard forgets what the
// earlier files have from that step on.
package tensorboard
