package torch

// #include "gtg.h"
import "C"

import (
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"github.com/sugarme/gotch/ts"
)

// Grads are the gradients of an optimizer's parameters, of all groups in the
// optimizer's order, or of a list of tensors. They are looked up anew at every
// call. One goroutine may use a Grads at a time.
//
// Every method works for all floating types, dense or not, on every device. A
// parameter without a gradient is left alone. A complex element counts as two
// elements, its real and its imaginary part. Changed elements are computed in
// float64 in CPU memory, and rounded once to the gradient's type.
type Grads struct {
	optimizer unsafe.Pointer // torch::optim::Optimizer*, nil for a list
	tensors   []*ts.Tensor
	pointers  []unsafe.Pointer
	message   message
}

// Grads returns those of the optimizer.
func (o *Optimizer) Grads() *Grads { return &Grads{optimizer: o.pointer} }

// NewGrads returns those of tensors, which it keeps alive.
func NewGrads(tensors []*ts.Tensor) (*Grads, error) {
	g := &Grads{tensors: slices.Clone(tensors)}
	return g, g.find()
}

// find fetches the C++ tensors, and so finds those that were dropped since.
func (g *Grads) find() (err error) {
	if g.optimizer == nil {
		g.pointers, err = appendPointers(g.pointers[:0], g.tensors)
	}
	return err
}

func (g *Grads) array() (*unsafe.Pointer, C.int64_t) {
	return unsafe.SliceData(g.pointers), C.int64_t(len(g.pointers))
}

// Len returns the number of parameters.
func (g *Grads) Len() (int, error) { return g.measure(nil, nil) }

// Measure measures each gradient into out, which grows when it is too small, and
// returns it.
func (g *Grads) Measure(out []Stat) ([]Stat, error) { return g.Sketch(out, nil) }

// Sketch is Measure, and in the same pass makes the sketch of all gradients, unless
// that is nil.
func (g *Grads) Sketch(out []Stat, sketch *Sketch) ([]Stat, error) {
	out = out[:cap(out)]
	for {
		n, err := g.measure(out, sketch)
		if err != nil {
			return out[:0], err
		}
		if n <= len(out) {
			return out[:n], nil
		}
		out = make([]Stat, n)
	}
}

// measure returns the number of parameters; nothing is measured when out is
// shorter.
func (g *Grads) measure(out []Stat, sketch *Sketch) (int, error) {
	if err := g.find(); err != nil {
		return 0, err
	}
	p, n := g.array()
	result := C.gtg_grads_measure(g.optimizer, p, n, (*C.gtg_stat)(unsafe.Pointer(unsafe.SliceData(out))), C.int64_t(len(out)),
		(*C.gtg_sketch)(unsafe.Pointer(sketch)), &g.message[0])
	runtime.KeepAlive(g)
	if result < 0 {
		return 0, g.message.failed("measuring", C.int(result))
	}
	return int(result), nil
}

// Apply multiplies all gradients by factor and then, when lower < upper, bounds
// every element. A factor of 1 writes nothing, and 0 makes every element 0, also
// where it was not finite. An element that is NaN is not bounded.
func (g *Grads) Apply(factor, lower, upper float64) error {
	if err := g.find(); err != nil {
		return err
	}
	p, n := g.array()
	err := g.message.failed("changing gradients", C.gtg_grads_apply(g.optimizer, p, n,
		C.double(factor), C.double(lower), C.double(upper), &g.message[0]))
	runtime.KeepAlive(g)
	return err
}

// ApplyEach is Apply with a factor for each gradient and, unless they are nil,
// bounds for each.
func (g *Grads) ApplyEach(factors, lower, upper []float64) error {
	if lower != nil && len(lower) != len(factors) || upper != nil && len(upper) != len(factors) || (lower == nil) != (upper == nil) {
		return fmt.Errorf("changing gradients: %d factors with %d lower and %d upper bounds: there has to be one of each, or no bounds",
			len(factors), len(lower), len(upper))
	}
	if err := g.find(); err != nil {
		return err
	}
	p, n := g.array()
	err := g.message.failed("changing gradients", C.gtg_grads_apply_each(g.optimizer, p, n,
		doubles(factors), doubles(lower), doubles(upper), C.int64_t(len(factors)), &g.message[0]))
	runtime.KeepAlive(g)
	return err
}

