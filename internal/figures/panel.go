package figures

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A panel is one plot of a figure. The panels of a figure stand over one another
// and share the axis of steps.
type panel struct {
	*plot.Plot
	title  string
	weight float64 // of its height
	keys   []key
	scale  *colourScale // of a heat map
}

// A key is an entry of a panel's legend.
type key struct {
	label string
	hue   hue
	shape shape
}

type shape int

const (
	lineKey shape = iota
	dashKey
	dotKey
	bandKey
	wedgeKey
)

const (
	fontSize  = 11
	keyLength = 16
	keyGap    = 14
)

var (
	dashed  = []vg.Length{6, 3}
	dotted  = []vg.Length{1.5, 2.5}
	sans    = font.Font{Typeface: "Liberation", Variant: "Sans"}
	handler = text.Plain{Fonts: font.DefaultCache}
)

func style(h hue, size vg.Length) text.Style {
	return text.Style{Color: h.paint(1), Font: font.From(sans, size), Handler: handler}
}

// newPanel returns a panel with gtg's look. Its vertical axis is linear.
func newPanel(title string, size Size) *panel {
	f := barePanel(title, size)
	f.Add(grid{})
	return f
}

func barePanel(title string, size Size) *panel {
	p := plot.New()
	p.BackgroundColor = nil
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.LineStyle = draw.LineStyle{Color: muted.paint(1), Width: 0.8}
		axis.Tick.LineStyle = axis.LineStyle
		axis.Tick.Length = 4
		axis.Padding = 0
		old := axis.Tick.Label
		axis.Tick.Label = style(ink, fontSize)
		axis.Tick.Label.XAlign, axis.Tick.Label.YAlign = old.XAlign, old.YAlign
	}
	p.X.Tick.Marker = even(max(int(size.Width/110), 3), steps)
	p.Y.Tick.Marker = even(5, number)
	return &panel{Plot: p, title: title, weight: 1}
}

func (f *panel) log() {
	f.Y.Scale, f.Y.Tick.Marker = logScale{}, decades(6)
}

func (f *panel) sinh() {
	f.Y.Scale, f.Y.Tick.Marker = sinhScale{}, signed(7)
}

func (f *panel) key(label string, h hue, s shape) { f.keys = append(f.keys, key{label, h, s}) }

// fit gives the axes their ranges, a little wider than the data.
func (f *panel) fit(first, last float64) {
	f.X.Min, f.X.Max = first, last
	if !(last > first) {
		f.X.Min, f.X.Max = first-1, first+1
	}
	low, high := f.Y.Min, f.Y.Max
	if low > high || math.IsInf(low, 0) || math.IsInf(high, 0) {
		low, high = 0, 1
		if _, ok := f.Y.Scale.(logScale); ok {
			low = 0.1
		}
	}
	const huge = 1e290 // with room for arithmetic
	low, high = math.Max(low, -huge), math.Min(high, huge)
	switch f.Y.Scale.(type) {
	case logScale:
		high = math.Max(high, 1/huge)
		if low <= 0 {
			low = high * 1e-3
		}
		const widest = 1e30 // the rest is at the bottom
		low = math.Min(math.Max(low, high/widest), high)
		pad := math.Max(math.Pow(high/low, 0.05), 1.05)
		low, high = low/pad, high*pad
	case sinhScale:
		a, b := math.Asinh(low), math.Asinh(high)
		pad := math.Max(0.05*(b-a), 0.05)
		low, high = math.Sinh(a-pad), math.Sinh(b+pad)
	default:
		pad := 0.05 * (high - low)
		if !(pad > 1e-9*math.Abs(high)) {
			pad = math.Max(math.Abs(high)*0.05, 1e-12)
		}
		low, high = low-pad, high+pad
	}
	f.Y.Min, f.Y.Max = low, high
}

