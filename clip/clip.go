// Package clip decides, from the norms of one step's gradients, what is done
// to those gradients before the optimizer uses them.
//
// A policy is a deterministic function of what it is shown and of what it
// remembers. It never touches a tensor, a clock, a file or the network, so the
// same sequence of gradients always gives the same sequence of decisions,
// live, in a replay and in a test.
//
// Fixed thresholds: [Norm] is the classical clipping by global norm
// (Goodfellow, Bengio and Courville, Deep Learning, equation 10.48 and section
// 8.2.4; Pascanu, Mikolov and Bengio 2013, algorithm 1) and [PNorm] the same
// for any p-norm; [PerParam] and [BlockRMS] bound each parameter's gradient,
// [AGC] each unit's in relation to its weights; [Value] and [Bounds] bound
// single elements (section 10.11.1).
//
// Thresholds that follow the run: [Outlier], the default of package hooks,
// leaves a healthy run alone and scales only a cliff back into the recent range;
// [Percentile] (AutoClip), [ZScore] (ZClip), [MeanRatio] (Pascanu's heuristic)
// and [EMA] (AdaGC, OLMo) are those of the literature. [CurvatureLimited] asks the
// curvature whether the step overshoots. [None] measures only.
//
// Composition: [Groups] gives groups of parameters policies of their own,
// [Chain] applies one policy after another, [After] waits for some steps, and
// [Scheduled] moves a threshold.
package clip

import "math"

// Gradient is what a policy sees of one optimizer step: the measurements of
// all gradients, before anything has been changed. Its slices belong to the
// caller and must not be kept.
type Gradient struct {
	// Step counts optimizer steps from 1.
	Step int64
	// Norm is the L2 norm over all parameters' gradients, as if they were one
	// vector. It is NaN or +Inf when NonFinite is not 0, and may be +Inf when
	// the true norm exceeds float64.
	Norm float64
	// Max is the largest magnitude of any finite gradient element.
	Max float64
	// NonFinite is the number of elements that are NaN or infinite.
	NonFinite int64
	// Zeroed is the number of elements that were set to 0 just before, because
	// they or others of their parameter's gradient were not finite. What is
	// measured is what is left: it may be clipped, and must not be learned from.
	Zeroed int64
	// ParamNorms holds the L2 norm of each parameter's gradient, in the order
	// of [Binder]'s parameters; -1 where the gradient is undefined.
	ParamNorms []float64
	// ParamMax holds the largest magnitude of each, likewise.
	ParamMax []float64
	// PNorms holds, for each of [Needs].PNorms, the norms of all parameters'
	// gradients, likewise.
	PNorms [][]float64
	// Units holds the norms that [Needs].Units asked for.
	Units []UnitNorms
	// LR is the learning rate of this step, NaN when it is not known.
	LR float64
	// GTHG is gᵀHg, with g this gradient and H the Hessian of the loss; NaN when
	// this step did not measure it.
	GTHG float64
	// Again: the policy asked to see the gradients of this step again, after
	// its last decision was carried out ([Decision].Again).
	Again bool
}

// UnitNorms are the L2 norms of one parameter's units (see [Unit]) and of
// their gradients.
type UnitNorms struct{ Grads, Values []float64 }

// finite says whether the gradient may be scaled: no element is NaN or infinite.
func (g *Gradient) finite() bool { return g.NonFinite == 0 && !math.IsNaN(g.Norm) }

// ordinary says whether an adaptive policy may learn from the gradient. A norm
// of 0 says nothing about the length of the others.
func (g *Gradient) ordinary() bool {
	return g.NonFinite == 0 && g.Zeroed == 0 && positive(g.Norm)
}

// Decision is what a policy wants done. The zero Decision is not a valid one:
// start from [Keep].
type Decision struct {
	// Factor is what every gradient is multiplied by, from 0 to 1; 1 leaves
	// the gradients untouched, bit for bit, and nothing is written.
	Factor float64
	// Lower and Upper bound every gradient element. They are in force only
	// when Lower < Upper.
	Lower, Upper float64
	// Threshold is the limit in force, in the unit of what the policy compares
	// (a norm, a magnitude). 0 means that there is none yet.
	Threshold float64
	// Params is what is done with each parameter's gradient, in the order of
	// [Binder]'s parameters, in place of Factor, Lower and Upper. It is nil when
	// those hold for all, and when nothing is done. It belongs to the policy and
	// is valid until the next Decide.
	Params []Change
	// Groups says what was decided for each group of [Groups]. It belongs to
	// the policy likewise.
	Groups []GroupDecision
	// Again asks for the gradients to be measured and shown again, within this
	// step, after this decision was carried out.
	Again bool
}

// Change is what is done with one parameter's gradient.
type Change struct {
	// Factor and the bounds are those of [Decision].
	Factor, Lower, Upper float64
	// Units, when not nil, holds a factor for each unit, in the order of the
	// [UnitNorms] that were asked for with Axis.
	Units []float64
	Axis  int
}

// GroupDecision is what was decided for one group of parameters.
type GroupDecision struct {
	Name string
	// Params are the places of the group's parameters.
	Params []int
	// Norm is the L2 norm over the group's gradients, before.
	Norm float64
	// Threshold is that of the group's policy, 0 when there is none.
	Threshold float64
	// Clipped says whether anything in the group is changed.
	Clipped bool
}

// Keep is the decision to leave the gradients as they are.
func Keep() Decision { return Decision{Factor: 1} }

// Clamps says whether the decision bounds single elements of all gradients.
func (d Decision) Clamps() bool { return d.Lower < d.Upper }

// Changes says whether the decision asks for any write to the gradients.
func (d Decision) Changes() bool { return d.Factor != 1 || d.Clamps() || d.Params != nil }

// Changes says whether there is anything to do.
func (c *Change) Changes() bool { return c.Factor != 1 || c.Lower < c.Upper || c.Units != nil }

// A Policy decides about each step's gradients. A policy serves one run: it is
// not safe for concurrent use, and two runs need two policies. One that has to
// know the parameters is a [Binder] too.
type Policy interface {
	// Name is the policy's name in the run log, the metrics and the logs.
	Name() string
	// Validate says what is wrong with the values that the policy was made
	// with, or nil. A policy with an error is refused when it is attached.
	Validate() error
	// Decide takes the next step. It allocates nothing.
	Decide(Gradient) Decision
	// State returns what the policy remembers, as JSON, and nil when it
	// remembers nothing. A policy made with the same values that gets this
	// state by Restore goes on as if it had never stopped.
	State() ([]byte, error)
	Restore(state []byte) error
}
