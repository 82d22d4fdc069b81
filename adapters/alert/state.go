package alert

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/seed-140d0f39/gtg/monitor"
)

// stateVersion is the version of what State writes.
const stateVersion = 1

// machineState is a machine's state as JSON.
type machineState struct {
	Version int     `json:"version"`
	Lives   []*life `json:"lives"`
	// Told says for each receiver, in their order, what it knows.
	Told [][]told `json:"told,omitempty"`
}

// told is what a receiver knows of an alert.
type told struct {
	Key
	// Seq is the alert's count of changes at the last one that the receiver was
	// told of, at the time At.
	Seq int64     `json:"seq"`
	At  time.Time `json:"at"`
	// Refused says that the receiver did not want it.
	Refused bool `json:"refused,omitempty"`
}

// State returns all that the machine remembers, as JSON.
func (m *Machine) State() ([]byte, error) { return m.state(nil) }

func (m *Machine) state(told [][]told) ([]byte, error) {
	return json.Marshal(machineState{Version: stateVersion, Lives: m.lives, Told: told})
}

// Restore takes back a State. A machine of the same rules that gets it goes on
// as if it had never stopped, but that the time passed: what fired then fires
// now, without being news. After an error the machine is as it was.
func (m *Machine) Restore(now time.Time, data []byte) error {
	_, err := m.restore(now, data)
	return err
}

func (m *Machine) restore(now time.Time, data []byte) ([][]told, error) {
	var s machineState
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("alert: this is not a state of alerts: %w", err)
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("alert: the state has version %d, want %d", s.Version, stateVersion)
	}
	now = plain(now)
	seen := map[Key]bool{}
	for _, l := range s.Lives {
		switch {
		case l == nil:
			return nil, fmt.Errorf("alert: the state holds an alert that is null")
		case !slices.Contains(monitor.Kinds(), l.Kind):
			return nil, fmt.Errorf("alert: the state holds an alert of unknown kind %q", l.Kind)
		case seen[l.Key]:
			return nil, fmt.Errorf("alert: the state holds two alerts of kind %s and parameter %q, want one", l.Kind, l.Param)
		case l.Seq < 0:
			return nil, fmt.Errorf("alert: the state says that %s changed %d times", l.Kind, l.Seq)
		}
		seen[l.Key] = true
		l.past(now, m.rules.Hold)
	}
	m.lives = s.Lives
	return s.Told, nil
}

// past brings times back that lie in the future, as they do where two machines'
// clocks differ.
func (l *life) past(now time.Time, hold time.Duration) {
	times := []*time.Time{&l.Turned}
	if l.Alert != nil {
		times = append(times, &l.Alert.Started, &l.Alert.Ended)
	}
	for _, t := range times {
		if t.After(now) {
			*t = now
		}
	}
	if last := now.Add(hold); l.Until.After(last) {
		l.Until = last
	}
}