// ZeroNonFinite makes every element 0 that is NaN or infinite; or, unless
// elements, every gradient that has one.
func (g *Grads) ZeroNonFinite(elements bool) error {
	if err := g.find(); err != nil {
		return err
	}
	only := C.int(0)
	if elements {
		only = 1
	}
	p, n := g.array()
	err := g.message.failed("zeroing gradients", C.gtg_grads_zero_nonfinite(g.optimizer, p, n, only, &g.message[0]))
	runtime.KeepAlive(g)
	return err
}

// PNorms measures the p-norm (Σ|x|^p)^(1/p) of each gradient into out, which has
// an entry for each parameter: -1 where there is no gradient, and NaN or +Inf
// where it is not finite. p is above 0; +Inf stands for the largest magnitude.
//
// It is summed up in float64, in units of the largest magnitude, so that no power
// overflows, and in an order that depends on the sizes alone.
func (g *Grads) PNorms(p float64, out []float64) error {
	if !(p > 0) {
		return fmt.Errorf("measuring p-norms: p is %v, and has to be above 0", p)
	}
	if err := g.find(); err != nil {
		return err
	}
	tensors, n := g.array()
	err := g.message.failed("measuring p-norms", C.gtg_grads_p_norms(g.optimizer, tensors, n,
		C.double(p), doubles(out), C.int64_t(len(out)), &g.message[0]))
	runtime.KeepAlive(g)
	return err
}

// ParamNorms measures the L2 norms of the parameters themselves into out.
func (g *Grads) ParamNorms(out []float64) error {
	if err := g.find(); err != nil {
		return err
	}
	p, n := g.array()
	err := g.message.failed("measuring parameters", C.gtg_grads_param_norms(g.optimizer, p, n,
		doubles(out), C.int64_t(len(out)), &g.message[0]))
	runtime.KeepAlive(g)
	return err
}

// Constants finds the weights, of two dimensions or more, whose elements are all the
// same number: out is that number, NaN for all other parameters.
func (g *Grads) Constants(out []float64) error {
	if err := g.find(); err != nil {
		return err
	}
	p, n := g.array()
	err := g.message.failed("looking for constant weights", C.gtg_grads_constants(g.optimizer, p, n,
		doubles(out), C.int64_t(len(out)), &g.message[0]))
	runtime.KeepAlive(g)
	return err
}

// UnitNorms measures the L2 norm of each unit of parameter index: of its gradient
// (-1 where there is none) and of its values, accumulated in float64. A unit is
// one slice along axis (Brock et al. 2021, "High-Performance Large-Scale Image
// Recognition Without Normalization", equation 3, has the rows of a weight
// matrix); with axis < 0 the whole tensor is one unit. Both slices have one entry
// for each unit.
func (g *Grads) UnitNorms(index, axis int, grads, values []float64) error {
	if len(grads) != len(values) {
		return fmt.Errorf("measuring units: room for %d gradients and %d values", len(grads), len(values))
	}
	if err := g.find(); err != nil {
		return err
	}
	p, n := g.array()
	err := g.message.failed("measuring units", C.gtg_grads_unit_norms(g.optimizer, p, n,
		C.int64_t(index), C.int64_t(axis), doubles(grads), doubles(values), C.int64_t(len(grads)), &g.message[0]))
	runtime.KeepAlive(g)
	return err
}

// ApplyUnits multiplies the gradient of each unit of parameter index (see
// [Grads.UnitNorms]) by its factor, as [Grads.Apply] does.
func (g *Grads) ApplyUnits(index, axis int, factors []float64) error {
	if err := g.find(); err != nil {
		return err
	}
	p, n := g.array()
	err := g.message.failed("changing units", C.gtg_grads_apply_units(g.optimizer, p, n,
		C.int64_t(index), C.int64_t(axis), doubles(factors), C.int64_t(len(factors)), &g.message[0]))
	runtime.KeepAlive(g)
	return err
}

func doubles(x []float64) *C.double { return (*C.double)(unsafe.Pointer(unsafe.SliceData(x))) }
