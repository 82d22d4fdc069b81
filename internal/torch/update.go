package torch

// #include "curvature.h"
import "C"

import (
	"fmt"
	"runtime"
)

// Update puts into v the change of the parameters that the optimizer would make
// with gradient in its next step, from its own state and options, without making
// it: momentum, the moments of Adam and weight decay are in it. A parameter of
// which gradient has no part has 0.
func (o *Optimizer) Update(gradient, v *Vector) error { return o.update(gradient, v, 0) }

// Precondition puts into v the gradient as the optimizer scales it, P⁻¹g: with
// P = √v̂ + ε, the second moment v̂ having seen this gradient, for Adam and its
// like, and P = 1 for gradient descent.
func (o *Optimizer) Precondition(gradient, v *Vector) error { return o.update(gradient, v, 1) }

func (o *Optimizer) update(gradient, v *Vector, preconditioned C.int) error {
	if !v.alive() || !gradient.alive() {
		return fmt.Errorf("predicting an update: a vector: %w", ErrClosed)
	}
	var m message
	err := m.failedTwice("predicting an update", C.gtg_vector_update(v.pointer, o.pointer, gradient.pointer, preconditioned, &m[0]))
	runtime.KeepAlive(o)
	return err
}

// Values puts the elements of the parameter at index, in the optimizer's order,
// into out, row by row; out has as many as the parameter.
func (o *Optimizer) Values(index int, out []float64) error {
	var m message
	return m.failed("reading a parameter", C.gtg_param_values(o.pointer, C.int64_t(index), doubles(out), C.int64_t(len(out)), &m[0]))
}
