package hooks

import "fmt"

// SkipLimit is what happens to steps with non-finite gradients when too many
// in a row were skipped.
type SkipLimit int

const (
	// StopRun: they are not applied either, and are recorded as stop. The loop
	// is told by [Guard.Done] and [Guard.Err]; a loop that does not ask goes on
	// without learning anything, with its parameters intact.
	StopRun SkipLimit = iota
	// StepAnyway: after that many skips the optimizer is called with them, as it
	// would have been without gtg.
	StepAnyway
)

// SkipError says that skipping did not help. It is what [Guard.Err] returns.
type SkipError struct {
	Step    int64 // the step at which the limit was reached
	Skipped int   // steps in a row that were not applied
	Param   string
	Then    SkipLimit // what happens to further ones
}

func (e *SkipError) Error() string {
	where := ""
	if e.Param != "" {
		where = ", in this one first in " + e.Param
	}
	then := "the parameters are intact, but the run does not learn any more"
	if e.Then == StepAnyway {
		then = "further ones are applied as they are"
	}
	return fmt.Sprintf("step %d: the gradients of %d steps in a row were not finite%s: %s", e.Step, e.Skipped, where, then)
}
