package digest

import (
	"maps"
	"slices"
)

// CopyFrom makes d a copy of o that shares nothing with it but what never changes,
// to be drawn while the run goes on. It uses the memory that d already has.
func (d *Digest) CopyFrom(o *Digest) {
	old := *d
	*d = *o
	d.Resumed = append(old.Resumed[:0], o.Resumed...)
	d.Policies = append(old.Policies[:0], o.Policies...)
	d.weights = append(old.weights[:0], o.weights...)
	d.Actions = maps.Clone(o.Actions)
	to, from, memory := d.series(), o.series(), old.series()
	for i := range to {
		to[i].buckets = append(memory[i].buckets[:0], from[i].buckets...)
	}
	d.Gradients.copyFrom(&o.Gradients, &old.Gradients)
	d.Updates.copyFrom(&o.Updates, &old.Updates)
	d.Events.copyFrom(&o.Events)
}

func (d *Digest) series() []*Series {
	return []*Series{&d.Loss, &d.LR, &d.GradNorm, &d.Threshold, &d.NormAfter, &d.ClippedNorm, &d.Factor, &d.ClipShare,
		&d.GTG, &d.GTHG, &d.NegativeGTHG, &d.Rho, &d.RhoLimit, &d.LambdaMax, &d.LambdaMin, &d.Seconds, &d.StepSeconds}
}

func (g *Grid) copyFrom(o, memory *Grid) {
	*g = *o
	g.Rows = append(memory.Rows[:0], o.Rows...)
	g.sums = append(memory.sums[:0], o.sums...)
	g.known = append(memory.known[:0], o.known...)
	spare := memory.columns[:cap(memory.columns)]
	g.columns = slices.Grow(memory.columns[:0], len(o.columns))
	for i, c := range o.columns {
		var cells []Cell
		if i < len(spare) {
			cells = spare[i].Cells
		}
		c.Cells = append(cells[:0], c.Cells...)
		g.columns = append(g.columns, c)
	}
}

func (in *Incidents) copyFrom(o *Incidents) {
	*in = *o
	in.Severity, in.Kinds = maps.Clone(o.Severity), maps.Clone(o.Kinds)
	in.open = maps.Clone(o.open)
	own := func(list []*Incident) []*Incident {
		list = slices.Clone(list)
		for i, e := range list {
			c := *e
			list[i] = &c
			if about := (subject{c.Kind, c.Param}); in.open[about] == e {
				in.open[about] = &c
			}
		}
		return list
	}
	in.first, in.last = own(o.first), own(o.last)
	for about, e := range in.open { // one that was not kept
		if o.open[about] == e {
			c := *e
			in.open[about] = &c
		}
	}
}
