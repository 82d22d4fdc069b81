package clip

import (
	"bytes"
	"fmt"
)

type none struct{ stateless }

// None measures only: no gradient is ever changed.
func None() Policy { return none{} }

func (none) Name() string             { return "none" }
func (none) Validate() error          { return nil }
func (none) Decide(Gradient) Decision { return Keep() }

// stateless is the memory of a policy that remembers nothing.
type stateless struct{}

func (stateless) State() ([]byte, error) { return nil, nil }

// Restore takes what State gave, also after it went through JSON, where
// nothing is null.
func (stateless) Restore(state []byte) error {
	if s := bytes.TrimSpace(state); len(s) != 0 && string(s) != "null" {
		return fmt.Errorf("clip: %d bytes of state for a policy that remembers nothing: it was saved by another policy", len(s))
	}
	return nil
}
