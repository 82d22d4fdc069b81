package torch

// #include "gtg.h"
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Copy holds the parameters of an optimizer, or a list of tensors, as they were at
// one moment, in as many bytes as they have. Free it.
type Copy struct {
	pointer unsafe.Pointer
	message message
}

// Copy copies the parameters into c, which is empty or was freed.
func (g *Grads) Copy(c *Copy) error { return g.copy(c, 0) }

// copy: portable as on a device.
func (g *Grads) copy(c *Copy, portable C.int) error {
	if err := g.find(); err != nil {
		return err
	}
	p, n := g.array()
	err := c.message.failed("copying parameters", C.gtg_copy_new(g.optimizer, p, n, portable, &c.pointer, &c.message[0]))
	runtime.KeepAlive(g)
	return err
}

// Moved measures the L2 norm of each parameter as it was copied, and of what was
// added to it since, into slices with an entry for each parameter, in the
// optimizer's order. Squares are summed up in float64, in an order that depends on
// the sizes alone. What is not finite gives NaN or +Inf.
func (c *Copy) Moved(sizes, changes []float64) error {
	switch {
	case c.pointer == nil:
		return fmt.Errorf("measuring the change of parameters: the copy: %w", ErrClosed)
	case len(sizes) != len(changes):
		return fmt.Errorf("measuring the change of parameters: room for %d norms and %d changes", len(sizes), len(changes))
	}
	err := c.message.failed("measuring the change of parameters",
		C.gtg_copy_moved(c.pointer, doubles(sizes), doubles(changes), C.int64_t(len(sizes)), &c.message[0]))
	runtime.KeepAlive(c)
	return err
}

// Free frees it. A second call does nothing.
func (c *Copy) Free() {
	if c.pointer != nil {
		C.gtg_copy_free(c.pointer)
		c.pointer = nil
	}
}
