package torch

// #include "curvature.h"
import "C"

import (
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"github.com/sugarme/gotch/ts"
)

// Space is the space of the parameters of an optimizer, of all groups in the
// optimizer's order, or of a list of tensors. They are looked up anew at every call.
type Space struct {
	optimizer unsafe.Pointer // torch::optim::Optimizer*, nil for a list
	tensors   []*ts.Tensor
}

// Space returns that of the optimizer.
func (o *Optimizer) Space() *Space { return &Space{optimizer: o.pointer} }

// NewSpace returns that of tensors, which it keeps alive.
func NewSpace(tensors []*ts.Tensor) (*Space, error) {
	s := &Space{tensors: slices.Clone(tensors)}
	_, err := pointers(s.tensors)
	return s, err
}

// call calls f with the arguments that tell C which parameters are meant.
func (s *Space) call(what string, f func(optimizer unsafe.Pointer, tensors *unsafe.Pointer, n C.int64_t, error *C.char) C.int) error {
	p, err := pointers(s.tensors)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	var m message
	err = m.failedTwice(what, f(s.optimizer, unsafe.SliceData(p), C.int64_t(len(p)), &m[0]))
	runtime.KeepAlive(s)
	return err
}

// NewVector returns a vector of zeros with a part for every parameter that
// requires a gradient. Free it.
func (s *Space) NewVector() (*Vector, error) {
	v := &Vector{}
	err := s.call("making a vector", func(o unsafe.Pointer, t *unsafe.Pointer, n C.int64_t, e *C.char) C.int {
		return C.gtg_vector_new(o, t, n, &v.pointer, e)
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Values puts the parameters' values into v.
func (s *Space) Values(v *Vector) error {
	return s.into("reading parameters", v, func(o unsafe.Pointer, t *unsafe.Pointer, n C.int64_t, e *C.char) C.int {
		return C.gtg_vector_values(v.pointer, o, t, n, e)
	})
}

// Grad puts the parameters' .grad into v, 0 where there is none.
func (s *Space) Grad(v *Vector) error {
	return s.into("reading gradients", v, func(o unsafe.Pointer, t *unsafe.Pointer, n C.int64_t, e *C.char) C.int {
		return C.gtg_vector_grad(v.pointer, o, t, n, e)
	})
}

// Snapshot returns the parameters' values as a new vector. Free it.
func (s *Space) Snapshot() (*Vector, error) {
	v, err := s.NewVector()
	if err != nil {
		return nil, err
	}
	if err := s.Values(v); err != nil {
		v.Free()
		return nil, err
	}
	return v, nil
}

// Since puts into v what has been added to the parameters since the snapshot was
// taken: between two steps, the optimizer's update. A parameter that was frozen
// then has 0.
func (s *Space) Since(snapshot, v *Vector) error {
	if !snapshot.alive() {
		return fmt.Errorf("comparing parameters: the snapshot: %w", ErrClosed)
	}
	return s.into("comparing parameters", v, func(o unsafe.Pointer, t *unsafe.Pointer, n C.int64_t, e *C.char) C.int {
		return C.gtg_vector_since(v.pointer, o, t, n, snapshot.pointer, e)
	})
}

func (s *Space) into(what string, v *Vector, f func(optimizer unsafe.Pointer, tensors *unsafe.Pointer, n C.int64_t, error *C.char) C.int) error {
	if !v.alive() {
		return fmt.Errorf("%s: the vector: %w", what, ErrClosed)
	}
	return s.call(what, f)
}

// Vector is a vector in the space of the parameters, with one part for each in
// the parameter's dtype and on its device. It has no part where the parameter was
// frozen or took no part in the graph that the vector was made for: what is put
// there is dropped, and what is read from there is 0.
//
// Vectors of other parameters than this one's are refused with an error.
type Vector struct{ pointer unsafe.Pointer }

// Distribution is what random elements are drawn from.
type Distribution int

const (
	Rademacher Distribution = C.GTG_RADEMACHER // +1 or -1
	Normal     Distribution = C.GTG_NORMAL     // mean 0, variance 1
)

func (v *Vector) alive() bool { return v != nil && v.pointer != nil }

// from calls f, which changes v and reads x.
func (v *Vector) from(what string, x *Vector, f func(error *C.char) C.int) error {
	if !v.alive() || !x.alive() {
		return fmt.Errorf("%s: a vector: %w", what, ErrClosed)
	}
	var m message
	return m.failedTwice(what, f(&m[0]))
}

// Like returns a vector of zeros with the same parts. Free it.
func (v *Vector) Like() (*Vector, error) {
	out := &Vector{}
	err := v.from("making a vector", v, func(e *C.char) C.int { return C.gtg_vector_like(v.pointer, &out.pointer, e) })
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Free frees it. A second call does nothing.
func (v *Vector) Free() {
	if v.alive() {
		C.gtg_vector_free(v.pointer)
		v.pointer = nil
	}
}

// Len returns the number of parameters, with a part or without; 0 when freed.
func (v *Vector) Len() int {
	if !v.alive() {
		return 0
	}
	return int(C.gtg_vector_len(v.pointer))
}

// Dim returns the number of elements of all parts; 0 when freed.
func (v *Vector) Dim() int64 {
	if !v.alive() {
		return 0
	}
	return int64(C.gtg_vector_dim(v.pointer))
}

// Numel returns the number of elements of parameter i, with a part or without; 0
// when freed or there is none such.
func (v *Vector) Numel(i int) int64 {
	if !v.alive() {
		return 0
	}
	return int64(C.gtg_vector_numel(v.pointer, C.int64_t(i)))
}

// Has says whether there is a part for parameter i.
func (v *Vector) Has(i int) bool {
	return v.alive() && C.gtg_vector_has(v.pointer, C.int64_t(i)) != 0
}

// Dot returns vᵀx and, unless each is nil, puts its summand of each parameter
// into each. It is accumulated in float64, in an order that depends on the sizes
// alone.
func (v *Vector) Dot(x *Vector, each []float64) (float64, error) { return v.dot(x, each, 0) }

// dot: portable as on a device.
func (v *Vector) dot(x *Vector, each []float64, portable C.int) (float64, error) {
	var total C.double
	err := v.from("taking an inner product", x, func(e *C.char) C.int {
		return C.gtg_vector_dot(v.pointer, x.pointer, portable, doubles(each), C.int64_t(len(each)), &total, e)
	})
	return float64(total), err
}

// Axpy adds factor times x.
func (v *Vector) Axpy(factor float64, x *Vector) error {
	return v.from("adding vectors", x, func(e *C.char) C.int {
		return C.gtg_vector_axpy(v.pointer, C.double(factor), x.pointer, e)
	})
}

// Scale multiplies by factor.
func (v *Vector) Scale(factor float64) error {
	return v.from("scaling a vector", v, func(e *C.char) C.int { return C.gtg_vector_scale(v.pointer, C.double(factor), e) })
}

// Copy makes v equal to x.
func (v *Vector) Copy(x *Vector) error {
	return v.from("copying a vector", x, func(e *C.char) C.int { return C.gtg_vector_copy(v.pointer, x.pointer, e) })
}

// Random draws all elements independently. The same seed gives the same vector,
// on any number of threads and any device; libtorch's generators are not used.
func (v *Vector) Random(d Distribution, seed uint64) error {
	seeds := make([]uint64, v.Len())
	for i := range seeds {
		// A stream of its own for each parameter.
		seeds[i] = seed ^ uint64(i)*0xd1342543de82ef95
	}
	return v.RandomEach(d, seeds)
}

// RandomEach is Random with a seed for each parameter, so that the vector does
// not depend on the order of the parameters.
func (v *Vector) RandomEach(d Distribution, seeds []uint64) error {
	return v.from("drawing a random vector", v, func(e *C.char) C.int {
		return C.gtg_vector_random(v.pointer, C.int(d), (*C.uint64_t)(unsafe.SliceData(seeds)), C.int64_t(len(seeds)), e)
	})
}

// Set puts the values of the given tensors into v, one for each parameter; nil
// stands for 0.
func (v *Vector) Set(tensors []*ts.Tensor) error {
	p := make([]unsafe.Pointer, len(tensors))
	for i, t := range tensors {
		if t == nil {
			continue
		}
		if p[i] = unsafe.Pointer(t.Ctensor()); p[i] == nil {
			return fmt.Errorf("setting a vector: %w", errNil)
		}
	}
	err := v.from("setting a vector", v, func(e *C.char) C.int {
		return C.gtg_vector_set(v.pointer, unsafe.SliceData(p), C.int64_t(len(p)), e)
	})
	runtime.KeepAlive(tensors)
	return err
}

// Get puts the elements of the part of parameter i, 0 where there is none, into
// out, which has as many as the parameter.
func (v *Vector) Get(i int, out []float64) error {
	return v.from("reading a vector", v, func(e *C.char) C.int {
		return C.gtg_vector_get(v.pointer, C.int64_t(i), doubles(out), C.int64_t(len(out)), e)
	})
}

// Put is the opposite of [Vector.Get].
func (v *Vector) Put(i int, x []float64) error {
	return v.from("setting a vector", v, func(e *C.char) C.int {
		return C.gtg_vector_put(v.pointer, C.int64_t(i), doubles(x), C.int64_t(len(x)), e)
	})
}
