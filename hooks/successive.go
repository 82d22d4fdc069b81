package hooks

import (
	"math"

	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// successive keeps the sketches of the last two gradients and estimates from them
// how this step's gradient relates to those.
type successive struct {
	past  [2]sketched // of the steps before, in turns
	last  int         // where that of the step before is
	chain int         // for how many steps in a row there are sketches, at most 2
}

// sketched is a gradient's sketch in units of the gradient's norm, so that no
// product leaves float64's range.
type sketched struct {
	sums   [torch.SketchSize]float64
	norm   float64
	layout uint64
}

// dot estimates the inner product of the two gradients, in units of their norms.
func (a *sketched) dot(b *sketched) (sum float64) {
	for i, v := range a.sums {
		sum += v * b.sums[i]
	}
	return sum
}

// forget is called where steps do not follow each other, or a gradient has no sketch.
func (x *successive) forget() { x.chain = 0 }

// see takes the sketch of this step's gradient, which may be nil, and the norm of it.
func (x *successive) see(s *torch.Sketch, norm float64) (out monitor.Successive) {
	if s == nil || math.IsNaN(norm) || math.IsInf(norm, 0) {
		x.forget()
		return out
	}
	last, oldest := &x.past[x.last], &x.past[1-x.last]
	if x.chain > 0 && last.layout != s.Layout {
		x.forget()
	}
	now := sketched{norm: norm, layout: s.Layout}
	if norm > 0 {
		for i, v := range s.Sums {
			now.sums[i] = v / norm
		}
	}
	if x.chain > 0 {
		cosine := now.dot(last)
		out.Dot = monitor.Known(cosine * norm * last.norm)
		out.Cosine = cosineOf(cosine, norm, last.norm)
	}
	if x.chain > 1 {
		out.Cosine2 = cosineOf(now.dot(oldest), norm, oldest.norm)
	}
	if out.Cosine.Known() || out.Cosine2.Known() {
		c := max(math.Abs(out.Cosine.Or(0)), math.Abs(out.Cosine2.Or(0)))
		out.Error = monitor.Known(math.Sqrt((1 + c*c) / torch.SketchSize))
	}
	*oldest = now
	x.last, x.chain = 1-x.last, min(x.chain+1, 2)
	return out
}

// cosineOf is unknown where one of the gradients is 0.
func cosineOf(estimate, a, b float64) monitor.Number {
	if a == 0 || b == 0 {
		return monitor.Number{}
	}
	return monitor.Known(min(max(estimate, -1), 1))
}
