package monitor

import (
	"fmt"
	"math"
)

const (
	// criticalNoise is how many deviations of its logarithm the gradient norm has
	// shrunk by at least, besides below stuckShrunk in its square.
	criticalNoise = 3
	// criticalCalm is how many times that share gᵀg is above when it has ended.
	criticalCalm = 4
	// criticalStay is for how many records, both ways; gradients that are exactly
	// 0 count.
	criticalStay = 32
	// criticalPatience is for how many records a probe of the spectrum is waited
	// for, and criticalUnmeasured the same in a run that measures no curvature.
	criticalPatience   = 10_000
	criticalUnmeasured = 256
	// criticalProbes is how many probes that do not decide the class, such as ones
	// that a budget cut short, there may be before it is called unknown.
	criticalProbes = 8
	// criticalFloor is the share of the spectrum's own scale below which an
	// eigenvalue counts as 0: above what float32 and an iteration that was
	// stopped at 1e-3 can tell. It is also the share of the largest curvature that
	// the run has had below which the whole spectrum is flat.
	criticalFloor = 1e-3
)

// criticalPoint says what kind of point the run is near when its gradient has
// become insignificant: gᵀg has shrunk below 1 % of its first level, by more than
// the noise of mini-batches makes of it, and stays there, or is exactly 0 (Deep
// Learning, sections 8.2.2 and 8.2.3). It then waits for a step that carries
// both ends of the Hessian's spectrum ([Monitor.Wants]) and fires with the class
// that they decide, once for each time that the gradient becomes insignificant.
// gᵀHg decides nothing: it is 0 at (s, s) on the saddle x² − y². Without a probe,
// or when several have not decided, it fires with class unknown.
type criticalPoint struct {
	memory[criticalState]
	norm, ratio float64
}

type criticalState struct {
	Latch latch `json:"latch"`
	// Records since the gradient became insignificant, and probes among them.
	Wait   int64 `json:"wait"`
	Probes int64 `json:"probes"`
	// What was found last, and how often each class was found.
	Class     Class           `json:"class,omitempty"`
	Step      int64           `json:"step"`
	LambdaMax float64         `json:"lambda_max"`
	LambdaMin float64         `json:"lambda_min"`
	Measured  bool            `json:"measured"` // there were two finite eigenvalues
	Told      bool            `json:"told"`     // of the incident that goes on
	Found     map[Class]int64 `json:"found,omitempty"`
}

func newCriticalPoint() *criticalPoint { return &criticalPoint{} }

func (d *criticalPoint) Kind() Kind { return CriticalPoint }

func (d *criticalPoint) Observe(s *Step, c *Course) Condition {
	now := &d.now
	if c.hasNorm {
		d.observeNorm(c)
	}
	if !now.Latch.On {
		now.Wait, now.Probes, now.Told = 0, 0, false
		return Clear
	}
	if now.Told {
		return Holding
	}
	now.Wait++
	k := s.Curvature
	class, probed := ClassUnknown, k != nil && k.LambdaMax.known && k.LambdaMin.known
	if probed {
		now.Probes++
		class = classify(k, c.now.Curvature.Largest)
	}
	patience := int64(criticalPatience)
	if c.now.Curvatures == 0 {
		patience = criticalUnmeasured
	}
	if class == ClassUnknown && now.Probes < criticalProbes && now.Wait < patience {
		return Clear
	}
	now.Told, now.Step, now.Class, now.Measured = true, s.Step, class, false
	if probed {
		var high, low bool
		now.LambdaMax, high = measure(k.LambdaMax)
		now.LambdaMin, low = measure(k.LambdaMin)
		now.Measured = high && low
	}
	if !now.Measured {
		now.LambdaMax, now.LambdaMin = 0, 0
	}
	if now.Found == nil {
		now.Found = map[Class]int64{}
	}
	now.Found[now.Class]++
	return Holding
}

// observeNorm follows whether the gradient is insignificant.
func (d *criticalPoint) observeNorm(c *Course) {
	level, ok := c.NormLevel()
	zero := c.now.ZeroNorms > 0
	if !ok && !zero {
		return
	}
	// Where it was measured, it is the true gradient that is insignificant.
	d.norm, d.ratio = math.Exp(min(level, 690)), c.insignificant(square(level-c.Baseline()))
	shrunk := -math.Log(max(d.ratio, math.SmallestNonzeroFloat64)) / 2
	if zero {
		d.norm, d.ratio = 0, 0
	}
	limit := -math.Log(stuckShrunk) / 2
	d.now.Latch.observe(zero || shrunk > limit && shrunk > criticalNoise*c.now.Norms.deviation(),
		!zero && shrunk < limit-math.Log(criticalCalm)/2, criticalStay, criticalStay)
}

