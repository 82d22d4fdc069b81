// Package monitor judges a training run from the records of its steps.
//
// A [Step] is one optimizer step as it was measured. A [Monitor] takes them in
// order, keeps the run's [Course] and asks each [Detector] whether its condition
// holds; what begins and what ends becomes an [Event], at most one that fires
// and one that resolves for each incident. [Monitor.Verdict] sums the run up
// along section 8.2 of Goodfellow, Bengio and Courville, Deep Learning.
//
// A run that is learning well produces no event of severity warning or above:
// every rule is relative to the run's own history, wants evidence that noise does
// not bring forth, and stays silent when in doubt. The same steps give the same
// events, live, in a replay and across a restart ([Monitor.State]).
package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
)

// Monitor judges a run, one step at a time: steps in, events out. It is not
// safe for concurrent use.
type Monitor struct {
	run       *Run
	course    *Course
	detectors []Detector
	life      []life  // of each detector's condition
	action    Action  // the last step's
	closer    int64   // records for which Wants asks for a closer look
	events    []Event // reused by Observe
}

// life is where one detector's condition is in its life, and what came before.
type life struct {
	Phase phase `json:"phase"`
	Since int64 `json:"since"`           // the step at which it began
	Count int64 `json:"count"`           // incidents that fired
	First int64 `json:"first"`           // the step of the first
	Last  int64 `json:"last"`            // the step of the last
	Ended int64 `json:"ended,omitempty"` // the records there were when the last that was reported ended
}

// relapse is for how many records after its end what describes the state of a run, and not a
// moment of it, counts as the same incident: it is reported again where it is still there after them.
const relapse = 500

// relapsing are the kinds of which that holds.
var relapsing = []Kind{Vanishing, Dead, Oscillating, Stagnating, Plateau, IllConditioned}

type phase uint8

const (
	silent phase = iota
	firing
	muted // it began while a cause was firing, and is not reported
	phases
)

// New returns a monitor for the run with the given detectors; with none, those
// of [Detectors]. The run's parameters must not change afterwards; nil is a run
// of which nothing is known.
func New(run *Run, detectors ...Detector) *Monitor {
	if run == nil {
		run = &Run{}
	}
	if len(detectors) == 0 {
		detectors = Detectors(run)
	}
	return &Monitor{
		run:       run,
		course:    NewCourse(run),
		detectors: detectors,
		life:      make([]life, len(detectors)),
	}
}

// Observe judges the next step. The events it returns belong to the monitor
// and are overwritten by the next call. It allocates nothing unless there is an
// event.
func (m *Monitor) Observe(s *Step) []Event {
	m.events = m.events[:0]
	m.course.observe(s)
	m.closer = max(m.closer-1, 0)
	for i, d := range m.detectors {
		l := &m.life[i]
		condition := d.Observe(s, m.course)
		switch {
		case condition == Holding && l.Phase == silent && m.relapses(d.Kind(), l):
		case condition == Holding && l.Phase == silent:
			l.Since = s.Step
			if l.Phase = firing; m.inhibited(d.Kind()) {
				l.Phase = muted
				continue
			}
			if l.Count++; l.Count == 1 {
				l.First = s.Step
			}
			l.Last = s.Step
			m.report(d, Event{Step: s.Step, Kind: d.Kind(), State: Firing})
		case condition == Clear && l.Phase != silent:
			was := l.Phase
			if l.Phase = silent; was == firing {
				l.Ended = m.course.now.Records + m.course.now.Undone
				m.report(d, Event{Step: s.Step, Kind: d.Kind(), State: Resolved, Since: l.Since})
			}
		}
	}
	m.giveUp(s)
	return m.events
}

// relapses says whether the incident that ended last may not be over yet.
func (m *Monitor) relapses(kind Kind, l *life) bool {
	now := &m.course.now
	return l.Ended > 0 && now.Records+now.Undone < l.Ended+relapse && slices.Contains(relapsing, kind)
}

func (m *Monitor) report(d Detector, e Event) {
	d.Explain(&e)
	if e.State == Firing && e.Severity != Info {
		m.closer = closerRecords
	}
	m.events = append(m.events, e)
}

// inhibited says whether a cause of the kind is firing, and accounts for it still.
func (m *Monitor) inhibited(kind Kind) bool {
	for i, d := range m.detectors {
		if m.life[i].Phase == firing && d.Kind() != kind && slices.Contains(inhibits[d.Kind()], kind) {
			if passing, ok := d.(interface{ accounts() bool }); !ok || passing.accounts() {
				return true
			}
		}
	}
	return false
}

