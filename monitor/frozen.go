package monitor

import "fmt"

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
// and reach from the first parameter to it are dying units, the business of
// dead, because nothing is carried back through them.
type frozen struct {
	memory[latch]
	run     *Run
	count   int
	worst   int // the largest lost parameter
	records int64
	zeros   bool
}

func newFrozen(run *Run) *frozen { return &frozen{run: run} }

func (d *frozen) Kind() Kind { return Frozen }

func (d *frozen) Observe(_ *Step, c *Course) Condition {
	if !c.grads {
		return Undecided
	}
	params := c.now.Params
	zeroFor := silenced(params)
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
	return d.now.observe(d.count > 0, d.count == 0, 1, frozenQuiet)
}

// silenced looks for a majority of parameters whose gradients became exactly 0
// in the same record, and returns how many records ago, or 0.
func silenced(params []record) int64 {
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
	// Dying units silence all parameters up to them and none beyond.
	count, survivors, split := 0, 0, true
	share, measured := 0.0, 0
	for i := range params {
		r := &params[i]
		if r.Had < frozenHad {
			continue
		}
		if r.Zero != since {
			survivors++
			continue
		}
		count++
		split = split && survivors == 0
		if r.Share >= 0 {
			share += r.Share
			measured++
		}
	}
	dying := split || measured > 0 && share/float64(measured) >= frozenDying
	if dying || float64(count) <= frozenGroup*float64(trained) {
		return 0
	}
	return since
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
