package clip

import "math"

type blockRMS struct {
	stateless
	scaled
	changes
	max   float64
	roots []float64 // of the numbers of elements
}

// BlockRMS clips each parameter's gradient by its root mean square: where
// norm/√n, with n the number of its elements, is above max, the gradient is
// multiplied by max over that. So the threshold means the same for large and
// small tensors (the update clipping of Shazeer and Stern 2018, Adafactor,
// section 6, applied to gradients). With max = +Inf it measures only. Steps with
// non-finite elements are left alone.
func BlockRMS(max float64) Policy { return &blockRMS{max: max} }

func (*blockRMS) Name() string { return "block_rms" }

func (p *blockRMS) Validate() error { return checkThreshold("BlockRMS", "root mean square", p.max) }

func (p *blockRMS) Bind(params []Param) (Needs, error) {
	p.bind(len(params))
	p.roots = p.roots[:0]
	for _, x := range params {
		p.roots = append(p.roots, math.Sqrt(float64(x.Numel)))
	}
	return Needs{}, nil
}

func (p *blockRMS) Decide(g Gradient) Decision {
	limit := p.of(p.max)
	if !(limit > 0) {
		return Keep()
	}
	p.reset()
	if g.finite() && len(g.ParamNorms) == len(p.all) {
		for i, n := range g.ParamNorms {
			if n > limit*p.roots[i] {
				p.scale(i, shrinkNorm(n, magnitude(g.ParamMax, i), limit*p.roots[i]))
			}
		}
	}
	return p.decision(limit)
}
