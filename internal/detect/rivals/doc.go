// Package rivals has the rules by which others judge a training run, made anew
// from their published conditions and defaults, to be measured on the same runs as
// gtg.
//
// Three things are as the log allows. Every rule sees every record, where some
// systems look at fewer. Where a rule wants the mean magnitude of a gradient's
// elements, it gets the L2 norm over the root of their number, which is at least as
// large: rules about small gradients fire less than they would, which on healthy runs
// is in their favour; rules about large ones (1e4, 1e6) fire more; rules about ratios
// are what they would be where the elements are spread alike. Where a rule wants an
// epoch, it gets a hundredth of the run.
package rivals
