package figures

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot/vg"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/monitor"
)

// several says that the values of several runs over one another would be a tangle.
func several(runs []*digest.Digest) bool { return len(runs) > 1 }

func normFigure(runs []*digest.Digest) *Figure {
	f := &Figure{Name: "norm", Title: "Gradient norm"}
	norms := func(d *digest.Digest) *digest.Series { return &d.GradNorm }
	if !any(runs, norms) {
		f.Missing = "no gradient norm was recorded"
		return f
	}
	whole := runs[0].GradNorm.Whole()
	switch {
	case several(runs):
		f.Caption = "The running geometric mean of each run's gradient norm, over a fiftieth of it, and faintly what lies between the smallest and the largest."
	case whole:
		f.Caption = "Each dot is the L2 norm of one step's gradient before clipping, the line its running geometric mean over a fiftieth of the run (compare figure 8.1 of Deep Learning: the norm may well grow while the loss falls)."
	default:
		f.Caption = "The L2 norm of the gradients before clipping: the band reaches from the smallest to the largest of each stretch, so that no spike is lost; the line is the running geometric mean over a fiftieth of the run (compare figure 8.1 of Deep Learning: the norm may well grow while the loss falls)."
	}
	f.panels = func(size Size) []*panel {
		p := newPanel("gradient norm, before clipping", size)
		p.log()
		for i, d := range runs {
			if d.GradNorm.Empty() {
				continue
			}
			h := runHue(i)
			if several(runs) {
				p.faint(&d.GradNorm, size, h, true)
			} else {
				p.scatter(&d.GradNorm, size, h, "each step", true)
				h = ink
			}
			if !d.Threshold.Empty() && !several(runs) {
				p.Add(line{ranged: positiveOnly(staircase(&d.Threshold, resolution(size))), hue: orange, width: 1.3, dashes: dashed})
				p.key("clipping threshold", orange, dashKey)
			}
			p.Add(line{ranged: average(&d.GradNorm, resolution(size)/2, geometric), hue: h, width: 1.8})
			p.name(runs, i, "running average", h)
			p.notFinite(&d.GradNorm)
		}
		p.fit(extent(runs))
		return []*panel{p}
	}
	return f
}

// name adds the legend of the line of a run.
func (f *panel) name(runs []*digest.Digest, i int, alone string, h hue) {
	label := alone
	if several(runs) {
		label = Label(runs, i)
	}
	f.key(label, h, lineKey)
}

// Label tells the i-th of several runs from the others: by its name, or by its
// file where runs have the same name, or by its number where even that is so.
func Label(runs []*digest.Digest, i int) string {
	name := runs[i].Name()
	files := map[string]int{}
	for _, d := range runs {
		if d.Name() == name {
			files[d.Source]++
		}
	}
	switch {
	case len(files) == 1 && files[runs[i].Source] == 1:
		return name
	case files[runs[i].Source] == 1:
		return fmt.Sprintf("%s (%s)", name, runs[i].Source)
	}
	return fmt.Sprintf("%d: %s", i+1, name)
}

// faint is what the values of one of several runs cover.
func (f *panel) faint(s *digest.Series, size Size, h hue, positive bool) {
	const tangle = 1500
	if s.All().N > tangle {
		f.Add(band{bandOf(s, resolution(size)/2, positive), h, 0.12})
		return
	}
	f.cover(s, size, h, positive, 0.3)
}

// cover is what a series covers, without a key: dots of that opacity, or a fainter
// band.
func (f *panel) cover(s *digest.Series, size Size, h hue, positive bool, opacity float64) {
	if !s.Whole() {
		f.Add(band{bandOf(s, resolution(size)/2, positive), h, 0.4 * opacity})
		return
	}
	v := values(s)
	if positive {
		v = positiveOnly(v)
	}
	f.Add(dots{v, h, opacity, dotSize(s)})
}

func (f *panel) notFinite(s *digest.Series) {
	if at := notFiniteAt(s); len(at) > 0 {
		f.Add(edge{at, red})
		f.key("not finite", red, wedgeKey)
	}
}