// drawPanels draws the panels over one another, their data aligned.
func drawPanels(c draw.Canvas, panels []*panel) {
	var weights float64
	headers := make([]vg.Length, len(panels))
	room := c.Size().Y
	for i, f := range panels {
		headers[i] = f.header(c, false)
		room -= headers[i]
		weights += f.weight
	}
	tiles := make([]draw.Canvas, len(panels))
	top := c.Max.Y
	var left, right vg.Length
	for i, f := range panels {
		if i+1 < len(panels) {
			f.X.Tick.Marker = unlabelled(f.X.Tick.Marker)
		} else {
			f.X.Label.Text, f.X.Label.Position = "step", draw.PosRight
			f.X.Label.TextStyle = style(muted, fontSize)
			f.X.Label.TextStyle.XAlign, f.X.Label.TextStyle.YAlign = draw.XCenter, draw.YBottom
		}
		t := c
		t.Max.Y = top
		f.header(t, true)
		top -= headers[i]
		t.Max.Y = top
		top -= room * vg.Length(f.weight/weights)
		t.Min.Y = top
		tiles[i] = t
		data := f.DataCanvas(t)
		left, right = max(left, data.Min.X-t.Min.X), max(right, t.Max.X-data.Max.X)
	}
	for i, f := range panels {
		t := tiles[i]
		data := f.DataCanvas(t)
		f.Draw(draw.Crop(t, left-(data.Min.X-t.Min.X), -(right - (t.Max.X - data.Max.X)), 0, 0))
	}
}

// header draws the panel's title and legend in as many lines as they need, or
// only measures them. It returns the height.
func (f *panel) header(c draw.Canvas, doDraw bool) vg.Length {
	const lineHeight, below = 17, 7
	title := style(ink, fontSize+1)
	x, y := c.Min.X, c.Max.Y-lineHeight+5
	if doDraw {
		c.FillText(title, vg.Point{X: x, Y: y}, f.title)
	}
	x += title.Width(f.title) + keyGap
	entry := style(muted, fontSize)
	lines := vg.Length(1)
	next := func(width vg.Length) {
		if x+width > c.Max.X && x > c.Min.X {
			x, y = c.Min.X, y-lineHeight
			lines++
		}
	}
	for _, k := range f.keys {
		width := keyLength + 5 + entry.Width(k.label)
		next(width)
		if doDraw {
			k.thumbnail(c, x, y+fontSize*0.35)
			c.FillText(entry, vg.Point{X: x + keyLength + 5, Y: y}, k.label)
		}
		x += width + keyGap
	}
	if f.scale != nil {
		width := f.scale.width(entry)
		next(width)
		if doDraw {
			f.scale.draw(c, x, y, entry)
		}
	}
	return lines*lineHeight + below
}

func (k key) thumbnail(c draw.Canvas, x, y vg.Length) {
	const w = keyLength
	var path vg.Path
	switch k.shape {
	case bandKey:
		path.Move(vg.Point{X: x, Y: y - 4})
		path.Line(vg.Point{X: x, Y: y + 4})
		path.Line(vg.Point{X: x + w, Y: y + 4})
		path.Line(vg.Point{X: x + w, Y: y - 4})
		path.Close()
		c.SetColor(k.hue.paint(bandOpacity))
		c.Fill(path)
	case wedgeKey:
		path.Move(vg.Point{X: x + w/2 - 4, Y: y + 4})
		path.Line(vg.Point{X: x + w/2 + 4, Y: y + 4})
		path.Line(vg.Point{X: x + w/2, Y: y - 4})
		path.Close()
		c.SetColor(k.hue.paint(1))
		c.Fill(path)
	case dotKey:
		for i := vg.Length(0); i < 3; i++ {
			at := x + w/6 + i*w/3
			path.Move(vg.Point{X: at - 1.2, Y: y + i - 1})
			path.Line(vg.Point{X: at + 1.2, Y: y + i - 1})
		}
		stroke(c, path, k.hue, 1, 2.4, nil)
	default:
		path.Move(vg.Point{X: x, Y: y})
		path.Line(vg.Point{X: x + w, Y: y})
		var dashes []vg.Length
		if k.shape == dashKey {
			dashes = dashed
		}
		stroke(c, path, k.hue, 1, 2, dashes)
	}
}
