package monitor

import (
	"fmt"
	"math"
)

const (
	// deadRecords is for how many records in a row a gradient must have been
	// exactly 0.
	deadRecords = 100
	// deadAlive is the share of zeros below which a gradient must once have
	// been for "nearly all" of it to count.
	deadAlive = 0.9
	// deadMostly is the share of zeros from which on a weight counts whose gradient once
	// had fewer than deadFew, where the loss has gone back by deadLost of its progress.
	deadMostly = 0.8
	deadFew    = 0.5
	deadLost   = 0.5
	// deadBack is how many times its best a loss is that has not reached where it ends, when
	// no gradient is left.
	deadBack = 2
	// deadQuiet is how many records without such a parameter end it.
	deadQuiet = 100
)

// dead fires when a parameter's gradient has been exactly 0 for deadRecords
// records in a row while other parameters have one: units that no input
// activates any more, as with dying rectifiers (Deep Learning, section 6.3.1;
// Maas, Hannun and Ng 2013). Nearly all of a gradient, 99 % of its elements,
// counts only where there once was much less: a large embedding has more zeros
// than that in every step, from the first on, and is healthy, because they are
// never the same ones. Weights that are all exactly 0 themselves are a symmetric start
// and not dead: what is carried back through them is 0 until they move. A step in which
// all gradients are 0 says nothing by itself; for as long, with a loss that is not 0 and has
// not come down, all of the network is dead. Where most of a gradient became 0, and much of
// what the loss had won was lost with it, most of the units are.
type dead struct {
	memory[latch]
	run     *Run
	count   int
	worst   int // the largest dead parameter
	share   float64
	records int64
}

func newDead(run *Run) *dead { return &dead{run: run} }

func (d *dead) Kind() Kind { return Dead }

func (r *record) dead() bool {
	return r.Zero >= deadRecords || r.Nearly >= deadRecords && r.Low < deadAlive
}

// mostly is the same where more than half of the units have died since the run began and
// the loss went back with them: what is left cannot tell examples apart.
func (r *record) mostly() bool { return r.Mostly >= deadRecords && r.Low < deadFew }

// lost says whether the loss has gone back by a real part of its progress.
func (c *Course) lost(share float64) bool {
	level, ok := c.Level()
	progress := c.Progress()
	return ok && progress > frozenReal*math.Abs(c.Start()) && level-c.now.Best > max(share*progress, 2*c.now.BestNoise)
}

// fellBack says whether the loss is at several times its best, beyond noise: it does not end there.
func (c *Course) fellBack(level float64) bool {
	return level > deadBack*max(c.now.Best, 0) && level-c.now.Best > 2*c.now.BestNoise && c.lost(0)
}

func (d *dead) Observe(_ *Step, c *Course) Condition {
	// No gradient at all: a loss of 0 has none to give, and one that has come down may have
	// reached where it ends.
	symmetric, _ := c.symmetric()
	if level, ok := c.Level(); ok && c.now.ZeroNorms >= deadRecords && level > 0 && (!c.won(level) || c.fellBack(level)) && symmetric == 0 {
		d.count = len(d.run.Params)
		d.records, d.share = c.now.ZeroNorms, 1
		for i := range d.run.Params {
			if d.run.Params[i].Numel > d.run.Params[d.worst].Numel {
				d.worst = i
			}
		}
		return d.now.observe(d.count > 0, false, 1, deadQuiet)
	}
	if !c.grads {
		return Undecided
	}
	// Gradients that vanish end in zeros, and weights that are 0, pruned or not begun, carry none back: neither is dead.
	vanishing := c.now.Depth.Records >= early && c.now.Depth.Reach < math.Log(vanishingReach)
	if vanishing {
		return Undecided
	}
	d.count = 0
	lost := c.lost(deadLost)
	for i := range c.now.Params {
		r := &c.now.Params[i]
		mostly := lost && len(d.run.Params[i].Shape) > 1 && r.mostly()
		if !r.dead() && !mostly || r.Had == 0 && (symmetric > 0 || r.Norm == 0) {
			continue
		}
		if d.count == 0 || d.run.Params[i].Numel > d.run.Params[d.worst].Numel {
			d.worst, d.records, d.share = i, max(r.Zero, r.Nearly), 1
			switch {
			case !r.dead():
				d.records, d.share = r.Mostly, r.Mean
			case r.Zero == 0:
				d.share = r.Share
			}
		}
		d.count++
	}
	condition := d.now.observe(d.count > 0, d.count == 0, 1, deadQuiet)
	if condition == Holding && d.count == 0 {
		return Undecided // what is coming to its end is not told of now
	}
	return condition
}

func (d *dead) Explain(e *Event) {
	e.describe(Warning, "8.2.5", "Lower the learning rate or use a leaky rectifier; units that have died rarely come back, so begin again from before.")
	e.Values = map[string]float64{"params": float64(d.count)}
	if e.State == Resolved {
		e.Summary = fmt.Sprintf("No parameter's gradient has been stuck at 0 for the last %d records; one was since step %d.", deadQuiet, e.Since)
		return
	}
	p := d.run.Params[d.worst]
	e.Param = p.Name
	e.Values["share"], e.Values["records"], e.Values["numel"] = d.share, float64(d.records), float64(p.Numel)
	e.Summary = fmt.Sprintf("%.4g %% of the gradient of %s has been exactly 0 for %d records, as that of %d of %d parameters in all.",
		100*d.share, p.Name, d.records, d.count, len(d.run.Params))
}
