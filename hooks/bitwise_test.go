package hooks_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/hooks"
)

// models are small networks of each kind of layer, with a loss over fixed data.
var models = map[string]func(vs *nn.VarStore) func() *ts.Tensor{
	"linear": func(vs *nn.VarStore) func() *ts.Tensor {
		a := nn.NewLinear(vs.Root().Sub("a"), 10, 16, nn.DefaultLinearConfig())
		b := nn.NewLinear(vs.Root().Sub("b"), 16, 3, nn.DefaultLinearConfig())
		x, y := batch([]int64{20, 10}, 3)
		return func() *ts.Tensor {
			return b.Forward(a.Forward(x).MustTanh(true)).CrossEntropyForLogits(y)
		}
	},
	"convolution with batch norm": func(vs *nn.VarStore) func() *ts.Tensor {
		c := nn.NewConv2D(vs.Root().Sub("c"), 1, 4, 3, nn.DefaultConv2DConfig())
		n := nn.BatchNorm2D(vs.Root().Sub("n"), 4, nn.DefaultBatchNormConfig())
		l := nn.NewLinear(vs.Root().Sub("l"), 4*6*6, 3, nn.DefaultLinearConfig())
		x, y := batch([]int64{8, 1, 8, 8}, 3)
		return func() *ts.Tensor {
			h := n.ForwardT(c.Forward(x), true).MustRelu(true)
			return l.Forward(h.MustReshape([]int64{8, 4 * 6 * 6}, true)).CrossEntropyForLogits(y)
		}
	},
	"lstm": func(vs *nn.VarStore) func() *ts.Tensor {
		r := nn.NewLSTM(vs.Root().Sub("r"), 5, 8, nn.DefaultRNNConfig())
		l := nn.NewLinear(vs.Root().Sub("l"), 8, 3, nn.DefaultLinearConfig())
		x, y := batch([]int64{6, 7, 5}, 3)
		return func() *ts.Tensor {
			out, _ := r.Seq(x)
			last := out.MustSelect(1, 6, true)
			return l.Forward(last).CrossEntropyForLogits(y)
		}
	},
	"embedding": func(vs *nn.VarStore) func() *ts.Tensor {
		e := nn.NewEmbedding(vs.Root().Sub("e"), 11, 6, nn.DefaultEmbeddingConfig())
		l := nn.NewLinear(vs.Root().Sub("l"), 6, 3, nn.DefaultLinearConfig())
		x := ts.MustRandint(11, []int64{20}, gotch.Int64, gotch.CPU)
		_, y := batch([]int64{20, 1}, 3)
		return func() *ts.Tensor {
			return l.Forward(e.Forward(x)).CrossEntropyForLogits(y)
		}
	},
}

func batch(shape []int64, classes int64) (x, y *ts.Tensor) {
	x = ts.MustRandn(shape, gotch.Float, gotch.CPU)
	y = ts.MustRandint(classes, shape[:1], gotch.Int64, gotch.CPU)
	return x, y
}

// With the default options a healthy run has bit for bit the parameters that it
// would have had without gtg.
func TestHealthyRunIsLeftAlone(t *testing.T) {
	optimizers := map[string]nn.OptimizerConfig{
		"sgd with momentum": nn.NewSGDConfig(0.9, 0, 1e-4, false),
		"adam":              nn.DefaultAdamConfig(),
		"adamw":             nn.DefaultAdamWConfig(),
		"rmsprop":           nn.DefaultRMSPropConfig(),
	}
	const steps = 150
	for model, make := range models {
		for optimizer, config := range optimizers {
			t.Run(fmt.Sprintf("%s/%s", model, optimizer), func(t *testing.T) {
				train := func(options ...hooks.Option) map[string][]uint64 {
					seed(t, 5)
					vs := store()
					loss := make(vs)
					opt := build(t, config, vs, 2e-3)
					if options != nil {
						g := attach(t, opt, options...)
						defer func() { require.NoError(t, g.Close()) }()
					}
					for i := range steps {
						l := loss()
						require.NoError(t, opt.BackwardStep(l))
						l.MustDrop()
						if i%50 == 0 {
							runtime.GC()
						}
					}
					return snapshot(vs)
				}
				w := &witness{}
				plain, guarded := train(), train(hooks.WithSink("witness", w))
				require.Len(t, w.steps, steps)
				require.Equal(t, plain, guarded)
			})
		}
	}
}
