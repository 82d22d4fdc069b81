package monitor

import (
	"fmt"
	"math"
)

const (
	// spikeWarmUp is how many losses there must be before one is judged.
	spikeWarmUp = 32
	// spikeDeviations is how many deviations above the recent median a spike
	// lies at least, and spikeCalm how many at most a quiet loss.
	spikeDeviations = 20
	spikeCalm       = 5
	// spikeLogDeviations is the same on the logarithm, for positive losses.
	spikeLogDeviations = 5
	// spikeSlow is the weight of the newest record in the long mean of those
	// deviations; the larger of it and the recent one counts.
	spikeSlow = 1.0 / 256
	// spikeMargin is how many times the highest leap remembered it is.
	spikeMargin = 2
	// spikeQuiet is how many calm records end an incident.
	spikeQuiet = 32
)

// lossSpike fires when the loss leaps far above its recent range, as it does
// after a step off a cliff or on a poisoned batch (Deep Learning, section
// 8.2.4). Let m be the median of the last 64 losses and s the deviation of those
// above it, at least a small share of the level and of the progress made. The
// loss is a spike when
//
//   - loss − m is above spikeDeviations × s, which works for losses of any sign;
//   - loss − m is above spikeMargin times the highest of the last leapMemory ×
//     leapBlock records: a loss with a heavy tail, as at batch size 1, has leapt
//     before;
//   - where all recent losses are positive, log(loss/m) is above
//     spikeLogDeviations deviations of the logarithm: near 0 such losses vary
//     by orders of magnitude.
//
// Most of the leap must be one step's: a loss that climbs in several and comes back, as it
// does at the edge of stability, is the optimizer's doing. A restart of the learning
// rate's schedule lifts the loss too, so its first records are not judged. It resolves
// after spikeQuiet records below spikeCalm deviations. A spike does not enter the memory of leaps unless there was
// another in it: two within that time are the run's own nature, and the third
// must be higher.
type lossSpike struct {
	memory[spikeState]
	loss, median, z float64
}

type spikeState struct {
	Latch latch   `json:"latch"`
	Leaps leaps   `json:"leaps"` // of losses that were judged
	Last  uint64  `json:"last"`  // the judged loss at which the last incident ended; 0 for none
	Again bool    `json:"again"` // this incident is not the first in memory
	Leap  float64 `json:"leap"`  // this incident's highest
	Peak  float64 `json:"peak"`  // the same in deviations
	// Spread is the long mean of the logarithm's deviation.
	Spread float64 `json:"spread"`
}

func newLossSpike() *lossSpike { return &lossSpike{} }

func (d *lossSpike) Kind() Kind { return LossSpike }

func (d *lossSpike) Observe(_ *Step, c *Course) Condition {
	now, r := &d.now, &c.before
	loss, ok := c.Loss()
	if !ok || r.n < spikeWarmUp {
		return Undecided
	}
	leap, z := c.leap()
	slot := now.Leaps.next()
	spike := z > spikeDeviations && leap > spikeMargin*now.Leaps.highest()
	if r.allPositive && r.logSpread <= largest {
		now.Spread += max(spikeSlow, 1/float64(now.Leaps.Count)) * (r.logSpread - now.Spread)
	}
	if spike && r.allPositive {
		spike = math.Log(loss/r.median) > spikeLogDeviations*max(r.logSpread, now.Spread)
	}
	if c.now.Schedule.raised() || !now.Latch.On && c.climbs(leap) {
		spike = false
	}
	if spike {
		if !now.Latch.On {
			now.Leap, now.Peak = 0, 0
			now.Again = now.Last > 0 && now.Leaps.Count-now.Last < leapMemory*leapBlock
			d.loss, d.median, d.z = loss, r.median, z
		}
		now.Leap, now.Peak = max(now.Leap, leap), max(now.Peak, z)
	}
	was := now.Latch.On
	condition := now.Latch.observe(spike, z < spikeCalm, 1, spikeQuiet)
	switch {
	case was && !now.Latch.On:
		now.Last = now.Leaps.Count
		if now.Again {
			*slot = max(*slot, now.Leap)
		}
	case !now.Latch.On:
		*slot = max(*slot, leap)
	}
	return condition
}

func (d *lossSpike) Explain(e *Event) {
	e.describe(Warning, "8.2.4", "Look at this step's batch, and if spikes come back clip the gradients or lower the learning rate.")
	if e.State == Resolved {
		e.Values = map[string]float64{"leap": d.now.Leap, "deviations": d.now.Peak}
		e.Summary = fmt.Sprintf("The loss has been back in its range for %d records; the spike of step %d leapt %.3g above its median, %.3g deviations.",
			spikeQuiet, e.Since, d.now.Leap, d.now.Peak)
		return
	}
	e.Values = map[string]float64{"loss": d.loss, "median": d.median, "deviations": d.z}
	e.Summary = fmt.Sprintf("The loss leapt to %.4g, %.3g deviations above its recent median of %.4g.", d.loss, d.z, d.median)
}
