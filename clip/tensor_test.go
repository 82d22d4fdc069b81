package clip

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// tensor is a parameter with its gradient, in row-major order, so that what
// policies decide can be carried out and looked at. A nil gradient is undefined.
type tensor struct {
	Param
	grad, value []float64
}

func newTensor(name string, shape ...int64) *tensor {
	n := int64(1)
	for _, s := range shape {
		n *= s
	}
	x := &tensor{Param{Name: name, Shape: shape, Numel: n}, make([]float64, n), make([]float64, n)}
	for i := range x.value {
		x.value[i] = 1
	}
	return x
}

// vector is a tensor of one dimension with that gradient.
func vector(name string, grad ...float64) *tensor {
	x := newTensor(name, int64(len(grad)))
	copy(x.grad, grad)
	return x
}

func (x *tensor) random(rng *rand.Rand, scale float64) *tensor {
	for i := range x.grad {
		x.grad[i], x.value[i] = scale*rng.NormFloat64(), rng.NormFloat64()
	}
	return x
}

// unit is the unit along axis that an element belongs to.
func (x *tensor) unit(element, axis int) int {
	if axis < 0 {
		return 0
	}
	stride := 1
	for _, s := range x.Shape[axis+1:] {
		stride *= int(s)
	}
	return element / stride % int(x.Shape[axis])
}

func (x *tensor) unitNorms(axis int) (u UnitNorms) {
	n := 1
	if axis >= 0 {
		n = int(x.Shape[axis])
	}
	u.Grads, u.Values = make([]float64, n), make([]float64, n)
	for i := range x.value {
		j := x.unit(i, axis)
		u.Grads[j] = math.Hypot(u.Grads[j], x.grad[i])
		u.Values[j] = math.Hypot(u.Values[j], x.value[i])
	}
	return u
}

// normOf is the p-norm by its definition.
func normOf(p float64, v []float64) float64 {
	var sum, largest float64
	for _, x := range v {
		sum += math.Pow(math.Abs(x), p)
		largest = max(largest, math.Abs(x))
	}
	if math.IsInf(p, 1) {
		return largest
	}
	return math.Pow(sum, 1/p)
}

type tensors []*tensor

func (all tensors) params() (out []Param) {
	for _, x := range all {
		out = append(out, x.Param)
	}
	return out
}

// grads is all gradients as one vector.
func (all tensors) grads() (out []float64) {
	for _, x := range all {
		out = append(out, x.grad...)
	}
	return out
}

func (all tensors) clone() (out tensors) {
	for _, x := range all {
		y := *x
		y.grad = slices.Clone(x.grad)
		out = append(out, &y)
	}
	return out
}

func (all tensors) measure(g *Gradient, needs Needs) {
	g.Norm, g.Max, g.ParamNorms, g.ParamMax, g.PNorms, g.Units = normOf(2, all.grads()), 0, nil, nil, nil, nil
	for _, x := range all {
		norm := -1.0
		if x.grad != nil {
			norm = normOf(2, x.grad)
		}
		g.ParamNorms = append(g.ParamNorms, norm)
		g.ParamMax = append(g.ParamMax, normOf(inf, x.grad))
		g.Max = max(g.Max, normOf(inf, x.grad))
	}
	for _, p := range needs.PNorms {
		var norms []float64
		for _, x := range all {
			norms = append(norms, normOf(p, x.grad))
		}
		g.PNorms = append(g.PNorms, norms)
	}
	for _, u := range needs.Units {
		g.Units = append(g.Units, all[u.Param].unitNorms(u.Axis))
	}
}

func (all tensors) apply(d Decision) {
	for i, x := range all {
		c := Change{Factor: d.Factor, Lower: d.Lower, Upper: d.Upper}
		if d.Params != nil {
			c = d.Params[i]
		}
		for j := range x.grad {
			x.grad[j] *= c.Factor
			if c.Units != nil {
				x.grad[j] *= c.Units[x.unit(j, c.Axis)]
			}
			if c.Lower < c.Upper {
				x.grad[j] = min(max(x.grad[j], c.Lower), c.Upper)
			}
		}
	}
}

// clip has the policy, which it binds, clip the gradients, and returns its
// decisions, one for each look.
func (all tensors) clip(t testing.TB, p Policy) []Decision {
	t.Helper()
	return all.step(t, p, Gradient{Step: 1})
}

func (all tensors) step(t testing.TB, p Policy, g Gradient) (out []Decision) {
	t.Helper()
	require.NoError(t, p.Validate())
	needs, err := Bind(p, all.params())
	require.NoError(t, err)
	for {
		all.measure(&g, needs)
		d := p.Decide(g)
		all.apply(d)
		out = append(out, d)
		if !d.Again {
			return out
		}
		require.Less(t, len(out), 10, "the policy asks for ever")
		g.Again = true
	}
}

// changed says whether any of the decisions asked for a write.
func changed(all []Decision) bool {
	return slices.ContainsFunc(all, Decision.Changes)
}