func lossFigure(runs []*digest.Digest) *Figure {
	f := &Figure{Name: "loss", Title: "Loss, learning rate and events", tall: 1.25}
	losses := func(d *digest.Digest) *digest.Series { return &d.Loss }
	rates := func(d *digest.Digest) *digest.Series { return &d.LR }
	if !any(runs, losses) && !any(runs, rates) {
		f.Missing = "neither loss nor learning rate was recorded"
		return f
	}
	f.Caption = "The loss of each step's batch before the step, and its running average over a fiftieth of the run. Vertical lines are where events began; the table of events says which."
	if several(runs) {
		f.Caption = "The running average of each run's loss, over a fiftieth of it, and faintly what lies between the smallest and the largest."
	}
	f.panels = func(size Size) (panels []*panel) {
		if any(runs, losses) {
			p := newPanel("loss", size)
			mean := arithmetic
			positive := logarithmic(runs, losses)
			if positive {
				p.log()
				mean = geometric
				p.title += ", log scale"
			}
			for i, d := range runs {
				if d.Loss.Empty() {
					continue
				}
				h := runHue(i)
				if several(runs) {
					p.faint(&d.Loss, size, h, positive)
				} else {
					p.scatter(&d.Loss, size, h, "each step", positive)
					p.events(d)
					h = ink
				}
				p.Add(line{ranged: average(&d.Loss, resolution(size)/2, mean), hue: h, width: 1.8})
				p.name(runs, i, "running average", h)
				p.notFinite(&d.Loss)
			}
			p.fit(extent(runs))
			p.weight = 2.4
			panels = append(panels, p)
		}
		if any(runs, rates) {
			p := newPanel("learning rate", size)
			if logarithmic(runs, rates) {
				p.log()
			}
			p.rates(runs, size)
			p.fit(extent(runs))
			panels = append(panels, p)
		}
		return panels
	}
	return f
}

func (f *panel) rates(runs []*digest.Digest, size Size) {
	for i, d := range runs {
		f.Add(line{ranged: staircase(&d.LR, resolution(size)), hue: runHue(i), width: 1.5})
	}
	f.Y.Tick.Marker = limited{f.Y.Tick.Marker, 4}
}

// events marks where events began, by their severity.
func (f *panel) events(d *digest.Digest) {
	kept, _ := d.Events.Kept()
	for _, s := range []struct {
		severity monitor.Severity
		hue      hue
	}{{monitor.Info, muted}, {monitor.Warning, yellow}, {monitor.Critical, red}} {
		var at []float64
		for _, e := range kept {
			if e.Severity == s.severity {
				at = append(at, float64(e.Step))
			}
		}
		if len(at) == 0 {
			continue
		}
		f.Add(posts{at: at, hue: s.hue, opacity: 0.8, width: 1, dashes: dotted})
		f.key(string(s.severity), s.hue, dashKey)
	}
	if len(d.Resumed) > 0 {
		var at []float64
		for _, step := range d.Resumed {
			at = append(at, float64(step))
		}
		f.Add(posts{at: at, hue: violet, opacity: 1, width: 1})
		f.key("resumed", violet, lineKey)
	}
}

