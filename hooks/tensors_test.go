package hooks_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/hooks"
)

// withGrad makes a tensor whose gradient is what is given.
func withGrad(t *testing.T, grad ...float32) *ts.Tensor {
	t.Helper()
	x := ts.MustOfSlice(make([]float32, len(grad))).MustSetRequiresGrad(true, true)
	g := ts.MustOfSlice(grad)
	require.NoError(t, x.MustMul(g, false).MustSum(x.DType(), true).Backward())
	return x
}

func grad(x *ts.Tensor) []float64 {
	g := x.MustGrad(false)
	return g.Float64Values()
}

func TestNorms(t *testing.T) {
	none := ts.MustOfSlice([]float32{1}).MustSetRequiresGrad(true, true)
	n, err := hooks.Norms([]*ts.Tensor{withGrad(t, 3, 0), none, withGrad(t, -4)})
	require.NoError(t, err)
	require.Equal(t, 5.0, n.Total)
	require.Equal(t, 3.0, n.Each[0])
	require.True(t, math.IsNaN(n.Each[1]))
	require.Equal(t, 4.0, n.Each[2])
	require.Equal(t, 4.0, n.Max)
	require.EqualValues(t, 1, n.Zeros)

	n, err = hooks.Norms(nil)
	require.NoError(t, err)
	require.Zero(t, n.Total)
	_, err = hooks.Norms([]*ts.Tensor{nil})
	require.ErrorContains(t, err, "nil")
}

func TestClipGradNorm(t *testing.T) {
	// The vector of tch-rs's own test: after clipping to 1, to four places.
	x, y, z := withGrad(t, 2, 2), withGrad(t, 8), withGrad(t, -8, -8)
	all := []*ts.Tensor{x, y, z}
	total, err := hooks.ClipGradNorm(all, 1)
	require.NoError(t, err)
	require.InDelta(t, math.Sqrt(200), total, 1e-12)
	require.InDeltaSlice(t, []float64{.1414, .1414}, grad(x), 5e-5)
	require.InDeltaSlice(t, []float64{.5657}, grad(y), 5e-5)
	require.InDeltaSlice(t, []float64{-.5657, -.5657}, grad(z), 5e-5)

	small := withGrad(t, 0.25, -0.125)
	total, err = hooks.ClipGradNorm([]*ts.Tensor{small}, 1)
	require.NoError(t, err)
	require.InDelta(t, math.Hypot(0.25, 0.125), total, 1e-15)
	require.Equal(t, []float64{0.25, -0.125}, grad(small))

	bad := withGrad(t, float32(math.Inf(1)), 1)
	total, err = hooks.ClipGradNorm([]*ts.Tensor{bad, small}, 1)
	require.ErrorIs(t, err, hooks.ErrNonFinite)
	require.True(t, math.IsInf(total, 1))
	require.Equal(t, []float64{math.Inf(1), 1}, grad(bad))

	for _, limit := range []float64{0, -1, math.NaN()} {
		_, err = hooks.ClipGradNorm([]*ts.Tensor{small}, limit)
		require.Error(t, err)
	}
	total, err = hooks.ClipGradNorm([]*ts.Tensor{withGrad(t, 3, 4)}, math.Inf(1))
	require.NoError(t, err)
	require.Equal(t, 5.0, total)
}
