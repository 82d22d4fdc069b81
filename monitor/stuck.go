package monitor

import (
	"math"
	"slices"
)

const (
	// stuckRecords is how many losses since the last rise of the learning rate
	// it takes at least, and stuckPart which share of all.
	stuckRecords = 600
	stuckPart    = 0.5
	stuckBlocks  = 16
	// stuckFall is the share of its start by which the loss may have moved from
	// the last but one quarter of the run to the last, where that is not noise,
	// stuckProgress that by which it may have moved from the first quarter to the last
	// and from its start, and stuckErrors how many standard errors all must allow for.
	// stuckStart is how many deviations of a loss the start, a median of 3, may err by,
	// and stuckThrown how many it is at least above a loss that the first steps threw up.
	stuckFall     = 0.01
	stuckProgress = 0.05
	stuckErrors   = 2
	stuckStart    = 1.5
	stuckThrown   = 4
	// stuckBound is the share of the loss that all steps together can have changed it by at
	// most, to first order, where they are too short to learn much, and stuckMoved that at
	// which they are not any more. stuckTrusted is how many times the bound the loss may have
	// come down by: where it is more, something moves that is not measured. A few measured
	// steps stand for all.
	stuckBound   = 0.4
	stuckTrusted = 2
	stuckMoved   = 1
	// stuckNoise is the largest deviation of the losses, as a share of their
	// level, at which a flat loss says anything.
	stuckNoise = 0.3
	// stuckConstant is the share of the last bias's gradient, element by element, that
	// the weights get at most where nothing but a constant answer is learned. That its
	// gradients are noise is then no sign of a model that has converged.
	stuckConstant = 0.1
	// stalledGain is the share of its start by which the loss may have come down at first where
	// it is flat ever since, by less than stalledFall, and the gradients of successive batches
	// have a mean cosine of stalledCosine and half of it at lag two. The deviation of the
	// losses is less than stalledNoise of their level.
	stalledGain   = 0.3
	stalledFall   = 0.02
	stalledCosine = 0.2
	stalledNoise  = 0.04
	// stuckQuiet is how many records at a better level end it.
	stuckQuiet = 32
	// stuckShrunk is the share of its first level below which gᵀg has shrunk to
	// little: 10 % of the norm.
	stuckShrunk = 0.01
)

// stuck is the judgement that stagnating and plateau share: the loss does not
// improve and never did. It does not fall over the last half of the run, and its change
// since the start, with its error, is below a share of where it began; a run that
// made progress and is flat now has converged and is healthy. Since the half
// grows with the run, a long flat start is given the chance to end. A loss that
// varies by much of its own size from batch to batch is that of a model that
// tells examples apart, which may be fine-tuned from good weights, and flat
// means nothing there; neither does it while the learning rate is warming up.
//
// Steps that are too short are told by what all of them together can have done, whether
// the loss comes down by that or not, where gᵀg is still strong. The sum does not depend
// on how many steps are planned, and a run that has taken its share of them leaves that
// state once and for all.
type stuck struct {
	memory[stuckState]
	start, level, fall, ratio, bound float64
	signal                           float64 // the share of gᵀg that surely is
	hasNorm, immobile                bool
}

type stuckState struct {
	Latch latch   `json:"latch"`
	Level float64 `json:"level"` // where the loss was stuck
	// Immobile: the steps were too short when it fired.
	Immobile bool `json:"immobile,omitempty"`
	// Symmetric: weights that are all 0 hold it there.
	Symmetric bool `json:"symmetric,omitempty"`
}

