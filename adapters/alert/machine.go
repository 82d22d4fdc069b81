package alert

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-140d0f39/gtg/monitor"
)

// A Phase is where an alert is in its life.
type Phase string

// The phases, in the order of a life.
const (
	Inactive Phase = "inactive" // nothing to tell
	Pending  Phase = "pending"  // the condition holds, and the alert waits
	Firing   Phase = "firing"   //
	Resolved Phase = "resolved" // it fired and is over
)

// maxParams is how many parameters of one kind have alerts of their own at a
// time. Those beyond it share the alert of the kind.
const maxParams = 20

// Machine is the life of a run's alerts: events and the time go in, alerts come
// out. It reads no clock and does nothing by itself, so that the same events at
// the same times give the same alerts. It is not safe for concurrent use.
type Machine struct {
	run   string
	rules Rules
	lives []*life // in the order of their beginning
}

// life is one alert's.
type life struct {
	Key
	// Holds says whether the condition holds, since or until Turned. An
	// instant holds until Until.
	Holds  bool      `json:"holds"`
	Turned time.Time `json:"turned"`
	Until  time.Time `json:"until"`
	// Event is the last event's, of which an alert is made when it fires.
	Event Alert `json:"event"`
	// Alert is the last incident that fired; nil before the first.
	Alert *Alert `json:"alert,omitempty"`
	// Seq counts how often the alert fired or was resolved.
	Seq int64 `json:"seq"`
}

func (l *life) firing() bool { return l.Alert != nil && l.Alert.Firing() }

func (l *life) phase() Phase {
	switch {
	case l.firing():
		return Firing
	case l.Holds:
		return Pending
	case l.Alert != nil:
		return Resolved
	}
	return Inactive
}

// NewMachine returns a machine for the run.
func NewMachine(run string, rules Rules) (*Machine, error) {
	if err := rules.Validate(); err != nil {
		return nil, err
	}
	return &Machine{run: run, rules: rules}, nil
}

// Observe takes an event that came at the time now. What changes by it shows in
// the next Tick.
func (m *Machine) Observe(now time.Time, e *monitor.Event) error {
	now = plain(now)
	if !slices.Contains(monitor.Kinds(), e.Kind) {
		return fmt.Errorf("alert: event of unknown kind %q", e.Kind)
	}
	switch e.State {
	case monitor.Resolved:
		m.clear(now, e)
		return nil
	case monitor.Firing, monitor.Instant:
	default:
		return fmt.Errorf("alert: event %s in unknown state %q", e.Kind, e.State)
	}
	if !slices.Contains(severities, e.Severity) {
		return fmt.Errorf("alert: event %s of unknown severity %q", e.Kind, e.Severity)
	}
	if !m.rules.alerts(e.Severity) {
		return nil
	}
	l := m.find(Key{Kind: e.Kind, Param: e.Param, Instant: e.State == monitor.Instant})
	incidents := l.Event.Incidents
	if !l.Holds || l.Instant {
		incidents++
	}
	if !l.Holds {
		l.Holds, l.Turned = true, now
	}
	l.Until = now.Add(m.rules.Hold)
	l.Event = Alert{Key: l.Key, Run: m.run, Severity: e.Severity, Step: e.Step, Since: e.Step, Summary: e.Summary, Advice: e.Advice,
		Section: e.Section, Class: e.Class, Values: values(e.Values), Link: m.rules.Link, Incidents: incidents}
	if l.firing() { // newer words for the same alert
		was := l.Alert
		a := l.Event
		a.Labels, a.Severity, a.Started, a.Since = was.Labels, was.Severity, was.Started, was.Since
		l.Alert = &a
	}
	return nil
}

// clear ends the condition that the event is about. Detectors may name another
// parameter at the end than at the beginning, or none: then all of the kind end.
func (m *Machine) clear(now time.Time, e *monitor.Event) {
	exact := Key{Kind: e.Kind, Param: e.Param}
	named := slices.ContainsFunc(m.lives, func(l *life) bool { return l.Key == exact && l.Holds })
	for _, l := range m.lives {
		if l.Kind != e.Kind || l.Instant || !l.Holds || named && l.Key != exact {
			continue
		}
		l.Holds, l.Turned = false, now
		if l.firing() {
			a := *l.Alert
			a.Step, a.Ending = e.Step, e.Summary
			l.Alert = &a
		}
	}
}

// find returns the life of the key and begins one if there is none.
func (m *Machine) find(k Key) *life {
	params := 0
	for _, l := range m.lives {
		if l.Key == k {
			return l
		}
		if l.Kind == k.Kind && l.Param != "" {
			params++
		}
	}
	if k.Param != "" && params >= maxParams {
		return m.find(Key{Kind: k.Kind, Instant: k.Instant})
	}
	l := &life{Key: k}
	m.lives = append(m.lives, l)
	return l
}

