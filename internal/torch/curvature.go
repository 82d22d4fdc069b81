package torch

// #include "curvature.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/sugarme/gotch/ts"
)

// Why there is no curvature. Errors of this file wrap one of these where one fits.
var (
	// ErrNoGraph: nothing leads from the loss to a parameter.
	ErrNoGraph = errors.New("the loss has no graph")
	// ErrFreed: a backward pass has used the graph up, or what it holds was changed in place.
	ErrFreed = errors.New("the loss's graph cannot be used any more")
	// ErrNoDoubleBackward: an operation of the graph cannot be differentiated twice.
	ErrNoDoubleBackward = errors.New("the loss cannot be differentiated twice")
	// ErrNoMemory: the second derivative does not fit into memory.
	ErrNoMemory = errors.New("not enough memory")
	// ErrClosed: the graph or the vector was given back.
	ErrClosed = errors.New("it is closed")
)

// failedTwice turns the result of a function of curvature.h into an error.
func (m *message) failedTwice(what string, result C.int) error {
	var kind error
	switch result {
	case C.GTG_NO_GRAPH:
		kind = ErrNoGraph
	case C.GTG_FREED:
		kind = ErrFreed
	case C.GTG_NO_DOUBLE_BACKWARD:
		kind = ErrNoDoubleBackward
	case C.GTG_NO_MEMORY:
		kind = ErrNoMemory
	default:
		return m.failed(what, result)
	}
	return fmt.Errorf("%s: %w: %s", what, kind, C.GoString(&m[0]))
}

// Open differentiates loss by the space's parameters, with a graph, and leaves the
// loss's own graph as it was. Parameters that are frozen or that the loss does not
// depend on take no part. Close it.
//
// It takes the time of a backward pass and, until it is closed, the memory of
// another graph. No .grad is written, and no random number drawn.
func (s *Space) Open(loss *ts.Tensor) (*Graph, error) {
	p, err := pointers([]*ts.Tensor{loss})
	if err != nil {
		return nil, fmt.Errorf("the loss: %w", err)
	}
	g, err := s.open(p[0])
	runtime.KeepAlive(loss)
	return g, err
}

func (s *Space) open(loss unsafe.Pointer) (*Graph, error) {
	g := &Graph{}
	err := s.call("differentiating the loss", func(o unsafe.Pointer, t *unsafe.Pointer, n C.int64_t, e *C.char) C.int {
		return C.gtg_graph_open(loss, o, t, n, &g.pointer, e)
	})
	if err != nil {
		return nil, err
	}
	var m message
	if err := m.failedTwice("reading the gradient", C.gtg_graph_gradient(g.pointer, &g.gradient.pointer, &m[0])); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// OpenGraph is [Space.Open] for a list of tensors.
func OpenGraph(loss *ts.Tensor, params []*ts.Tensor) (*Graph, error) {
	s, err := NewSpace(params)
	if err != nil {
		return nil, fmt.Errorf("the parameters: %w", err)
	}
	return s.Open(loss)
}

// Graph is the gradient g of a loss with its graph, the source of products with
// the Hessian H. One goroutine may use a Graph and its vectors at a time.
//
// It does not outlive its loss's own graph: after a backward pass that frees that
// one, or a step that changes the parameters, HVP returns an error.
type Graph struct {
	pointer  unsafe.Pointer
	gradient Vector
}

// Gradient returns g. It belongs to the graph and ends with it: copy it to change
// or to keep it.
func (g *Graph) Gradient() *Vector { return &g.gradient }

// NewVector returns a vector of zeros with a part for every parameter that takes
// part in the loss. It may outlive the graph. Free it.
func (g *Graph) NewVector() (*Vector, error) { return g.gradient.Like() }

// HVP puts H·in into out, in the time of about two backward passes. in and out
// may be the same vector. When it fails, out is as it was.
func (g *Graph) HVP(in, out *Vector) error {
	if g.pointer == nil {
		return fmt.Errorf("multiplying with the Hessian: the graph: %w", ErrClosed)
	}
	return out.from("multiplying with the Hessian", in, func(e *C.char) C.int {
		return C.gtg_graph_hvp(g.pointer, in.pointer, out.pointer, e)
	})
}

// Close frees the graph and its gradient. A second call does nothing.
func (g *Graph) Close() {
	g.gradient.Free()
	if g.pointer != nil {
		C.gtg_graph_close(g.pointer)
		g.pointer = nil
	}
}

// Alive returns how many vectors and graphs are not given back yet.
func Alive() int { return int(C.gtg_curvature_alive()) }

// Loss is the loss of a backward pass that is about to begin.
type Loss struct {
	// Value is NaN where the loss is not in CPU memory.
	Value   float64
	space   *Space
	pointer unsafe.Pointer
	graphs  []*Graph
}

// Graph is [Space.Open] for this loss and the attached optimizer's parameters. It
// is closed when the callback returns.
func (l *Loss) Graph() (*Graph, error) {
	if l.pointer == nil {
		return nil, fmt.Errorf("the loss of a backward pass that has begun: %w", ErrClosed)
	}
	g, err := l.space.open(l.pointer)
	if err == nil {
		l.graphs = append(l.graphs, g)
	}
	return g, err
}

// OnBackward has f called before each backward pass of the optimizer's, on the
// goroutine that differentiates, from now on; with nil, not any more. f is told
// the loss, which is valid until it returns. Its time is in the next step's
// Report.Nanoseconds.
//
// The backward pass that follows has the gradients that it would have had.
func (a *Attachment) OnBackward(f func(*Loss)) {
	on := C.int(0)
	if f == nil {
		a.backward.Store(nil)
	} else {
		a.backward.Store(&f)
		on = 1
	}
	C.gtg_watch(a.optimizer.pointer, on)
}

// gtgBackward is called from C before a backward pass that is watched.
//
//export gtgBackward
func gtgBackward(handle C.uintptr_t, loss unsafe.Pointer, value C.double) {
	v, ok := handles.Load(uintptr(handle))
	if !ok {
		return
	}
	a := v.(*Attachment)
	f := a.backward.Load()
	if f == nil {
		return
	}
	l := &Loss{Value: float64(value), space: a.optimizer.Space(), pointer: loss}
	defer func() {
		l.pointer = nil
		for _, g := range l.graphs {
			g.Close()
		}
	}()
	(*f)(l)
}
