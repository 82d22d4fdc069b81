package torch

// #include "gtg.h"
import "C"

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// A Thread is an operating system thread that trains: a goroutine is locked to
// it, and no tensor that it may be using is freed by Go's finalizers while an
// optimizer is attached.
type Thread struct {
	id      int64
	entered unsafe.Pointer
	left    atomic.Bool
}

// LockThread locks the calling goroutine to its thread, which trains from now on.
func LockThread() *Thread {
	runtime.LockOSThread()
	return &Thread{id: thread(), entered: C.gtg_enter_training()}
}

// Unlock ends it. The goroutine is unlocked when it is the one that calls; a
// call from another one leaves it locked.
func (t *Thread) Unlock() {
	if t.left.Swap(true) {
		return
	}
	if t.entered != nil {
		C.gtg_leave_training(t.entered)
	}
	// A locked thread runs no other goroutine.
	if t.id == thread() {
		runtime.UnlockOSThread()
	}
}

// thread returns the id of the operating system thread that this runs on.
func thread() int64 { return int64(C.gtg_thread()) }
