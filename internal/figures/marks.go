package figures

import (
	"image"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The plotters of this file draw many values as one path each, so that a figure
// of thousands of dots stays small. What they draw is clipped to the panel.

type point struct{ x, y float64 }

// ranged is what a plotter covers.
type ranged []point

// DataRange is the range of the finite points.
func (r ranged) DataRange() (xmin, xmax, ymin, ymax float64) {
	xmin, xmax, ymin, ymax = math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, p := range r {
		if math.IsNaN(p.y) || math.IsInf(p.y, 0) {
			continue
		}
		xmin, xmax = math.Min(xmin, p.x), math.Max(xmax, p.x)
		ymin, ymax = math.Min(ymin, p.y), math.Max(ymax, p.y)
	}
	return xmin, xmax, ymin, ymax
}

// dots marks each point.
type dots struct {
	ranged
	hue     hue
	opacity float64
	size    vg.Length
}

func (d dots) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	var path vg.Path
	for _, pt := range d.ranged {
		at := vg.Point{X: x(pt.x), Y: y(pt.y)}
		if math.IsNaN(pt.y) || !c.Contains(at) {
			continue
		}
		path.Move(vg.Point{X: at.X - d.size/2, Y: at.Y})
		path.Line(vg.Point{X: at.X + d.size/2, Y: at.Y})
	}
	stroke(c, path, d.hue, d.opacity, d.size, nil)
}

func stroke(c draw.Canvas, path vg.Path, h hue, opacity float64, width vg.Length, dashes []vg.Length) {
	if len(path) == 0 {
		return
	}
	c.SetLineStyle(draw.LineStyle{Color: h.paint(opacity), Width: width, Dashes: dashes})
	c.Stroke(path)
}

// line joins points; NaN breaks it.
type line struct {
	ranged
	hue    hue
	width  vg.Length
	dashes []vg.Length
	alpha  float64 // 0 means 1
}

func (l line) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	var path vg.Path
	var run []vg.Point
	flush := func() {
		if len(run) == 1 { // a line of one point
			run = append(run, run[0])
			run[0].X -= 3
			run[1].X += 3
		}
		for _, part := range c.ClipLinesXY(run) {
			for i, pt := range part {
				if i == 0 {
					path.Move(pt)
				} else {
					path.Line(pt)
				}
			}
		}
		run = run[:0]
	}
	for _, pt := range l.ranged {
		if math.IsNaN(pt.y) {
			flush()
			continue
		}
		const far = 1e4 // clipping does its arithmetic with it
		run = append(run, vg.Point{X: x(pt.x), Y: clamp(y(pt.y), c.Min.Y-far, c.Max.Y+far)})
	}
	flush()
	if l.alpha == 0 {
		l.alpha = 1
	}
	stroke(c, path, l.hue, l.alpha, l.width, l.dashes)
}

// A span is what a bucket covers.
type span struct{ from, to, low, high float64 }

// band fills from the smallest to the largest value of each bucket. A bucket is
// at least a hair wide and high, so that a spike is seen.
type band struct {
	spans   []span
	hue     hue
	opacity float64
}

func (b band) DataRange() (xmin, xmax, ymin, ymax float64) {
	var r ranged
	for _, s := range b.spans {
		r = append(r, point{s.from, s.low}, point{s.to, s.high})
	}
	return r.DataRange()
}

func (b band) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	var path vg.Path
	for i, s := range b.spans {
		left, right := x(s.from), x(s.to)
		if i+1 < len(b.spans) && b.spans[i+1].from-s.to < 2*(s.to-s.from)+2 {
			right = x(b.spans[i+1].from) // no gaps between neighbours
		}
		const hair = 0.8
		if right-left < hair {
			right = left + hair
		}
		low, high := clamp(y(s.low), c.Min.Y, c.Max.Y), clamp(y(s.high), c.Min.Y, c.Max.Y)
		if high-low < hair {
			low, high = (low+high-hair)/2, (low+high+hair)/2
		}
		if right < c.Min.X || left > c.Max.X {
			continue
		}
		path.Move(vg.Point{X: left, Y: low})
		path.Line(vg.Point{X: left, Y: high})
		path.Line(vg.Point{X: right, Y: high})
		path.Line(vg.Point{X: right, Y: low})
		path.Close()
	}
	if len(path) > 0 {
		c.SetColor(b.hue.paint(b.opacity))
		c.Fill(path)
	}
}

func clamp(v, low, high vg.Length) vg.Length { return min(max(v, low), high) }

// posts are vertical lines at steps, the height of the panel.
type posts struct {
	at      []float64
	hue     hue
	opacity float64
	width   vg.Length
	dashes  []vg.Length
}

func (f posts) Plot(c draw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	var path vg.Path
	last := vg.Length(math.Inf(-1))
	for _, at := range f.at {
		px := x(at)
		if px < c.Min.X || px > c.Max.X || px-last < 0.5 {
			continue
		}
		last = px
		path.Move(vg.Point{X: px, Y: c.Min.Y})
		path.Line(vg.Point{X: px, Y: c.Max.Y})
	}
	stroke(c, path, f.hue, f.opacity, f.width, f.dashes)
}

// edge marks steps at the top of the panel by a wedge: where a value was not
// finite, or an event began.
type edge struct {
	at  []float64
	hue hue
}

func (e edge) Plot(c draw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	var path vg.Path
	last := vg.Length(math.Inf(-1))
	for _, at := range e.at {
		px := x(at)
		if px < c.Min.X || px > c.Max.X || px-last < 1 {
			continue
		}
		last = px
		const size = 4
		path.Move(vg.Point{X: px - size, Y: c.Max.Y + size})
		path.Line(vg.Point{X: px + size, Y: c.Max.Y + size})
		path.Line(vg.Point{X: px, Y: c.Max.Y - size})
		path.Close()
	}
	if len(path) > 0 {
		c.SetColor(e.hue.paint(1))
		c.Fill(path)
	}
}

// level is a horizontal line.
type level struct {
	y      float64
	hue    hue
	dashes []vg.Length
}

func (l level) Plot(c draw.Canvas, p *plot.Plot) {
	_, y := p.Transforms(&c)
	py := y(l.y)
	if py < c.Min.Y || py > c.Max.Y {
		return
	}
	var path vg.Path
	path.Move(vg.Point{X: c.Min.X, Y: py})
	path.Line(vg.Point{X: c.Max.X, Y: py})
	stroke(c, path, l.hue, 1, 1.2, l.dashes)
}

// grid rules the panel at the ticks of the vertical axis.
type grid struct{}

func (grid) Plot(c draw.Canvas, p *plot.Plot) {
	_, y := p.Transforms(&c)
	var path vg.Path
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		py := y(t.Value)
		if py < c.Min.Y || py > c.Max.Y {
			continue
		}
		path.Move(vg.Point{X: c.Min.X, Y: py})
		path.Line(vg.Point{X: c.Max.X, Y: py})
	}
	stroke(c, path, rule, 1, 0.6, nil)
}

// picture fills the panel.
type picture struct{ img image.Image }

func (f picture) Plot(c draw.Canvas, _ *plot.Plot) { c.DrawImage(c.Rectangle, f.img) }
