package hooks_test

import (
	"fmt"
	"log"
	"math"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/monitor"
)

// policies are all of package clip, with thresholds that act on small networks.
var policies = map[string]func() clip.Policy{
	"none":       clip.None,
	"outlier":    clip.Outlier,
	"norm":       func() clip.Policy { return clip.Norm(0.3) },
	"p-norm 1":   func() clip.Policy { return clip.PNorm(1, 0.5) },
	"p-norm inf": func() clip.Policy { return clip.PNorm(inf, 0.05) },
	"per param":  func() clip.Policy { return clip.PerParam(0.1) },
	"block rms":  func() clip.Policy { return clip.BlockRMS(0.01) },
	"value":      func() clip.Policy { return clip.Value(0.01) },
	"bounds":     func() clip.Policy { return clip.Bounds(-0.02, 0.01) },
	"agc":        func() clip.Policy { return clip.AGC(0.01, clip.ExceptOutput()) },
	"percentile": func() clip.Policy { return clip.Percentile(10, 16) },
	"z-score":    func() clip.Policy { return clip.ZScore(clip.DefaultZScore()) },
	"mean ratio": func() clip.Policy { return clip.MeanRatio(0.5) },
	"adagc":      func() clip.Policy { return clip.EMA(clip.AdaGC()) },
	"olmo":       func() clip.Policy { return clip.EMA(clip.OLMo()) },
	"curvature":  func() clip.Policy { return clip.CurvatureLimited(2) },
	"after":      func() clip.Policy { return clip.After(5, clip.Norm(0.1)) },
	"scheduled":  func() clip.Policy { return clip.Scheduled(clip.Norm(0.1), clip.Cosine(10, 1, 20)) },
	"chain":      func() clip.Policy { return clip.Chain(clip.Value(0.01), clip.Percentile(50, 8), clip.Norm(0.02)) },
	"groups": func() clip.Policy {
		return clip.Groups(
			clip.Group{Name: "biases", Match: []string{"*bias*"}, Policy: clip.Value(0.01)},
			clip.Group{Name: "rest", Policy: clip.Chain(clip.PNorm(1, 2), clip.Percentile(20, 8))})
	},
}

