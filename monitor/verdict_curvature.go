package monitor

import (
	"fmt"
	"strings"
)

// rhos describes the measured ρ and how it stands beside the optimizer's limit.
func (m *Monitor) rhos() string {
	k := &m.course.now.Curvature
	if k.Rhos.n == 0 {
		return ""
	}
	s := fmt.Sprintf("ρ = η·gᵀHg/gᵀg had a median of %.3g in the last %s, the smallest being %.3g, the 90 %% quantile %.3g and the largest %.3g",
		k.Rhos.median(), count(int64(k.Rhos.n), "measurement"), k.Rhos.sorted[0], k.Rhos.quantile(0.9), k.Rhos.sorted[k.Rhos.n-1])
	if k.Judged == 0 {
		return s + "; the optimizer has no known limit for it"
	}
	return s + fmt.Sprintf("; %.3g %% of all %d were above the optimizer's limit of %.3g",
		100*float64(k.Above)/float64(k.Judged), k.Judged, k.RhoLimit)
}

// limitedShare is the share of the measured ρ above the optimizer's limit from
// which on the verdict speaks of it. A run at the edge of stability, whose ρ hovers at
// the limit, has about half.
const limitedShare = 0.25

// limited says that the step was often longer than the curvature allows.
func (m *Monitor) limited() bool {
	k := &m.course.now.Curvature
	return k.Judged >= illMeasured && float64(k.Above) >= limitedShare*float64(k.Judged)
}

// curvatureCost says what share of the time curvature took.
func (m *Monitor) curvatureCost() string {
	k := &m.course.now.Curvature
	if k.Seconds == 0 || k.Elapsed == 0 {
		return ""
	}
	return fmt.Sprintf("measuring curvature took %.2g %% of the time", 100*k.Seconds/k.Elapsed)
}

// criticalClass is the kind of critical point that was found last, or "".
func (m *Monitor) criticalClass() Class {
	if d := m.criticalPoint(); d != nil && m.seen(CriticalPoint).Count > 0 {
		return d.now.Class
	}
	return ""
}

// criticalVerdict says whether the run met a local minimum, of a run whose
// gradient has shrunk.
func (m *Monitor) criticalVerdict() string {
	switch m.criticalClass() {
	case ClassMinimum:
		return "The run came near a minimum"
	case ClassSaddle, ClassMaximum, ClassFlat:
		return "The gradient became small at no local minimum"
	}
	return "A critical point cannot be ruled out"
}

// criticalReason is what decided it.
func (m *Monitor) criticalReason() string {
	switch m.criticalClass() {
	case ClassMinimum:
		return "the Hessian had no negative curvature there"
	case ClassSaddle:
		return "the Hessian had curvature of both signs there, as at a saddle point"
	case ClassMaximum:
		return "the Hessian had no positive curvature there, as at a maximum"
	case ClassFlat:
		return "the Hessian was as good as 0 there, as in a flat region"
	}
	if d := m.criticalPoint(); m.criticalClass() != "" && d.now.Measured {
		return "the curvature that was measured does not say of what kind"
	}
	return "only the curvature could say of what kind"
}

// criticalPoints counts the kinds of critical points that were found.
func (m *Monitor) criticalPoints() string {
	d := m.criticalPoint()
	if d == nil || m.seen(CriticalPoint).Count == 0 {
		return ""
	}
	var found []string
	for _, class := range []Class{ClassMinimum, ClassSaddle, ClassMaximum, ClassFlat, ClassUnknown} {
		if n := d.now.Found[class]; n > 0 {
			found = append(found, class.words()+" "+times(n))
		}
	}
	return "the gradient was insignificant near " + strings.Join(found, ", ")
}

// lastCriticalPoint says what the one found last was decided by.
func (m *Monitor) lastCriticalPoint() string {
	d := m.criticalPoint()
	if m.criticalClass() == "" || !d.now.Measured {
		return ""
	}
	return fmt.Sprintf("at step %d %s", d.now.Step, d.spectrum())
}

// spectralRadii describes the recurrent weights by the book's linear recurrence.
func (m *Monitor) spectralRadii() string {
	radii := m.course.now.Curvature.Radii
	if len(radii) == 0 {
		return ""
	}
	high, low := radii[0], radii[0]
	above := 0
	for _, r := range radii {
		if r.Radius > high.Radius {
			high = r
		}
		if r.Radius < low.Radius {
			low = r
		}
		if r.Radius > 1 {
			above++
		}
	}
	var s string
	if len(radii) == 1 {
		s = fmt.Sprintf("the spectral radius of %s is %.3g", high.Name, high.Radius)
	} else {
		s = fmt.Sprintf("the spectral radii of %d recurrent matrices go from %.3g (%s) to %.3g (%s)", len(radii), low.Radius, low.Name, high.Radius, high.Name)
	}
	switch above {
	case 0:
		return s + ": a linear recurrence with them does not explode, and vanishes where they are below 1"
	case len(radii):
		return s + ": a linear recurrence with them explodes"
	}
	return s + fmt.Sprintf(": a linear recurrence explodes with the %d above 1 and vanishes with those below", above)
}
