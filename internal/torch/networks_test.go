package torch

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"
	"gonum.org/v1/gonum/mat"

	"github.com/seed-140d0f39/gtg/internal/spectrum"
)

func generator(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// golden is what PyTorch found, written by scripts/golden_curvature.py ("make golden").
type golden struct {
	Torch    string
	Networks []goldenNetwork
}

type goldenNetwork struct {
	Name             string
	Shapes           [][]int64
	Params, V        [][]float64
	Shape            []int64
	X                []float64
	Y                []int64
	Float32, Float64 goldenResult
}

type goldenResult struct {
	Loss, GTG, GTHG, Lowest, Highest float64
	HV                               [][]float64
}

func readGolden(t *testing.T) []goldenNetwork {
	t.Helper()
	data, err := os.ReadFile("testdata/curvature.json")
	require.NoError(t, err)
	var g golden
	require.NoError(t, json.Unmarshal(data, &g))
	require.Len(t, g.Networks, len(networks))
	return g.Networks
}

// networks are logits from an input and parameters; scripts/golden_curvature.py has the same.
var networks = map[string]func(x *ts.Tensor, p []*ts.Tensor) *ts.Tensor{
	"mlp": func(x *ts.Tensor, p []*ts.Tensor) *ts.Tensor {
		return ts.MustLinear(ts.MustLinear(x, p[0], p[1]).MustTanh(true), p[2], p[3])
	},
	"convolution": func(x *ts.Tensor, p []*ts.Tensor) *ts.Tensor {
		one, zero := []int64{1, 1}, []int64{0, 0}
		h := ts.MustConv2d(x, p[0], p[1], one, zero, one, 1)
		h = ts.MustBatchNorm(h, p[2], p[3], p[2].MustZerosLike(false).MustDetach(true), p[2].MustOnesLike(false).MustDetach(true), true, 0.1, 1e-5, false)
		h = h.MustRelu(true).MustMaxPool2d([]int64{2, 2}, []int64{2, 2}, zero, one, false, true)
		return ts.MustLinear(h.MustFlatten(1, -1, true), p[4], p[5])
	},
	"lstm": func(x *ts.Tensor, p []*ts.Tensor) *ts.Tensor {
		zero := ts.MustZeros([]int64{1, x.MustSize()[0], p[1].MustSize()[1]}, x.DType(), gotch.CPU)
		out, _, _ := ts.MustLstm(x, []*ts.Tensor{zero, zero}, p[:4], true, 1, 0, true, false, true)
		return ts.MustLinear(out.MustSelect(1, -1, true), p[4], p[5])
	},
	"gru": func(x *ts.Tensor, p []*ts.Tensor) *ts.Tensor {
		zero := ts.MustZeros([]int64{1, x.MustSize()[0], p[1].MustSize()[1]}, x.DType(), gotch.CPU)
		out, _ := ts.MustGru(x, zero, p[:4], true, 1, 0, true, false, true)
		return ts.MustLinear(out.MustSelect(1, -1, true), p[4], p[5])
	},
	"attention": func(x *ts.Tensor, p []*ts.Tensor) *ts.Tensor {
		q, k, v := x.MustMatmul(p[0], false), x.MustMatmul(p[1], false), x.MustMatmul(p[2], false)
		weights := q.MustMatmul(k.MustTranspose(1, 2, true), true).MustMulScalar(ts.FloatScalar(0.5), true).MustSoftmax(-1, x.DType(), true)
		h := ts.MustLayerNorm(weights.MustMatmul(v, true).MustAdd(x, true), []int64{4}, p[3], p[4], 1e-5, false)
		return ts.MustLinear(h.MustMeanDim([]int64{1}, false, x.DType(), true), p[5], p[6])
	},
	"embedding": func(x *ts.Tensor, p []*ts.Tensor) *ts.Tensor {
		h := ts.MustEmbedding(p[0], x, -1, false, false)
		return ts.MustLinear(h.MustMeanDim([]int64{1}, false, p[0].DType(), true).MustTanh(true), p[1], p[2])
	},
}

// build returns the network's parameters and its loss.
func (n *goldenNetwork) build(dtype gotch.DType) (params []*ts.Tensor, loss func() *ts.Tensor) {
	for i, shape := range n.Shapes {
		params = append(params, leaf(n.Params[i], shape...).MustTotype(dtype, true).MustDetach(true).MustSetRequiresGrad(true, true))
	}
	if n.Name == "embedding" {
		dtype = gotch.Int64
	}
	x, y := ts.MustOfSlice(n.X).MustTotype(dtype, true).MustReshape(n.Shape, true), ts.MustOfSlice(n.Y)
	return params, func() *ts.Tensor { return networks[n.Name](x, params).CrossEntropyForLogits(y) }
}

func flat(x [][]float64) (out []float64) {
	for _, part := range x {
		out = append(out, part...)
	}
	return out
}

func column(x []float64) *mat.Dense { return mat.NewDense(len(x), 1, x) }

// The same weights and batch have PyTorch's second derivatives.
func TestGoldenCurvature(t *testing.T) {
	for _, n := range readGolden(t) {
		for _, c := range []struct {
			dtype     gotch.DType
			want      goldenResult
			tolerance float64
		}{{gotch.Float, n.Float32, 1e-5}, {gotch.Double, n.Float64, 1e-12}} {
			t.Run(n.Name+" "+c.dtype.String(), func(t *testing.T) {
				params, loss := n.build(c.dtype)
				l := loss()
				g := open(t, l, params...)
				require.InEpsilon(t, c.want.Loss, l.Float64Values()[0], c.tolerance)
				gtg, gthg := gthg(t, g)
				require.InEpsilon(t, c.want.GTG, gtg, c.tolerance)
				require.InDelta(t, c.want.GTHG, gthg, c.tolerance*math.Max(math.Abs(c.want.GTHG), gtg))
				v := vector(t, g)
				put(t, v, flat(n.V))
				require.NoError(t, g.HVP(v, v))
				requireNear(t, column(flat(c.want.HV)), column(elements(t, v)), c.tolerance)
				if c.dtype == gotch.Double {
					requireEnds(t, g, c.want)
				}
			})
		}
	}
}

// operator is a Hessian and its vectors, for internal/spectrum.
type operator struct {
	graph *Graph
	like  *Vector
}

func (o operator) Dim() int                         { return int(o.like.Dim()) }
func (o operator) Make() (*Vector, error)           { return o.like.Like() }
func (operator) Free(x *Vector)                     { x.Free() }
func (operator) Dot(x, y *Vector) (float64, error)  { return x.Dot(y, nil) }
func (operator) Axpy(a float64, x, y *Vector) error { return y.Axpy(a, x) }
func (operator) Scale(a float64, x *Vector) error   { return x.Scale(a) }
func (operator) Copy(dst, src *Vector) error        { return dst.Copy(src) }
func (o operator) Apply(out, in *Vector) error      { return o.graph.HVP(in, out) }
func (operator) Random(x *Vector, d spectrum.Distribution, seed uint64) error {
	if d == spectrum.Rademacher {
		return x.Random(Rademacher, seed)
	}
	return x.Random(Normal, seed)
}

// requireEnds finds both ends of the spectrum with internal/spectrum.
func requireEnds(t *testing.T, g *Graph, want goldenResult) {
	t.Helper()
	h := operator{g, vector(t, g)}
	lanczos, err := spectrum.NewLanczos[*Vector](h, spectrum.Options{Tolerance: 1e-7, Seed: 1})
	require.NoError(t, err)
	defer lanczos.Free()
	ends, err := lanczos.Ends(h, nil)
	require.NoError(t, err)
	require.True(t, ends.Low.Converged && ends.High.Converged)
	require.InDelta(t, want.Lowest, ends.Low.Value, 1e-6)
	require.InDelta(t, want.Highest, ends.High.Value, 1e-6)
}

// view returns the memory of a tensor of float64s.
func view(x *ts.Tensor) []float64 { return unsafe.Slice((*float64)(x.MustDataPtr()), x.Numel()) }

// differences returns the Hessian by central differences of gradients from
// ordinary backward passes.
func differences(t *testing.T, params []*ts.Tensor, loss func() *ts.Tensor) *mat.Dense {
	t.Helper()
	const epsilon = 1e-5
	var at, into [][]float64
	n := 0
	for _, p := range params {
		zero := p.MustZerosLike(false).MustDetach(true)
		require.NoError(t, SetGrad(p, zero))
		at, into = append(at, view(p)), append(into, view(zero))
		n += int(p.Numel())
	}
	gradient := func() *mat.VecDense {
		for _, x := range into {
			clear(x)
		}
		l := loss()
		require.NoError(t, l.Backward())
		l.MustDrop()
		return mat.NewVecDense(n, flat(into))
	}
	h := mat.NewDense(n, n, nil)
	j := 0
	for _, x := range at {
		for i := range x {
			was := x[i]
			x[i] = was + epsilon
			column := gradient()
			x[i] = was - epsilon
			column.SubVec(column, gradient())
			x[i] = was
			column.ScaleVec(1/(2*epsilon), column)
			h.SetCol(j, column.RawVector().Data)
			if j++; j%16 == 0 {
				runtime.GC() // 100 kB for each of gotch's tensors
			}
		}
	}
	return h
}

// Products with the Hessian against central differences of gradients.
func TestNetworksAgainstDifferences(t *testing.T) {
	for _, n := range readGolden(t) {
		t.Run(n.Name, func(t *testing.T) {
			params, loss := n.build(gotch.Double)
			l := loss()
			g := open(t, l, params...)
			h := hessian(t, g)
			requireNear(t, differences(t, params, loss), h, 1e-8)
			requireNear(t, h, h.T(), 1e-13)
			// A product with any vector is the sum of those with unit vectors.
			v := vector(t, g)
			require.NoError(t, v.Random(Normal, 3))
			var want mat.Dense
			want.Mul(h, column(elements(t, v)))
			require.NoError(t, g.HVP(v, v))
			requireNear(t, &want, column(elements(t, v)), 1e-13)
			runtime.KeepAlive(params)
		})
	}
}
