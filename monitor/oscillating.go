package monitor

import (
	"fmt"
	"math"
	"slices"
)

const (
	// oscillatingRho is the ρ above which the second-order model says that a step along
	// the (preconditioned) gradient ends higher than it began.
	oscillatingRho = 2
	// oscillatingCosine is the mean cosine between successive gradients below
	// which the step jumps from wall to wall, oscillatingCosine2 that of gradients
	// two steps apart, above which it jumps back again.
	oscillatingCosine  = -0.4
	oscillatingCosine2 = 0.2
	// oscillatingShort is the update-to-weight ratio below which that does not matter.
	oscillatingShort = 0.01
	// oscillatingUpdate is the update-to-weight ratio from which on weights are made
	// anew within a few steps.
	oscillatingUpdate = 0.3
	// oscillatingSwing is the deviation of the loss, as a share of its level, that
	// counts as swinging up and down.
	oscillatingSwing = 0.02
	// oscillatingWorse is how many times the loss that the run began with it is at least
	// when it has surely gone up. Then it takes less for a step to be too long:
	// oscillatingWorseUpdate or oscillatingWorseCosine, and ρ counts however small the
	// update-to-weight ratio is. The lowest of the first losses may be luck, and is where the
	// run began only where the next are oscillatingLuck times as high.
	oscillatingWorse       = 1.1
	oscillatingLuck        = 1.5
	oscillatingWorseUpdate = 0.03
	oscillatingWorseCosine = -0.2
	// oscillatingFar is how many times that loss the first steps must have thrown it up for
	// oscillatingBack of it to be enough: it has come back to where it was.
	oscillatingFar  = 10
	oscillatingBack = 0.8
	// oscillatingThrown is how many times the loss that the run began with the best level
	// since then is, less a deviation, when nothing else need say that the steps are too
	// long: the first of them threw it up, and it never came back.
	oscillatingThrown = 2
	// oscillatingRisen is how many times its start the loss is at least, and by more than its
	// deviation, where it is enough that one step can change it by oscillatingRisenBound of
	// its size, to first order.
	oscillatingRisen      = 1.5
	oscillatingRisenBound = 0.05
	// oscillatingLost is the share of its start that the loss is back at, with that, after it had
	// come down.
	oscillatingLost = 0.9
	// oscillatingWild is the update-to-weight ratio above which a median ρ above 2 is no edge of
	// stability, on which a run learns, and oscillatingFling that above which a step that can
	// change the loss by oscillatingFlung of its size, to first order, is not either: what
	// has learned half would learn the rest with shorter steps. The loss must swing by
	// oscillatingWildSwing of its level.
	oscillatingWild      = 0.03
	oscillatingFling     = 0.1
	oscillatingFlung     = 0.3
	oscillatingWildSwing = 0.1
	// oscillatingStill is the share of its level in the first quarter of the run that the loss
	// is at least at where it never made progress since, above oscillatingStillHigh of its
	// start, while it swings by oscillatingStillSwing of its level and some weight is changed
	// by oscillatingStillUpdate of its norm in a step.
	oscillatingStill       = 0.85
	oscillatingStillHigh   = 0.5
	oscillatingStillSwing  = 0.2
	oscillatingStillUpdate = 0.05
	// oscillatingCalm is the share of these limits below which it has ended.
	oscillatingCalm = 0.5
	// oscillatingRecords is how many losses there must be, and oscillatingQuiet how
	// many calm blocks of the loss's history end it.
	oscillatingRecords = 500
	oscillatingQuiet   = 16
)

