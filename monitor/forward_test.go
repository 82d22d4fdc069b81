package monitor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A network is fully connected, in float64, so that its gradients are exact.
type network struct {
	weights   [][][]float64 // by layer, row and column
	biases    [][]float64
	rectified bool
}

func newNetwork(r *rand.Rand, widths []int, gain float64, rectified bool) *network {
	n := &network{rectified: rectified}
	for l := range len(widths) - 1 {
		var w [][]float64
		var b []float64
		for range widths[l+1] {
			row := make([]float64, widths[l])
			for j := range row {
				row[j] = gain * r.NormFloat64() / math.Sqrt(float64(widths[l]))
			}
			w, b = append(w, row), append(b, 0.1*r.NormFloat64())
		}
		n.weights, n.biases = append(n.weights, w), append(n.biases, b)
	}
	return n
}

func (n *network) run() *Run {
	run := &Run{}
	for l, w := range n.weights {
		rows, columns := int64(len(w)), int64(len(w[0]))
		run.Params = append(run.Params,
			Param{Name: fmt.Sprintf("layers.%d.weight", l), Shape: []int64{rows, columns}, Numel: rows * columns},
			Param{Name: fmt.Sprintf("layers.%d.bias", l), Shape: []int64{rows}, Numel: rows})
	}
	return run
}

// inputs are what each layer is given.
func (n *network) inputs(x []float64) [][]float64 {
	in := [][]float64{x}
	for l, w := range n.weights {
		out := make([]float64, len(w))
		for i := range w {
			out[i] = n.biases[l][i]
			for j, v := range in[l] {
				out[i] += w[i][j] * v
			}
			if n.rectified && l < len(n.weights)-1 {
				out[i] = max(out[i], 0)
			}
		}
		in = append(in, out)
	}
	return in[:len(n.weights)]
}

// step has the norms of the gradients of a loss whose gradient by the last layer's
// output is delta.
func (n *network) step(x, delta []float64) Step {
	in := n.inputs(x)
	s := Step{Loss: Known(1), ParamGradNorms: make([]Number, 2*len(n.weights))}
	for l := len(n.weights) - 1; l >= 0; l-- {
		weight, bias := 0.0, 0.0
		back := make([]float64, len(in[l]))
		for i, d := range delta {
			bias = math.Hypot(bias, d)
			for j, a := range in[l] {
				weight = math.Hypot(weight, d*a)
				if !n.rectified || l == 0 || a > 0 {
					back[j] += d * n.weights[l][i][j]
				}
			}
		}
		s.ParamGradNorms[2*l], s.ParamGradNorms[2*l+1] = Known(weight), Known(bias)
		delta = back
	}
	return s
}

// smallAndLarge are the smallest size of inputs, and the largest but for one.
func smallAndLarge(in [][]float64) (small, large float64) {
	var sizes []float64
	for _, v := range in {
		sizes = append(sizes, rootMeanSquare(v))
	}
	slices.Sort(sizes)
	return sizes[0], sizes[len(sizes)-2]
}

func rootMeanSquare(v []float64) float64 {
	var squares float64
	for _, x := range v {
		squares += x * x
	}
	return math.Sqrt(squares / float64(len(v)))
}

// Of a batch of one the ratio is exact, whatever the widths and the unit of the loss.
func TestForwardIsTheSizeOfTheActivations(t *testing.T) {
	for name, c := range map[string]struct {
		rectified   bool
		gain, scale float64
	}{
		"linear":                    {false, 1, 1},
		"linear, explodes":          {false, 40, 1},
		"linear, shrinks":           {false, 0.05, 1},
		"rectified":                 {true, 1.4, 1},
		"rectified, explodes":       {true, 40, 1},
		"rectified, in other units": {true, 40, 1e-9},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 42))
			n := newNetwork(r, []int{17, 40, 23, 64, 31, 5}, c.gain, c.rectified)
			m := New(n.run())
			var size, growth float64
			const records = 6
			for k := range records {
				x, delta := make([]float64, 17), make([]float64, 5)
				for i := range x {
					x[i] = 3 * r.NormFloat64()
				}
				for i := range delta {
					delta[i] = c.scale * r.NormFloat64()
				}
				s := n.step(x, delta)
				s.Step = int64(k + 1)
				m.Observe(&s)
				small, large := smallAndLarge(n.inputs(x))
				require.Positive(t, small)
				size += math.Log(large) / records
				growth += math.Log(large/small) / records
			}
			f := m.course.now.Forward
			require.EqualValues(t, records, f.Records)
			require.InDelta(t, size, f.Size, 1e-9)
			require.InDelta(t, growth, f.Growth, 1e-9)
		})
	}
}

