package torch

// #include "curvature.h"
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Snapshot holds an optimizer's parameters and all that the optimizer remembers of
// them (momentum buffers, moments, step counts) as they were at one moment. It takes
// the memory of the parameters as often as there are tensors of state for each, and
// once more. Free it.
type Snapshot struct{ pointer unsafe.Pointer }

// Snapshot takes s, in the memory that s has where it fits. After an error s is of no
// use but to be taken again or freed. It is an error when the optimizer's state is
// not that of SGD, Adam, AdamW or RMSprop.
func (o *Optimizer) Snapshot(s *Snapshot) error {
	var m message
	err := m.failedTwice("taking a snapshot", C.gtg_snapshot_take(&s.pointer, o.pointer, &m[0]))
	runtime.KeepAlive(o)
	return err
}

// Restore puts parameters and state back as they were, bit for bit and in place.
// State that there was none of then is forgotten. Gradients and options, the
// learning rate among them, stay. It is an error, and nothing is changed, when the
// optimizer has other parameters than when s was taken.
func (o *Optimizer) Restore(s *Snapshot) error {
	if s.pointer == nil {
		return fmt.Errorf("going back to a snapshot: the snapshot: %w", ErrClosed)
	}
	var m message
	err := m.failedTwice("going back to a snapshot", C.gtg_snapshot_restore(s.pointer, o.pointer, &m[0]))
	runtime.KeepAlive(o)
	return err
}

// Bytes is how much memory its tensors take; 0 when freed.
func (s *Snapshot) Bytes() (int64, error) {
	if s.pointer == nil {
		return 0, nil
	}
	var n C.int64_t
	var m message
	err := m.failedTwice("looking at a snapshot", C.gtg_snapshot_bytes(s.pointer, &n, &m[0]))
	return int64(n), err
}

// Free frees it. A second call does nothing.
func (s *Snapshot) Free() {
	if s.pointer != nil {
		C.gtg_snapshot_free(s.pointer)
		s.pointer = nil
	}
}
