package clip

import "math"

type perParam struct {
	stateless
	scaled
	changes
	max float64
}

// PerParam clips each parameter's gradient by its own L2 norm: where that is
// above max, the gradient is multiplied by max/norm. The direction of the whole
// step may change. With max = +Inf it measures only. Steps with non-finite
// elements are left alone.
func PerParam(max float64) Policy { return &perParam{max: max} }

func (*perParam) Name() string { return "per_param" }

func (p *perParam) Validate() error { return checkThreshold("PerParam", "norm", p.max) }

func (p *perParam) Bind(params []Param) (Needs, error) {
	p.bind(len(params))
	return Needs{}, nil
}

func (p *perParam) Decide(g Gradient) Decision {
	limit := p.of(p.max)
	if !(limit > 0) {
		return Keep()
	}
	p.reset()
	if g.finite() && len(g.ParamNorms) == len(p.all) {
		for i, n := range g.ParamNorms {
			if n > limit {
				p.scale(i, shrinkNorm(n, magnitude(g.ParamMax, i), limit))
			}
		}
	}
	return p.decision(limit)
}

// magnitude is the largest of one parameter's gradient.
func magnitude(all []float64, i int) float64 {
	if i < len(all) {
		return all[i]
	}
	return math.MaxFloat64
}