// A network whose signal explodes is named within the first steps, with the sizes that
// its activations have, and one with large inputs is not.
func TestForwardOfANetwork(t *testing.T) {
	widths := []int{16, 32, 32, 32, 32, 32, 4}
	// The sizes are the geometric means over the first 16 records, after which it is said.
	clip := Clip{}
	observed := func(n *network, input float64) (events []Event, small, large float64) {
		r := rand.New(rand.NewPCG(9, 42))
		m := New(n.run())
		for k := range 20 {
			x, delta := make([]float64, 16), make([]float64, 4)
			for i := range x {
				x[i] = input * r.NormFloat64()
			}
			for i := range delta {
				delta[i] = r.NormFloat64()
			}
			s := n.step(x, delta)
			s.Step, s.Clip = int64(k+1), clip
			events = append(events, m.Observe(&s)...)
			if k < explodingForwardStay {
				a, b := smallAndLarge(n.inputs(x))
				small += math.Log(a) / explodingForwardStay
				large += math.Log(b) / explodingForwardStay
			}
		}
		return events, math.Exp(small), math.Exp(large)
	}
	wild := newNetwork(rand.New(rand.NewPCG(1, 42)), widths, 6, true)
	events, small, large := observed(wild, 1)
	require.Len(t, events, 1)
	e := events[0]
	require.Equal(t, Exploding, e.Kind)
	require.EqualValues(t, 16, e.Step)
	require.InEpsilon(t, large, e.Values["size"], 1e-9)
	require.InEpsilon(t, large/small, e.Values["forward_growth"], 1e-9)
	require.Greater(t, e.Values["forward_growth"], 50.0)

	kept := newNetwork(rand.New(rand.NewPCG(1, 42)), widths, math.Sqrt2, true)
	events, _, large = observed(kept, 1e4)
	require.Empty(t, events)
	require.Greater(t, large, 250.0)

	// A milder explosion is one where clipping leaves next to nothing.
	mild := newNetwork(rand.New(rand.NewPCG(1, 42)), widths, 4, true)
	events, small, large = observed(mild, 1)
	require.Empty(t, events)
	require.Greater(t, large/small, explodingForwardClipped+0.0)
	require.Less(t, large, explodingForward+0.0)
	clip = Clip{Policy: "norm", Clipped: true, Factor: Known(1e-2)}
	events, _, _ = observed(mild, 1)
	require.Empty(t, events)
	clip.Factor = Known(1e-4)
	events, _, _ = observed(mild, 1)
	require.Len(t, events, 1)
	require.Equal(t, Exploding, events[0].Kind)
	events, _, _ = observed(kept, 1)
	require.Empty(t, events)
}

