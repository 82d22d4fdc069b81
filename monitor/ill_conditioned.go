package monitor

import (
	"fmt"
	"math"
)

const (
	// illMeasured is how many measurements there must be.
	illMeasured = 16
	// illQuantile is the quantile of ρ that is held against the optimizer's
	// limit. It lies above illMargin times the limit, with its error, or above
	// illUnseen times where no loss says whether the run learns all the same, or above
	// illHalf times where it has come down, but by less than half, and is flat.
	illQuantile = 0.9
	illMargin   = 1.25
	illUnseen   = 2.5
	illHalf     = 5
	// illGrowth is how many times its first level gᵀHg is at least while gᵀg is at
	// least illKept times what it was.
	illGrowth = 10
	illKept   = 0.5
	// illCalm is the share of these limits below which it has ended.
	illCalm = 0.5
	// illLosses is how many losses there must be before a run that learns is judged.
	illLosses = 500
	// illEfficiency is the share of what the steps promised to first order
	// ([Course.Efficiency]), below which next to nothing came of them lately: where successive
	// gradients have a mean cosine below illCross, the high quantile of ρ is above illUsed of
	// the limit, and the loss above illWasteLeft of where it began: at most at its level after a
	// thirtieth of the run or so, divided by illGuess, since a first guess may be worse than a
	// constant one by any factor.
	illEfficiency = 0.008
	illCross      = -0.12
	illGuess      = 0.75
	illUsed       = 0.3
	illWasteLeft  = 0.3
	// illInput is how large the inputs of a layer are at least, beside inputs of unit
	// variance, to be the reason why curvature limits the step: it grows with their square.
	// It does where the median of ρ is above illInputMedian of the limit or its high quantile
	// above the limit, and the loss above illInputLeft of where it began; or, where they are
	// as large as illUnits, the high quantile above illUnitsRho of the limit and the loss above
	// illUnitsLeft.
	illInput       = 6
	illInputMedian = 0.15
	illInputLeft   = 0.25
	illUnits       = 12
	illUnitsLeft   = 0.04
	illUnitsRho    = 0.25
	// illRecords is for how many records, and illStay for how many measurements,
	// it holds before it is said; illQuiet measurements end it.
	illRecords = 300
	illStay    = 4
	illQuiet   = 16
)

// illConditioned fires when the curvature stands in the way of the step: the
// loss is not improving, and either
//
//   - a high quantile of the last 64 measured ρ = η·gᵀHg/gᵀg is above what the
//     optimizer tolerates ([StabilityLimit]), or
//   - the same, less strictly, where a layer's inputs are large, whether the loss
//     improves or not, or
//   - the steps have lately reached less than illEfficiency of what their gradients promised
//     to first order, go to and fro, and the curvature uses up many of them, with much of the
//     loss left, or
//   - gᵀHg has grown more than tenfold against the level of its first
//     measurements, by more than the error of both and beyond what gᵀg has,
//     while gᵀg has not shrunk (Deep
//     Learning, section 8.2.1: learning becomes very slow despite a strong
//     gradient, because the learning rate must be shrunk to compensate for even
//     stronger curvature).
//
// A run at the edge of stability has both and is healthy: its sharpness rises
// many times over, until the mean of ρ hovers at the limit, and single values of a
// mini-batch lie far above it, while the loss comes down. That is why a run
// that improves is left alone, and why ρ must lie clearly above the limit; far above it
// where the loss has come down, but by less than half, and is flat. An optimizer without
// a known limit is judged by growth alone.
type illConditioned struct {
	memory[illState]
	rho, limit, share float64
	median            float64
	growth, gtg       float64
	input             float64
	hasLoss, half     bool
	efficiency, bound float64
	cosine            float64
	weights           []string // those with a bias beside them
	large             string   // the one whose layer is given the largest inputs
}

type illState struct {
	Rho    latch `json:"rho"`
	Growth latch `json:"growth"`
	Inputs latch `json:"inputs"`
	Waste  latch `json:"waste"`
	// The records up to the last measurement at which it did not hold.
	RhoFrom    int64 `json:"rho_from"`
	GrowthFrom int64 `json:"growth_from"`
	InputsFrom int64 `json:"inputs_from"`
}