// oscillating fires when the loss swings up and down with no net progress because
// the step is too long (Deep Learning, sections 8.2.1 and 8.3.1). No progress means
// that the loss does not fall from one quarter of the run to the next and has not
// improved on its start, or has lost what it had won. That the step is too long is said
// by one of the following, for which lower limits do where the loss is above where the
// run began:
//
//   - ρ of the preconditioned gradient: its median is above 2, where the second-order
//     model says that a step along it raises the loss, and the update-to-weight ratio is
//     not small (for plain gradients ρ is the business of ill_conditioned);
//   - the cosines between successive gradients: near -1 for one step apart and near
//     1 for two, the gradient points to where the step came from;
//   - the update-to-weight ratio: steps about as long as the weights, or no more than a
//     twentieth where the loss swings far and wide and never came down after its first gain;
//   - the loss itself, which has never come back to anywhere near where it began.
//
// At the edge of stability (Cohen et al. 2021) the first two hold in runs that
// learn, which is why a run that has come down and is near its best is left alone; where
// it is the cosines that speak, one that has come down by half and more.
type oscillating struct {
	memory[oscillatingState]
	rho, cosine, cosine2, update, bound float64
	worse, risen                        bool // the loss is above where it began, or far above
	still                               bool // it swings where it was in the run's first quarter
	level, start, swing                 float64
	why                                 string
}

type oscillatingState struct {
	Latch latch   `json:"latch"`
	Level float64 `json:"level"` // where the loss swung when it began
}

func newOscillating() *oscillating { return &oscillating{} }

func (d *oscillating) Kind() Kind { return Oscillating }

func (d *oscillating) Observe(_ *Step, c *Course) Condition {
	if !c.hasLoss || !c.block {
		return Undecided
	}
	h := &c.now.History
	if c.now.LossCount < oscillatingRecords || len(h.Means) < stuckBlocks {
		return Undecided
	}
	fall, late, err := h.late()
	err *= stuckErrors
	d.level, d.start = late, c.Start()
	if d.swing = 0; late != 0 {
		d.swing = min(c.now.Losses.deviation()/math.Abs(late), largest)
	}
	now := &d.now
	initial := c.initial()
	if initial > 0 && c.Start() > oscillatingLuck*initial { // the first steps threw it up
		d.start = initial
	}
	worse := oscillatingWorse
	if c.Start() > oscillatingFar*initial {
		worse = oscillatingBack
	}
	d.worse = initial > 0 && late-err > worse*d.start
	d.risen = initial > 0 && late-err > max(oscillatingRisen*c.Start(), c.Start()+c.now.Noise) ||
		initial > 0 && late-err > max(oscillatingLost*c.Start(), oscillatingWorse*slices.Min(h.Means))
	first := h.quarters()[0]
	d.still = d.swing > oscillatingStillSwing && late > oscillatingStill*first && first > 0 && late > oscillatingStillHigh*c.Start()
	if now.Latch.On {
		calm := d.tooLong(c, oscillatingCalm) == ""
		better := late < min(now.Level, c.Start())-max(stuckProgress*math.Abs(c.Start()), c.now.Noise)
		return now.Latch.observe(false, !d.worse && (calm || better && !d.wild(c, oscillatingCalm)), 1, oscillatingQuiet)
	}
	d.why = d.tooLong(c, 1)
	kept := first-late > max(err, stuckFall*math.Abs(c.Start()))
	learned := !d.worse && !d.wild(c, 1) && d.why != "still" && (d.why != "cosine" && kept || c.learning() && (d.why != "cosine" || c.won(late)))
	swings := d.why != "" && d.swing > oscillatingSwing && fall <= err && !learned
	condition := now.Latch.observe(swings, !swings, 2, oscillatingQuiet)
	now.Level = late
	return condition
}

