package monitor

import (
	"math"
	"slices"
	"strings"
)

const (
	// curvatureEarly is how many measurements make the baseline of gᵀHg.
	curvatureEarly = 16
	// radiiKept is how many spectral radii are remembered.
	radiiKept = 64
)

// curvatureCourse is what the course knows of curvature. Its windows count
// measurements, not steps.
type curvatureCourse struct {
	Rhos     window  `json:"rhos"`
	RhoLimit float64 `json:"rho_limit"` // the last; 0 when none is known
	// Preconditioned: the last ρ was that of the preconditioned gradient.
	Preconditioned bool   `json:"preconditioned"`
	Judged         int64  `json:"judged"` // values of ρ that had a limit
	Above          int64  `json:"above"`  // and of those that were above it
	GTHGs          window `json:"gthgs"`
	// Negative is how many of the last values of gᵀHg were below 0, without more than one
	// that was not: a saddle's descent is concave.
	Negative  int64   `json:"negative"`
	Excused   bool    `json:"excused"`
	EarlyGTHG float64 `json:"early_gthg"` // the median size of the first; 0 before there is one
	EarlyHigh float64 `json:"early_high"` // two standard errors above it
	EarlyNorm float64 `json:"early_norm"` // the natural logarithm of the gradient norm's level then
	Rayleighs window  `json:"rayleighs"`
	// Largest is the largest size that the curvature has had: of a level of the
	// Rayleigh quotient or of an eigenvalue.
	Largest float64 `json:"largest"`

	Seconds float64 `json:"seconds"` // what measuring cost in the time elapsed
	Elapsed float64 `json:"elapsed"`
	T       float64 `json:"t"` // of the last record that had one
	Timed   bool    `json:"timed"`

	Radii []radius `json:"radii,omitempty"`
}

// radius is the last spectral radius of one recurrent matrix.
type radius struct {
	Name   string  `json:"name"`
	Radius float64 `json:"radius"`
	First  float64 `json:"first"` // the first that was measured
}

// measure returns the value of a number that may enter the statistics.
func measure(n Number) (v float64, ok bool) {
	v, ok = n.Finite()
	return v, ok && math.Abs(v) <= largest
}

func (c *Course) observeCurvature(s *Step) {
	now := &c.now.Curvature
	k := s.Curvature
	c.curved = false
	now.time(s)
	if k == nil {
		return
	}
	if _, ok := k.GTHG.Get(); ok {
		c.now.Curvatures++
	}
	now.radii(k)
	if k.Converged {
		for _, n := range [...]Number{k.LambdaMax, k.LambdaMin} {
			if v, ok := measure(n); ok {
				now.Largest = max(now.Largest, math.Abs(v))
			}
		}
	}
	gthg, ok := measure(k.GTHG)
	if !ok {
		return
	}
	c.curved = true
	now.GTHGs.push(gthg)
	switch {
	case gthg < 0:
		now.Negative++
	case now.Excused || now.Negative == 0:
		now.Negative, now.Excused = 0, false
	default:
		now.Excused = true
	}
	level, settled := c.NormLevel()
	if now.EarlyGTHG == 0 && settled && now.GTHGs.n >= curvatureEarly {
		now.EarlyGTHG, now.EarlyHigh = now.GTHGs.size()
		now.EarlyNorm = level
	}
	if v, ok := c.rayleigh(k); ok {
		now.Rayleighs.push(v)
		if now.Rayleighs.n >= settledCurvature {
			now.Largest = max(now.Largest, math.Abs(now.Rayleighs.median()))
		}
	}
	if limit, ok := measure(k.RhoLimit); ok && limit > 0 {
		now.RhoLimit = limit
	} else {
		now.RhoLimit = c.rhoLimit
	}
	if rho, ok := c.rho(s); ok {
		now.Preconditioned = k.RhoPreconditioned.known
		now.Rhos.push(rho)
		if now.RhoLimit > 0 {
			now.Judged++
			if rho > now.RhoLimit {
				now.Above++
			}
		}
	}
}

