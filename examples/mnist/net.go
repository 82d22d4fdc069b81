package main

import (
	"math"

	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/digits"
)

// net is two convolutions with pooling and two linear layers, with rectifiers
// between them.
type net struct {
	conv1, conv2 *nn.Conv2D
	fc1, fc2     *nn.Linear
}

func newNet(vs *nn.VarStore) *net {
	root := vs.Root()
	conv := func(name string, in, out int64) *nn.Conv2D {
		c := nn.DefaultConv2DConfig()
		c.WsInit = he(in * 5 * 5)
		return nn.NewConv2D(root.Sub(name), in, out, 5, c)
	}
	linear := func(name string, in, out int64) *nn.Linear {
		c := nn.DefaultLinearConfig()
		c.WsInit = he(in)
		return nn.NewLinear(root.Sub(name), in, out, c)
	}
	return &net{conv("conv1", 1, 16), conv("conv2", 16, 32), linear("fc1", 32*4*4, 128), linear("fc2", 128, digits.Digits)}
}

// he draws weights from N(0, 2/inputs) (He et al. 2015, equation 10), where
// gotch would draw them from N(0, 1).
func he(inputs int64) nn.Init { return nn.NewRandnInit(0, math.Sqrt(2/float64(inputs))) }

// forward returns the logits, images × digits.
func (n *net) forward(pictures *ts.Tensor) *ts.Tensor {
	x := pictures.MustView([]int64{-1, 1, digits.Side, digits.Side}, false)
	x = apply(n.conv1, x).MaxPool2DDefault(2, true).MustRelu(true) // 16 × 12 × 12
	x = apply(n.conv2, x).MaxPool2DDefault(2, true).MustRelu(true) // 32 × 4 × 4
	x = apply(n.fc1, x.MustView([]int64{-1, 32 * 4 * 4}, true)).MustRelu(true)
	return apply(n.fc2, x)
}

// apply drops its input.
func apply(layer ts.Module, x *ts.Tensor) *ts.Tensor {
	defer x.MustDrop()
	return layer.Forward(x)
}