// Active returns the kinds that are firing now, causes first.
func (m *Monitor) Active() []Kind {
	var active []Kind
	for i, d := range m.detectors {
		if m.life[i].Phase == firing {
			active = append(active, d.Kind())
		}
	}
	return active
}

// stateVersion is the version of what State writes.
const stateVersion = 5

// state is the monitor's state as JSON: versioned, and keyed by kind so that a
// detector that is new or gone does not spoil the others.
type state struct {
	Version   int                      `json:"version"`
	Model     string                   `json:"model"`
	Course    json.RawMessage          `json:"course"`
	Detectors map[Kind]json.RawMessage `json:"detectors"`
	Life      map[Kind]life            `json:"life"`
	Action    Action                   `json:"action,omitempty"`
	Closer    int64                    `json:"closer,omitempty"`
}

// model is a fingerprint of the run's parameters, to which a state belongs.
func (m *Monitor) model() string {
	h := fnv.New64a()
	for _, p := range m.run.Params {
		fmt.Fprintf(h, "%q %d\n", p.Name, p.Numel)
	}
	return fmt.Sprintf("%d parameters, %016x", len(m.run.Params), h.Sum64())
}

// State returns all that the monitor remembers, as JSON.
func (m *Monitor) State() ([]byte, error) {
	course, err := json.Marshal(m.course.now)
	if err != nil {
		return nil, fmt.Errorf("monitor: the state of the course: %w", err)
	}
	detectors, err := m.detectorStates()
	if err != nil {
		return nil, err
	}
	s := state{Version: stateVersion, Model: m.model(), Course: course, Detectors: detectors, Life: map[Kind]life{}, Action: m.action, Closer: m.closer}
	for i, d := range m.detectors {
		s.Life[d.Kind()] = m.life[i]
	}
	return json.Marshal(s)
}

func (m *Monitor) detectorStates() (map[Kind]json.RawMessage, error) {
	states := make(map[Kind]json.RawMessage, len(m.detectors))
	for _, d := range m.detectors {
		s, err := d.State()
		if err != nil {
			return nil, fmt.Errorf("monitor: the state of detector %s: %w", d.Kind(), err)
		}
		if _, twice := states[d.Kind()]; twice {
			return nil, fmt.Errorf("monitor: two detectors of kind %s, want one for each kind", d.Kind())
		}
		states[d.Kind()] = s
	}
	return states, nil
}

// Restore takes back a State. A monitor made for the same run that gets it
// goes on as if it had never stopped: it neither warms up again nor repeats an
// event. A detector that the state does not know stays as it is, and what the
// state knows of one that is gone is dropped. A state of another version, of
// another model or that cannot be read is an error, after which the monitor is
// as it was.
func (m *Monitor) Restore(data []byte) error {
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("monitor: the state cannot be read: %w", err)
	}
	if s.Version != stateVersion {
		return fmt.Errorf("monitor: the state has version %d, want %d", s.Version, stateVersion)
	}
	if model := m.model(); s.Model != model {
		return fmt.Errorf("monitor: the state belongs to another model (%s), want %s", s.Model, model)
	}
	for kind, l := range s.Life {
		if l.Phase >= phases || l.Count < 0 {
			return fmt.Errorf("monitor: the state says of %s that it is in phase %d after %d incidents", kind, l.Phase, l.Count)
		}
	}
	if s.Course == nil {
		return errors.New("monitor: the state holds no course")
	}
	old, err := m.detectorStates()
	if err != nil {
		return err
	}
	if err := m.restoreDetectors(s.Detectors); err != nil {
		return errors.Join(err, m.restoreDetectors(old))
	}
	if err := m.course.restore(s.Course); err != nil {
		return errors.Join(fmt.Errorf("monitor: the state of the course: %w", err), m.restoreDetectors(old))
	}
	for i, d := range m.detectors {
		if l, ok := s.Life[d.Kind()]; ok {
			m.life[i] = l
		}
	}
	m.action, m.closer = s.Action, s.Closer
	return nil
}

func (m *Monitor) restoreDetectors(states map[Kind]json.RawMessage) error {
	for _, d := range m.detectors {
		s, ok := states[d.Kind()]
		if !ok {
			continue
		}
		if err := d.Restore(s); err != nil {
			return fmt.Errorf("monitor: the state of detector %s: %w", d.Kind(), err)
		}
	}
	return nil
}
