package torch

// #include "gtg.h"
import "C"

import (
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"unsafe"

	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

// GotchVersion is the version of gotch whose inner shape this package knows.
const GotchVersion = "v0.9.1"

// Version returns the version of the libtorch that this was compiled against.
func Version() string { return C.GoString(C.gtg_version()) }

// Optimizer is the C++ optimizer behind a gotch optimizer.
type Optimizer struct {
	pointer unsafe.Pointer // torch::optim::Optimizer*
	vars    *nn.VarStore   // nil when gotch does not say
}

// Find returns what is behind a gotch optimizer. It reads two unexported fields
// by reflection, after checking that they have the shape that gotch v0.9.1
// gives them; any other shape is an error.
func Find(opt *nn.Optimizer) (*Optimizer, error) {
	if opt == nil {
		return nil, errors.New("the optimizer is nil: build it first, e.g. nn.DefaultAdamConfig().Build(vs, lr)")
	}
	value := reflect.ValueOf(opt).Elem()
	inner, err := pointerField(value, "opt", reflect.TypeFor[*ts.COptimizer]())
	if err != nil {
		return nil, err
	}
	if inner.IsNil() {
		return nil, errors.New("the optimizer was not made by a Build method: it has no libtorch optimizer inside")
	}
	handle := inner.Elem().FieldByName("coptimizer")
	if !handle.IsValid() || handle.Kind() != reflect.UnsafePointer && handle.Kind() != reflect.Pointer && handle.Kind() != reflect.Uintptr {
		return nil, otherGotch("ts.COptimizer has no pointer field coptimizer")
	}
	o := &Optimizer{}
	if handle.Kind() == reflect.Uintptr {
		return nil, otherGotch("ts.COptimizer.coptimizer is a number")
	}
	o.pointer = handle.UnsafePointer()
	if o.pointer == nil {
		return nil, errors.New("the optimizer's libtorch optimizer is nil")
	}
	if vars, err := pointerField(value, "varstore", reflect.TypeFor[*nn.VarStore]()); err == nil {
		o.vars = (*nn.VarStore)(vars.UnsafePointer())
	}
	return o, nil
}

func pointerField(v reflect.Value, name string, want reflect.Type) (reflect.Value, error) {
	f := v.FieldByName(name)
	if !f.IsValid() || f.Type() != want {
		return f, otherGotch(fmt.Sprintf("%s has no field %s of type %s", v.Type(), name, want))
	}
	return f, nil
}

func otherGotch(what string) error {
	return fmt.Errorf("this program is built with another gotch than %s (%s): require github.com/sugarme/gotch %s in go.mod",
		GotchVersion, what, GotchVersion)
}

// Hyper describes an optimizer; NaN where it has no such hyperparameter.
type Hyper struct {
	Kind, Device                            string
	LR, Momentum, Beta1, Beta2, WeightDecay float64
	Params                                  int
}

// Describe reads the optimizer's kind, hyperparameters and device.
func (o *Optimizer) Describe() (Hyper, error) {
	var c C.gtg_optimizer
	var m message
	if err := m.failed("reading the optimizer", C.gtg_describe(o.pointer, &c, &m[0])); err != nil {
		return Hyper{}, err
	}
	return Hyper{
		Kind: C.GoString(&c.kind[0]), Device: C.GoString(&c.device[0]),
		LR: float64(c.lr), Momentum: float64(c.momentum), Beta1: float64(c.beta1), Beta2: float64(c.beta2),
		WeightDecay: float64(c.weight_decay), Params: int(c.params),
	}, nil
}

// Param is one tensor that an optimizer steps.
type Param struct {
	Name         string
	Shape        []int64
	Numel        int64
	RequiresGrad bool
	// Index is its place in the optimizer, and so in Report.Stats. gotch adds
	// parameters in the order of a Go map: it differs from run to run.
	Index int
	// Seen: a backward pass has reached it. Output: it belongs to the layer
	// nearest to the loss, up to and including the first weight with at least two
	// dimensions.
	Seen, Output bool
	distance     int64 // -1 when not seen
}

// Params lists the optimizer's parameters from the first layers to the last
// where a backward pass has shown the order, else by name. That order is the
// same in every run of a program.
func (o *Optimizer) Params() ([]Param, error) {
	var m message
	var n C.int64_t
	space := make([]C.gtg_param, 64)
	for {
		err := m.failed("reading the parameters", C.gtg_params(o.pointer, &space[0], C.int64_t(len(space)), &n, &m[0]))
		if err != nil {
			return nil, err
		}
		if int(n) <= len(space) {
			break
		}
		space = make([]C.gtg_param, n)
	}
	names := o.names()
	params := make([]Param, n)
	for i, c := range space[:n] {
		name, ok := names[c.identity]
		if !ok {
			name = "param" + strconv.Itoa(i) // from AddParamGroup, in no VarStore
		}
		dims := min(int(c.dims), len(c.shape))
		shape := make([]int64, dims)
		for d := range shape {
			shape[d] = int64(c.shape[d])
		}
		params[i] = Param{Name: name, Shape: shape, Numel: int64(c.numel), RequiresGrad: c.requires_grad != 0,
			Index: i, Seen: c.distance >= 0, distance: int64(c.distance)}
	}
	markOutput(params)
	sort.SliceStable(params, func(i, j int) bool {
		a, b := params[i], params[j]
		if a.distance != b.distance {
			// The farthest from the loss come first; the unseen (-1) last.
			return a.distance > b.distance
		}
		return a.Name < b.Name
	})
	return params, nil
}

// markOutput finds the layer nearest to the loss. A bias is nearer than its
// weight where it is added by an operation of its own.
func markOutput(params []Param) {
	nearest := int64(-1)
	for _, p := range params {
		if p.Seen && len(p.Shape) >= 2 && (nearest < 0 || p.distance < nearest) {
			nearest = p.distance
		}
	}
	for i := range params {
		p := &params[i]
		p.Output = p.Seen && p.distance <= nearest
	}
}

// names maps the identity of each variable in the VarStore to its name.
func (o *Optimizer) names() map[unsafe.Pointer]string {
	if o.vars == nil {
		return nil
	}
	field := reflect.ValueOf(o.vars).Elem().FieldByName("vars")
	if !field.IsValid() || field.Type() != reflect.TypeFor[map[string]nn.Var]() {
		return nil
	}
	o.vars.Lock()
	defer o.vars.Unlock()
	names := make(map[unsafe.Pointer]string, field.Len())
	for i := field.MapRange(); i.Next(); {
		// An nn.Var read through an unexported field: its parts may be looked
		// at one by one, not taken out whole.
		tensor := (*ts.Tensor)(i.Value().FieldByName("Tensor").UnsafePointer())
		if tensor == nil {
			continue
		}
		if id, err := identity(tensor); err == nil {
			if other, ok := names[id]; !ok || i.Key().String() < other {
				names[id] = i.Key().String()
			}
		}
	}
	return names
}
