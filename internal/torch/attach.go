package torch

// #include "gtg.h"
import "C"

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/sugarme/gotch/ts"
)

// Report is what was measured at one optimizer step, before the step. It and
// its Stats and Sketch live in C memory and are valid during the callback only.
type Report struct {
	Stats  []Stat  // in the optimizer's order, see [Param.Index]
	Sketch *Sketch // of all gradients, with seed 0; nil when there is none
	// Changed: the optimizer's list of parameters is not that of the last step
	// (or this is the first).
	Changed bool
	// Backwards counts the backward passes that these gradients are the sum of;
	// Loss is the sum of their losses, NaN when there was none.
	Backwards int64
	Loss      float64
	LR        float64
	// Nanoseconds were spent in this package for this step before the callback.
	Nanoseconds int64
	// Err says why nothing was measured.
	Err error
	// Stepped is for the callback to set: it is called when the optimizer has run,
	// on the same goroutine. The rest of the report is not valid any more then.
	Stepped func()
}

// An Attachment sends an optimizer's steps to a callback.
type Attachment struct {
	optimizer *Optimizer
	handle    uintptr
	step      func(*Report) bool
	backward  atomic.Pointer[func(*Loss)]
	report    Report
	closed    atomic.Bool
}

var (
	handles    sync.Map // uintptr → *Attachment
	lastHandle atomic.Uintptr
)

// ErrAttached: the optimizer is attached already.
var ErrAttached = errors.New("this optimizer is attached already: one guard for each optimizer, close the first one before")

// Attach has step called at every step of the optimizer, on the goroutine that
// steps, when the gradients are there and the optimizer has not used them yet.
// The optimizer runs when step returns true.
//
// The losses of its backward passes are found on the thread that attached,
// zeroed or stepped it last; with anyThread, on every thread, which is for
// goroutines that are not locked to one.
func (o *Optimizer) Attach(anyThread bool, step func(*Report) bool) (*Attachment, error) {
	h, err := o.Describe()
	if err != nil {
		return nil, err
	}
	if h.Params == 0 {
		return nil, errors.New("the optimizer has no parameters: build it after the model's layers have put theirs into the VarStore")
	}
	a := &Attachment{optimizer: o, handle: lastHandle.Add(1), step: step}
	handles.Store(a.handle, a)
	var m message
	anywhere := C.int(0)
	if anyThread {
		anywhere = 1
	}
	result := C.gtg_attach(o.pointer, C.uintptr_t(a.handle), anywhere, &m[0])
	if result != 0 {
		handles.Delete(a.handle)
	}
	if result == 1 {
		return nil, ErrAttached
	}
	return a, m.failed("attaching", result)
}

// Detach ends it: from now on the optimizer steps as if it had never been
// attached. A step under way on another goroutine still ends as it began.
func (a *Attachment) Detach() {
	if a.closed.Swap(true) {
		return
	}
	C.gtg_detach(a.optimizer.pointer)
	handles.Delete(a.handle)
}

// Apply is [Grads.Apply] for all of the optimizer's gradients.
func (a *Attachment) Apply(factor, lower, upper float64) error {
	return a.optimizer.Grads().Apply(factor, lower, upper)
}

// Step does what an interposed backward pass and step would have done, for
// builds that are not [Interposed]: loss.Backward, the callback, and then
// optimize unless the callback says no.
func (a *Attachment) Step(loss *ts.Tensor, optimize func() error) error {
	p, err := pointers([]*ts.Tensor{loss})
	if err != nil {
		return fmt.Errorf("the loss: %w", err)
	}
	var backward unsafe.Pointer
	if !Interposed {
		backward = C.gtg_before_backward(p[0])
		C.gtg_show_loss(backward)
	}
	err = loss.Backward()
	if backward != nil {
		C.gtg_after_backward(backward)
	}
	if err != nil {
		return err
	}
	if !Interposed && !a.closed.Load() {
		if attached := C.gtg_find(a.optimizer.pointer); attached != nil {
			then := gtgStep(C.uintptr_t(a.handle), C.gtg_measure_step(attached))
			C.gtg_release(attached)
			if then == C.GTG_SKIP {
				return nil
			}
			if then == C.GTG_RUN_AND_TELL {
				defer gtgStepped(C.uintptr_t(a.handle))
			}
		}
	}
	return optimize()
}

// gtgStep is called from C at every step of an attached optimizer. Whatever
// goes wrong in here, the program's own step is done.
//
//export gtgStep
func gtgStep(handle C.uintptr_t, c *C.gtg_report) C.int {
	v, ok := handles.Load(uintptr(handle))
	if !ok {
		return C.GTG_RUN
	}
	a := v.(*Attachment)
	r := &a.report
	*r = Report{
		Changed: c.changed != 0, Backwards: int64(c.backwards), Loss: float64(c.loss),
		LR: float64(c.lr), Nanoseconds: int64(c.nanoseconds),
	}
	if c.error != nil {
		r.Err = errors.New(C.GoString(c.error))
	} else {
		r.Stats = unsafe.Slice((*Stat)(unsafe.Pointer(c.stats)), int(c.params))
		r.Sketch = (*Sketch)(unsafe.Pointer(c.sketch))
	}
	if r.Backwards == 0 {
		r.Loss = math.NaN()
	}
	switch {
	case !a.step(r):
		return C.GTG_SKIP
	case r.Stepped != nil:
		return C.GTG_RUN_AND_TELL
	}
	return C.GTG_RUN
}

// gtgStepped is called when the optimizer has run, where the step's callback asked
// for it.
//
//export gtgStepped
func gtgStepped(handle C.uintptr_t) {
	if v, ok := handles.Load(uintptr(handle)); ok {
		v.(*Attachment).report.Stepped()
	}
}

// Is says whether the attachment is to this optimizer.
func (a *Attachment) Is(o *Optimizer) bool { return a.optimizer.pointer == o.pointer }
