package torch

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

func TestOutputLayer(t *testing.T) {
	output := func(params ...Param) (names []string) {
		markOutput(params)
		for _, p := range params {
			if p.Output {
				names = append(names, p.Name)
			}
		}
		return names
	}
	p := func(name string, distance int64, shape ...int64) Param {
		return Param{Name: name, Shape: shape, distance: distance, Seen: distance >= 0}
	}
	require.Equal(t, []string{"out.weight", "out.bias"},
		output(p("unused", -1, 3, 3), p("in.weight", 9, 4, 2), p("out.weight", 3, 2, 4), p("out.bias", 2, 2)), "a bias added after")
	require.Equal(t, []string{"out.weight", "out.bias"},
		output(p("in.weight", 9, 4, 2), p("norm.weight", 5, 4), p("out.weight", 3, 2, 4), p("out.bias", 3, 2)), "one operation")
	require.Empty(t, output(p("a", -1, 2, 2), p("b", -1, 2)), "before any backward pass")
	require.Empty(t, output(p("scale", 2, 4)), "no weight matrix at all")
}

// An embedding has one input, as a view has; it is a layer all the same.
func TestAnEmbeddingComesBeforeTheLayerThatReadsIt(t *testing.T) {
	vs := store()
	p := vs.Root()
	e := nn.NewEmbedding(p.Sub("z"), 7, 4, nn.DefaultEmbeddingConfig()) // a name that sorts behind
	l := nn.NewLinear(p.Sub("a"), 4, 2, nn.DefaultLinearConfig())
	opt := sgd(t, vs, 0.1)
	o, err := Find(opt)
	require.NoError(t, err)
	var order, output []string
	attach(t, opt, func(*Report) bool {
		params, err := o.Params()
		require.NoError(t, err)
		for _, p := range params {
			order = append(order, p.Name)
			if p.Output {
				output = append(output, p.Name)
			}
		}
		return true
	})
	x := ts.MustOfSlice([]int64{1, 2, 5})
	require.NoError(t, opt.BackwardStep(l.Forward(e.Forward(x)).MustMean(gotch.Float, true)))
	require.Equal(t, []string{"z.weight", "a.weight", "a.bias"}, order)
	require.Equal(t, []string{"a.weight", "a.bias"}, output)
}