func newIllConditioned(run *Run) *illConditioned {
	d := &illConditioned{}
	for _, l := range newSlope(run).layers {
		d.weights = append(d.weights, run.Params[l.weight].Name)
	}
	return d
}

func (d *illConditioned) Kind() Kind { return IllConditioned }

func (d *illConditioned) Observe(_ *Step, c *Course) Condition {
	k := &c.now.Curvature
	if !c.curved || k.GTHGs.n < illMeasured {
		return Undecided
	}
	_, d.hasLoss = c.Level()
	learning, falling := c.learning(), c.falling()
	// What has come down a little and is flat may still be held up, which takes more to say.
	d.half = learning && !falling && len(c.now.History.Means) >= stuckBlocks && !c.won(c.now.History.quarters()[3])
	held := !learning && !falling
	d.observeRho(c, held || d.half, learning && !d.half)
	d.observeGrowth(c, held, learning)
	d.observeInputs(c)
	d.observeWaste(c)
	if d.now.Rho.On || d.now.Growth.On || d.now.Inputs.On || d.now.Waste.On {
		return Holding
	}
	return Clear
}

func (d *illConditioned) observeRho(c *Course, held, learning bool) {
	k := &c.now.Curvature
	if k.RhoLimit == 0 || k.Rhos.n < illMeasured {
		return
	}
	margin := illMargin
	switch {
	case d.half:
		margin = illHalf
	case !d.hasLoss:
		margin = illUnseen
	}
	above := 0
	for _, rho := range k.Rhos.sorted[:k.Rhos.n] {
		if rho > k.RhoLimit {
			above++
		}
	}
	d.rho, d.limit, d.share = k.Rhos.quantile(illQuantile), k.RhoLimit, float64(above)/float64(k.Rhos.n)
	d.median = k.Rhos.median()
	lasting(&d.now.Rho, &d.now.RhoFrom, c, held && k.Rhos.surely(illQuantile) > margin*d.limit,
		learning || d.rho < d.limit)
}

func (d *illConditioned) observeGrowth(c *Course, held, learning bool) {
	k := &c.now.Curvature
	level, ok := c.NormLevel()
	if !ok || k.EarlyGTHG == 0 {
		return
	}
	d.growth = max(min(k.GTHGs.median()/k.EarlyGTHG, largest), -largest)
	d.gtg = square(level - k.EarlyNorm)
	beyond := max(d.gtg, 1)
	lasting(&d.now.Growth, &d.now.GrowthFrom, c, held && k.GTHGs.surely(0.5)/k.EarlyHigh > illGrowth*beyond && d.gtg > illKept,
		learning || d.growth < illCalm*illGrowth*beyond || d.gtg < illCalm*illKept)
}

// observeInputs judges inputs of a large scale, whose part of the curvature limits the step
// for all the rest, so that the run may learn and still be held up.
func (d *illConditioned) observeInputs(c *Course) {
	k := &c.now.Curvature
	if k.RhoLimit == 0 || k.Rhos.n < illMeasured || k.Preconditioned {
		return
	}
	level, _ := c.Level()
	if d.input = c.now.Forward.Input; c.now.Forward.Layer < len(d.weights) {
		d.large = d.weights[c.now.Forward.Layer]
	}
	share := illInputLeft
	if d.input > math.Log(illUnits) {
		share = illUnitsLeft
	}
	left := c.now.Losses.sorted[0] > 0 && level > share*c.origin()
	limits := k.Rhos.surely(0.5) > illInputMedian*k.RhoLimit || k.Rhos.surely(illQuantile) > k.RhoLimit ||
		d.input > math.Log(illUnits) && k.Rhos.quantile(illQuantile) > illUnitsRho*k.RhoLimit
	large := c.now.Forward.Inputs >= forwardInput && d.input > math.Log(illInput)
	lasting(&d.now.Inputs, &d.now.InputsFrom, c, large && left && limits && c.now.LossCount >= illLosses,
		!left || k.Rhos.median() < illCalm*illInputMedian*k.RhoLimit && k.Rhos.quantile(illQuantile) < k.RhoLimit)
}