// wantsSpectrum says whether the class waits for a probe.
func (d *criticalPoint) wantsSpectrum() bool { return d.now.Latch.On && !d.now.Told }

// Class is the kind of critical point that both ends of the measured spectrum allow
// (Deep Learning, section 8.2.2): a minimum, a saddle, a maximum, flat where both are
// 0, or unknown where they were not measured, have not converged or are too
// inaccurate. Whether the gradient is small enough to speak of a critical point is
// another question.
func (k *Curvature) Class() Class { return classify(k, 0) }

// classify decides the kind of critical point from both ends of the spectrum and
// from the largest curvature that the run has had. An end counts as 0 when it is
// below criticalFloor of the larger of the two; one whose residual does not let
// its sign be told, or that has not converged, decides nothing. A spectrum with
// zeros and otherwise of one sign is a minimum or a maximum as far as the second
// order can say, as it is at almost every minimum of a network.
func classify(k *Curvature, scale float64) Class {
	high, ok := measure(k.LambdaMax)
	low, ok2 := measure(k.LambdaMin)
	if !ok || !ok2 || !k.Converged || high < low {
		return ClassUnknown
	}
	size := max(math.Abs(high), math.Abs(low))
	if size <= criticalFloor*scale || size == 0 {
		return ClassFlat
	}
	floor := criticalFloor * size
	above, sure := sign(high, k.LambdaMaxResidual, floor)
	below, sure2 := sign(low, k.LambdaMinResidual, floor)
	switch {
	case !sure || !sure2:
		return ClassUnknown
	case above > 0 && below < 0:
		return ClassSaddle
	case above > 0:
		return ClassMinimum
	}
	return ClassMaximum
}

// sign is the sign of an eigenvalue with that residual, 0 below the floor, and
// whether it is sure. A residual that was not measured is taken to be 0.
func sign(lambda float64, residual Number, floor float64) (sign int, sure bool) {
	r := residual.Or(0)
	switch {
	case !(r >= 0) || r > floor && r >= math.Abs(lambda):
		return 0, false
	case lambda > floor:
		return 1, true
	case lambda < -floor:
		return -1, true
	}
	return 0, r <= floor
}

func (d *criticalPoint) Explain(e *Event) {
	now := &d.now
	e.Class = now.Class
	e.Values = map[string]float64{"grad_norm": d.norm, "gtg_ratio": d.ratio}
	if now.Measured {
		e.Values["lambda_max"], e.Values["lambda_min"] = now.LambdaMax, now.LambdaMin
	}
	e.describe(Info, "8.2.2", d.advice())
	if now.Class == ClassSaddle || now.Class == ClassFlat {
		e.Section = "8.2.3"
	}
	if e.State == Resolved {
		e.Summary = fmt.Sprintf("The gradient is significant again, gᵀg at %.3g of its first level; it had become insignificant near %s, as was found at step %d.",
			d.ratio, now.Class.words(), now.Step)
		return
	}
	e.Summary = fmt.Sprintf("The gradient has become insignificant, gᵀg at %.3g of its first level, near %s: %s.", d.ratio, now.Class.words(), d.spectrum())
}

// spectrum says what the class was decided by.
func (d *criticalPoint) spectrum() string {
	if !d.now.Measured {
		return "no measurement of the Hessian's eigenvalues decides it"
	}
	s := fmt.Sprintf("the Hessian's eigenvalues go from %.3g to %.3g", d.now.LambdaMin, d.now.LambdaMax)
	if d.now.Class == ClassUnknown {
		s += ", not accurately enough to decide"
	}
	return s
}

func (d *criticalPoint) advice() string {
	switch d.now.Class {
	case ClassMinimum:
		return "If the loss is low enough the run is done; if not, look at the model and the data, as the optimizer has done its part."
	case ClassSaddle:
		return "Go on: there is a way down along negative curvature, which noise, momentum or a higher learning rate finds sooner."
	case ClassMaximum:
		return "Look at the loss's sign and at the initialisation: descent does not come to a maximum by itself."
	case ClassFlat:
		return "Look for saturated or dead units and at the scale of the initialisation: a step of any usual length changes nothing here."
	}
	return "Measure the curvature on this loss to learn of what kind the point is."
}

// words names the class in a sentence.
func (c Class) words() string {
	switch c {
	case ClassMinimum:
		return "a minimum"
	case ClassSaddle:
		return "a saddle point"
	case ClassMaximum:
		return "a maximum"
	case ClassFlat:
		return "a flat region"
	}
	return "a point of unknown kind"
}
