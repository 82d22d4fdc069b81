package monitor

// closerRecords is for how many records Wants asks for a closer look.
const closerRecords = 500

// Wants is what the detectors would like to have measured.
type Wants struct {
	// Spectrum asks for both ends of the Hessian's spectrum (LambdaMax,
	// LambdaMin, their residuals and Converged): the gradient has become
	// insignificant, and only they can say near what kind of critical point. It
	// is asked for until they have decided it, a limited number of times.
	Spectrum bool
	// Closer asks for curvature at shorter intervals: a detector of severity
	// warning or above has fired within the last 500 records.
	Closer bool
}

// Wants says what would help to judge the run, after the last Observe.
func (m *Monitor) Wants() Wants {
	d := m.criticalPoint()
	return Wants{Spectrum: d != nil && d.wantsSpectrum(), Closer: m.closer > 0}
}

// criticalPoint is the detector of that kind, or nil.
func (m *Monitor) criticalPoint() *criticalPoint {
	for _, d := range m.detectors {
		if c, ok := d.(*criticalPoint); ok {
			return c
		}
	}
	return nil
}
