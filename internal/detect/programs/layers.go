package programs

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

// A role is what a parameter does in the network.
type role int

const (
	weight    role = iota
	recurrent      // a weight that is used again at every time step
	bias
	gain // of a normalisation
)

// network keeps a network's parameters in the order in which they were made,
// which is that of the forward pass.
type network struct {
	vs     *nn.VarStore
	recipe *Recipe
	random *rand.Rand
	params []param
}

type param struct {
	tensor *ts.Tensor
	role   role
	hidden bool // of a hidden layer
}

// activations are the hidden units', with the factor that keeps their variance
// (He and others 2015).
var activations = map[string]struct {
	apply func(*ts.Tensor) *ts.Tensor
	gain  float64
}{
	"relu":    {func(x *ts.Tensor) *ts.Tensor { return x.MustRelu(true) }, math.Sqrt2},
	"tanh":    {func(x *ts.Tensor) *ts.Tensor { return x.MustTanh(true) }, 1},
	"sigmoid": {func(x *ts.Tensor) *ts.Tensor { return x.MustSigmoid(true) }, 1},
	"gelu":    {func(x *ts.Tensor) *ts.Tensor { return x.MustGelu("none", true) }, math.Sqrt2},
	"exp":     {func(x *ts.Tensor) *ts.Tensor { return x.MustExp(true) }, 1},
	"linear":  {func(x *ts.Tensor) *ts.Tensor { return x }, 1},
}

func (n *network) act(x *ts.Tensor) *ts.Tensor { return activations[n.recipe.Activation].apply(x) }

// add makes a parameter; layer and name are its name's two parts.
func (n *network) add(layer, name string, values []float32, shape []int64, p param) *ts.Tensor {
	t := ts.MustOfSlice(values).MustView(shape, true)
	p.tensor = n.vs.Root().Sub(layer).MustAdd(name, t, true)
	t.MustDrop()
	n.params = append(n.params, p)
	return p.tensor
}

// weight draws from N(0, (factor·Gain)²/fanIn), where fanIn is the product of
// all dimensions but the first.
func (n *network) weight(layer, name string, factor float64, hidden bool, shape ...int64) *ts.Tensor {
	total, fanIn := shape[0], int64(1)
	for _, d := range shape[1:] {
		fanIn *= d
	}
	total *= fanIn
	std := factor * n.recipe.Gain / math.Sqrt(float64(fanIn))
	return n.add(layer, name, n.normal(int(total), std), shape, param{role: weight, hidden: hidden})
}

// recurrence draws the weights from one state to the next: of size × size
// elements from N(0, 1/size), the spectral radius is about 1 (Ginibre 1965).
func (n *network) recurrence(layer, name string, gates, size int64) *ts.Tensor {
	std := n.recipe.Recurrent / math.Sqrt(float64(size))
	return n.add(layer, name, n.normal(int(gates*size*size), std), []int64{gates * size, size}, param{role: recurrent, hidden: true})
}

func (n *network) normal(count int, std float64) []float32 {
	values := make([]float32, count)
	for i := range values {
		if values[i] = float32(std); !n.recipe.Symmetric {
			values[i] = float32(std * n.random.NormFloat64())
		}
	}
	return values
}

func (n *network) bias(layer, name string, size int64, hidden bool) *ts.Tensor {
	values := make([]float32, size)
	if hidden {
		for i := range values {
			values[i] = float32(n.recipe.Bias)
		}
	}
	return n.add(layer, name, values, []int64{size}, param{role: bias, hidden: hidden})
}

// linear is an affine layer.
type linear struct{ w, b *ts.Tensor }

func (n *network) linear(layer string, in, out int64, factor float64, hidden bool) linear {
	return linear{n.weight(layer, "weight", factor, hidden, out, in), n.bias(layer, "bias", out, hidden)}
}

func (l linear) forward(x *ts.Tensor) *ts.Tensor { return ts.MustLinear(x, l.w, l.b) }

// norm is a layer normalisation.
type norm struct {
	size int64
	w, b *ts.Tensor
}

func (n *network) norm(layer string, size int64) norm {
	ones := make([]float32, size)
	for i := range ones {
		ones[i] = 1
	}
	return norm{size, n.add(layer, "weight", ones, []int64{size}, param{role: gain}), n.bias(layer, "bias", size, false)}
}

func (l norm) forward(x *ts.Tensor) *ts.Tensor {
	return ts.MustLayerNorm(x, []int64{l.size}, l.w, l.b, 1e-5, false)
}

// mlp is Hidden layers of Width units and a linear one: in → … → out.
func (n *network) mlp(in, out int64) func(x *ts.Tensor, train bool) *ts.Tensor {
	return n.part("", in, out)
}

// part is an mlp that is one of several in a network, by the first part of its
// layers' names.
func (n *network) part(name string, in, out int64) func(x *ts.Tensor, train bool) *ts.Tensor {
	var layers []linear
	for i := range n.recipe.Hidden {
		layers = append(layers, n.linear(fmt.Sprintf("%shidden%d", name, i+1), in, int64(n.recipe.Width), activations[n.recipe.Activation].gain, true))
		in = int64(n.recipe.Width)
	}
	layers = append(layers, n.linear(name+"output", in, out, 1, false))
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		for i, l := range layers {
			y := l.forward(x)
			if i > 0 {
				x.MustDrop()
			}
			if i < len(layers)-1 {
				y = n.drop(n.act(y), train)
			}
			x = y
		}
		return x
	}
}

func (n *network) drop(x *ts.Tensor, train bool) *ts.Tensor {
	if n.recipe.Dropout == 0 {
		return x
	}
	defer x.MustDrop()
	return ts.MustDropout(x, n.recipe.Dropout, train)
}