// settledCurvature is how many Rayleigh quotients have a level.
const settledCurvature = 8

// rayleigh is gᵀHg/gᵀg, computed where the record has none.
func (c *Course) rayleigh(k *Curvature) (float64, bool) {
	if k.Rayleigh.known || !c.hasNorm || c.norm == 0 {
		return measure(k.Rayleigh)
	}
	return measure(Known(k.GTHG.value / c.norm / c.norm))
}

// rho is what the optimizer's limit is held against: η_eff·gᵀHg/gᵀg, computed where
// the record has none, or its like for the preconditioned Hessian.
func (c *Course) rho(s *Step) (float64, bool) {
	if s.Curvature.RhoPreconditioned.known {
		return measure(s.Curvature.RhoPreconditioned)
	}
	if s.Curvature.Rho.known {
		return measure(s.Curvature.Rho)
	}
	r, ok := c.rayleigh(s.Curvature)
	lr, hasLR := s.LR.Finite()
	if !ok || !hasLR || lr <= 0 {
		return 0, false
	}
	return measure(Known(lr * ratio(s) * r))
}

// time adds the time since the last record that had one, and what of it went into
// measuring curvature.
func (now *curvatureCourse) time(s *Step) {
	t, ok := measure(s.T)
	if !ok {
		return
	}
	if elapsed := t - now.T; now.Timed && elapsed >= 0 {
		now.Elapsed = min(now.Elapsed+elapsed, largest)
		if s.Curvature != nil {
			if cost, ok := measure(s.Curvature.Seconds); ok && cost > 0 {
				now.Seconds = min(now.Seconds+cost, largest)
			}
		}
	}
	now.T, now.Timed = t, true
}

// radii remembers the last spectral radius of each matrix.
func (now *curvatureCourse) radii(k *Curvature) {
	for i := range k.SpectralRadii {
		r := &k.SpectralRadii[i]
		v, ok := measure(r.Radius)
		if !ok || !r.Converged {
			continue
		}
		at := slices.IndexFunc(now.Radii, func(known radius) bool { return known.Name == r.Name })
		switch {
		case at >= 0:
			now.Radii[at].Radius = v
		case len(now.Radii) < radiiKept:
			now.Radii = append(now.Radii, radius{r.Name, v, v})
		}
	}
}

// size is the median magnitude of the window's values, and high the order
// statistic two standard errors above it.
func (w *window) size() (median, high float64) {
	if w.n == 0 {
		return 0, 0
	}
	var sizes [span]float64
	for i, v := range w.sorted[:w.n] {
		sizes[i] = math.Abs(v)
	}
	slices.Sort(sizes[:w.n])
	n := float64(w.n)
	return sizes[(w.n-1)/2]/2 + sizes[w.n/2]/2, sizes[min(int(n/2+math.Sqrt(n)), w.n-1)]
}

// surely is a value below which the share p of the series does not lie, with two
// standard errors: the order statistic that many places below the quantile. The
// fewer values there are, the more of them must be high.
func (w *window) surely(p float64) float64 {
	n := float64(w.n)
	return w.sorted[max(int(p*n-2*math.Sqrt(n*p*(1-p))), 0)]
}

// radius is the largest of the last spectral radii; not ok where none was measured.
func (now *curvatureCourse) radius() (largest radius, ok bool) {
	for i, r := range now.Radii {
		if i == 0 || r.Radius > largest.Radius {
			largest = r
		}
	}
	return largest, len(now.Radii) > 0
}

// param is the run's parameter that the matrix is a part of, whose name begins the matrix's.
func (r *radius) param(run *Run) string {
	for _, p := range run.Params {
		if rest, ok := strings.CutPrefix(r.Name, p.Name); ok && (rest == "" || rest[0] == '/') {
			return p.Name
		}
	}
	return r.Name
}
