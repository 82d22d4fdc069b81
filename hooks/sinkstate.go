package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/internal/delivery"
)

// sinkState is one sink's memory in a guard's state.
type sinkState struct {
	Sink  string `json:"sink"`
	State []byte `json:"state,omitempty"` // whatever the sink made it of
	// Events are lines of the run log, whose numbers may be NaN.
	Events string `json:"events,omitempty"`
}

func saveSinks(memories []delivery.Memory) (states []sinkState, err error) {
	for _, m := range memories {
		var lines bytes.Buffer
		log := runlog.NewWriter(&lines)
		for i := range m.Events {
			err = errors.Join(err, log.Event(&m.Events[i]))
		}
		err = errors.Join(err, log.Close(context.Background(), nil))
		states = append(states, sinkState{Sink: m.Sink, State: m.State, Events: lines.String()})
	}
	return states, err
}

// loadSinks returns what can be read, and what is wrong with the rest.
func loadSinks(states []sinkState) (memories []delivery.Memory, err error) {
	for _, s := range states {
		m := delivery.Memory{Sink: s.Sink, State: s.State}
		lines := runlog.NewReader(strings.NewReader(s.Events))
		for {
			line, e := lines.Next()
			if e == io.EOF {
				break
			}
			if e != nil {
				err = errors.Join(err, fmt.Errorf("sink %s: %w", s.Sink, e))
			} else if line.Event != nil {
				m.Events = append(m.Events, *line.Event)
			}
		}
		memories = append(memories, m)
	}
	return memories, err
}
