package clip

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each unit of each kind of layer is bounded by its own weights, and keeps its
// direction.
func TestAGCUnitsOfLayers(t *testing.T) {
	const limit = 0.02
	for _, c := range []struct {
		layer string
		shape []int64
		axis  int // that the policy is told, -2 for none
		units int
	}{
		{"linear", []int64{6, 4}, -2, 6},
		{"conv1d", []int64{6, 4, 3}, -2, 6},
		{"conv2d", []int64{6, 4, 3, 2}, -2, 6},
		{"conv3d", []int64{6, 4, 3, 2, 2}, -2, 6},
		{"embedding", []int64{11, 4}, -2, 11},
		{"lstm.w_ih", []int64{4 * 5, 3}, -2, 20},
		{"gru.w_hh", []int64{3 * 5, 5}, -2, 15},
		{"bias", []int64{6}, -2, 1},
		{"scalar", []int64{}, -2, 1},
		{"transposed conv1d", []int64{4, 6, 3}, 1, 6},
		{"transposed conv2d", []int64{4, 6, 3, 2}, 1, 6},
		{"transposed conv3d", []int64{4, 6, 3, 2, 2}, 1, 6},
		{"whole", []int64{6, 4}, -1, 1},
		{"last", []int64{6, 4, 3}, 2, 3},
	} {
		t.Run(c.layer, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(50, 0))
			w := newTensor(c.layer, c.shape...).random(rng, 0.05)
			axis := 0
			if len(c.shape) < 2 {
				axis = -1
			}
			var options []AGCOption
			if c.axis != -2 {
				axis = c.axis
				options = append(options, Axis(axis, c.layer))
			}
			if c.units > 1 { // the first unit is within its limit
				for i := range w.grad {
					if w.unit(i, axis) == 0 {
						w.grad[i] *= 1e-3
					}
				}
			}
			before := tensors{w}.clone()[0]
			norms := w.unitNorms(axis)
			require.Len(t, norms.Grads, c.units)

			decisions := tensors{w}.clip(t, AGC(limit, options...))
			require.Len(t, decisions, 1)
			require.Equal(t, limit, decisions[0].Threshold)
			after := w.unitNorms(axis)
			clipped := 0
			for i := range w.grad {
				j := w.unit(i, axis)
				most := limit * math.Max(norms.Values[j], 1e-3)
				factor := math.Min(1, most/norms.Grads[j])
				require.InDelta(t, before.grad[i]*factor, w.grad[i], 1e-15)
				require.LessOrEqual(t, after.Grads[j], most*(1+1e-12))
				if factor == 1 {
					require.Equal(t, before.grad[i], w.grad[i], "bit for bit")
				} else {
					clipped++
				}
			}
			require.NotZero(t, clipped)
		})
	}
}

// 3-4-5: weights of norm 5 and 0, gradients of norm 10 and 1.
func TestAGCClosedForm(t *testing.T) {
	w := newTensor("w", 2, 2)
	copy(w.value, []float64{3, 4, 0, 0})
	copy(w.grad, []float64{6, 8, 0, 1})
	tensors{w}.clip(t, AGC(0.5))
	require.Equal(t, []float64{1.5, 2}, w.grad[:2], "half the weights' norm")
	require.InEpsilon(t, 0.5e-3, w.grad[3], 1e-15, "weights of 0 count as 1e-3")

	copy(w.grad, []float64{0, 0, 0, 5e-7})
	tensors{w}.clip(t, AGC(1e-4))
	require.InEpsilon(t, 5e-7*1e-7/1e-6, w.grad[3], 1e-15, "the divisor is at least 1e-6")
}

// Fifty ratios: every unit within its bound, and a second time nothing changes.
func TestAGCRepeatedAndBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 0))
	all := tensors{newTensor("a", 5, 4).random(rng, 1), newTensor("b", 3).random(rng, 1)}
	for i := range 50 {
		ratio := 1 / float64(i+1)
		x := all.clone()
		require.True(t, changed(x.clip(t, AGC(ratio))))
		for k, axis := range []int{0, -1} {
			u := x[k].unitNorms(axis)
			for j := range u.Grads {
				require.Less(t, u.Grads[j]-ratio*u.Values[j], 1e-12)
			}
		}
		once := x.grads()
		x.clip(t, AGC(ratio*(1+1e-12)))
		require.Equal(t, once, x.grads())
	}
}

func TestAGCLeavesOut(t *testing.T) {
	all := func() tensors {
		x := tensors{vector("conv.weight", 5), vector("conv.bias", 5), vector("head.weight", 5), vector("head.bias", 5)}
		for i := range x {
			x[i].Role = RoleHidden
		}
		x[2].Role, x[3].Role = RoleOutput, RoleOutput
		return x
	}
	for _, c := range []struct {
		option AGCOption
		want   []float64
	}{
		{Except("head.*"), []float64{1, 1, 5, 5}},
		{Except("*.bias", "conv.weight"), []float64{5, 5, 1, 5}},
		{ExceptOutput(), []float64{1, 1, 5, 5}},
	} {
		x := all()
		x.clip(t, AGC(1, c.option))
		require.Equal(t, c.want, x.grads())
	}

	unknown := all()
	for _, x := range unknown {
		x.Role = RoleUnknown
	}
	p := AGC(1, ExceptOutput())
	unknown.clip(t, p)
	require.Equal(t, []float64{1, 1, 1, 1}, unknown.grads(), "no role is known yet")
	known := all()
	known.clip(t, p)
	require.Equal(t, []float64{1, 1, 5, 5}, known.grads(), "bound again, with roles")
}

