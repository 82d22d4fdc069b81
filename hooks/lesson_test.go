package hooks_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

// A lesson is a network with a hidden layer that learns a noisy function of its inputs from
// mini-batches, some of which are bad.
type lesson struct {
	opt   *nn.Optimizer
	loss  func(scale float64) *ts.Tensor
	steps int
}

func newLesson(t testing.TB) *lesson {
	seed(t, 5)
	vs := store()
	hidden := nn.NewLinear(vs.Root().Sub("hidden"), 4, 8, nn.DefaultLinearConfig())
	out := nn.NewLinear(vs.Root().Sub("out"), 8, 1, nn.DefaultLinearConfig())
	var xs, ys []*ts.Tensor
	for range 16 {
		x := ts.MustRandn([]int64{32, 4}, gotch.Float, gotch.CPU)
		noise := times(ts.MustRandn([]int64{32, 1}, gotch.Float, gotch.CPU), 0.01)
		xs = append(xs, x)
		ys = append(ys, x.MustSumDimIntlist([]int64{1}, true, gotch.Float, false).MustTanh(true).MustAdd(noise, true))
	}
	l := &lesson{opt: build(t, nn.DefaultSGDConfig(), vs, 0.2)}
	l.loss = func(scale float64) *ts.Tensor {
		i := l.steps % len(xs)
		y := ys[i].MustMulScalar(ts.FloatScalar(scale), false)
		defer y.MustDrop()
		return out.Forward(hidden.Forward(xs[i]).MustTanh(true)).MustMseLoss(y, 1, true)
	}
	return l
}

// learn takes n steps on targets of a scale: 1 is that of good ones.
func (l *lesson) learn(t testing.TB, n int, scale float64) {
	t.Helper()
	for range n {
		loss := l.loss(scale)
		require.NoError(t, l.opt.BackwardStep(loss))
		loss.MustDrop()
		l.steps++
	}
	runtime.GC()
}
