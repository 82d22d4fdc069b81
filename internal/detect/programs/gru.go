package programs

import (
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
)

// gru is an mlp of the last state of a GRU.
func (b *builder) gru(layer string, inputs, outputs int64) func(x *ts.Tensor, train bool) *ts.Tensor {
	width := int64(b.Width)
	weights := []*ts.Tensor{
		b.weight(layer, "weight_ih_l0", 1, true, 3*width, inputs),
		b.recurrence(layer, "weight_hh_l0", 3, width),
		b.gates(layer, "bias_ih_l0", width),
		b.bias(layer, "bias_hh_l0", 3*width, false),
	}
	head := b.mlp(width, outputs)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		start := ts.MustZeros([]int64{1, x.MustSize()[0], width}, gotch.Float, gotch.CPU)
		defer start.MustDrop()
		all, last := x.MustGru(start, weights, true, 1, 0, train, false, true)
		all.MustDrop()
		last = last.MustView([]int64{-1, width}, true)
		defer last.MustDrop()
		return head(last, train)
	}
}

// gates makes the biases of the reset gates, of the update gates, which start from
// Gate, and of the candidates.
func (n *network) gates(layer, name string, size int64) *ts.Tensor {
	values := make([]float32, 3*size)
	for i := size; i < 2*size; i++ {
		values[i] = float32(n.recipe.Gate)
	}
	return n.add(layer, name, values, []int64{3 * size}, param{role: bias})
}
