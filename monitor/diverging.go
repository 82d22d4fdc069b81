package monitor

import (
	"fmt"
	"math"
)

const (
	// divergingStart is how many times its own size above its start the loss
	// must stay; divergingProgress how many times the progress made, and
	// divergingNoise how many times the noise at its best.
	divergingStart    = 2
	divergingProgress = 2
	divergingNoise    = 10
	// divergingStay is for how many records.
	divergingStay = 32
	// divergingReal is the share of its start by which the loss must have come
	// down before its loss counts, divergingLost the share of that progress that
	// is lost, and divergingLong for how many records at least, which must also
	// be divergingPart of all.
	divergingReal = 0.3
	divergingLost = 0.9
	divergingLong = 300
	divergingPart = 0.1
	// divergingDeep is how many times its start a loss without a bottom lies below 0
	// at least, after divergingLosses losses at least. No quarter of the run falls by less
	// than divergingSteady of the one before, and the gradient norm is at least
	// divergingNorm times its first level. Besides, one of: it falls faster and faster,
	// the last quarter by divergingBowed times the first, from a start that was
	// divergingClear deviations of the first losses away from 0; or it is divergingAbyss
	// times its start below 0.
	divergingDeep   = 100.0
	divergingLosses = 500
	divergingSteady = 0.9
	divergingNorm   = 2.0
	divergingBowed  = 1.5
	divergingClear  = 4
	divergingAbyss  = 1e4
	// Where the gradients point the same way from step to step, with a mean cosine that
	// is surely above divergingStraight, that is enough, and the limits are lower.
	divergingStraight       = 0.4
	divergingStraightDeep   = 30.0
	divergingStraightSteady = 0.7
	divergingStraightNorm   = 0.1
	// It goes on for as long as the last quarter falls by more than divergingOn of what
	// the first did.
	divergingOn = 0.2
	// divergingLeap is how many times the highest rate so far the new one is, divergingUp
	// the share of itself and divergingUnsure the deviations by which the loss has gone
	// up since, and divergingUpStay for how many records.
	divergingLeap   = 3
	divergingUp     = 0.2
	divergingUnsure = 3
	divergingUpStay = 128
	// divergingThrown is how many times the loss that the run began with its level is for
	// divergingLong records, where the first steps threw it up, divergingLuck the same of
	// the fourth lowest of the first losses, and divergingFew of the recent ones' lower octile.
	divergingThrown = 20
	divergingLuck   = 10
	divergingFew    = 15
	// divergingQuiet is how many records well below the line end it.
	divergingQuiet = 256
)

// diverging fires when the loss climbs away from what it had reached and does
// not come back. All forms speak of the level, a median of 64, not of a loss:
//
//   - away: it stays above where it began by more than twice its start, twice
//     the progress and 10 deviations, and above the upper octile of the first 32
//     losses;
//   - thrown: its first steps threw it up by orders of magnitude, and it has not come back;
//   - lost: after real progress, well above the noise, it stays about
//     where it began (90 % of the progress lost) for long;
//   - up: the learning rate leapt beyond all that it had been, and the loss has gone
//     up since and stays there;
//   - bottomless: it has fallen far below 0, by many times its start, and falls on
//     hardly more slowly, with gradients that grow or all point one way. No loss that
//     has a minimum does so: its sign is wrong.
//
// It resolves when the level has been half-way back for divergingQuiet records:
// half-way to the best where there was real progress, else to the start.
// A loss that a schedule or a new task lifts for a while is healthy, so all
// want time and distance rather than an early guess (Deep Learning, section
// 8.2.4; section 8.3.1 on learning rates that are too large).
type diverging struct {
	memory[divergingState]
	level, start, best float64
	from, to           float64 // the learning rate before and after the leap that lifted it, 0 for none
}

type divergingState struct {
	Latch      latch   `json:"latch"`
	Deep       bool    `json:"deep"` // it looked so at the last block
	Bottomless bool    `json:"bottomless"`
	Away       int64   `json:"away"`   // records in a row
	Lost       int64   `json:"lost"`   // the same for the second form
	Thrown     int64   `json:"thrown"` // and after the first steps threw it up
	Up         int64   `json:"up"`     // and since a leap of the learning rate
	Leap       int64   `json:"leap"`   // the step of that leap
	Before     float64 `json:"before"` // the level then, and its deviation
	Noise      float64 `json:"noise"`
	Clear      float64 `json:"clear"` // the level below which it has come back
}

func newDiverging() *diverging { return &diverging{} }

func (d *diverging) Kind() Kind { return Diverging }

