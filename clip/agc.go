package clip

import (
	"errors"
	"fmt"
	"path"
)

// The floors that Brock et al. published.
const (
	agcLeastWeights  = 1e-3 // of a unit's weights, so that units of zeros can train
	agcLeastGradient = 1e-6 // of the divisor
)

type agc struct {
	stateless
	scaled
	changes
	ratio        float64
	except       []string
	exceptOutput bool
	axes         []agcAxis
	err          error
	units        []Unit
	factors      [][]float64 // of the units of each of them
}

type agcAxis struct {
	axis     int
	patterns []string
}

// AGCOption is an option of [AGC].
type AGCOption func(*agc)

// Except leaves the parameters alone whose names match one of the patterns, as
// of [path.Match]: "head.*".
func Except(patterns ...string) AGCOption {
	return func(a *agc) {
		a.patterns("Except", patterns)
		a.except = append(a.except, patterns...)
	}
}

// ExceptOutput leaves the layer nearest to the loss alone, as its inventors
// advise: its parameters are those with [RoleOutput]. While no role is known, no
// parameter is left out.
func ExceptOutput() AGCOption { return func(a *agc) { a.exceptOutput = true } }

// Axis declares which axis counts the units of the parameters whose names match
// one of the patterns, as of [path.Match]: 1 for the weights of a transposed
// convolution, which libtorch keeps as (in, out, …), and -1 to take the whole
// tensor for one unit.
func Axis(axis int, patterns ...string) AGCOption {
	return func(a *agc) {
		a.patterns(fmt.Sprintf("Axis(%d)", axis), patterns)
		if axis < -1 {
			a.err = errors.Join(a.err, fmt.Errorf("clip: AGC: Axis(%d): an axis is from 0 on, or -1 for the whole tensor", axis))
		}
		a.axes = append(a.axes, agcAxis{axis, patterns})
	}
}

// patterns notes what is wrong with those of an option.
func (a *agc) patterns(option string, patterns []string) {
	if len(patterns) == 0 {
		a.err = errors.Join(a.err, fmt.Errorf("clip: AGC: %s has no patterns: it needs names of parameters, such as \"head.*\"", option))
	}
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			a.err = errors.Join(a.err, fmt.Errorf("clip: AGC: %s: pattern %q: %w", option, p, err))
		}
	}
}

// AGC is adaptive gradient clipping (Brock, De, Smith and Simonyan 2021,
// High-Performance Large-Scale Image Recognition Without Normalization, equation
// 3): it bounds the gradient of each unit in relation to the unit's weights. With
// W those weights, G their gradient and L2 norms, where
//
//	‖G‖ > ratio·max(‖W‖, 1e-3)
//
// the unit's gradient is multiplied by ratio·max(‖W‖, 1e-3)/max(‖G‖, 1e-6). The
// paper's ratio is 0.01 to 0.16, less for larger batches, and it leaves the output
// layer alone; that is [ExceptOutput] or [Except] here.
//
// A parameter of two or more dimensions has its units along axis 0: the rows of
// libtorch's fully connected and recurrent weights (of an LSTM one row for each
// gate of each unit), the filters of its convolutions and the vectors of an
// embedding. [Axis] declares another. One with fewer dimensions, such as a bias,
// is one unit.
//
// Steps with non-finite elements are left alone. A pattern that matches no
// parameter, two Axis options for one parameter, an axis that its shape does not
// have, ExceptOutput without an output layer, and options that leave no parameter
// are errors when the parameters become known.
func AGC(ratio float64, options ...AGCOption) Policy {
	a := &agc{ratio: ratio}
	if !positive(ratio) {
		a.err = fmt.Errorf("clip: AGC(%v): the ratio of gradient to weights has to be a number above 0, as in AGC(0.01)", ratio)
	}
	for _, o := range options {
		if o == nil {
			a.err = errors.Join(a.err, errors.New("clip: AGC: an option is nil"))
			continue
		}
		o(a)
	}
	return a
}

func (*agc) Name() string { return "agc" }

func (a *agc) Validate() error { return a.err }

