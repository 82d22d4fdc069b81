// Package hooks attaches gtg to the optimizer of a gotch training loop.
//
//	opt, err := nn.DefaultAdamConfig().Build(vs, 1e-3) // as it was
//	guard, err := hooks.Attach(opt)                    // the one call
//	defer guard.Close()
//	...
//	err = opt.BackwardStep(loss) // as it was
//
// From then on every step of that optimizer is measured before the optimizer
// uses the gradients, clipped if the policy says so, skipped if a gradient is
// not finite, judged by the detectors of package monitor, and reported to the
// sinks. Nothing else in the program changes: BackwardStep, BackwardStepClip,
// ZeroGrad/Backward/Step by hand, gradient accumulation and gotch's schedulers
// work as before, and so does an optimizer that nobody attached.
//
// With the default options a healthy run has bit for bit the parameters that it
// would have had without gtg. What the defaults do change is a step whose
// gradient holds a NaN or an infinity (it is skipped) and a cliff, a gradient
// norm far outside its recent range (it is scaled back to that range; see
// [clip.Outlier]).
//
// A loop with no optimizer uses [Norms] and [ClipGradNorm].
package hooks
