package torch

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

// tensorsOfState is how many tensors of state each optimizer keeps for a parameter.
var tensorsOfState = map[string]struct {
	config  nn.OptimizerConfig
	tensors int64
}{
	"sgd":               {nn.DefaultSGDConfig(), 0},
	"momentum":          {nn.NewSGDConfig(0.9, 0, 0.01, false), 1},
	"nesterov":          {nn.NewSGDConfig(0.9, 0, 0, true), 1},
	"adam":              {nn.DefaultAdamConfig(), 2},
	"adamw":             {nn.DefaultAdamWConfig(), 2},
	"rmsprop":           {nn.DefaultRMSPropConfig(), 1},
	"rmsprop, momentum": {nn.NewRMSPropConfig(0.9, 1e-8, 0.01, 0.5, false), 2},
	"rmsprop, centered": {nn.NewRMSPropConfig(0.9, 1e-8, 0, 0.5, true), 3},
}

// After a snapshot was put back the optimizer goes on, bit for bit, as it did after
// the snapshot was taken: before its first step, in the middle, and again.
func TestSnapshotGoesBack(t *testing.T) {
	for name, o := range tensorsOfState {
		for _, first := range []int{0, 1, 7} {
			t.Run(fmt.Sprintf("%s after %d steps", name, first), func(t *testing.T) {
				require.NoError(t, Seed(4))
				vs := store()
				a := nn.NewLinear(vs.Root().Sub("a"), 5, 4, nn.DefaultLinearConfig())
				b := nn.NewLinear(vs.Root().Sub("b"), 4, 2, nn.DefaultLinearConfig())
				x := ts.MustRandn([]int64{7, 5}, gotch.Float, gotch.CPU)
				opt, err := o.config.Build(vs, 0.01)
				require.NoError(t, err)
				behind, err := Find(opt)
				require.NoError(t, err)
				step := func(factor float64) {
					loss := b.Forward(a.Forward(x).MustTanh(true)).MustSquare(true).MustMean(gotch.Float, true)
					require.NoError(t, opt.BackwardStep(loss.MustMulScalar(ts.FloatScalar(factor), true)))
				}
				steps := func(n int) map[string][]float64 {
					for range n {
						step(1)
					}
					runtime.GC()
					return values(vs)
				}
				at := steps(first)
				var s Snapshot
				require.NoError(t, behind.Snapshot(&s))
				kept := int64(1)
				if first > 0 {
					kept += o.tensors
				}
				bytes, err := s.Bytes()
				require.NoError(t, err)
				require.Equal(t, kept*4*(5*4+4+4*2+2), bytes)
				want := steps(5)
				for _, poison := range []float64{1e4, math.NaN(), 1e30} {
					step(poison)
					step(poison)
					require.NoError(t, behind.Restore(&s))
					require.Equal(t, at, values(vs))
					require.Equal(t, want, steps(5))
				}
				// Taken again, in the memory that it has.
				require.NoError(t, behind.Snapshot(&s))
				want = steps(3)
				require.NoError(t, behind.Restore(&s))
				require.Equal(t, want, steps(3))
				s.Free()
				s.Free()
				require.ErrorIs(t, behind.Restore(&s), ErrClosed)
			})
		}
	}
	require.Zero(t, Alive())
}

// A tensor that is put back is the one that it was.
func TestSnapshotKeepsIdentities(t *testing.T) {
	vs, loss := linear(t)
	opt := sgd(t, vs, 0.1)
	o, err := Find(opt)
	require.NoError(t, err)
	var s Snapshot
	require.NoError(t, o.Snapshot(&s))
	defer s.Free()
	before := o.names()
	require.NoError(t, opt.BackwardStep(loss()))
	require.NoError(t, o.Restore(&s))
	require.Equal(t, before, o.names())
}

func TestSnapshotOfOtherParametersIsRefused(t *testing.T) {
	vs, loss := linear(t)
	one, two := sgd(t, vs, 0.1), sgd(t, store(), 0.1)
	a, err := Find(one)
	require.NoError(t, err)
	b, err := Find(two)
	require.NoError(t, err)
	require.NoError(t, one.BackwardStep(loss()))
	var s Snapshot
	require.NoError(t, a.Snapshot(&s))
	defer s.Free()
	require.ErrorContains(t, b.Restore(&s), "the optimizer has 0 parameters, the snapshot")
	other, _ := linear(t)
	c, err := Find(sgd(t, other, 0.1))
	require.NoError(t, err)
	require.ErrorContains(t, c.Restore(&s), "parameter 0 is not the one that the snapshot was taken of")
}
