package main

import (
	"math"
	"strconv"

	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/digits"
)

// net is linear layers with tanh between them.
type net []*nn.Linear

// newNet has two hidden layers. Its weights come from N(0, 1/inputs), which suits
// inputs of variance 1 (LeCun et al. 1998, Efficient BackProp, section 4.6).
func newNet(vs *nn.VarStore, hidden int64) net {
	var n net
	sizes := []int64{digits.Pixels, hidden, hidden, digits.Digits}
	for i, outputs := range sizes[1:] {
		c := nn.DefaultLinearConfig()
		c.WsInit = nn.NewRandnInit(0, 1/math.Sqrt(float64(sizes[i])))
		c.BsInit = nn.NewConstInit(0)
		n = append(n, nn.NewLinear(vs.Root().Sub("fc"+strconv.Itoa(i+1)), sizes[i], outputs, c))
	}
	return n
}

// logits are images × digits.
func (n net) logits(x *ts.Tensor) *ts.Tensor {
	x = n[0].Forward(x)
	for _, layer := range n[1:] {
		x = x.MustTanh(true)
		y := layer.Forward(x)
		x.MustDrop()
		x = y
	}
	return x
}

// accuracy is the share of the images that are recognised.
func (n net) accuracy(d data) (share float64) {
	ts.NoGrad(func() {
		logits := n.logits(d.x)
		defer logits.MustDrop()
		share = logits.AccuracyForLogits(d.y).Float64Values(true)[0]
	})
	return share
}