func TestForwardWantsGradients(t *testing.T) {
	var s slope
	for i := range 5 {
		s.layers = append(s.layers, layer{weight: 2 * i, bias: 2*i + 1})
	}
	// sizes are norms of gradients that say how large the layers' inputs are.
	sizes := func(v ...float64) (norms []Number) {
		for _, x := range v {
			norms = append(norms, Known(x), Known(1))
		}
		return norms
	}
	var f forward
	f.observe(&slope{}, sizes(1, 1, 1, 1, 1))
	require.Zero(t, f)
	f.observe(&s, sizes(0, 0, 0, 0, 0))
	require.Zero(t, f)
	// Four layers are enough to compare, and three are not; one says what it is given, but not
	// with a bias whose gradient is as good as none.
	f.observe(&s, sizes(0, 1, math.Exp(2), math.Exp(30), 0))
	require.Equal(t, forward{Inputs: 1, Input: 2, Layer: 2}, f)
	few := sizes(1, 1, 1, 1, 1)
	few[0], few[9] = Known(math.Inf(1)), Number{}
	f.observe(&s, few)
	require.Zero(t, f.Records)
	f = forward{}
	f.observe(&s, sizes(0, 1, 1, 1, 1))
	require.Equal(t, forward{Records: 1, Inputs: 1, Layer: 1}, f)
	// Two biases without a gradient among six, far above the rest; and a signal that explodes.
	s.layers = append(s.layers, layer{weight: 10, bias: 11})
	f = forward{}
	f.observe(&s, sizes(1, math.Exp(2), math.Exp(1), math.Exp(3), math.Exp(20), math.Exp(20)))
	require.InDelta(t, 2, f.Size, 1e-12)
	f = forward{}
	f.observe(&s, sizes(1, math.Exp(4), math.Exp(8), math.Exp(11), math.Exp(14), math.Exp(17)))
	require.InDelta(t, 14, f.Size, 1e-12)
	s.layers = s.layers[:5]
	f = forward{}
	for range forwardRecords {
		f.observe(&s, sizes(math.E, math.Exp(7), math.Exp(-2), 1, math.Exp(3)))
	}
	f.observe(&s, sizes(1, 1, 1, 1, 1))
	require.EqualValues(t, forwardRecords, f.Records)
	require.EqualValues(t, forwardInput, f.Inputs)
	require.InDelta(t, 3, f.Size, 1e-12)
	require.InDelta(t, 5, f.Growth, 1e-12)
	require.InDelta(t, 7, f.Input, 1e-12)
	require.Equal(t, 1, f.Layer)
	require.InDelta(t, 3, f.Least, 1e-12)
}

func TestLayers(t *testing.T) {
	matrix := func(name string, rows, columns int64) Param {
		return Param{Name: name, Shape: []int64{rows, columns}, Numel: rows * columns}
	}
	vector := func(name string, n int64) Param { return Param{Name: name, Shape: []int64{n}, Numel: n} }
	for name, c := range map[string]struct {
		params []Param
		want   [][2]int // weight and bias
	}{
		"weight first": {[]Param{matrix("a.weight", 4, 4), vector("a.bias", 4), matrix("b.weight", 4, 4), vector("b.bias", 4)}, [][2]int{{0, 1}, {2, 3}}},
		"bias first":   {[]Param{vector("a.bias", 4), matrix("a.weight", 4, 4), vector("b.bias", 4), matrix("b.weight", 4, 4)}, [][2]int{{1, 0}, {3, 2}}},
		"no modules":   {[]Param{matrix("w1", 4, 4), vector("b1", 4), matrix("w2", 4, 4), vector("b2", 4)}, [][2]int{{0, 1}, {2, 3}}},
		"no modules, bias first": {[]Param{vector("b1", 4), matrix("w1", 4, 4), vector("b2", 4), matrix("w2", 4, 4)},
			[][2]int{{1, 0}, {3, 2}}},
		"a norm between, and no bias": {[]Param{matrix("a.weight", 4, 4), vector("norm.weight", 4), vector("norm.bias", 4), matrix("b.weight", 4, 4)}, nil},
		"another length":              {[]Param{matrix("a.weight", 4, 5), vector("a.bias", 5)}, nil},
		"recurrent": {[]Param{matrix("r.weight_ih", 8, 3), matrix("r.weight_hh", 8, 2), vector("r.bias_ih", 8), vector("r.bias_hh", 8)},
			[][2]int{{1, 2}}},
		"convolution": {[]Param{{Name: "c.weight", Shape: []int64{6, 3, 5, 5}, Numel: 450}, vector("c.bias", 6)}, [][2]int{{0, 1}}},
	} {
		var got [][2]int
		for _, l := range newSlope(&Run{Params: c.params}).layers {
			got = append(got, [2]int{l.weight, l.bias})
			w, b := float64(c.params[l.weight].Numel), float64(c.params[l.bias].Numel)
			require.InDelta(t, -math.Log(w/b)/2, l.log, 1e-12, name)
		}
		require.Equal(t, c.want, got, name)
	}
}

// Biases that a layer norm takes away again have no gradient but for rounding.
func TestForwardLeavesBiasesWithoutAGradient(t *testing.T) {
	p := recipe{steps: 100, layers: 6, loss: plainLoss, norm: plainNorm, edit: func(_ int, s *Step, _ *rand.Rand) {
		for _, layer := range []int{1, 3} {
			s.ParamGradNorms[2*layer+1] = Known(2e-8 * s.ParamGradNorms[2*layer].value)
		}
	}}
	require.Empty(t, observe(p.run(), p.make(1)))
}
