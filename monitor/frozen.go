package monitor

import (
	"fmt"
	"math"
)

const (
	// frozenHad is in how many records a parameter must have had a gradient
	// before it can be missed.
	frozenHad = 10
	// frozenRecords is for how many records in a row it must be missing.
	frozenRecords = 50
	// frozenGroup is the share of the parameters that must turn to exact zeros
	// in one and the same step, and frozenDying the share of zeros just before
	// from which on that looks like dying units.
	frozenGroup = 0.5
	frozenDying = 0.5
	// frozenLost is the share of its progress that the loss must have lost with the
	// gradients, and frozenNoise how many deviations of a loss but no more than frozenMost of
	// the progress, where nothing else tells dying units from frozen ones.
	// frozenReal is the share of its start by which it must have come down before.
	frozenLost  = 0.05
	frozenMost  = 0.3
	frozenReal  = 0.1
	frozenNoise = 3
	// frozenBack is the share of its progress by which the loss leaps back where units have
	// surely died.
	frozenBack = 0.3
	// frozenQuiet is how many records with all gradients back end it.
	frozenQuiet = 20
)

// frozen fires when parameters that had gradients get none any more for
// frozenRecords records while others do: their gradient is undefined, or that of
// most parameters at once has become exactly 0, as it does with a library that
// keeps the gradient's storage when requires_grad goes off. It is what a
// validation that freezes the model and does not thaw it leaves behind: the loss
// still moves, by one tensor or by momentum, and nobody sees why it is so slow.
//
// Parameters that never had a gradient are frozen on purpose, as in transfer
// learning, and only the verdict speaks of them. Zeros that begin at one depth
// and reach from the first weight to it are dying units, the business of
// dead, because nothing is carried back through them; where but one parameter is
// left and the loss went on as if nothing had been, they are frozen all the same. In a
// network of several branches any parameters may be dying units, if more than one is left
// and the loss leapt back towards its start.
type frozen struct {
	memory[frozenState]
	run     *Run
	weights []int // places of the tensors of two or more dimensions
	count   int
	worst   int // the largest lost parameter
	records int64
	zeros   bool
}

type frozenState struct {
	Latch latch `json:"latch"`
	Began int64 `json:"began"` // the judged record in which the last group fell silent
	Dying bool  `json:"dying"` // what became of it
}

func newFrozen(run *Run) *frozen { return &frozen{run: run, weights: newSlope(run).index} }

func (d *frozen) Kind() Kind { return Frozen }

func (d *frozen) Observe(_ *Step, c *Course) Condition {
	if !c.grads {
		return Undecided
	}
	params := c.now.Params
	zeroFor := d.silenced(c)
	d.count = 0
	for i := range params {
		r := &params[i]
		undefined := r.Had >= frozenHad && r.Undefined >= frozenRecords
		if !undefined && (zeroFor == 0 || r.Zero != zeroFor) {
			continue
		}
		if d.count == 0 || d.run.Params[i].Numel > d.run.Params[d.worst].Numel {
			d.worst, d.records, d.zeros = i, max(r.Undefined, zeroFor), !undefined
		}
		d.count++
	}
	return d.now.Latch.observe(d.count > 0, d.count == 0, 1, frozenQuiet)
}

// silenced looks for a majority of parameters whose gradients became exactly 0
// in the same record, and returns how many records ago, or 0.
func (d *frozen) silenced(c *Course) int64 {
	params := c.now.Params
	// The vote of Boyer and Moore finds the only possible majority.
	var since int64
	votes, trained := 0, 0
	for i := range params {
		r := &params[i]
		if r.Had < frozenHad {
			continue
		}
		trained++
		switch {
		case votes == 0:
			since, votes = r.Zero, 1
		case r.Zero == since:
			votes++
		default:
			votes--
		}
	}
	if since < frozenRecords {
		return 0
	}
	count, survivors := 0, 0
	share, measured := 0.0, 0
	for i := range params {
		r := &params[i]
		switch {
		case r.Had < frozenHad:
		case r.Zero != since:
			survivors++
		default:
			count++
			if r.Share >= 0 {
				share += r.Share
				measured++
			}
		}
	}
	if float64(count) <= frozenGroup*float64(trained) || measured > 0 && share/float64(measured) >= frozenDying {
		return 0
	}
	if began := c.now.Judged - since; d.now.Began != began {
		d.now.Began = began
		d.now.Dying = d.split(params, since) && (survivors > 1 || !c.undisturbed(since)) || survivors > 1 && c.thrownBack(since)
	}
	if d.now.Dying {
		return 0
	}
	return since
}

// split says whether the parameters with a gradient of 0 are those that dying
// units silence: all weights up to one layer and none beyond, with the biases
// between them. That layer's own bias and the one before may do either, since
// the order of weight and bias within a layer means nothing.
func (d *frozen) split(params []record, since int64) bool {
	edge := -1 // the last silent weight
	for _, i := range d.weights {
		if params[i].Had >= frozenHad && params[i].Zero == since {
			edge = i
		}
	}
	weight := 0
	for i := range params {
		isWeight := weight < len(d.weights) && d.weights[weight] == i
		if isWeight {
			weight++
		}
		if params[i].Had < frozenHad || !isWeight && (i == edge-1 || i == edge+1) {
			continue
		}
		if (params[i].Zero == since) != (i <= edge) {
			return false
		}
	}
	return true
}

// thrownBack says whether the loss, that many records ago, leapt back towards its start, as
// it does where units die and not where parameters only stay what they are: whatever the
// network's branches and the order of its parameters.
func (c *Course) thrownBack(ago int64) bool {
	w := &c.now.Losses
	if ago >= int64(w.n) {
		return false
	}
	older, newer := w.halves(int(ago))
	return c.Progress() > frozenReal*math.Abs(c.Start()) && newer-older > max(frozenBack*c.Progress(), frozenNoise*c.now.BestNoise)
}

// undisturbed says whether the loss went on, that many records ago, from where it
// was: what has died can no longer tell examples apart, and the loss leaps back
// towards its start.
func (c *Course) undisturbed(ago int64) bool {
	w := &c.now.Losses
	if ago >= int64(w.n) {
		return false
	}
	older, newer := w.halves(int(ago))
	return c.Progress() > frozenReal*math.Abs(c.Start()) && newer-older <= max(frozenLost*c.Progress(), min(frozenNoise*c.now.BestNoise, frozenMost*c.Progress()))
}

func (d *frozen) Explain(e *Event) {
	e.describe(Warning, "", "Look at what freezes parameters, above all a validation that freezes the model and does not thaw it; set requires_grad again and rebuild the optimizer.")
	e.Values = map[string]float64{"params": float64(d.count), "of": float64(len(d.run.Params))}
	if e.State == Resolved {
		e.Summary = fmt.Sprintf("All parameters that had lost their gradient at step %d have had one again for %d records.", e.Since, frozenQuiet)
		return
	}
	what := "no gradient"
	if d.zeros {
		what = "a gradient of exact zeros"
	}
	e.Param = d.run.Params[d.worst].Name
	e.Values["records"] = float64(d.records)
	e.Summary = fmt.Sprintf("%d of %d parameters have had %s for %d records and had one before, the largest of them %s.",
		d.count, len(d.run.Params), what, d.records, e.Param)
}
