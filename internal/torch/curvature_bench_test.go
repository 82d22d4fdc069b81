package torch

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

// benchmarked are networks of an ordinary size for two cores.
var benchmarked = map[string]func(vs *nn.VarStore) func() *ts.Tensor{
	"mlp 784-512-512-10, batch 64": func(vs *nn.VarStore) func() *ts.Tensor {
		a := nn.NewLinear(vs.Root().Sub("a"), 784, 512, nn.DefaultLinearConfig())
		b := nn.NewLinear(vs.Root().Sub("b"), 512, 512, nn.DefaultLinearConfig())
		c := nn.NewLinear(vs.Root().Sub("c"), 512, 10, nn.DefaultLinearConfig())
		x, y := labelled(64, 784)
		return func() *ts.Tensor {
			return c.Forward(b.Forward(a.Forward(x).MustRelu(true)).MustRelu(true)).CrossEntropyForLogits(y)
		}
	},
	"convolutions 1-16-32 of 28x28, batch 32": func(vs *nn.VarStore) func() *ts.Tensor {
		a := nn.NewConv2D(vs.Root().Sub("a"), 1, 16, 3, nn.DefaultConv2DConfig())
		b := nn.NewConv2D(vs.Root().Sub("b"), 16, 32, 3, nn.DefaultConv2DConfig())
		l := nn.NewLinear(vs.Root().Sub("l"), 32*5*5, 10, nn.DefaultLinearConfig())
		x, y := labelled(32, 1, 28, 28)
		two, one, none := []int64{2, 2}, []int64{1, 1}, []int64{0, 0}
		return func() *ts.Tensor {
			h := a.Forward(x).MustRelu(true).MustMaxPool2d(two, two, none, one, false, true)
			h = b.Forward(h).MustRelu(true).MustMaxPool2d(two, two, none, one, false, true)
			return l.Forward(h.MustReshape([]int64{32, 32 * 5 * 5}, true)).CrossEntropyForLogits(y)
		}
	},
	"lstm of 128, 32 steps, batch 32": func(vs *nn.VarStore) func() *ts.Tensor {
		r := nn.NewLSTM(vs.Root().Sub("r"), 64, 128, nn.DefaultRNNConfig())
		l := nn.NewLinear(vs.Root().Sub("l"), 128, 10, nn.DefaultLinearConfig())
		x, y := labelled(32, 32, 64)
		return func() *ts.Tensor {
			out, _ := r.Seq(x)
			return l.Forward(out.MustSelect(1, 31, true)).CrossEntropyForLogits(y)
		}
	},
}

// What measuring gᵀHg adds to a step: plain and measured steps take turns.
func BenchmarkMeasuredStep(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for name, build := range benchmarked {
		b.Run(name, func(b *testing.B) {
			vs := store()
			loss := build(vs)
			opt := sgd(b, vs, 1e-3)
			a := attach(b, opt, func(*Report) bool { return true })
			var spent time.Duration
			measure := func(l *Loss) {
				start := time.Now()
				g, err := l.Graph()
				require.NoError(b, err)
				gthg(b, g)
				g.Close()
				spent += time.Since(start)
			}
			step := func(watched func(*Loss)) (forward, step time.Duration) {
				a.OnBackward(watched)
				start := time.Now()
				l := loss()
				forward = time.Since(start)
				require.NoError(b, opt.BackwardStep(l))
				step = time.Since(start)
				l.MustDrop()
				runtime.GC()
				return forward, step
			}
			for range 3 {
				step(nil)
				step(measure)
			}
			spent = 0
			var forward, plain, measured time.Duration
			for b.Loop() {
				f, s := step(nil)
				forward += f
				plain += s
				_, s = step(measure)
				measured += s
			}
			n := float64(b.N)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(plain.Microseconds())/n/1e3, "ms/step")
			b.ReportMetric(float64(measured.Microseconds())/n/1e3, "ms/measured")
			b.ReportMetric(float64(measured)/float64(plain), "x-step")
			b.ReportMetric(float64(spent)/float64(plain-forward), "x-backward")
		})
	}
}
