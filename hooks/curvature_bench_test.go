package hooks_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/torch"
)

// benchModels are networks of a size at which a step takes some milliseconds.
// testdata/curvature_bench.py has the same.
var benchModels = map[string]func(vs *nn.VarStore) func() *ts.Tensor{
	"mlp": func(vs *nn.VarStore) func() *ts.Tensor {
		a := nn.NewLinear(vs.Root().Sub("a"), 784, 512, nn.DefaultLinearConfig())
		b := nn.NewLinear(vs.Root().Sub("b"), 512, 512, nn.DefaultLinearConfig())
		c := nn.NewLinear(vs.Root().Sub("c"), 512, 10, nn.DefaultLinearConfig())
		x, y := batch([]int64{128, 784}, 10)
		return func() *ts.Tensor {
			return c.Forward(b.Forward(a.Forward(x).MustTanh(true)).MustTanh(true)).CrossEntropyForLogits(y)
		}
	},
	"conv": func(vs *nn.VarStore) func() *ts.Tensor {
		a := nn.NewConv2D(vs.Root().Sub("a"), 1, 16, 3, nn.DefaultConv2DConfig())
		b := nn.NewConv2D(vs.Root().Sub("b"), 16, 16, 3, nn.DefaultConv2DConfig())
		c := nn.NewLinear(vs.Root().Sub("c"), 16*24*24, 10, nn.DefaultLinearConfig())
		x, y := batch([]int64{32, 1, 28, 28}, 10)
		return func() *ts.Tensor {
			h := b.Forward(a.Forward(x).MustTanh(true)).MustTanh(true)
			return c.Forward(h.MustReshape([]int64{32, 16 * 24 * 24}, true)).CrossEntropyForLogits(y)
		}
	},
	"lstm": func(vs *nn.VarStore) func() *ts.Tensor {
		r := nn.NewLSTM(vs.Root().Sub("r"), 32, 64, nn.DefaultRNNConfig())
		l := nn.NewLinear(vs.Root().Sub("l"), 64, 10, nn.DefaultLinearConfig())
		x, y := batch([]int64{16, 32, 32}, 10)
		return func() *ts.Tensor {
			out, _ := r.Seq(x)
			return l.Forward(out.MustSelect(1, 31, true)).CrossEntropyForLogits(y)
		}
	},
}

// BenchmarkCurvature is the cost of measuring: of one measured step over one
// without (ratio), the share of the time at the default budget (share-%), and both ends
// of the spectrum to 1e-3 in plain steps (lanczos-steps); beside it PyTorch's
// double backward of the same network in Python, where python3-torch is there
// (python-ratio).
func BenchmarkCurvature(b *testing.B) {
	require.NoError(b, torch.SetThreads(1))
	python := pythonCurvature()
	for _, model := range names(benchModels) {
		b.Run(model, func(b *testing.B) {
			seed(b, 1)
			vs := store()
			loss := benchModels[model](vs)
			opt := build(b, nn.DefaultSGDConfig(), vs, 1e-3)
			step := func() time.Duration {
				start := time.Now()
				l := loss()
				require.NoError(b, opt.BackwardStep(l))
				l.MustDrop()
				return time.Since(start)
			}
			// several is the median time of a few steps of gtg with the options, after one
			// that is not counted.
			several := func(options ...hooks.Option) float64 {
				g, err := hooks.Attach(opt, append(options, quiet())...) // which keeps gotch's tensors from being freed in use
				require.NoError(b, err)
				defer func() { require.NoError(b, g.Close()) }()
				step()
				var times []float64
				for range 5 {
					times = append(times, step().Seconds())
				}
				return middle(times)
			}
			const rounds = 9 // of both in turn, so that what slows the machine slows both
			var plain, ratios, ends []float64
			var spent, elapsed time.Duration
			for b.Loop() {
				for range rounds {
					t := several()
					plain = append(plain, t)
					ratios = append(ratios, several(hooks.WithCurvatureEvery(1))/t)
				}

				w := &witness{}
				g, err := hooks.Attach(opt, quiet(), hooks.WithCurvature(hooks.DefaultCurvatureShare), hooks.WithSink("witness", w))
				require.NoError(b, err)
				start := time.Now()
				for time.Since(start) < 4*time.Second {
					step()
				}
				elapsed += time.Since(start)
				require.NoError(b, g.Close())
				for _, s := range w.steps {
					if s.Curvature != nil {
						spent += time.Duration(s.Curvature.Seconds.Or(0) * float64(time.Second))
					}
				}

				l := loss()
				start = time.Now()
				s, err := hooks.Spectrum(l, vs.TrainableVariables(), hooks.SpectrumOptions{})
				require.NoError(b, err)
				ends = append(ends, time.Since(start).Seconds())
				l.MustDrop()
				b.ReportMetric(float64(s.Products), "lanczos-products")
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(1e3*middle(plain), "ms/step")
			b.ReportMetric(middle(ratios), "ratio")
			b.ReportMetric(100*spent.Seconds()/elapsed.Seconds(), "share-%")
			b.ReportMetric(middle(ends)/middle(plain), "lanczos-steps")
			if r, ok := python[model]; ok {
				b.ReportMetric(r, "python-ratio")
			}
		})
	}
}

func middle(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

// pythonCurvature is the same ratio in PyTorch, by model.
func pythonCurvature() map[string]float64 {
	out, err := exec.Command("/usr/bin/python3", "testdata/curvature_bench.py").Output()
	if err != nil {
		return nil
	}
	ratios := map[string]float64{}
	if json.Unmarshal(out, &ratios) != nil {
		return nil
	}
	return ratios
}