func curvatureFigure(runs []*digest.Digest) *Figure {
	f := &Figure{Name: "curvature", Title: "gᵀg and gᵀHg", tall: 1,
		Caption: "Ill-conditioning (8.2.1): gᵀg is the squared gradient norm, gᵀHg the curvature along the gradient. Where gᵀHg grows and gᵀg does not shrink, the step that the curvature allows becomes shorter and shorter."}
	curvature := func(d *digest.Digest) *digest.Series { return &d.GTHG }
	negative := func(d *digest.Digest) *digest.Series { return &d.NegativeGTHG }
	if !any(runs, curvature) && !any(runs, negative) {
		f.Missing = "gᵀHg was not measured"
		return f
	}
	f.panels = func(size Size) []*panel {
		p := newPanel("gᵀg and gᵀHg, log scale", size)
		p.log()
		for i, d := range runs {
			if d.GTG.Empty() {
				continue
			}
			gtg, gthg := blue, orange
			prefix := ""
			if several(runs) {
				gtg, gthg = runHue(i), runHue(i)
				prefix = Label(runs, i) + ": "
			} else {
				p.cover(&d.GTG, size, gtg, true, 0.5)
				p.cover(&d.GTHG, size, gthg, true, 0.5)
				p.cover(&d.NegativeGTHG, size, violet, true, 0.9)
			}
			p.Add(line{ranged: average(&d.GTG, resolution(size)/2, geometric), hue: gtg, width: 1.8, dashes: ifSeveral(runs)})
			p.Add(line{ranged: average(&d.GTHG, resolution(size)/2, geometric), hue: gthg, width: 1.8})
			if several(runs) {
				p.key(prefix+"gᵀg", gtg, dashKey)
			} else {
				p.key("gᵀg", gtg, lineKey)
			}
			p.key(prefix+"gᵀHg", gthg, lineKey)
			if !d.NegativeGTHG.Empty() && !several(runs) {
				p.key("−gᵀHg where it is negative", violet, dotKey)
			}
			p.notFinite(&d.GTHG)
		}
		p.fit(extent(runs))
		return []*panel{p}
	}
	return f
}

func rhoFigure(runs []*digest.Digest) *Figure {
	f := &Figure{Name: "rho", Title: "ρ, the step beside the curvature"}
	rhos := func(d *digest.Digest) *digest.Series { return &d.Rho }
	if !any(runs, rhos) {
		f.Missing = "ρ = η·gᵀHg/gᵀg was not measured"
		return f
	}
	what := "ρ = η·gᵀHg/gᵀg"
	if runs[0].Preconditioned {
		what += ", of the Hessian as the optimizer preconditions it"
	}
	f.Caption = what + ": 1 is the step to the minimum of the parabola along the gradient, above the optimizer's limit the steps are too long for the curvature if they stay there. Below 0 the loss is concave along the gradient."
	f.panels = func(size Size) []*panel {
		p := newPanel("ρ", size)
		low, high := math.Inf(1), math.Inf(-1)
		for _, d := range runs {
			if all := d.Rho.All(); all.N > 0 {
				low, high = math.Min(low, all.Min), math.Max(high, all.Max)
			}
		}
		if high > 20 || low < -20 {
			p.sinh()
			p.title += ", linear near 0, logarithmic far from it"
		}
		limits := map[float64]bool{}
		for i, d := range runs {
			if d.Rho.Empty() {
				continue
			}
			h := runHue(i)
			if several(runs) {
				p.faint(&d.Rho, size, h, false)
			} else {
				p.scatter(&d.Rho, size, h, "each measurement", false)
				h = ink
			}
			p.Add(line{ranged: average(&d.Rho, resolution(size)/2, arithmetic), hue: h, width: 1.8})
			p.name(runs, i, "running average", h)
			if limit := d.RhoLimit.All(); limit.N > 0 && !limits[limit.Mean] {
				limits[limit.Mean] = true
				if limit.Min == limit.Max {
					p.Add(level{limit.Mean, red, dashed})
					p.Y.Min, p.Y.Max = math.Min(p.Y.Min, limit.Mean), math.Max(p.Y.Max, limit.Mean)
				} else {
					p.Add(line{ranged: staircase(&d.RhoLimit, resolution(size)), hue: red, width: 1.3, dashes: dashed})
				}
				p.key(fmt.Sprintf("the optimizer's limit, %s", number(limit.Mean)), red, dashKey)
			}
			p.notFinite(&d.Rho)
		}
		p.fit(extent(runs))
		return []*panel{p}
	}
	return f
}

