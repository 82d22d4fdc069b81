package torch

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
)

func cube(w *ts.Tensor) *ts.Tensor {
	return w.MustMul(w, false).MustMul(w, true).MustSum(w.DType(), true)
}

// A loss that cannot be differentiated, or not twice, says why.
func TestLossesWithoutCurvature(t *testing.T) {
	w := leaf([]float64{1, 2})
	other := leaf([]float64{3})
	for name, c := range map[string]struct {
		loss   func() *ts.Tensor
		params []*ts.Tensor
		is     error
		says   string
	}{
		"many elements": {func() *ts.Tensor { return w.MustMul(w, false) }, []*ts.Tensor{w}, nil, "2 elements (shape [2])"},
		"no elements":   {func() *ts.Tensor { return w.MustNarrow(0, 0, 0, false) }, []*ts.Tensor{w}, nil, "0 elements"},
		"detached":      {func() *ts.Tensor { return cube(w).MustDetach(true) }, []*ts.Tensor{w}, ErrNoGraph, "does not require a gradient"},
		"detached, and then asked for a gradient": {
			func() *ts.Tensor { return cube(w).MustDetach(true).MustSetRequiresGrad(true, true) }, []*ts.Tensor{w}, ErrNoGraph, "none of its 1 parameters took part",
		},
		"of other parameters": {func() *ts.Tensor { return cube(w) }, []*ts.Tensor{other}, ErrNoGraph, "none of its 1 parameters took part"},
		"of frozen parameters": {
			func() *ts.Tensor { return cube(w) }, []*ts.Tensor{w.MustDetach(false)}, ErrNoGraph, "all of its 1 parameters are frozen",
		},
		"of no parameters":    {func() *ts.Tensor { return cube(w) }, nil, ErrNoGraph, "no parameters"},
		"an undefined tensor": {func() *ts.Tensor { return ts.NewTensor() }, []*ts.Tensor{w}, nil, "undefined"},
		"nil":                 {func() *ts.Tensor { return nil }, []*ts.Tensor{w}, errNil, "the loss"},
		"a nil parameter":     {func() *ts.Tensor { return cube(w) }, []*ts.Tensor{w, nil}, errNil, "the parameters"},
		"an undefined parameter": {
			func() *ts.Tensor { return cube(w) }, []*ts.Tensor{w, ts.NewTensor()}, nil, "parameter 1 of 2 is an undefined tensor",
		},
		"a graph used up": {
			func() *ts.Tensor {
				l := cube(w)
				require.NoError(t, l.Backward())
				return l
			}, []*ts.Tensor{w}, ErrFreed, "second time",
		},
		"too large a gradient": {
			func() *ts.Tensor { return huge(w).MustMul(w, true).MustSum(gotch.Double, true) }, []*ts.Tensor{w}, ErrNoMemory, "allocate",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := OpenGraph(c.loss(), c.params)
			require.Nil(t, g)
			require.ErrorContains(t, err, c.says)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			require.Zero(t, Alive())
			require.NoError(t, ts.TorchErr())
		})
	}
}

// huge returns the sum of w, whose backward pass makes a tensor of 2⁵² elements.
func huge(w *ts.Tensor) *ts.Tensor {
	return w.MustSum(gotch.Double, false).MustExpand([]int64{1 << 26, 1 << 26}, false, true).MustSelect(0, 0, true).MustSelect(0, 0, true)
}

// An error while multiplying leaves the vectors and the backward pass that
// follows as they were.
func TestFailedProducts(t *testing.T) {
	grid := ts.MustRand([]int64{1, 3, 3, 2}, gotch.Double, gotch.CPU)
	for name, c := range map[string]struct {
		loss func(w *ts.Tensor) *ts.Tensor
		is   error
		says string
	}{
		"no double backward": {func(w *ts.Tensor) *ts.Tensor {
			return ts.MustGridSampler(w, grid, 0, 0, false).MustSquare(true).MustSum(gotch.Double, true)
		}, ErrNoDoubleBackward, "derivative for aten::grid_sampler_2d_backward is not implemented"},
	} {
		t.Run(name, func(t *testing.T) {
			gradient := func(measured bool) []float64 {
				w := leaf(gaussian(4, 4, 1).RawMatrix().Data, 1, 1, 4, 4)
				l := c.loss(w)
				if measured {
					g := open(t, l, w)
					v := vector(t, g)
					require.NoError(t, v.Random(Normal, 1))
					before := elements(t, v)
					for range 2 {
						err := g.HVP(v, v)
						require.ErrorIs(t, err, c.is)
						require.ErrorContains(t, err, c.says)
					}
					require.Equal(t, before, elements(t, v))
				}
				require.NoError(t, l.Backward())
				return gradOf(w)
			}
			require.Equal(t, gradient(false), gradient(true))
			require.NoError(t, ts.TorchErr())
		})
	}
}

// A graph that is open while its loss is differentiated or its parameters change
// says so; the gradient that it found stays.
func TestGraphThatIsOutlived(t *testing.T) {
	runtime.LockOSThread() // gotch switches gradients off and on by thread
	defer runtime.UnlockOSThread()
	w := leaf([]float64{1, 2})
	l := cube(w)
	g := open(t, l, w)
	v := vector(t, g)
	require.NoError(t, l.Backward())
	require.Equal(t, []float64{3, 12}, gradOf(w))
	require.ErrorIs(t, g.HVP(g.Gradient(), v), ErrFreed)

	l = cube(w)
	g = open(t, l, w)
	v = vector(t, g)
	require.NoError(t, g.HVP(g.Gradient(), v))
	runtime.LockOSThread() // gradients are switched off for one thread
	ts.NoGrad(func() { w.MustMulScalar_(ts.FloatScalar(2)) })
	runtime.UnlockOSThread()
	err := g.HVP(g.Gradient(), v)
	require.ErrorIs(t, err, ErrFreed)
	require.ErrorContains(t, err, "modified by an inplace operation")
	require.Equal(t, []float64{3, 12}, elements(t, g.Gradient()))
}

func TestClosedGraph(t *testing.T) {
	w := leaf([]float64{1, 2})
	g, err := OpenGraph(cube(w), []*ts.Tensor{w})
	require.NoError(t, err)
	v, err := g.NewVector()
	require.NoError(t, err)
	defer v.Free()
	require.ErrorContains(t, g.Gradient().Scale(2), "copy it first")
	require.ErrorContains(t, g.HVP(v, g.Gradient()), "copy it first")
	require.ErrorIs(t, g.HVP(v, nil), ErrClosed)
	kept := vector(t, g)
	require.NoError(t, kept.Copy(g.Gradient()))
	g.Close()
	g.Close()
	require.ErrorIs(t, g.HVP(v, v), ErrClosed)
	_, err = g.NewVector()
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, v.Copy(g.Gradient()), ErrClosed)
	require.Equal(t, []float64{3, 12}, elements(t, kept))

	// Vectors of one graph in another one of the same parameters.
	again := open(t, cube(w), w)
	require.NoError(t, again.HVP(kept, v))
	require.Equal(t, []float64{18, 144}, elements(t, v))
	other := leaf([]float64{1, 2})
	require.ErrorContains(t, open(t, cube(other), other).HVP(v, v), "different parameters")
}
