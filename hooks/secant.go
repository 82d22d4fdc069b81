package hooks

import (
	"math"

	"github.com/seed-140d0f39/gtg/internal/torch"
	"github.com/seed-140d0f39/gtg/monitor"
)

// secant measures the curvature along the gradient from two gradients of the same
// data on one line, where the loss cannot be differentiated twice:
//
//	gᵀHg ≈ gᵀ(g − g⁺)/η
//
// with g⁺ the gradient after the step −η·g. It is exact on a quadratic.
type secant struct {
	on    bool
	space *torch.Space
	g     *torch.Vector // of the step before, nil when that was not due
	now   *torch.Vector
	rate  float64 // by how much of g the parameters changed then; 0: not along it
}

// possible says whether successive gradients are of the same data and on one line.
func (x *secant) possible(c *curvature) bool {
	return c.sameData && c.plain && !math.IsNaN(c.limit.Or(math.NaN()))
}

// see takes the gradient of this step, before it is clipped, and returns gᵀHg of
// the step before where that was kept.
func (x *secant) see(due bool) (gthg monitor.Number, gtg float64, err error) {
	if x.g != nil {
		if x.now == nil {
			if x.now, err = x.g.Like(); err != nil {
				return gthg, 0, err
			}
		}
		if err = x.space.Grad(x.now); err != nil {
			return gthg, 0, err
		}
		if gtg, err = x.g.Dot(x.g, nil); err != nil {
			return gthg, 0, err
		}
		both, err := x.g.Dot(x.now, nil)
		if err != nil {
			return gthg, 0, err
		}
		if x.rate > 0 {
			gthg = monitor.Known((gtg - both) / x.rate)
		}
		x.g.Free()
		x.g = nil
	}
	if due {
		if x.g, err = x.space.NewVector(); err == nil {
			err = x.space.Grad(x.g)
		}
	}
	return gthg, gtg, err
}

func (x *secant) free() {
	for _, v := range []*torch.Vector{x.g, x.now} {
		if v != nil {
			v.Free()
		}
	}
	x.g, x.now = nil, nil
}