func gradientFigures(runs []*digest.Digest) (all []*Figure) {
	var logs []float32
	for _, d := range runs {
		for _, column := range d.Gradients.Columns() {
			for _, c := range column.Cells {
				if c.Positive > 0 {
					logs = append(logs, c.Max)
				}
			}
		}
	}
	for i, d := range runs {
		f := &Figure{Name: "gradients", Title: "Gradients through depth and time", tall: 1.15}
		if several(runs) {
			f.Title += " of " + Label(runs, i)
		}
		if d.Gradients.Empty() {
			f.Missing = "the gradient norms of single parameters were not recorded"
			if several(runs) {
				f.Missing += " of " + Label(runs, i)
			}
			all = append(all, f)
			continue
		}
		f.Caption = "The parameters in forward order from top to bottom, the run from left to right, the colour the norm of the gradient, the largest of each stretch. Gradients that vanish through depth (8.2.5) are dark at the top and light at the bottom; those that explode are light at the top; a spike is a light stripe."
		scale := newColourScale(logs)
		f.panels = func(size Size) []*panel {
			first, last := extent(runs)
			return []*panel{heat(&d.Gradients, "gradient norms of parameters", scale, first, last, size)}
		}
		all = append(all, f)
	}
	return all
}

func updateFigure(runs []*digest.Digest) *Figure {
	f := &Figure{Name: "updates", Title: "Updates beside weights",
		Caption: "The norm of each parameter's change in a step over the norm of the parameter itself. About 1e-3 is a common guide: much less and the parameter hardly learns, much more and it is thrown about."}
	have := false
	for _, d := range runs {
		have = have || !d.Updates.Empty()
	}
	if !have {
		f.Missing = "the norms of parameters and of their updates were not recorded"
		return f
	}
	f.panels = func(size Size) []*panel {
		p := newPanel("‖update‖ / ‖weight‖, log scale", size)
		p.log()
		for i, d := range runs {
			if !d.Updates.Empty() {
				p.updates(runs, i, &d.Updates)
			}
		}
		p.Add(level{1e-3, red, dashed})
		p.key("guide, 1e-3", red, dashKey)
		p.Y.Min, p.Y.Max = math.Min(p.Y.Min, 5e-4), math.Max(p.Y.Max, 2e-3)
		p.fit(extent(runs))
		return []*panel{p}
	}
	return f
}

// updates draws the ratios of a run: what most parameters have, and what all have.
func (f *panel) updates(runs []*digest.Digest, i int, g *digest.Grid) {
	var middle ranged
	var all, most []span
	for _, c := range g.Columns() {
		var logs []float64
		for _, cell := range c.Cells {
			if cell.Positive > 0 {
				logs = append(logs, float64(cell.Mean))
			}
		}
		if len(logs) == 0 {
			continue
		}
		low, quarter, half, threeQuarters, high := quantiles(logs)
		from, to := float64(c.First), float64(c.Last)
		all = append(all, span{from, to, math.Pow(10, low), math.Pow(10, high)})
		most = append(most, span{from, to, math.Pow(10, quarter), math.Pow(10, threeQuarters)})
		middle = append(middle, point{(from + to) / 2, math.Pow(10, half)})
	}
	h := runHue(i)
	if several(runs) {
		f.Add(band{most, h, 0.2})
	} else {
		f.Add(band{all, h, 0.18}, band{most, h, 0.35})
		f.key("all parameters, and the middle half of them", h, bandKey)
		h = ink
	}
	f.Add(line{ranged: middle, hue: h, width: 1.8})
	f.name(runs, i, "median parameter", h)
}

