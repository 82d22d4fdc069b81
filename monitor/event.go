package monitor

// A Kind is what an event is about. The set is closed.
type Kind string

// The kinds of events. The sections are those of Goodfellow, Bengio and
// Courville, Deep Learning.
const (
	NonFinite      Kind = "nonfinite"       // 8.2.4
	Cliff          Kind = "cliff"           // 8.2.4
	LossSpike      Kind = "loss_spike"      // 8.2.4
	Exploding      Kind = "exploding"       // 8.2.5
	Vanishing      Kind = "vanishing"       // 8.2.5
	Frozen         Kind = "frozen"          //
	Dead           Kind = "dead"            // 8.2.5
	Diverging      Kind = "diverging"       // 8.2.4
	Oscillating    Kind = "oscillating"     // 8.2.1
	Stagnating     Kind = "stagnating"      // 8.2.1
	Plateau        Kind = "plateau"         // 8.2.3
	IllConditioned Kind = "ill_conditioned" // 8.2.1
	CriticalPoint  Kind = "critical_point"  // 8.2.2, 8.2.3
	RisingGradient Kind = "rising_gradient" // 8.2.1
	ClipSaturated  Kind = "clip_saturated"  // 8.2.4
	ClipIdle       Kind = "clip_idle"       // 8.2.4
)

// Kinds lists every kind, so that a metric can be made for each before the
// first event.
func Kinds() []Kind {
	return []Kind{NonFinite, Cliff, LossSpike, Exploding, Vanishing, Frozen, Dead, Diverging,
		Oscillating, Stagnating, Plateau, IllConditioned, CriticalPoint, RisingGradient,
		ClipSaturated, ClipIdle}
}

// A State is where an event is in its life.
type State string

// The states of an event.
const (
	Firing   State = "firing"   // it has begun
	Resolved State = "resolved" // it has ended
	Instant  State = "instant"  // it has no duration
)

// A Severity is how much an event matters.
type Severity string

// The severities, least first.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Event is a detector's finding.
type Event struct {
	Step     int64    // the step that caused it
	Kind     Kind     //
	State    State    //
	Severity Severity //
	Since    int64    // for Resolved: the step at which it began
	Param    string   // the parameter that it is about, where it is about one
	Summary  string   // one sentence with the numbers in it
	Advice   string   // one sentence: what a practitioner would try first
	Section  string   // the section of the book, e.g. "8.2.4"
	// Class is what kind of critical point a CriticalPoint is about. The run log
	// has it as values.class.
	Class Class
	// Values holds the numbers that decided it, by name.
	Values map[string]float64
}

// A Class is a kind of critical point, decided by the sign of both ends of the
// Hessian's spectrum.
type Class string

// The classes of critical points.
const (
	ClassMinimum Class = "minimum" // no negative curvature
	ClassSaddle  Class = "saddle"  // curvature of both signs
	ClassMaximum Class = "maximum" // no positive curvature
	ClassFlat    Class = "flat"    // hardly any curvature
	ClassUnknown Class = "unknown" // not measured, or not well enough
)

// Finding is one line of a verdict: what the run says of one challenge of
// section 8.2.
type Finding struct {
	Section  string `json:"section"`
	Finding  string `json:"finding"`
	Evidence string `json:"evidence"`
}

// A Reason is why a run's log ends.
type Reason string

// The reasons.
const (
	Closed   Reason = "closed"   // the program closed the guard
	Stopped  Reason = "stopped"  // gtg told the loop to stop
	Replayed Reason = "replayed" // the verdict of a replay
)

// End is the last line of a run's log.
type End struct {
	Step    int64
	T       Number
	Reason  Reason
	Verdict []Finding
}
