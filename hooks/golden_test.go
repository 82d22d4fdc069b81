package hooks_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/hooks"
)

// golden is what PyTorch did, written by scripts/golden.py ("make golden").
type golden struct {
	Torch     string
	Clips     []goldenClip
	Trainings []goldenTraining
}

type goldenClip struct {
	DType     string
	Computed  string // the dtype that PyTorch computed in
	P         any    // a number or "+Inf"; nil when it clips by value
	Max       float64
	Value     float64
	Shapes    [][]int64
	Gradients [][]float64
	Total     float64
	Clipped   [][]float64
}

type goldenTraining struct {
	DType, Optimizer, Clip string
	Start, End             [][]float64
	X                      []float64
	Y                      []int64
	Losses, Norms          []float64
}

func readGolden(t *testing.T) golden {
	t.Helper()
	data, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var g golden
	require.NoError(t, json.Unmarshal(data, &g))
	require.NotEmpty(t, g.Clips)
	require.NotEmpty(t, g.Trainings)
	return g
}

var dtypes = map[string]gotch.DType{"float16": gotch.Half, "bfloat16": gotch.BFloat16, "float32": gotch.Float, "float64": gotch.Double}

// unit is the distance from 1 to the next number of the type.
var unit = map[string]float64{"float16": 0x1p-10, "bfloat16": 0x1p-7, "float32": 0x1p-23, "float64": 0x1p-52}

// tensorOf makes a tensor of a type from numbers that it can hold.
func tensorOf(t testing.TB, dtype gotch.DType, shape []int64, values []float64) *ts.Tensor {
	t.Helper()
	if len(values) == 0 {
		return ts.MustZeros(shape, dtype, gotch.CPU)
	}
	return ts.MustOfSlice(values).MustView(shape, true).MustTotype(dtype, true)
}

// withGradient makes a parameter of the type and shape whose gradient has these
// values: the sum of the parameter times them is differentiated.
func withGradient(t testing.TB, dtype gotch.DType, shape []int64, values []float64) *ts.Tensor {
	t.Helper()
	p := ts.MustZeros(shape, dtype, gotch.CPU)
	require.NoError(t, p.RequiresGrad_(true))
	g := tensorOf(t, dtype, shape, values)
	loss := p.MustMul(g, false).MustSum(dtype, true)
	require.NoError(t, loss.Backward())
	loss.MustDrop()
	g.MustDrop()
	return p
}

// gradientOf reads a gradient.
func gradientOf(x *ts.Tensor) []float64 {
	g := x.MustGrad(false)
	defer g.MustDrop()
	return g.MustTotype(gotch.Double, false).Float64Values(true)
}

func order(p any) float64 {
	if p == "+Inf" {
		return math.Inf(1)
	}
	return p.(float64)
}

// Single clippings of every dtype, by every p-norm and by value, are PyTorch's,
// which adds 1e-6 to the divisor and computes half precision in half precision.
func TestClippingAgreesWithPyTorch(t *testing.T) {
	for _, c := range readGolden(t).Clips {
		name := fmt.Sprintf("%s/value %v", c.DType, c.Value)
		policy := clip.Value(c.Value)
		if c.P != nil {
			name = fmt.Sprintf("%s/p %v/max %v", c.DType, c.P, c.Max)
			if policy = clip.PNorm(order(c.P), c.Max); c.P == 2.0 {
				policy = clip.Norm(c.Max)
			}
		}
		t.Run(name, func(t *testing.T) {
			var tensors []*ts.Tensor
			for i := range c.Shapes {
				tensors = append(tensors, withGradient(t, dtypes[c.DType], c.Shapes[i], c.Gradients[i]))
			}
			clipper, err := hooks.NewClipper(policy, tensors)
			require.NoError(t, err)
			_, done, err := clipper.Clip()
			require.NoError(t, err)

			tolerance := 1e-6
			if c.DType == "float16" || c.DType == "bfloat16" {
				// Of one rounding of the result and, in PyTorch, of the norm and the
				// factor as well.
				tolerance = 4 * unit[c.DType]
			}
			untouched := c.P != nil && c.Max > 1e5
			require.Equal(t, !untouched, done.Clipped)
			for i, x := range tensors {
				got := gradientOf(x)
				require.Len(t, got, len(c.Clipped[i]))
				for j, want := range c.Clipped[i] {
					if untouched {
						require.Equal(t, math.Float64bits(c.Gradients[i][j]), math.Float64bits(got[j]), "untouched bit for bit")
					}
					require.InDelta(t, want, got[j], tolerance*math.Abs(want)+1e-300, "tensor %d, element %d", i, j)
				}
			}
		})
	}
}

