package monitor

// A Condition is what a detector says of the run after one step.
type Condition uint8

// The conditions.
const (
	// Clear: what the detector looks for is not there (any more).
	Clear Condition = iota
	// Holding: it is there.
	Holding
	// Undecided: this step says nothing; the last condition stands.
	Undecided
)

// A Detector looks for one kind of trouble. It is a deterministic function of
// the steps it is shown, so a live run and the replay of its log agree.
//
// A detector only says whether its condition holds, with whatever hysteresis
// the condition needs; the [Monitor] turns the changes into events that fire
// and resolve. Adding a detector is one new file with a type that has these
// methods, and one line in [Detectors]. One whose incidents are over before it says so may
// have a method accounts() bool besides: for how long it silences others.
type Detector interface {
	// Kind is the kind of the events, one detector for each kind.
	Kind() Kind
	// Observe takes the next step. It takes time proportional to the number of
	// parameters at most, bounded memory, and allocates nothing.
	Observe(s *Step, c *Course) Condition
	// Explain fills in severity, section, summary, advice, values and, where
	// the finding is about one parameter, the parameter. It is called right
	// after an Observe that made the condition begin or end; e.State says which.
	Explain(e *Event)
	// State returns what the detector remembers, as JSON; Restore takes it
	// back. A restored detector goes on as if it had never stopped.
	State() ([]byte, error)
	Restore(state []byte) error
}
