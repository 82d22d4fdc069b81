package torch

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
)

// arranged has the values in one of several layouts.
func arranged(x []float64, dtype gotch.DType, layout string) *ts.Tensor {
	t := ts.MustOfSlice(x).MustTotype(dtype, true).MustReshape([]int64{int64(len(x)) / 4, 4}, true)
	switch layout {
	case "transposed":
		t = t.MustTranspose(0, 1, true).MustContiguous(true).MustTranspose(0, 1, true)
	case "strided":
		t = ts.MustStack([]*ts.Tensor{t, t}, 2).MustSelect(2, 0, true)
	}
	return t
}

func norm(x []float64) (norm float64) {
	for _, v := range x {
		norm = math.Hypot(norm, v)
	}
	return norm
}

// The norms are those of the definition, for every dtype and layout, on every
// path, across the borders of chunks.
func TestMovedAgainstTheDefinition(t *testing.T) {
	for _, dtype := range floats {
		for _, layout := range []string{"contiguous", "transposed", "strided"} {
			for _, n := range []int{4, 28, 1<<16 - 4, 1<<16 + 12, 3 << 16} {
				t.Run(fmt.Sprintf("%v %s %d", dtype, layout, n), func(t *testing.T) {
					before, after := round(random(n), dtype), round(random(n + 1)[1:], dtype)
					change := make([]float64, n)
					for i := range change {
						change[i] = after[i] - before[i]
					}
					for path := range 2 {
						x := arranged(before, dtype, layout)
						g := grads(t, x)
						var c Copy
						require.NoError(t, g.copy(&c, 0))
						if path == 1 {
							c.Free()
							require.NoError(t, g.copy(&c, 1))
						}
						sizes, changes := make([]float64, 1), make([]float64, 1)
						require.NoError(t, c.Moved(sizes, changes))
						require.InEpsilon(t, norm(before), sizes[0], 1e-12)
						require.Zero(t, changes[0], "nothing was changed yet")
						x.Copy_(arranged(after, dtype, layout))
						require.NoError(t, c.Moved(sizes, changes))
						require.InEpsilon(t, norm(before), sizes[0], 1e-12)
						require.InEpsilon(t, norm(change), changes[0], 1e-12)
						c.Free()
						c.Free()
					}
				})
			}
		}
	}
}

// Squares that leave float64's range, and values that are not finite.
func TestMovedExtremes(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for name, x := range map[string]struct {
		before, after []float64
		size, change  float64
	}{
		"huge":      {[]float64{3e200, 4e200}, []float64{0, 0}, 5e200, 5e200},
		"tiny":      {[]float64{3e-200, 4e-200}, []float64{6e-200, 8e-200}, 5e-200, 5e-200},
		"tiny step": {[]float64{1, 0}, []float64{1, 3e-200}, 1, 3e-200},
		"infinite":  {[]float64{3, 4}, []float64{inf, 4}, 5, inf},
		"was":       {[]float64{inf, 4}, []float64{3, 4}, inf, inf},
		"NaN":       {[]float64{3, 4}, []float64{nan, 4}, 5, nan},
		"zero":      {[]float64{0, 0}, []float64{0, 0}, 0, 0},
	} {
		for path, portable := range map[string]bool{"native": false, "portable": true} {
			t.Run(name+" "+path, func(t *testing.T) {
				p := ts.MustOfSlice(x.before)
				g := grads(t, p)
				var c Copy
				if portable {
					require.NoError(t, g.copy(&c, 1))
				} else {
					require.NoError(t, g.Copy(&c))
				}
				defer c.Free()
				p.Copy_(ts.MustOfSlice(x.after))
				sizes, changes := make([]float64, 1), make([]float64, 1)
				require.NoError(t, c.Moved(sizes, changes))
				for what, pair := range map[string][2]float64{"size": {x.size, sizes[0]}, "change": {x.change, changes[0]}} {
					switch want, got := pair[0], pair[1]; {
					case math.IsNaN(want):
						require.True(t, math.IsNaN(got), what)
					case math.IsInf(want, 0) || want == 0:
						require.Equal(t, want, got, what)
					default:
						require.InEpsilon(t, want, got, 1e-15, what)
					}
				}
			})
		}
	}
}

func TestMovedThreadsDoNotChangeABit(t *testing.T) {
	defer func() { require.NoError(t, SetThreads(2)) }()
	var results [][]float64
	for _, threads := range []int{1, 2, 5} {
		require.NoError(t, SetThreads(threads))
		var tensors []*ts.Tensor
		for _, n := range []int{8, 5 << 16, 1 << 14} {
			tensors = append(tensors, arranged(random(n), gotch.Float, "contiguous"))
		}
		g := grads(t, tensors...)
		var c Copy
		require.NoError(t, g.Copy(&c))
		for _, p := range tensors {
			p.Copy_(p.MustMulScalar(ts.FloatScalar(1.001), false))
		}
		sizes, changes := make([]float64, 3), make([]float64, 3)
		require.NoError(t, c.Moved(sizes, changes))
		c.Free()
		results = append(results, append(sizes, changes...))
	}
	require.Equal(t, results[0], results[1])
	require.Equal(t, results[0], results[2])
}

func TestMovedRefuses(t *testing.T) {
	var c Copy
	one := make([]float64, 1)
	require.ErrorIs(t, c.Moved(one, one), ErrClosed)
	require.NoError(t, grads(t, ts.MustOfSlice([]float64{1}), ts.MustOfSlice([]float64{1})).Copy(&c))
	defer c.Free()
	require.ErrorContains(t, c.Moved(one, one), "1 entries for 2 parameters")
	require.ErrorContains(t, c.Moved(one, nil), "1 norms and 0 changes")
}