// Whole trainings of 50 steps with clipping go as PyTorch's do.
func TestTrainingAgreesWithPyTorch(t *testing.T) {
	policies := map[string]func() clip.Policy{
		"norm":       func() clip.Policy { return clip.Norm(10) },
		"norm_p1":    func() clip.Policy { return clip.PNorm(1, 30) },
		"norm_p+Inf": func() clip.Policy { return clip.PNorm(math.Inf(1), 4) },
		"value":      func() clip.Policy { return clip.Value(3) },
	}
	optimizers := map[string]func(vs *nn.VarStore) *nn.Optimizer{
		"sgd":               func(vs *nn.VarStore) *nn.Optimizer { return build(t, nn.DefaultSGDConfig(), vs, 0.005) },
		"sgd with momentum": func(vs *nn.VarStore) *nn.Optimizer { return build(t, nn.NewSGDConfig(0.9, 0, 0, false), vs, 0.002) },
		"adam":              func(vs *nn.VarStore) *nn.Optimizer { return build(t, nn.DefaultAdamConfig(), vs, 0.01) },
	}
	shapes := [][]int64{{8, 6}, {8}, {3, 8}, {3}}
	for _, c := range readGolden(t).Trainings {
		t.Run(c.DType+"/"+c.Optimizer+"/"+c.Clip, func(t *testing.T) {
			dtype := dtypes[c.DType]
			vs := store()
			var params []*ts.Tensor
			for i, shape := range shapes {
				params = append(params, variable(t, vs, fmt.Sprintf("p%d", i), tensorOf(t, dtype, shape, c.Start[i])))
			}
			x := tensorOf(t, dtype, []int64{16, 6}, c.X)
			y := ts.MustOfSlice(c.Y)
			opt := optimizers[c.Optimizer](vs)
			w := &witness{}
			guard := attach(t, opt, hooks.WithClip(policies[c.Clip]()), hooks.WithSink("witness", w))
			for range c.Losses {
				hidden := x.MustMatmul(params[0].MustT(false), false).MustAdd(params[1], true).MustTanh(true)
				logits := hidden.MustMatmul(params[2].MustT(false), true).MustAdd(params[3], true)
				loss := times(logits.CrossEntropyForLogits(y), 100)
				require.NoError(t, opt.BackwardStep(loss))
				loss.MustDrop()
			}
			require.NoError(t, guard.Close())
			require.Len(t, w.steps, len(c.Losses))
			for i, s := range w.steps {
				// What is small near a minimum is a difference of large terms.
				require.InDelta(t, c.Losses[i], s.Loss.Or(0), 1e-6*slices.Max(c.Losses), "loss of step %d", i+1)
				require.InDelta(t, c.Norms[i], s.GradNorm.Or(0), 1e-6*slices.Max(c.Norms), "gradient norm of step %d", i+1)
			}
			for i, p := range params {
				got := p.MustTotype(gotch.Double, false).Float64Values(true)
				var off, size float64
				for j, want := range c.End[i] {
					off, size = math.Hypot(off, got[j]-want), math.Hypot(size, want)
				}
				require.LessOrEqual(t, off/size, 1e-6, "parameter %d", i)
			}
		})
	}
}

// variable puts a tensor's values into the store as a trainable variable.
func variable(t testing.TB, vs *nn.VarStore, name string, value *ts.Tensor) *ts.Tensor {
	t.Helper()
	v, err := vs.Root().Add(name, value, true)
	require.NoError(t, err)
	return v
}
