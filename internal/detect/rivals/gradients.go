package rivals

import (
	"math"
	"slices"

	"github.com/seed-140d0f39/gtg/monitor"
)

// gradients reads the gradients of a record, tensor by tensor.
type gradients struct {
	numel   []float64
	kernels []int // the weights: tensors of two dimensions or more
	last    []float64
}

func newGradients(run *monitor.Run) gradients {
	var g gradients
	for i, p := range run.Params {
		g.numel = append(g.numel, float64(p.Numel))
		if len(p.Shape) >= 2 {
			g.kernels = append(g.kernels, i)
		}
	}
	return g
}

// mean is at least the mean magnitude of the elements of one gradient.
func (g *gradients) mean(s *monitor.Step, param int) (mean float64, known bool) {
	if param >= len(s.ParamGradNorms) || g.numel[param] == 0 {
		return 0, false
	}
	norm, known := s.ParamGradNorms[param].Get()
	return norm / math.Sqrt(g.numel[param]), known
}

// layers returns the means of the weights that have a gradient, first to last. It
// is valid until the next call.
func (g *gradients) layers(s *monitor.Step) []float64 {
	g.last = g.last[:0]
	for _, k := range g.kernels {
		if mean, known := g.mean(s, k); known {
			g.last = append(g.last, mean)
		}
	}
	return g.last
}

// any says whether the condition holds of a gradient; Undecided where no gradient
// was measured by itself.
func (g *gradients) any(s *monitor.Step, is func(mean float64) bool) monitor.Condition {
	out := monitor.Undecided
	for i := range g.numel {
		mean, known := g.mean(s, i)
		switch {
		case known && is(mean):
			return monitor.Holding
		case known:
			out = monitor.Clear
		}
	}
	return out
}

// zeros returns what share of the elements of the weights' gradients, and of the
// median weight's, is exactly 0.
func (g *gradients) zeros(s *monitor.Step) (all, median float64, known bool) {
	var zero, elements float64
	g.last = g.last[:0]
	for _, k := range g.kernels {
		if k < len(s.ZeroGrads) && s.ZeroGrads[k] >= 0 && g.numel[k] > 0 {
			zero, elements = zero+float64(s.ZeroGrads[k]), elements+g.numel[k]
			g.last = append(g.last, float64(s.ZeroGrads[k])/g.numel[k])
		}
	}
	if elements == 0 {
		return 0, 0, false
	}
	return zero / elements, middle(g.last), true
}

// middle is the median. It sorts x.
func middle(x []float64) float64 {
	slices.Sort(x)
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}

// notFinite says whether the record holds a NaN or an infinity.
func notFinite(s *monitor.Step) bool {
	bad := func(n monitor.Number) bool {
		v, known := n.Get()
		return known && (math.IsNaN(v) || math.IsInf(v, 0))
	}
	return s.NonFinite.Or(0) > 0 || bad(s.Loss) || bad(s.GradNorm)
}
