package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
)

// A task is what is learnt and what learns it.
type task struct {
	training, test examples
	// forward computes the network's output; it does not drop x.
	forward func(x *ts.Tensor, train bool) *ts.Tensor
	// loss is what is minimised, metric what success is measured by, larger is
	// better. Neither drops its arguments.
	loss   func(out, y *ts.Tensor) *ts.Tensor
	metric func(out, y *ts.Tensor) float64
}

// examples are inputs and targets, one row an example.
type examples struct{ x, y *ts.Tensor }

// tensor takes float32 and int64.
func tensor[T float32 | int64](values []T, shape ...int64) *ts.Tensor {
	return ts.MustOfSlice(values).MustView(shape, true)
}

// rows returns the examples of the numbers.
func (e examples) rows(numbers []int64) examples {
	index := ts.MustOfSlice(numbers)
	defer index.MustDrop()
	return examples{e.x.MustIndexSelect(0, index, false), e.y.MustIndexSelect(0, index, false)}
}

func (e examples) drop() {
	e.x.MustDrop()
	e.y.MustDrop()
}

func crossEntropy(out, y *ts.Tensor) *ts.Tensor { return out.CrossEntropyForLogits(y) }

func squares(out, y *ts.Tensor) *ts.Tensor { return out.MustMseLoss(y, 1, false) }

// binary is the cross-entropy of independent bits, given their logits.
func binary(out, y *ts.Tensor) *ts.Tensor {
	none := ts.NewTensor()
	return out.MustBinaryCrossEntropyWithLogits(y, none, none, 1, false)
}

// accuracy is the share of rows whose largest output is the target's.
func accuracy(out, y *ts.Tensor) float64 {
	a := out.AccuracyForLogits(y)
	return value(a)
}

// explained is the share of the targets' variance that is explained, at least
// -1: R², with one variance for all outputs.
func explained(out, y *ts.Tensor) float64 {
	e := value(squares(out, y))
	mean := y.MustMeanDim([]int64{0}, true, gotch.Float, false)
	defer mean.MustDrop()
	deviation := y.MustSub(mean, false).MustSquare(true)
	return atLeast(-1, 1-e/value(deviation.MustMean(gotch.Float, true)))
}

// atLeast also makes a number of what is none.
func atLeast(low, v float64) float64 {
	if math.IsNaN(v) {
		return low
	}
	return max(low, v)
}

// value reads and drops a tensor of one element.
func value(t *ts.Tensor) float64 { return t.Float64Values(true)[0] }
