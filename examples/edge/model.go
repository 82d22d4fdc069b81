package main

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

// net is a network of fully connected layers with tanh between them, and all the
// data that it learns, in float64.
type net struct {
	parameters []*ts.Tensor // of each layer the weights, inputs × outputs, and the biases
	x, y       *ts.Tensor   // points × 1
}

// newNet draws the weights from N(0, 1/inputs), so that tanh does not saturate
// (LeCun et al. 1998, Efficient BackProp, section 4.6); the biases are 0. What it
// is to learn is a Chebyshev polynomial at points between -1 and 1.
func newNet(vs *nn.VarStore, hidden, points int, random *rand.Rand) (*net, error) {
	n := new(net)
	sizes := []int{1, hidden, hidden, 1}
	for i, outputs := range sizes[1:] {
		inputs := sizes[i]
		weights := make([]float64, inputs*outputs)
		for j := range weights {
			weights[j] = random.NormFloat64() / math.Sqrt(float64(inputs))
		}
		layer := vs.Root().Sub("layer" + strconv.Itoa(i+1))
		if err := n.add(layer, "weight", weights, int64(inputs), int64(outputs)); err != nil {
			return nil, err
		}
		if err := n.add(layer, "bias", make([]float64, outputs), int64(outputs)); err != nil {
			return nil, err
		}
	}
	x, y := make([]float64, points), make([]float64, points)
	for i := range x {
		x[i] = -1 + 2*float64(i)/float64(points-1)
		y[i] = chebyshev(degree, x[i])
	}
	var err error
	if n.x, err = ts.NewTensorFromData(x, []int64{int64(points), 1}); err != nil {
		return nil, err
	}
	n.y, err = ts.NewTensorFromData(y, []int64{int64(points), 1})
	return n, err
}

func (n *net) add(layer *nn.Path, name string, values []float64, shape ...int64) error {
	start, err := ts.NewTensorFromData(values, shape)
	if err != nil {
		return err
	}
	parameter, err := layer.Add(name, start, true)
	n.parameters = append(n.parameters, parameter)
	return err
}

// degree of the polynomial: one that takes a while to learn.
const degree = 4

// chebyshev is the polynomial of the first kind at x, between -1 and 1.
func chebyshev(degree int, x float64) float64 { return math.Cos(float64(degree) * math.Acos(x)) }

// loss is half the mean squared error over all points.
func (n *net) loss() *ts.Tensor {
	x := n.x.MustShallowClone()
	for i := 0; i < len(n.parameters); i += 2 {
		if i > 0 {
			x = x.MustTanh(true)
		}
		x = x.MustMm(n.parameters[i], true).MustAdd(n.parameters[i+1], true)
	}
	return x.MustSub(n.y, true).MustSquare(true).MustMean(gotch.Double, true).MustMulScalar(ts.FloatScalar(0.5), true)
}