func names[T any](m map[string]T) []string {
	var all []string
	for name := range m {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}

// Every policy trains every kind of network, and what the record says of the
// norms is what can be measured.
func TestTheRecordIsWhatHappened(t *testing.T) {
	for _, model := range names(models) {
		for _, policy := range names(policies) {
			t.Run(model+"/"+policy, func(t *testing.T) {
				seed(t, 5)
				vs := store()
				loss := models[model](vs)
				opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
				w := &witness{}
				g := attach(t, opt, hooks.WithClip(policies[policy]()), hooks.WithSink("witness", w))
				var after []float64
				for range 12 {
					l := loss()
					require.NoError(t, opt.BackwardStep(l))
					l.MustDrop()
					n, err := hooks.Norms(vs.TrainableVariables())
					require.NoError(t, err)
					after = append(after, n.Total)
				}
				require.NoError(t, g.Close())
				clipped := 0
				for i, s := range w.steps {
					require.InEpsilon(t, after[i], s.Clip.NormAfter.Or(-1), 1e-6, "step %d: %+v", i+1, s.Clip)
					if s.Clip.Clipped {
						clipped++
					} else {
						require.Equal(t, monitor.Known(1), s.Clip.Factor)
						require.Equal(t, s.GradNorm, s.Clip.NormAfter)
					}
					if f, ok := s.Clip.Factor.Get(); ok {
						require.InEpsilon(t, s.GradNorm.Or(0)*f, s.Clip.NormAfter.Or(0), 1e-6)
					} else {
						require.Len(t, s.Clip.ParamFactors, len(w.run.Params))
						var sum float64
						for j, p := range s.Clip.ParamFactors {
							sum += math.Pow(p.Or(0)*s.ParamGradNorms[j].Or(0), 2)
						}
						require.InEpsilon(t, math.Sqrt(sum), s.Clip.NormAfter.Or(0), 1e-6)
					}
				}
				switch policy {
				case "none", "outlier", "curvature", "percentile", "z-score", "mean ratio", "olmo": // nothing to clip in such a run, or hardly
				default:
					require.NotZero(t, clipped)
				}
			})
		}
	}
}

// A run that is saved, closed and gone on with has the same parameters, bit for
// bit, as one that was not interrupted.
func TestEveryPolicyGoesOnBitForBit(t *testing.T) {
	for _, policy := range names(policies) {
		t.Run(policy, func(t *testing.T) {
			train := func(cuts ...int) map[string][]uint64 {
				seed(t, 6)
				vs := store()
				loss := models["linear"](vs)
				opt := build(t, nn.DefaultSGDConfig(), vs, 0.1)
				g := attach(t, opt, hooks.WithClip(policies[policy]()))
				for i := range 80 {
					for _, cut := range cuts {
						if i == cut {
							state, err := g.State()
							require.NoError(t, err)
							require.NoError(t, g.Close())
							g = attach(t, opt, hooks.WithClip(policies[policy]()), hooks.WithState(state))
						}
					}
					f := 1.0
					if i%30 == 29 {
						f = 100
					}
					l := times(loss(), f)
					require.NoError(t, opt.BackwardStep(l))
					l.MustDrop()
				}
				require.NoError(t, g.Close())
				return snapshot(vs)
			}
			require.Equal(t, train(), train(1, 33, 34, 60))
		})
	}
}

// optax: no unit's gradient exceeds the ratio to its weights; units within it are
// untouched; the output layer is left alone.
func TestAGCBoundsEveryUnit(t *testing.T) {
	seed(t, 8)
	vs := store()
	a := nn.NewConv2D(vs.Root().Sub("conv"), 2, 5, 3, nn.DefaultConv2DConfig())
	b := nn.NewLinear(vs.Root().Sub("out"), 5*4*4, 3, nn.DefaultLinearConfig())
	x, y := batch([]int64{6, 2, 6, 6}, 3)
	opt := build(t, nn.DefaultSGDConfig(), vs, 0)
	units := func(name string) (grads, values []float64) {
		v := variables(vs)[name]
		g := v.MustGrad(false)
		g64, v64 := g.MustTotype(gotch.Double, true).Float64Values(true), v.MustTotype(gotch.Double, false).Float64Values(true)
		rows := int(v.MustSize()[0])
		each := len(v64) / rows
		for i := range rows {
			grads = append(grads, pNorm(2, g64[i*each:(i+1)*each]))
			values = append(values, pNorm(2, v64[i*each:(i+1)*each]))
		}
		return grads, values
	}
	loss := func() *ts.Tensor {
		h := a.Forward(x).MustRelu(true).MustReshape([]int64{6, 5 * 4 * 4}, true)
		return times(b.Forward(h).CrossEntropyForLogits(y), 3)
	}
	require.NoError(t, opt.BackwardStep(loss()))
	before, _ := units("conv.weight")
	out, _ := units("out.weight")
	for _, ratio := range []float64{1, 0.3, 0.1, 0.01} {
		g := attach(t, opt, hooks.WithClip(clip.AGC(ratio, clip.ExceptOutput())))
		require.NoError(t, opt.BackwardStep(loss()))
		require.NoError(t, g.Close())
		after, weights := units("conv.weight")
		for i := range after {
			limit := ratio * max(weights[i], 1e-3)
			require.InEpsilon(t, min(before[i], limit), after[i], 1e-6, "ratio %v, unit %d", ratio, i)
		}
		same, _ := units("out.weight")
		require.InEpsilonSlice(t, out, same, 1e-6, "the output layer is left alone")
	}
}

func variables(vs *nn.VarStore) map[string]*ts.Tensor {
	all := map[string]*ts.Tensor{}
	for name, v := range vs.Variables() {
		all[name] = &v
	}
	return all
}

// A policy of any kind, for a loop that has no optimizer.
func ExampleNewClipper() {
	w := ts.MustOfSlice([]float32{0, 0}).MustSetRequiresGrad(true, true)
	clipper, err := hooks.NewClipper(clip.Value(3.5), []*ts.Tensor{w})
	if err != nil {
		log.Fatal(err)
	}
	if err := w.MustMul(ts.MustOfSlice([]float32{3, 4}), false).MustSum(gotch.Float, true).Backward(); err != nil {
		log.Fatal(err)
	}
	norm, done, err := clipper.Clip()
	g := w.MustGrad(false)
	fmt.Println(norm, done.Clipped, g.Float64Values(), err)
	// Output:
	// 5 true [3 3.5] <nil>
}

func TestClipperRefuses(t *testing.T) {
	x := single(t, 1)
	_, err := hooks.NewClipper(nil, []*ts.Tensor{x})
	require.ErrorContains(t, err, "clip.None()")
	_, err = hooks.NewClipper(clip.Norm(-1), []*ts.Tensor{x})
	require.ErrorContains(t, err, "-1")
	_, err = hooks.NewClipper(clip.Norm(1), []*ts.Tensor{x}, "a", "b")
	require.ErrorContains(t, err, "2 names for 1 tensors")
	_, err = hooks.NewClipper(clip.Norm(1), []*ts.Tensor{nil})
	require.ErrorContains(t, err, "nil")
	_, err = hooks.NewClipper(clip.AGC(0.01, clip.Axis(3, "w")), []*ts.Tensor{x}, "w")
	require.ErrorContains(t, err, "3")
}
