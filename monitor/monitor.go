package monitor

import (
	"encoding/json"
	"fmt"
)

// Monitor judges a run, one step at a time: steps in, events out. It is not
// safe for concurrent use.
type Monitor struct {
	run       *Run
	course    *Course
	detectors []Detector
	since     []int64 // for each detector: the step its condition began at, 0 when clear
	events    []Event // reused by Observe
	// TODO helper: what the verdict needs
}

// New returns a monitor for the run with the given detectors; with none, those
// of [Detectors].
func New(run *Run, detectors ...Detector) *Monitor {
	if len(detectors) == 0 {
		detectors = Detectors(run)
	}
	return &Monitor{
		run:       run,
		course:    NewCourse(run),
		detectors: detectors,
		since:     make([]int64, len(detectors)),
	}
}

// Observe judges the next step. The events it returns belong to the monitor
// and are overwritten by the next call.
func (m *Monitor) Observe(s *Step) []Event {
	m.events = m.events[:0]
	m.course.observe(s)
	for i, d := range m.detectors {
		condition := d.Observe(s, m.course)
		begins := condition == Holding && m.since[i] == 0
		ends := condition == Clear && m.since[i] != 0
		if !begins && !ends {
			continue
		}
		e := Event{Step: s.Step, Kind: d.Kind(), State: Firing}
		if begins {
			m.since[i] = s.Step
		} else {
			e.State, e.Since = Resolved, m.since[i]
			m.since[i] = 0
		}
		d.Explain(&e)
		m.events = append(m.events, e)
	}
	return m.events
}

// state is the monitor's state as JSON: versioned, and keyed by kind so that a
// detector that is new or gone does not spoil the others.
type state struct {
	Version   int                      `json:"version"`
	Course    json.RawMessage          `json:"course"`
	Detectors map[Kind]json.RawMessage `json:"detectors"`
	Since     map[Kind]int64           `json:"since"`
}

// State returns all that the monitor remembers, as JSON.
func (m *Monitor) State() ([]byte, error) {
	return nil, fmt.Errorf("monitor: TODO helper")
}

// Restore takes back a State. A monitor made for the same run that gets it
// goes on as if it had never stopped: it neither warms up again nor repeats an
// event.
func (m *Monitor) Restore(data []byte) error {
	return fmt.Errorf("monitor: TODO helper")
}

// Verdict goes through 8.2.1 to 8.2.5 in order and says of each challenge
// whether the run met it so far.
func (m *Monitor) Verdict() []Finding { return nil }

// Active returns the kinds that are firing now.
func (m *Monitor) Active() []Kind { return nil }
