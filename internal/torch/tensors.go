package torch

// #include "gtg.h"
import "C"

import (
	"errors"
	"runtime"
	"unsafe"

	"github.com/sugarme/gotch/ts"
)

// Stat is what one pass over one gradient finds.
type Stat struct {
	Norm      float64 // L2 norm, accumulated in float64; NaN or +Inf when NonFinite is not 0
	Max       float64 // largest magnitude of a finite element
	Numel     int64   // number of elements
	Zeros     int64   // elements that are exactly 0
	NonFinite int64   // elements that are NaN or infinite
	NaN       int64   // of those: NaN
	PosInf    int64   // of those: +Inf
	NegInf    int64   // of those: -Inf
	defined   int64
}

// Defined says whether there is a gradient at all.
func (s *Stat) Defined() bool { return s.defined != 0 }

// Both directions, so that neither may grow without the other.
var _ = [1]struct{}{}[unsafe.Sizeof(Stat{})-unsafe.Sizeof(C.gtg_stat{})]

var errNil = errors.New("a tensor is nil or was dropped")

// pointers collects the C++ tensors behind gotch tensors.
func pointers(tensors []*ts.Tensor) ([]unsafe.Pointer, error) {
	return appendPointers(make([]unsafe.Pointer, 0, len(tensors)), tensors)
}

func appendPointers(out []unsafe.Pointer, tensors []*ts.Tensor) ([]unsafe.Pointer, error) {
	for _, t := range tensors {
		if t == nil {
			return nil, errNil
		}
		p := unsafe.Pointer(t.Ctensor())
		if p == nil {
			return nil, errNil
		}
		out = append(out, p)
	}
	return out, nil
}

func identity(t *ts.Tensor) (unsafe.Pointer, error) {
	p, err := pointers([]*ts.Tensor{t})
	if err != nil {
		return nil, err
	}
	var id unsafe.Pointer
	var m message
	err = m.failed("identifying a tensor", C.gtg_identity(p[0], &id, &m[0]))
	runtime.KeepAlive(t)
	return id, err
}

// Gradients measures the gradient of each tensor.
func Gradients(tensors []*ts.Tensor) ([]Stat, error) { return measure(tensors, 1, 0) }

// Values measures the tensors themselves.
func Values(tensors []*ts.Tensor) ([]Stat, error) { return measure(tensors, 0, 0) }

// valuesPortable measures as for tensors on a device, with libtorch's
// operations instead of the pass over CPU memory.
func valuesPortable(tensors []*ts.Tensor) ([]Stat, error) { return measure(tensors, 0, 1) }

func measure(tensors []*ts.Tensor, gradients, portable C.int) ([]Stat, error) {
	p, err := pointers(tensors)
	if err != nil || len(p) == 0 {
		return nil, err
	}
	stats := make([]Stat, len(p))
	var m message
	err = m.failed("measuring", C.gtg_measure(&p[0], C.int64_t(len(p)), gradients, portable,
		(*C.gtg_stat)(unsafe.Pointer(&stats[0])), &m[0]))
	runtime.KeepAlive(tensors)
	return stats, err
}

// Apply is [Grads.Apply] for the gradient of each tensor.
func Apply(tensors []*ts.Tensor, factor, lower, upper float64) error {
	g, err := NewGrads(tensors)
	if err != nil {
		return err
	}
	return g.Apply(factor, lower, upper)
}

// SetGrad makes grad itself, not a copy, the gradient of tensor; gotch has no
// function for it.
func SetGrad(tensor, grad *ts.Tensor) error {
	p, err := pointers([]*ts.Tensor{tensor, grad})
	if err != nil {
		return err
	}
	var m message
	err = m.failed("setting a gradient", C.gtg_set_grad(p[0], p[1], &m[0]))
	runtime.KeepAlive(tensor)
	runtime.KeepAlive(grad)
	return err
}

// Seed sets the seed of libtorch's random numbers on all devices, which gotch
// has no function for.
func Seed(seed int64) error {
	var m message
	return m.failed("setting the seed", C.gtg_seed(C.int64_t(seed), &m[0]))
}

// SetThreads sets how many threads one libtorch operation may use.
func SetThreads(n int) error {
	var m message
	return m.failed("setting the number of threads", C.gtg_set_threads(C.int64_t(n), &m[0]))
}
