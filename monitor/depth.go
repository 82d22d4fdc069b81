package monitor

import "math"

const (
	// depthSeen is how many weights, the last ones, quantiles are of.
	depthSeen = 256
	// depthLayers is how many weight tensors with a gradient it takes to speak
	// of a trend through depth, depthTwo to compare them with the last bias.
	depthLayers = 4
	depthTwo    = 2
	// depthWeight is the weight of the newest record in the smoothed trend.
	depthWeight = 1.0 / 32
)

// depth is how the gradients change from the last weight tensors to the first:
// the smoothed least-squares line through the logarithms of their norms, in
// forward order. A gradient that is carried back through L layers is multiplied
// by L factors, so where it vanishes or explodes its logarithm is a straight
// line in depth (Deep Learning, section 8.2.5; Glorot and Bengio 2010).
type depth struct {
	Records int64 `json:"records"`
	// Gain is the logarithm of the first tensor's norm over the last's, as the
	// line has them. Both the norm and the root mean square are fitted and the
	// weaker trend is kept, so that neither a large sparse embedding nor a wide
	// layer looks like a trend.
	Gain float64 `json:"gain"`
	// Fit is the share of the variance that the line explains.
	Fit float64 `json:"fit"`
	// Reach is the logarithm of the largest root mean square of a weight's gradient
	// over that of the last bias, which nothing attenuates. Where both activations and
	// gradients shrink from layer to layer, all weights get the same little.
	Reach float64 `json:"reach"`
}

// slope is what is constant in the fits: which parameters are weights (two or
// more dimensions; all, when no shape is known) and half their logarithmic size.
type slope struct {
	index []int
	half  []float64
	bias  int     // place of the last layer's bias, -1 where it has none
	wide  float64 // half the logarithm of its size
	// The weights that have a bias beside them.
	layers []layer
	// Space to sort in.
	sizes [depthSeen]float64
}

func newSlope(run *Run) slope {
	shapes := false
	for _, p := range run.Params {
		shapes = shapes || len(p.Shape) > 0
	}
	s := slope{bias: -1}
	for i, p := range run.Params {
		if shapes && len(p.Shape) < 2 {
			continue
		}
		s.index = append(s.index, i)
		s.half = append(s.half, math.Log(float64(max(p.Numel, 1)))/2)
	}
	s.layers = layers(run, s.index)
	if n := len(s.index); shapes && n > 0 {
		// Weight and bias of one layer come in either order.
		for i := max(s.index[n-1]-1, 0); i < len(run.Params); i++ {
			if p := run.Params[i]; len(p.Shape) == 1 {
				s.bias, s.wide = i, math.Log(float64(max(p.Numel, 1)))/2
			}
		}
	}
	return s
}

// line is a least-squares fit that is built up point by point.
type line struct{ n, x, y, xx, xy, yy float64 }

func (l *line) add(x, y float64) {
	l.n++
	l.x += x
	l.y += y
	l.xx += x * x
	l.xy += x * y
	l.yy += y * y
}

// fit returns the slope and the share of the variance that the line explains.
func (l *line) fit() (slope, share float64) {
	xx, xy, yy := l.xx-l.x*l.x/l.n, l.xy-l.x*l.y/l.n, l.yy-l.y*l.y/l.n
	// Below rounding there is no variance to explain.
	if xx <= 0 || yy <= 1e-12*max(l.yy, 1) {
		return 0, 0
	}
	return xy / xx, min(xy*xy/(xx*yy), 1)
}

// observe takes the norms of one step's gradients.
func (d *depth) observe(s *slope, norms []Number) {
	if len(s.index) < depthTwo {
		return
	}
	var plain, mean line
	most := math.Inf(-1)
	for at, i := range s.index {
		if v, ok := norms[i].Finite(); ok && v > 0 {
			y := math.Log(v)
			plain.add(float64(at), y)
			mean.add(float64(at), y-s.half[at])
			most = max(most, y-s.half[at])
		}
	}
	if plain.n < depthTwo || 2*plain.n < float64(len(s.index)) {
		return
	}
	d.Records++
	weight := max(depthWeight, 1/float64(d.Records))
	if s.bias >= 0 {
		if v, ok := norms[s.bias].Finite(); ok && v > 0 {
			d.Reach += weight * (most - math.Log(v) + s.wide - d.Reach)
		}
	}
	if plain.n < depthLayers {
		return
	}
	a, fitA := plain.fit()
	b, fitB := mean.fit()
	gain, fit := 0.0, min(fitA, fitB)
	if a*b > 0 {
		if gain = a; math.Abs(b) < math.Abs(a) {
			gain = b
		}
	}
	gain *= -float64(len(s.index) - 1)
	d.Gain += weight * (gain - d.Gain)
	d.Fit += weight * (fit - d.Fit)
}