// tooLong says what shows that the step is too long, or returns "". What the limits are
// multiplied by is below 1 for what has begun already.
func (d *oscillating) tooLong(c *Course, share float64) string {
	d.rho, d.cosine, d.cosine2, d.update, d.bound = 0, 0, 0, 0, 0
	cosine, cosine2, update := oscillatingCosine, oscillatingCosine2, oscillatingUpdate
	if d.worse {
		cosine, cosine2, update = oscillatingWorseCosine, -1, oscillatingWorseUpdate
	}
	if k := &c.now.Curvature; k.Preconditioned && k.Rhos.n >= illMeasured {
		u := &c.now.Updates
		short := u.Ratios.n >= updatesSettled && u.Ratios.median() < oscillatingShort && u.most() < oscillatingWild
		if d.rho = k.Rhos.median(); k.Rhos.surely(0.5) > share*oscillatingRho && (d.worse || !short || share < 1) {
			return "rho"
		}
	}
	if k := &c.now.Successive; k.Cosines.n >= signalMeasured && k.Cosines2.n >= signalMeasured {
		var err, err2 float64
		d.cosine, err = k.Cosines.mean()
		d.cosine2, err2 = k.Cosines2.mean()
		// What has begun ends when it surely is over.
		if begun := share < 1; begun && d.cosine < share*cosine ||
			!begun && d.cosine+2*err < cosine && d.cosine2-2*err2 > cosine2 {
			return "cosine"
		}
	}
	if initial := c.initial(); initial > 0 && c.Best()-c.now.BestNoise > share*oscillatingThrown*initial {
		return "thrown"
	}
	if c.now.Updates.Last > share*oscillatingRisenBound && (d.risen || share < 1 && (d.worse || d.level > oscillatingBack*c.Start())) {
		d.bound = c.now.Updates.Last
		return "risen"
	}
	if k := &c.now.Updates; k.Ratios.n >= updatesSettled {
		if d.update = k.Ratios.median(); d.update > share*update {
			return "update"
		}
		if most := k.most(); d.still && most > share*oscillatingStillUpdate {
			d.update = most
			return "still"
		} else if most > share*oscillatingFling && k.Last > share*oscillatingFlung {
			d.update = most
			return "update"
		}
	}
	return ""
}

// wild says that the steps are too long for a run at the edge of stability.
func (d *oscillating) wild(c *Course, share float64) bool {
	u := &c.now.Updates
	most := u.most()
	return u.Ratios.n >= updatesSettled && d.swing > share*oscillatingWildSwing &&
		(d.why == "rho" && most > share*oscillatingWild || most > share*oscillatingFling && u.Last > share*oscillatingFlung)
}

func (d *oscillating) Explain(e *Event) {
	e.describe(Warning, "8.2.1", "Lower the learning rate, by a factor of 3 to 10; then the momentum, if it is above 0.9.")
	e.Values = map[string]float64{"level": d.level, "start": d.start, "swing": d.swing}
	for name, v := range map[string]float64{"rho": d.rho, "cosine": d.cosine, "cosine2": d.cosine2, "update_ratio": d.update, "bound": d.bound} {
		if v != 0 {
			e.Values[name] = v
		}
	}
	if e.State == Resolved {
		e.Summary = fmt.Sprintf("The loss no longer swings without progress, or the step is no longer too long: the loss is at a level of %.4g; it had swung since step %d.", d.level, e.Since)
		return
	}
	var evidence string
	switch d.why {
	case "rho":
		evidence = fmt.Sprintf("ρ = η·gᵀHg/gᵀg has a median of %.3g, where the loss rises along the step", d.rho)
	case "cosine":
		evidence = fmt.Sprintf("successive gradients have a mean cosine of %.2f and those two steps apart one of %.2f, so that the step jumps from wall to wall", d.cosine, d.cosine2)
	case "risen":
		evidence = fmt.Sprintf("it has gone up instead of down, and a step can change it by %.2g of its size, to first order", d.bound)
	case "thrown":
		evidence = "the first steps threw it up, and it never came back"
	default:
		evidence = fmt.Sprintf("a step changes weights by %.2g of their norm", d.update)
	}
	e.Summary = fmt.Sprintf("The loss swings by %.2g of its level of %.4g, with no progress from where it began (%.4g): %s.",
		d.swing, d.level, d.start, evidence)
}
