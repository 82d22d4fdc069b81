package monitor

// Course is the run's course so far, as every detector needs it: smoothed
// losses and norms, recent ranges, the best that was reached. It is brought up
// to date once a step, before the detectors look at it.
type Course struct{}

// NewCourse returns the course of a run that has not begun.
func NewCourse(run *Run) *Course { return &Course{} }

func (c *Course) observe(s *Step) {}

// Detectors returns a fresh set of all detectors for the run.
func Detectors(run *Run) []Detector { return nil }