// A gradient that is not there, of a unit whose weights are not numbers, or too
// long for float64.
func TestAGCOddNorms(t *testing.T) {
	all := tensors{newTensor("a", 2, 1), newTensor("b", 3, 1)}
	p := AGC(0.1)
	needs, err := Bind(p, all.params())
	require.NoError(t, err)
	require.Equal(t, Needs{Units: []Unit{{0, 0}, {1, 0}}}, needs)
	g := Gradient{
		Norm: inf, ParamNorms: []float64{-1, inf}, ParamMax: []float64{0, 1e308},
		Units: []UnitNorms{
			{Grads: []float64{0, 0}, Values: []float64{0, 0}},
			{Grads: []float64{inf, 5, 5}, Values: []float64{1, nan, inf}},
		},
	}
	d := p.Decide(g)
	require.Equal(t, Change{Factor: 1}, d.Params[0])
	require.Equal(t, []float64{1, 1}, d.Params[1].Units[1:])
	f := d.Params[1].Units[0]
	require.True(t, f > 0 && 1e308*f*1e6 < 0.1, f)

	g.NonFinite = 1
	require.False(t, p.Decide(g).Changes())
	require.False(t, p.Decide(Gradient{Norm: 9, ParamNorms: []float64{9, 9}}).Changes(), "not measured")
}

func TestAGCRefusesValues(t *testing.T) {
	for want, p := range map[string]Policy{
		"AGC(0): the ratio of gradient to weights has to be a number above 0": AGC(0),
		"AGC(-1)":                        AGC(-1),
		"AGC(NaN)":                       AGC(nan),
		"AGC(+Inf)":                      AGC(inf),
		"Except has no patterns":         AGC(1, Except()),
		`Except: pattern "["`:            AGC(1, Except("a", "[")),
		"Axis(1) has no patterns":        AGC(1, Axis(1)),
		`Axis(1): pattern "[a"`:          AGC(1, Axis(1, "[a")),
		"Axis(-2): an axis is from 0 on": AGC(1, Axis(-2, "a")),
		"an option is nil":               AGC(1, nil),
	} {
		require.ErrorContains(t, p.Validate(), want)
		require.Equal(t, Keep(), p.Decide(Gradient{Norm: 5}), "a refused policy changes nothing")
	}
}

func TestAGCRefusesParameters(t *testing.T) {
	for _, c := range []struct {
		p    Policy
		want string
	}{
		{AGC(1, Except("c.*")), `Except: pattern "c.*" matches none of the parameters: a.weight, a.bias, unused, b.weight`},
		{AGC(1, Axis(1, "c")), `Axis(1): pattern "c" matches none of the parameters: a.weight`},
		{AGC(1, Axis(2, "a.weight")), `Axis(2): parameter "a.weight" of shape [4 8] has no such axis`},
		{AGC(1, Axis(0, "a.*"), Axis(1, "a.w*")), `parameter "a.weight" is matched by both Axis(0) and Axis(1)`},
		{AGC(1, Except("*")), "all parameters are left out: a.weight, a.bias, unused, b.weight"},
	} {
		require.NoError(t, c.p.Validate())
		_, err := Bind(c.p, model)
		require.ErrorContains(t, err, c.want)
	}
	_, err := Bind(AGC(1, ExceptOutput()), model[:2])
	require.EqualError(t, err,
		"clip: AGC: ExceptOutput: none of the parameters belongs to the output layer; name it with Except: a.weight, a.bias")

	_, err = Bind(AGC(1, Except("c"), Axis(3, "a.bias", "d")), model)
	for _, want := range []string{`"c" matches none`, `"d" matches none`, `"a.bias" of shape [4]`} {
		require.ErrorContains(t, err, want, "all that is wrong is named at once")
	}
}

// The same tensors as a group of a larger model.
func TestAGCInAGroup(t *testing.T) {
	rng := rand.New(rand.NewPCG(52, 0))
	var all tensors
	for i := range 4 {
		all = append(all, newTensor(fmt.Sprintf("x%d.w", i), 3, 2).random(rng, 1))
	}
	alone := tensors{all.clone()[1], all.clone()[3]}
	alone.clip(t, AGC(0.1))
	all.clip(t, Groups(Group{"norm", []string{"x0.w"}, PNorm(1, 3)}, Group{"agc", []string{"x1.w", "x3.w"}, AGC(0.1)}))
	require.Equal(t, alone.grads(), tensors{all[1], all[3]}.grads())
}
