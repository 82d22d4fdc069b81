package monitor

import (
	"bytes"
	"encoding/json"
)

// memory is the part of a detector that is saved: all that it carries from one
// step to the next. A detector that embeds it has State and Restore. What T
// holds is finite, since JSON has no other numbers.
type memory[T any] struct{ now T }

// State returns what is remembered, as JSON.
func (m *memory[T]) State() ([]byte, error) { return json.Marshal(m.now) }

// Restore takes back a State. After an error the memory is as it was.
func (m *memory[T]) Restore(state []byte) error {
	var fresh T
	if err := decode(state, &fresh); err != nil {
		return err
	}
	m.now = fresh
	return nil
}

// decode reads JSON and refuses fields that it does not know.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// latch makes a condition of noisy answers: it begins after so many records in
// a row that say yes, and ends after so many in a row that say no. Between yes
// and no lies the band in which neither counts.
type latch struct {
	On  bool `json:"on"`
	Run int  `json:"run"`
}

func (l *latch) observe(yes, no bool, begin, end int) Condition {
	turns, enough := yes, begin
	if l.On {
		turns, enough = no, end
	}
	if !turns {
		l.Run = 0
	} else if l.Run++; l.Run >= enough {
		l.On, l.Run = !l.On, 0
	}
	if l.On {
		return Holding
	}
	return Clear
}