// Tick brings the alerts to the time now, and returns those that fired or were
// resolved.
func (m *Machine) Tick(now time.Time) (changed []Alert) {
	now = plain(now)
	for _, l := range m.lives { // what ends does not silence any more
		if l.Instant && l.Holds && !now.Before(l.Until) {
			l.Holds, l.Turned = false, l.Until
		}
		if l.firing() && !l.Holds && !now.Before(m.resolves(l)) {
			changed = append(changed, l.end(now))
		}
	}
	for _, l := range m.lives {
		if l.phase() == Pending && !now.Before(m.fires(l)) && !m.silenced(l) {
			changed = append(changed, l.fire(now, m.rules.Labels))
		}
	}
	return changed
}

// fires is when a pending alert fires unless something silences it.
func (m *Machine) fires(l *life) time.Time {
	at := l.Turned.Add(m.rules.wait(l.Key))
	if l.Alert != nil {
		if cool := l.Alert.Ended.Add(m.rules.Cooldown); cool.After(at) {
			return cool
		}
	}
	return at
}

// resolves is when a firing alert whose condition is clear is resolved.
func (m *Machine) resolves(l *life) time.Time {
	if l.Instant {
		return l.Turned
	}
	return l.Turned.Add(m.rules.KeepFiring)
}

// silenced says whether a cause of l holds or still fires.
func (m *Machine) silenced(l *life) bool {
	return slices.ContainsFunc(m.lives, func(cause *life) bool {
		return (cause.Holds || cause.firing()) && m.rules.silences(cause.Kind, l.Kind) && !m.mutual(cause, l)
	})
}

// mutual says whether the two would silence each other and l was first.
func (m *Machine) mutual(cause, l *life) bool {
	if !m.rules.silences(l.Kind, cause.Kind) || cause.firing() {
		return false
	}
	return l.Turned.Before(cause.Turned) || l.Turned.Equal(cause.Turned) && slices.Index(m.lives, l) < slices.Index(m.lives, cause)
}

func (l *life) fire(now time.Time, own map[string]string) Alert {
	a := l.Event
	a.Labels = labels(own, a.Run, l.Key, a.Severity)
	a.Started = now
	l.Alert, l.Seq = &a, l.Seq+1
	return a
}

func (l *life) end(now time.Time) Alert {
	a := *l.Alert
	a.Ended = now
	l.Alert, l.Seq = &a, l.Seq+1
	l.Event.Incidents = 0
	return a
}

// Next is when the next change is due that only takes time; zero when there is
// none.
func (m *Machine) Next() (next time.Time) {
	earlier := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, l := range m.lives {
		if l.Instant && l.Holds {
			earlier(l.Until)
		}
		switch {
		case l.firing() && !l.Holds:
			earlier(m.resolves(l))
		case l.phase() == Pending && !m.silenced(l):
			earlier(m.fires(l))
		}
	}
	return next
}

// Phase returns where the alert of the key is in its life.
func (m *Machine) Phase(k Key) Phase {
	for _, l := range m.lives {
		if l.Key == k {
			return l.phase()
		}
	}
	return Inactive
}

// Firing returns the alerts that are firing, in the order in which their
// conditions first began.
func (m *Machine) Firing() (alerts []Alert) {
	for _, l := range m.lives {
		if l.firing() {
			alerts = append(alerts, *l.Alert)
		}
	}
	return alerts
}

// End is the end of the run: what waits to be resolved is resolved, what waits
// to fire never will, and what fires goes on, or is resolved as well. It returns
// the alerts that were resolved.
func (m *Machine) End(now time.Time, resolve bool) (changed []Alert) {
	now = plain(now)
	changed = m.Tick(now)
	for _, l := range m.lives {
		if l.firing() && (resolve || !l.Holds) {
			ended := l.Holds
			l.Holds, l.Turned = false, now
			if l.end(now); ended {
				l.Alert.Ending = "The run has ended. Before: " + l.Alert.Summary
			}
			changed = append(changed, *l.Alert)
		}
	}
	return changed
}

// forget drops the lives that are over and of which told says that nobody is
// to hear of them any more.
func (m *Machine) forget(now time.Time, told func(*life) bool) {
	m.lives = slices.DeleteFunc(m.lives, func(l *life) bool {
		if l.Holds || l.firing() {
			return false
		}
		return l.Alert == nil || now.Sub(l.Alert.Ended) >= m.rules.Cooldown && told(l)
	})
}

// plain is the time as a saved state has it.
func plain(t time.Time) time.Time { return t.Round(0).UTC() }