// observeWaste judges how little came of steps that go to and fro.
func (d *illConditioned) observeWaste(c *Course) {
	k, s := &c.now.Curvature, &c.now.Successive
	var ok bool
	d.efficiency, d.bound, ok = c.Efficiency()
	if !ok || k.RhoLimit == 0 || k.Rhos.n < illMeasured || k.Preconditioned || s.Cosines.n < signalMeasured {
		return
	}
	d.cosine, _ = s.Cosines.mean()
	level, _ := c.Level()
	initial := min(c.initial(), c.now.History.Means[1]/illGuess)
	known := initial > 0 && c.now.Losses.sorted[0] > 0
	waste := level > illWasteLeft*initial && d.efficiency < illEfficiency && d.cosine < illCross && k.Rhos.surely(illQuantile) > illUsed*k.RhoLimit
	d.now.Waste.observe(known && waste && c.now.LossCount >= illLosses,
		!known || level < illCalm*illWasteLeft*initial || d.cosine > illCalm*illCross || d.efficiency > illEfficiency/illCalm ||
			k.Rhos.quantile(illQuantile) < illCalm*illUsed*k.RhoLimit, illStay, illQuiet)
}

// lasting is a latch that wants illRecords records besides illStay measurements.
func lasting(l *latch, from *int64, c *Course, yes, no bool) {
	if !yes {
		*from = c.Records()
	}
	l.observe(yes && c.Records()-*from >= illRecords, no, illStay, illQuiet)
}

func (d *illConditioned) Explain(e *Event) {
	e.describe(Warning, "8.2.1", "Lower the learning rate; then normalise the inputs, add normalisation layers, or use momentum or an adaptive optimizer.")
	e.Values = map[string]float64{}
	if d.limit > 0 {
		e.Values["rho"], e.Values["rho_limit"], e.Values["share"] = d.rho, d.limit, d.share
	}
	if d.growth != 0 {
		e.Values["gthg_growth"], e.Values["gtg_growth"] = d.growth, d.gtg
	}
	progress := "the loss does not improve"
	if !d.hasLoss {
		progress = "no loss was measured"
	}
	switch {
	case e.State == Resolved:
		e.Summary = fmt.Sprintf("The step suits the curvature again, or the loss improves; the curvature had stood in the way since step %d.", e.Since)
	case d.now.Inputs.On && !d.now.Growth.On:
		e.Param = d.large
		e.Values["rho_median"], e.Values["input"] = d.median, math.Exp(min(d.input, 690))
		e.Advice = "Normalise the inputs to zero mean and unit variance; until then use an adaptive optimizer."
		e.Summary = fmt.Sprintf("The inputs of %s are about %.3g in size, and the curvature, which grows with their square, limits the step: ρ = η·gᵀHg/gᵀg has a median of %.3g and a high quantile of %.3g, at a limit of %.3g, with most of the loss still to be learned.",
			d.large, e.Values["input"], d.median, d.rho, d.limit)
	case d.now.Waste.On && !d.now.Rho.On && !d.now.Growth.On:
		e.Values["efficiency"], e.Values["bound"], e.Values["cosine"] = d.efficiency, d.bound, d.cosine
		e.Advice = "Normalise the inputs, add normalisation layers, or use momentum or an adaptive optimizer; a lower learning rate alone wastes less of each step and is slower still."
		e.Summary = fmt.Sprintf("The steps of the last quarter or so of the run could have changed the loss by %.3g times its size, to first order, and lowered its logarithm by %.2g: the curvature uses them up (a tenth of the recent values of ρ = η·gᵀHg/gᵀg lie above %.3g, at a limit of %.3g), and much of the loss is still to be learned.",
			d.bound, d.efficiency*d.bound, d.rho, d.limit)
	case d.now.Rho.On:
		e.Summary = fmt.Sprintf("The step is too long for the curvature: a tenth of the recent values of ρ = η·gᵀHg/gᵀg lie above %.3g, %.0f %% above the optimizer's limit of %.3g, and %s.",
			d.rho, 100*d.share, d.limit, progress)
	default:
		e.Summary = fmt.Sprintf("gᵀHg has grown to %.3g times its first level while gᵀg is at %.3g times, and %s.",
			d.growth, d.gtg, progress)
	}
}
