package monitor

// Clip is what a clipping policy decided about one step, as the record keeps
// it. The norm before is Step.GradNorm.
type Clip struct {
	// Policy is the policy's name; empty when there was no policy.
	Policy string
	// Clipped says whether any gradient was changed.
	Clipped bool
	// Factor is what all gradients were multiplied by; 1 means untouched. It is
	// unknown when they were changed in another way than by one factor.
	Factor Number
	// Threshold is the limit in force; unknown when there is none yet.
	Threshold Number
	// NormAfter is the L2 norm over all gradients after clipping.
	NormAfter Number
	// Lower and Upper are the bounds to which all elements were brought;
	// unknown when they were not.
	Lower, Upper Number
	// ParamFactors has the L2 norm of each parameter's gradient after clipping
	// over that before, in the order of Run.Params; unknown where the gradient
	// is undefined or 0. It is nil when all have the same Factor.
	ParamFactors []Number
	// Groups is what was decided for each group of parameters, where the policy
	// has groups.
	Groups []ClipGroup
}

// ClipGroup is what was decided for one group of parameters.
type ClipGroup struct {
	Name      string
	Clipped   bool
	Norm      Number // L2 norm over the group's gradients before clipping
	NormAfter Number // and after
	Threshold Number // that of the group's policy
}

// Empty says whether there is nothing in it.
func (c *Clip) Empty() bool {
	return c.Policy == "" && !c.Clipped && !c.Factor.known && !c.Threshold.known && !c.NormAfter.known &&
		!c.Lower.known && !c.Upper.known && c.ParamFactors == nil && c.Groups == nil
}

// copyFrom makes c a deep copy of o in the space that c has.
func (c *Clip) copyFrom(o *Clip) {
	factors, groups := c.ParamFactors, c.Groups
	*c = *o
	c.ParamFactors = copyInto(factors, o.ParamFactors)
	c.Groups = copyInto(groups, o.Groups)
}

// NonFiniteParam says what is wrong with one parameter's gradient.
type NonFiniteParam struct {
	Param               int // its place in Run.Params
	NaN, PosInf, NegInf int64
}
