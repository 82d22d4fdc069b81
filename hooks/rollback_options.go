package hooks

import (
	"fmt"
	"slices"

	"github.com/seed-140d0f39/gtg/monitor"
)

// DefaultRollbackLimit is how often a run may be rolled back.
const DefaultRollbackLimit = 3

// DefaultRollbackKinds are the events that a run is rolled back for: those that it
// does not recover from by itself.
var DefaultRollbackKinds = []monitor.Kind{monitor.NonFinite, monitor.Diverging, monitor.Exploding}

// A RollbackOption changes how [WithRollback] rolls back.
type RollbackOption func(*rollbackOptions)

type rollbackOptions struct {
	every int64
	kinds []monitor.Kind
	limit int
	errs  []error
}

// RollbackOn chooses the kinds of events that a run is rolled back for, when they
// begin to fire. The default is [DefaultRollbackKinds]. [monitor.NonFinite] is one
// when skipping does not help: after as many steps in a row as [WithMaxSkips] allows,
// or at the first with [FailStep], and in place of what would have become of the run
// then.
func RollbackOn(kinds ...monitor.Kind) RollbackOption {
	return func(o *rollbackOptions) {
		if len(kinds) == 0 {
			o.errs = append(o.errs, fmt.Errorf("RollbackOn(): name at least one kind of event, as in RollbackOn(monitor.Diverging)"))
		}
		for _, k := range kinds {
			if !slices.Contains(monitor.Kinds(), k) {
				o.errs = append(o.errs, fmt.Errorf("RollbackOn(%q): there is no such kind of event; there are %v", k, monitor.Kinds()))
			}
		}
		o.kinds = slices.Clone(kinds)
	}
}

// RollbackLimit sets how often a run may be rolled back, [DefaultRollbackLimit] if it
// is not set.
func RollbackLimit(n int) RollbackOption {
	return func(o *rollbackOptions) {
		if n < 1 {
			o.errs = append(o.errs, fmt.Errorf("RollbackLimit(%d): at least 1 rollback; leave WithRollback out for none", n))
		}
		o.limit = n
	}
}

// WithRollback keeps snapshots of the parameters in memory, one at every so many
// steps, and goes back to a good one when the run derails (see [RollbackOn]): the
// optimizer is not called for that step, or what it did is undone, and parameters and
// optimizer state (momentum buffers, Adam's moments, step counts) are, bit for bit and
// in the same tensors, what they were. So are the clipping policy's memory and the
// detectors' view of the run, so that they do not fire again for what led there; what
// was counted stays counted, and what was firing is reported as resolved. The record's
// action is rollback, and an event of the kind that it was done for says to which step
// it went back. Steps are counted on.
//
// A snapshot is taken only while none of the chosen kinds, no cliff and no loss spike is
// firing and the step's loss and gradients are finite, and is gone back to only when none of the
// chosen kinds has fired in the steps up to the next one: a run that derails shortly
// after a snapshot goes back to the one before. Choose an interval that is longer than
// a divergence goes unseen, a few hundred steps. When a run derails before there is
// such a snapshot, what happens is what would have happened without.
//
// After [DefaultRollbackLimit] rollbacks, or as many as [RollbackLimit] says, the run is
// stopped where it would have been rolled back again: the good parameters are put back
// a last time, the optimizer is not called any more, the records' action is stop, and
// [Guard.Done] and [Guard.Err] tell the loop, with a [*RollbackError].
//
// It costs the memory of two snapshots, each (1 + the number of state tensors for a
// parameter) × the parameters' bytes: 0 such tensors for plain SGD, 1 for SGD with
// momentum, 2 for Adam and AdamW, 1 to 3 for RMSprop; and for each snapshot the time to
// copy as much. It is freed by [Guard.Close]. gtg sees the optimizer's parameters only:
// buffers, such as the running statistics of batch normalisation, are not put back,
// nor are the learning rate, its schedule, the position in the data or the state of
// random generators, which are the program's.
func WithRollback(every int64, opts ...RollbackOption) Option {
	return func(o *options) {
		if every < 1 {
			o.refuse("WithRollback(%d): the interval of the snapshots is at least 1 step", every)
		}
		r := &rollbackOptions{every: every, kinds: DefaultRollbackKinds, limit: DefaultRollbackLimit}
		for _, opt := range opts {
			if opt == nil {
				o.refuse("WithRollback: an option is nil")
				continue
			}
			opt(r)
		}
		o.errs = append(o.errs, r.errs...)
		o.rollback = r
	}
}

// RollbackError says that a run was rolled back as often as it may be, and has
// derailed again. It is what [Guard.Err] returns then.
type RollbackError struct {
	Step      int64        // the step at which it was stopped
	To        int64        // the step after which the parameters were as they are now
	Rollbacks int          // how many there had been
	Cause     monitor.Kind // what it was stopped for
}

func (e *RollbackError) Error() string {
	return fmt.Sprintf("step %d: %s after %d rollbacks: the parameters are those after step %d, and the run does not learn any more",
		e.Step, e.Cause, e.Rollbacks, e.To)
}
