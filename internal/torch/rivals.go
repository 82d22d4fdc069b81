//go:build gtg_bench

package torch

// #include "rivals.h"
import "C"

import (
	"errors"
	"runtime"
	"unsafe"

	"github.com/sugarme/gotch/ts"
)

// Rivals are what [Grads] is compared with, for the gradients of some tensors. They
// are in builds with the tag gtg_bench only.
type Rivals struct {
	pointer unsafe.Pointer
	message message
}

// NewRivals keeps the gradients that the tensors have now, contiguous float32 all.
func NewRivals(tensors []*ts.Tensor) (*Rivals, error) {
	p, err := pointers(tensors)
	if err != nil {
		return nil, err
	}
	r := &Rivals{}
	r.pointer = C.gtg_rivals(unsafe.SliceData(p), C.int64_t(len(p)), &r.message[0])
	runtime.KeepAlive(tensors)
	if r.pointer == nil {
		return nil, errors.New(C.GoString(&r.message[0]))
	}
	return r, nil
}

// Close lets go of them.
func (r *Rivals) Close() { C.gtg_rivals_free(r.pointer) }

// ClipGradNorm is libtorch's torch::nn::utils::clip_grad_norm_.
func (r *Rivals) ClipGradNorm(max float64) (float64, error) {
	var norm C.double
	err := r.message.failed("clipping", C.gtg_rivals_clip(r.pointer, C.double(max), &norm, &r.message[0]))
	return float64(norm), err
}

// Read reads the memory of all gradients on libtorch's threads and does as little
// with it as can be.
func (r *Rivals) Read() error {
	var none C.uint64_t
	return r.message.failed("reading", C.gtg_rivals_read(r.pointer, &none, &r.message[0]))
}
