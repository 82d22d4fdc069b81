package hooks_test

import (
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/hooks"
)

// bowl is ½·curvature·Σx² of n numbers: gradient descent multiplies the gradient by
// 1 − η·curvature.
func bowl(n int64, curvature float64) (*nn.VarStore, func() *ts.Tensor) {
	vs := store()
	x := vs.Root().MustNewVar("x", []int64{n}, nn.NewRandnInit(0, 1))
	return vs, func() *ts.Tensor {
		return times(x.MustMul(x, false).MustSum(gotch.Float, true), curvature/2)
	}
}

func train(t testing.TB, opt *nn.Optimizer, steps int, loss func() *ts.Tensor) {
	t.Helper()
	for range steps {
		l := loss()
		require.NoError(t, opt.BackwardStep(l))
		l.MustDrop()
	}
}

// Steps that are too long go to and fro: the gradient turns round at each.
func TestTooLongStepsTurnTheGradientRound(t *testing.T) {
	vs, loss := bowl(3000, 2)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.95) // the gradient times -0.9
	w := &witness{}
	g := attach(t, opt, hooks.WithSink("w", w), hooks.WithClip(clip.None()))
	train(t, opt, 5, loss)
	require.NoError(t, g.Close())
	for i, s := range w.steps {
		if i == 0 {
			require.Zero(t, s.Successive)
			continue
		}
		last, now := w.steps[i-1].GradNorm.Or(0), s.GradNorm.Or(0)
		sigma := s.Successive.Error.Or(9)
		require.InDelta(t, math.Sqrt(2.0/256), sigma, 0.02)
		require.InDelta(t, -1, s.Successive.Cosine.Or(9), 6*sigma)
		require.InDelta(t, -last*now, s.Successive.Dot.Or(9), 6*sigma*last*now)
		if i > 1 {
			require.InDelta(t, 1, s.Successive.Cosine2.Or(9), 6*sigma)
		}
	}
}

// flatGradient is all gradients of the store, one behind the other.
func flatGradient(vs *nn.VarStore) (out []float64) {
	all := vs.Variables()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v := all[name]
		if g := v.MustGrad(false); g.MustDefined() {
			out = append(out, g.Float64Values()...)
		}
	}
	return out
}

func dot(x, y []float64) (sum float64) {
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// What a run of each kind of network records is what its gradients say.
func TestCosinesOfARun(t *testing.T) {
	for name, model := range models {
		t.Run(name, func(t *testing.T) {
			seed(t, 5)
			vs := store()
			loss := model(vs)
			opt := build(t, nn.DefaultSGDConfig(), vs, 0.3)
			w := &witness{}
			g := attach(t, opt, hooks.WithSink("w", w), hooks.WithClip(clip.None()))
			var gradients [][]float64
			for range 12 {
				train(t, opt, 1, loss)
				gradients = append(gradients, flatGradient(vs))
			}
			require.NoError(t, g.Close())
			cosine := func(a, b []float64) float64 { return dot(a, b) / math.Sqrt(dot(a, a)*dot(b, b)) }
			for i, s := range w.steps[2:] {
				got := s.Successive
				sigma := got.Error.Or(0)
				require.Less(t, sigma, 0.1)
				want := cosine(gradients[i+2], gradients[i+1])
				require.InDelta(t, want, got.Cosine.Or(9), 6*sigma)
				require.InDelta(t, cosine(gradients[i+2], gradients[i]), got.Cosine2.Or(9), 6*sigma)
				require.InDelta(t, dot(gradients[i+2], gradients[i+1]), got.Dot.Or(9),
					6*sigma*s.GradNorm.Or(0)*w.steps[i+1].GradNorm.Or(0))
			}
		})
	}
}

// The mean product of successive gradients is the squared norm of the true one, that
// of the gradients themselves has the batches' noise in it. Here the gradient is the
// mean of the batch, whose elements are normal with mean ½ and variance 1.
func TestMeanDotIsWithoutNoise(t *testing.T) {
	const n, batch, steps = 2000, 4, 200
	seed(t, 8)
	vs := store()
	x := vs.Root().MustNewVar("x", []int64{n}, nn.NewRandnInit(0, 1))
	opt := build(t, nn.DefaultSGDConfig(), vs, 1e-9)
	w := &witness{}
	g := attach(t, opt, hooks.WithSink("w", w), hooks.WithClip(clip.None()))
	train(t, opt, steps, func() *ts.Tensor {
		data := ts.MustRandn([]int64{batch, n}, gotch.Float, gotch.CPU).MustAddScalar(ts.FloatScalar(0.5), true)
		return data.MustMul(x, true).MustSum(gotch.Float, true).MustDivScalar(ts.FloatScalar(batch), true)
	})
	require.NoError(t, g.Close())
	mean, square := 0.0, 0.0
	for _, s := range w.steps[1:] {
		mean += s.Successive.Dot.Or(math.NaN()) / (steps - 1)
		square += s.GradNorm.Or(0) * s.GradNorm.Or(0) / (steps - 1)
	}
	require.InDelta(t, n*0.25, mean, 4*math.Sqrt(2.0/256)*n*0.25)
	require.InDelta(t, n*0.25+n/batch, square, 50)
}

// A step that is not finite, and one with another list of parameters, break the chain;
// a clipped one does not, since what counts is the gradient before.
func TestSuccessiveAfterOtherSteps(t *testing.T) {
	vs, loss := bowl(3000, 2)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	w := &witness{}
	g := attach(t, opt, hooks.WithSink("w", w), hooks.WithClip(clip.Norm(0.1)))
	train(t, opt, 3, loss)
	train(t, opt, 1, func() *ts.Tensor { return times(loss(), math.NaN()) })
	train(t, opt, 3, loss)
	other := build(t, nn.DefaultSGDConfig(), vs, 0.1)
	require.NoError(t, g.Reattach(other))
	train(t, other, 3, loss)
	require.NoError(t, g.Close())
	chain := 0
	for i, s := range w.steps {
		if i == 4 || i == 7 {
			chain = 0
		}
		if i == 3 {
			require.Zero(t, s.Successive)
			continue
		}
		require.Equal(t, chain > 0, s.Successive.Cosine.Known(), "step %d", s.Step)
		require.Equal(t, chain > 0, s.Successive.Dot.Known(), "step %d", s.Step)
		require.Equal(t, chain > 1, s.Successive.Cosine2.Known(), "step %d", s.Step)
		if chain > 0 {
			require.InDelta(t, 1, s.Successive.Cosine.Or(9), 6*s.Successive.Error.Or(9))
			require.Greater(t, s.GradNorm.Or(0), 1.0)
		}
		chain++
	}
}
