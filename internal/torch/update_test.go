package torch

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

// The update that is predicted is the one that the optimizer then makes.
func TestPredictedUpdateIsTheUpdate(t *testing.T) {
	for name, config := range map[string]nn.OptimizerConfig{
		"sgd":               nn.DefaultSGDConfig(),
		"sgd, decay":        nn.NewSGDConfig(0, 0, 0.1, false),
		"momentum":          nn.NewSGDConfig(0.9, 0, 0.01, false),
		"dampened":          nn.NewSGDConfig(0.9, 0.5, 0, false),
		"nesterov":          nn.NewSGDConfig(0.9, 0, 0, true),
		"adam":              nn.DefaultAdamConfig(),
		"adam, decay":       nn.NewAdamConfig(0.8, 0.99, 0.1),
		"adamw":             nn.DefaultAdamWConfig(),
		"rmsprop":           nn.DefaultRMSPropConfig(),
		"rmsprop, momentum": nn.NewRMSPropConfig(0.9, 1e-8, 0.01, 0.5, false),
		"rmsprop, centered": nn.NewRMSPropConfig(0.9, 1e-8, 0, 0.5, true),
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, Seed(4))
			vs := store()
			a := nn.NewLinear(vs.Root().Sub("a"), 5, 4, nn.DefaultLinearConfig())
			b := nn.NewLinear(vs.Root().Sub("b"), 4, 2, nn.DefaultLinearConfig())
			x := ts.MustRandn([]int64{7, 5}, gotch.Float, gotch.CPU)
			opt, err := config.Build(vs, 0.01)
			require.NoError(t, err)
			o, err := Find(opt)
			require.NoError(t, err)
			s := o.Space()
			for step := range 4 {
				loss := b.Forward(a.Forward(x).MustTanh(true)).MustSquare(true).MustMean(gotch.Float, true)
				require.NoError(t, opt.ZeroGrad())
				require.NoError(t, loss.Backward())
				g, err := s.NewVector()
				require.NoError(t, err)
				require.NoError(t, s.Grad(g))
				predicted, err := g.Like()
				require.NoError(t, err)
				require.NoError(t, o.Update(g, predicted))
				before, err := s.Snapshot()
				require.NoError(t, err)
				require.NoError(t, opt.Step())
				made, err := g.Like()
				require.NoError(t, err)
				require.NoError(t, s.Since(before, made))
				size, err := made.Dot(made, nil)
				require.NoError(t, err)
				require.NoError(t, made.Axpy(-1, predicted))
				off, err := made.Dot(made, nil)
				require.NoError(t, err)
				require.LessOrEqual(t, off, 1e-8*size, fmt.Sprintf("step %d: squares", step+1))
				for _, v := range []*Vector{g, predicted, before, made} {
					v.Free()
				}
			}
		})
	}
	require.Zero(t, Alive())
}