// observe says whether the loss is stuck with gᵀg as it should be: shrunk says
// which.
func (d *stuck) observe(c *Course, shrunk bool) Condition {
	level, ok := c.Level()
	if !c.hasLoss || !ok {
		return Undecided
	}
	now := &d.now
	size := math.Abs(c.Start())
	var norm float64
	norm, d.hasNorm = c.NormLevel()
	if d.ratio = 1; d.hasNorm {
		d.ratio = c.insignificant(math.Exp(min(2*(norm-c.Baseline()), 400)))
	}
	d.start, d.level = began(c, level), level
	bound, measured := c.Bound()
	d.bound, d.immobile = bound, now.Latch.On && now.Immobile
	if now.Latch.On {
		// The median of a window varies by about a sixth of what its values do.
		enough := max(stuckProgress*size, c.now.Losses.deviation())
		if d.immobile {
			enough = max(stuckBound*math.Abs(now.Level), c.now.Losses.deviation())
		}
		return now.Latch.observe(false, now.Level-level > enough || d.immobile && bound >= stuckMoved, 1, stuckQuiet)
	}
	if !c.block {
		return Clear
	}
	h := &c.now.History
	calm := float64(c.now.LossCount - c.now.Schedule.WarmUp)
	if len(h.Means) < stuckBlocks || calm < max(stuckRecords, stuckPart*float64(c.now.LossCount)) {
		return Clear
	}
	fall, late, err := h.late()
	err *= stuckErrors
	start := began(c, late)
	d.immobile = !shrunk && measured && bound < stuckBound &&
		start-late < stuckTrusted*bound*math.Abs(start)+err+stuckStart*c.now.Noise
	d.signal = 0
	noise := false // what is left of a strong gradient
	if share, err, ok := c.Signal(); ok {
		d.signal = max(share-2*err, 0)
		constant := c.now.Depth.Records >= early && c.now.Depth.Reach < math.Log(stuckConstant)
		noise = !shrunk && !c.related() && !constant
	}
	if !d.immobile && (noise || !flat(c, fall, late, err)) && (shrunk || !stalled(c, fall, late, err)) || shrunk != (d.hasNorm && d.ratio < stuckShrunk) {
		return Clear
	}
	now.Level, now.Immobile, d.level, d.fall, d.start = late, d.immobile, late, fall, start
	return now.Latch.observe(true, false, 1, stuckQuiet)
}

// began is where the loss began, for one that is at that level now: where the first
// steps threw it up, by more than luck can feign, the lowest of the first losses.
func began(c *Course, level float64) float64 {
	start, initial := c.Start(), c.initial()
	if initial > 0 && start-initial > stuckThrown*c.now.Noise {
		return min(start, max(initial, level))
	}
	return start
}

// flat says whether the loss is where it began and always was. The error is that of
// a mean over a quarter of the run.
func flat(c *Course, fall, late, err float64) bool {
	h := &c.now.History
	start, noise := began(c, late), c.now.Noise
	size := math.Abs(start)
	block := err * math.Sqrt(float64(len(h.Means)/4)/2)
	return noise < stuckNoise*math.Abs(late) &&
		(fall < err || math.Abs(fall)+err < stuckFall*size) &&
		math.Abs(h.quarters()[0]-late)+err < stuckProgress*size &&
		start-late < stuckProgress*size+stuckStart*noise &&
		late-slices.Min(h.Means) < stuckProgress*size+block
}

// stalled says whether the loss has been flat since a first, quick gain, which is all that a
// constant answer is worth, while the gradients of successive batches still agree about
// where to go: one that has converged has nothing but noise left, or none that is strong.
func stalled(c *Course, fall, late, err float64) bool {
	now, start := &c.now.Successive, began(c, late)
	recent, _, ok := c.Signal()
	recent2, _ := now.Cosines2.mean()
	size := math.Abs(start)
	return ok && now.Count >= stuckRecords/2 && min(now.Slow, recent) > stalledCosine && recent2 > stalledCosine/2 &&
		start-late < stalledGain*size && c.now.Noise < stalledNoise*math.Abs(late) &&
		math.Abs(fall)+err < stalledFall*size && math.Abs(c.now.History.quarters()[0]-late) < stuckProgress*size
}

// values are the numbers of both kinds' events.
func (d *stuck) values(state State) map[string]float64 {
	v := map[string]float64{"start": d.start, "level": d.level}
	if d.immobile {
		v["bound"] = d.bound
	}
	if state == Firing && d.signal > 0 {
		v["signal"] = d.signal
	}
	if d.hasNorm {
		v["gtg_ratio"] = d.ratio
	}
	return v
}