func clipFigure(runs []*digest.Digest) *Figure {
	f := &Figure{Name: "clip", Title: "Clipping", tall: 1.35}
	decisions := func(d *digest.Digest) *digest.Series { return &d.ClipShare }
	if !any(runs, decisions) {
		f.Missing = "no clipping was recorded"
		return f
	}
	if !slices.ContainsFunc(runs, func(d *digest.Digest) bool { return d.Clipped > 0 }) {
		f.Missing = "no step was clipped"
		return f
	}
	f.Caption = "The gradient norm before and after clipping, the factor between them (the smallest of each stretch and their mean), and the share of steps that were clipped."
	f.panels = func(size Size) (panels []*panel) {
		if any(runs, func(d *digest.Digest) *digest.Series { return &d.NormAfter }) {
			p := newPanel("norm before and after", size)
			p.log()
			for i, d := range runs {
				if d.NormAfter.Empty() {
					continue
				}
				if several(runs) {
					p.Add(line{ranged: average(&d.NormAfter, resolution(size)/2, geometric), hue: runHue(i), width: 1.6})
					p.key(Label(runs, i)+", after", runHue(i), lineKey)
					continue
				}
				p.scatter(&d.NormAfter, size, blue, "after", true)
				if !d.ClippedNorm.Empty() {
					p.scatter(&d.ClippedNorm, size, orange, "before, of clipped steps", true)
				}
			}
			p.fit(extent(runs))
			p.weight = 1.6
			panels = append(panels, p)
		}
		factors := func(d *digest.Digest) *digest.Series { return &d.Factor }
		if any(runs, factors) {
			p := newPanel("factor", size)
			if logarithmic(runs, factors) {
				p.log()
			}
			for i, d := range runs {
				p.Add(band{bandOf(&d.Factor, resolution(size), true), runHue(i), bandOpacity})
				p.Add(line{ranged: means(&d.Factor, resolution(size)/2, arithmetic), hue: runHue(i), width: 1.3})
			}
			p.Y.Max = math.Max(p.Y.Max, 1)
			p.fit(extent(runs))
			p.Y.Tick.Marker = limited{p.Y.Tick.Marker, 4}
			panels = append(panels, p)
		}
		p := newPanel("share of steps clipped", size)
		for i, d := range runs {
			p.Add(line{ranged: average(&d.ClipShare, resolution(size)/2, arithmetic), hue: runHue(i), width: 1.6})
		}
		p.Y.Min, p.Y.Max = 0, 1
		p.fit(extent(runs))
		p.Y.Tick.Marker = even(2, func(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) })
		p.weight = 0.8
		return append(panels, p)
	}
	return f
}

func costFigure(runs []*digest.Digest) *Figure {
	f := &Figure{Name: "cost", Title: "What gtg itself cost", tall: 0.75,
		Caption: "gtg's own time in each step, curvature included."}
	own := func(d *digest.Digest) *digest.Series { return &d.Seconds }
	if !any(runs, own) {
		f.Missing = "gtg's own time was not recorded"
		return f
	}
	f.panels = func(size Size) []*panel {
		p := newPanel("gtg's own time in a step, ms, log scale", size)
		p.log()
		for i, d := range runs {
			if d.Seconds.Empty() {
				continue
			}
			ms := func(v float64) float64 { return v * 1000 }
			var spans []span
			for _, s := range bandOf(&d.Seconds, resolution(size)/2, true) {
				spans = append(spans, span{s.from, s.to, ms(s.low), ms(s.high)})
			}
			h := runHue(i)
			p.Add(band{spans, h, bandOpacity})
			r := average(&d.Seconds, resolution(size)/2, arithmetic)
			for j := range r {
				r[j].y = ms(r[j].y)
			}
			if !several(runs) {
				p.key("smallest to largest", h, bandKey)
				h = ink
			}
			p.Add(line{ranged: r, hue: h, width: 1.6})
			p.name(runs, i, "running average", h)
		}
		p.fit(extent(runs))
		return []*panel{p}
	}
	return f
}

func ifSeveral(runs []*digest.Digest) []vg.Length {
	if several(runs) {
		return dashed
	}
	return nil
}

// quantiles sorts the values and returns their smallest, quartiles and largest.
func quantiles(v []float64) (low, quarter, half, threeQuarters, high float64) {
	slices.Sort(v)
	at := func(p float64) float64 { return stat.Quantile(p, stat.Empirical, v, nil) }
	return v[0], at(0.25), at(0.5), at(0.75), v[len(v)-1]
}
