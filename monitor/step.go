package monitor

// An Action is what was done with one optimizer step.
type Action string

// The actions of the run log. The empty Action reads as [ActionStep].
const (
	ActionStep     Action = "step"     // the optimizer ran
	ActionSkip     Action = "skip"     // the optimizer was not called
	ActionRollback Action = "rollback" // parameters were put back to an earlier state
	ActionStop     Action = "stop"     // the optimizer was not called and the loop was told to end
)

// Step is the record of one optimizer step: what the clipping policy read, the
// detectors judge, the run log keeps and the metrics export. A field that was
// not measured is an unknown [Number] or a nil slice.
//
// A Step that is handed to a sink or a detector is shared: it is read only, and
// neither it nor its slices may be kept after the call.
type Step struct {
	// Step counts from 1 and goes on after a resume.
	Step int64
	// T is the time since the run's start, in seconds.
	T Number
	// Loss is the loss whose gradient this is, before the step. With gradient
	// accumulation it is the sum of the losses that were differentiated.
	Loss Number
	// LR is the learning rate in force (of the first parameter group).
	LR Number
	// GradNorm is the L2 norm over all gradients before clipping; its square is gᵀg.
	GradNorm Number
	// ParamGradNorms has the L2 norm of each parameter's gradient, in the
	// order of Run.Params; unknown where the gradient is undefined.
	ParamGradNorms []Number
	// ParamNorms has the L2 norm of each parameter, likewise.
	ParamNorms []Number
	// UpdateNorms has the L2 norm of each parameter's change in this step, likewise.
	UpdateNorms []Number
	// ParamElasticities has the size of the loss's elasticity with respect to each
	// parameter, likewise, as far as the norms of both bound it: ‖gradient‖·‖parameter‖
	// over the loss's size. To first order that is the largest part of itself by which the
	// loss changes when the parameter changes by as large a part of itself. It has no unit;
	// unknown where the loss is 0.
	ParamElasticities []Number
	// ZeroGrads counts the elements of each gradient that are exactly 0,
	// likewise; -1 where the gradient is undefined.
	ZeroGrads []int64
	// NonFinite counts the gradient elements that are NaN or infinite.
	NonFinite Number
	// NonFiniteParams names the parameters that have them; nil when none has.
	NonFiniteParams []NonFiniteParam
	// Zeroed counts the gradient elements that were set to 0 because of them,
	// so that the step could be done.
	Zeroed int64
	// Clip is what the clipping policy decided.
	Clip Clip
	// Successive relates this step's gradient to those of the steps before it.
	Successive Successive
	// Action is what was done.
	Action Action
	// Curvature is nil on the steps that did not measure it.
	Curvature *Curvature
	// GTGSeconds is what gtg itself cost in this step.
	GTGSeconds Number
}

// CopyFrom makes s a deep copy of o. It uses the space that s already has, so
// copying steps of one run into one Step allocates only the first time.
func (s *Step) CopyFrom(o *Step) {
	pg, pn, un, pe, zg, c := s.ParamGradNorms, s.ParamNorms, s.UpdateNorms, s.ParamElasticities, s.ZeroGrads, s.Curvature
	bad, clip := s.NonFiniteParams, s.Clip
	*s = *o
	clip.copyFrom(&o.Clip)
	s.Clip = clip
	s.NonFiniteParams = copyInto(bad, o.NonFiniteParams)
	s.ParamGradNorms = copyInto(pg, o.ParamGradNorms)
	s.ParamNorms = copyInto(pn, o.ParamNorms)
	s.UpdateNorms = copyInto(un, o.UpdateNorms)
	s.ParamElasticities = copyInto(pe, o.ParamElasticities)
	s.ZeroGrads = copyInto(zg, o.ZeroGrads)
	if o.Curvature != nil {
		if c == nil {
			c = new(Curvature)
		}
		c.copyFrom(o.Curvature)
		s.Curvature = c
	}
}

// copyInto keeps the difference between nil (not measured) and empty.
func copyInto[T any](space, from []T) []T {
	if from == nil {
		return nil
	}
	if space == nil {
		space = make([]T, 0, len(from))
	}
	return append(space[:0], from...)
}