func (d *diverging) Observe(_ *Step, c *Course) Condition {
	if _, ok := c.Loss(); !ok {
		return Undecided
	}
	level, ok := c.Level()
	if !ok {
		return Undecided
	}
	now := &d.now
	start, best, progress := c.Start(), c.Best(), c.Progress()
	size := math.Abs(start)
	margin := max(divergingStart*size, divergingProgress*progress, divergingNoise*c.now.BestNoise)
	if now.Away++; level <= max(start+margin, c.now.EarlyHigh) {
		now.Away = 0
	}
	real := progress > divergingReal*size && progress > divergingNoise*c.now.BestNoise
	if now.Lost++; !real || level <= best+divergingLost*progress {
		now.Lost = 0
	}
	initial := c.initial()
	// Of losses that vary as much by themselves, more than one or two of the first are low,
	// and more than a few of any others.
	if now.Thrown++; initial <= 0 || level <= divergingThrown*initial ||
		c.now.EarlyFew <= divergingLuck*initial || c.now.Losses.quantile(0.125) <= divergingFew*initial {
		now.Thrown = 0
	}
	away := now.Away >= divergingStay || now.Thrown >= divergingLong
	lost := now.Lost >= divergingLong && float64(now.Lost) >= divergingPart*float64(c.now.LossCount)
	if c.block {
		deep := d.bottomless(c, now.Bottomless)
		now.Bottomless, now.Deep = deep && now.Deep, deep
	}
	if now.Bottomless && !now.Latch.On {
		now.Clear = largest
	}
	up := d.up(c, level)
	if d.from = 0; up && !now.Latch.On {
		now.Clear = now.Before + (level-now.Before)/2
		d.from, d.to = c.now.Schedule.Past, c.now.Schedule.To
	}
	if (away || lost) && !now.Latch.On {
		switch now.Clear = start + margin/2; {
		case now.Thrown >= divergingLong:
			now.Clear = divergingThrown / 10 * initial
		case real:
			now.Clear = start - progress/2
		}
	}
	d.level, d.start, d.best = level, start, best
	was := now.Latch.On
	// Where the other forms are under way it would be said again.
	back := level < now.Clear && now.Lost == 0 && now.Thrown == 0 && !now.Bottomless && !up
	condition := now.Latch.observe(away || lost || up || now.Bottomless, back, 1, divergingQuiet)
	if was && condition == Clear {
		now.Away, now.Lost, now.Up, now.Thrown = 0, 0, 0, 0
	}
	return condition
}

// up says whether the loss has gone up for good since the learning rate leapt beyond all
// that it had been.
func (d *diverging) up(c *Course, level float64) bool {
	now, w := &d.now, &c.now.Schedule
	// At the leap itself there may be no level yet, or no loss.
	if w.Leap != now.Leap {
		now.Leap, now.Before, now.Noise, now.Up = w.Leap, level, c.now.Losses.deviation(), 0
	}
	if now.Up++; !w.beyond(divergingLeap) || level-now.Before < max(divergingUp*math.Abs(now.Before), divergingUnsure*now.Noise) {
		now.Up = 0
	}
	return now.Up >= divergingUpStay
}

// bottomless says whether the loss falls as nothing does that has a minimum, or, once it
// was seen to, whether it falls on.
func (d *diverging) bottomless(c *Course, begun bool) bool {
	h := &c.now.History
	if len(h.Means) < stuckBlocks || c.now.LossCount < divergingLosses {
		return false
	}
	share, err, known := c.Signal()
	straight := known && share-2*err > divergingStraight
	deep, steady, grown := divergingDeep, divergingSteady, divergingNorm
	if straight {
		deep, steady, grown = divergingStraightDeep, divergingStraightSteady, divergingStraightNorm
	}
	quarters := h.quarters()
	a, b, e := quarters[0]-quarters[1], quarters[1]-quarters[2], quarters[2]-quarters[3]
	norm, ok := c.NormLevel()
	if begun {
		return e > divergingOn*a
	}
	scale := max(math.Abs(c.Start()), math.Abs(c.now.EarlyHigh))
	if !ok || norm-c.Baseline() < math.Log(grown) || quarters[3] > -deep*scale || a <= 0 || b < steady*a || e < steady*b {
		return false
	}
	return straight || e > divergingBowed*a && b > a && e > b && math.Abs(c.Start()) > divergingClear*c.now.EarlyNoise ||
		quarters[3] < -divergingAbyss*scale
}

func (d *diverging) Explain(e *Event) {
	e.describe(Critical, "8.2.4", "Stop, go back to the last good checkpoint and lower the learning rate, by a factor of 3 to 10 at first.")
	e.Values = map[string]float64{"level": d.level, "start": d.start, "best": d.best}
	if e.State == Resolved && d.now.Clear == largest {
		e.Summary = fmt.Sprintf("The loss no longer falls without a bottom, and is at a level of %.4g; it had fallen so since step %d.", d.level, e.Since)
		return
	}
	if e.State == Resolved {
		e.Summary = fmt.Sprintf("The loss has come back to a level of %.4g, after it had climbed away at step %d.", d.level, e.Since)
		return
	}
	if d.now.Bottomless {
		e.Advice = "Look at the sign of the loss: one that has a minimum falls more and more slowly."
		e.Summary = fmt.Sprintf("The loss falls without a bottom: it began at %.4g, is at %.4g and falls no more slowly, and the gradient has grown.",
			d.start, d.level)
		return
	}
	e.Summary = fmt.Sprintf("The loss has climbed to a level of %.4g and stays there; it began at %.4g and had reached %.4g.",
		d.level, d.start, d.best)
	if d.from > 0 {
		e.Values["lr_before"], e.Values["lr"] = d.from, d.to
		e.Summary += fmt.Sprintf(" At step %d the learning rate leapt to %.3g, which had never been above %.3g.", d.now.Leap, d.to, d.from)
	}
}
