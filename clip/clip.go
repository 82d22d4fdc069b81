// Package clip decides, from the norms of one step's gradients, what is done
// to those gradients before the optimizer uses them.
//
// A policy is a deterministic function of what it is shown and of what it
// remembers. It never touches a tensor, a clock, a file or the network, so the
// same sequence of gradients always gives the same sequence of decisions,
// live, in a replay and in a test.
//
// [Outlier] is the default of package hooks: it leaves a healthy run alone and
// scales only a cliff back into the recent range. [Norm] is the classical
// clipping by global norm (Goodfellow, Bengio and Courville, Deep Learning,
// equation 10.48 and section 8.2.4; Pascanu, Mikolov and Bengio 2013,
// algorithm 1), [Value] the element-wise form (section 10.11.1), [None]
// measures only.
package clip

// Gradient is what a policy sees of one optimizer step: the measurements of
// all gradients, before anything has been changed.
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
	// ParamNorms holds the L2 norm of each parameter's gradient, in the run's
	// order; -1 where the gradient is undefined. It belongs to the caller and
	// must not be kept.
	ParamNorms []float64
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
}

// Keep is the decision to leave the gradients as they are.
func Keep() Decision { return Decision{Factor: 1} }

// Clamps says whether the decision bounds single elements.
func (d Decision) Clamps() bool { return d.Lower < d.Upper }

// Changes says whether the decision asks for any write to the gradients.
func (d Decision) Changes() bool { return d.Factor != 1 || d.Clamps() }

// A Policy decides about each step's gradients. A policy serves one run: it is
// not safe for concurrent use, and two runs need two policies.
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
