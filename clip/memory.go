package clip

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// states are the members' states in their order, nil when none remembers
// anything.
func states(all []member) ([]json.RawMessage, error) {
	out := make([]json.RawMessage, len(all))
	any := false
	for i := range all {
		s, err := all[i].State()
		if err != nil {
			return nil, err
		}
		out[i] = json.RawMessage("null")
		if s != nil {
			out[i], any = s, true
		}
	}
	if !any {
		return nil, nil
	}
	return out, nil
}

func marshal(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("clip: a policy's state: %w", err)
	}
	return b, nil
}

// unmarshal reads the state of a policy, which is an object with exactly these
// fields, into v.
func unmarshal(of string, state []byte, v any, fields ...string) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(state, &all); err != nil {
		return fmt.Errorf("clip: the state of %s: %w", of, err)
	}
	for _, f := range fields {
		if _, ok := all[f]; !ok {
			return fmt.Errorf("clip: the state of %s has no %q: it was saved by another policy", of, f)
		}
		delete(all, f)
	}
	for f := range all {
		return fmt.Errorf("clip: the state of %s has an unknown %q: it was saved by another policy", of, f)
	}
	if err := json.Unmarshal(state, v); err != nil {
		return fmt.Errorf("clip: the state of %s: %w", of, err)
	}
	return nil
}

// restoreList restores the members of a composed policy from what [states]
// gave. After an error all are as they were.
func restoreList(of string, all []member, state []byte) error {
	saved := make([]json.RawMessage, len(all))
	if s := bytes.TrimSpace(state); len(s) != 0 && string(s) != "null" {
		if err := json.Unmarshal(state, &saved); err != nil {
			return fmt.Errorf("clip: the state of %s: %w", of, err)
		}
		if len(saved) != len(all) {
			return fmt.Errorf("clip: the state of %s is of %d policies, this one has %d", of, len(saved), len(all))
		}
	}
	return restoreAll(of, all, saved)
}

func restoreAll(of string, all []member, saved []json.RawMessage) error {
	before := make([][]byte, len(all))
	for i := range all {
		var err error
		if before[i], err = all[i].State(); err != nil {
			return err
		}
	}
	for i := range all {
		if err := restoreOne(&all[i], saved[i]); err != nil {
			for j := range i {
				err = errors.Join(err, restoreOne(&all[j], before[j]))
			}
			return fmt.Errorf("clip: the state of %s: %w", of, err)
		}
	}
	return nil
}

// restoreOne also takes the absence of a state for a policy that remembers
// nothing.
func restoreOne(m *member, state []byte) error {
	if string(state) == "null" {
		state = nil
	}
	return m.Restore(state)
}