func (a *agc) Bind(params []Param) (Needs, error) {
	axis, err := a.assign(params)
	if err != nil {
		return Needs{}, err
	}
	a.bind(len(params))
	a.units, a.factors = nil, nil
	for i, p := range params {
		if axis[i] == excluded {
			continue
		}
		n := int64(1)
		if axis[i] >= 0 {
			n = p.Shape[axis[i]]
		}
		a.units = append(a.units, Unit{i, axis[i]})
		a.factors = append(a.factors, make([]float64, n))
	}
	if len(a.units) == 0 && len(params) > 0 {
		return Needs{}, fmt.Errorf("clip: AGC: all parameters are left out: %s", names(params))
	}
	return Needs{Units: a.units}, nil
}

// Besides an axis or -1.
const (
	excluded   = -2
	undeclared = -3
)

// assign finds the axis of each parameter's units.
func (a *agc) assign(params []Param) ([]int, error) {
	axis := make([]int, len(params))
	for i := range axis {
		axis[i] = undeclared
	}
	var errs []error
	// match does something to all parameters that match.
	match := func(option, pattern string, do func(i int)) {
		found := false
		for i, p := range params {
			if ok, _ := path.Match(pattern, p.Name); ok {
				found = true
				do(i)
			}
		}
		if !found {
			errs = append(errs, fmt.Errorf("clip: AGC: %s: pattern %q matches none of the parameters: %s", option, pattern, names(params)))
		}
	}
	owner := make([]int, len(params)) // the option that declared the axis, from 1 on
	for k, x := range a.axes {
		option := fmt.Sprintf("Axis(%d)", x.axis)
		for _, pattern := range x.patterns {
			match(option, pattern, func(i int) {
				switch {
				case owner[i] != 0 && owner[i] != k+1:
					errs = append(errs, fmt.Errorf("clip: AGC: parameter %q is matched by both Axis(%d) and %s",
						params[i].Name, a.axes[owner[i]-1].axis, option))
				case x.axis >= len(params[i].Shape):
					errs = append(errs, fmt.Errorf("clip: AGC: %s: parameter %q of shape %v has no such axis",
						option, params[i].Name, params[i].Shape))
				}
				owner[i], axis[i] = k+1, x.axis
			})
		}
	}
	for _, pattern := range a.except {
		match("Except", pattern, func(i int) { axis[i] = excluded })
	}
	known, output := false, false
	for i, p := range params {
		known = known || p.Role != RoleUnknown
		if a.exceptOutput && p.Role == RoleOutput {
			output, axis[i] = true, excluded
		}
		if axis[i] == undeclared {
			axis[i] = -1
			if len(p.Shape) >= 2 {
				axis[i] = 0
			}
		}
	}
	if a.exceptOutput && known && !output {
		errs = append(errs, fmt.Errorf("clip: AGC: ExceptOutput: none of the parameters belongs to the output layer; name it with Except: %s",
			names(params)))
	}
	return axis, errors.Join(errs...)
}

func (a *agc) Decide(g Gradient) Decision {
	limit := a.of(a.ratio)
	if a.err != nil || !(limit > 0) {
		return Keep()
	}
	a.reset()
	if g.finite() && len(g.Units) == len(a.units) {
		for k, u := range a.units {
			a.unit(limit, magnitude(g.ParamMax, u.Param), u, g.Units[k], a.factors[k])
		}
	}
	return a.decision(limit)
}

// unit decides about one parameter's units; largest is the magnitude of its
// gradient.
func (a *agc) unit(limit, largest float64, u Unit, norms UnitNorms, factors []float64) {
	if len(norms.Grads) != len(factors) || len(norms.Values) != len(factors) {
		return
	}
	any := false
	for j, norm := range norms.Grads {
		factors[j] = 1
		if most := limit * max(norms.Values[j], agcLeastWeights); norm > most {
			factors[j] = shrinkNorm(max(norm, agcLeastGradient), largest, most)
			any = true
		}
	}
	switch {
	case !any:
	case u.Axis < 0:
		a.scale(u.Param, factors[0])
	default:
		a.set(u.Param, Change{Factor: 1, Units: factors, Axis: u.Axis})
	}
}
