package figures

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/seed-140d0f39/gtg/internal/digest"
)

// A colourScale gives decimal logarithms their colours.
type colourScale struct {
	low, high float64
	colours   color.Palette // 0 is nothing, 1 what is 0, 2 what is not finite, then the scale
}

const (
	nothing = iota
	exactlyZero
	notFinite
	firstColour
)

const colours = 64

// newColourScale covers the values but for the outermost percents, with a decade
// more where those go on, and one decade at least. What is outside gets the
// outermost colours.
func newColourScale(values []float32) *colourScale {
	s := &colourScale{low: -1, high: 0}
	if len(values) > 0 {
		slices.Sort(values)
		n := len(values)
		s.low = math.Max(float64(values[n/100])-1, float64(values[0]))
		s.high = math.Min(float64(values[n-1-n/100])+1, float64(values[n-1]))
	}
	if s.high-s.low < 1 {
		middle := (s.high + s.low) / 2
		s.low, s.high = middle-0.5, middle+0.5
	}
	s.colours = color.Palette{color.Transparent, color.NRGBA{120, 120, 120, 255}, color.NRGBA{230, 20, 60, 255}}
	for _, c := range scaleColours() {
		s.colours = append(s.colours, c)
	}
	return s
}

// scaleColours goes from dark to light without black and white, which a page has
// itself.
func scaleColours() []color.Color {
	m := moreland.Kindlmann()
	m.SetMin(0)
	m.SetMax(1)
	var all []color.Color
	for i := range colours {
		c, err := m.At(0.12 + 0.83*float64(i)/(colours-1))
		if err != nil {
			c = color.Gray{128}
		}
		all = append(all, c)
	}
	return all
}

func (s *colourScale) index(log float64) uint8 {
	share := math.Min(math.Max((log-s.low)/(s.high-s.low), 0), 1)
	return firstColour + uint8(share*(colours-1)+0.5)
}

func (s *colourScale) cell(c *digest.Cell) uint8 {
	switch {
	case c.Bad > 0:
		return notFinite
	case c.Positive > 0:
		return s.index(float64(c.Max))
	case c.Zero > 0:
		return exactlyZero
	}
	return nothing
}

const scaleBar = 90

func (s *colourScale) labels() (low, high string) {
	short := func(log float64) string { return fmt.Sprintf("%.0e", math.Pow(10, log)) }
	trim := strings.NewReplacer("e-0", "e-", "e+0", "e")
	return trim.Replace(short(s.low)), trim.Replace(short(s.high))
}

func (s *colourScale) width(entry text.Style) vg.Length {
	low, high := s.labels()
	return entry.Width(low) + entry.Width(high) + scaleBar + 10 + entry.Width("0") + entry.Width("not finite") + 46
}

func (s *colourScale) draw(c draw.Canvas, x, y vg.Length, entry text.Style) {
	low, high := s.labels()
	c.FillText(entry, vg.Point{X: x, Y: y}, low)
	x += entry.Width(low) + 5
	img := image.NewPaletted(image.Rect(0, 0, colours, 1), s.colours)
	for i := range colours {
		img.SetColorIndex(i, 0, firstColour+uint8(i))
	}
	c.DrawImage(vg.Rectangle{Min: vg.Point{X: x, Y: y - 1}, Max: vg.Point{X: x + scaleBar, Y: y + 9}}, img)
	x += scaleBar + 5
	c.FillText(entry, vg.Point{X: x, Y: y}, high)
	x += entry.Width(high) + 10
	for _, k := range []struct {
		index uint8
		label string
	}{{exactlyZero, "0"}, {notFinite, "not finite"}} {
		c.SetColor(s.colours[k.index])
		c.Fill(vg.Rectangle{Min: vg.Point{X: x, Y: y - 1}, Max: vg.Point{X: x + 10, Y: y + 9}}.Path())
		c.FillText(entry, vg.Point{X: x + 14, Y: y}, k.label)
		x += 14 + entry.Width(k.label) + 10
	}
}

// heat draws a grid: a picture with a pixel for each row and moment.
func heat(g *digest.Grid, title string, scale *colourScale, first, last float64, size Size) *panel {
	f := barePanel(title, size)
	columns := g.Columns()
	width := max(int(size.Width), 1)
	high := max(1, 400/len(g.Rows)) // pixels of a row, so that scaling does not blur them
	img := image.NewPaletted(image.Rect(0, 0, width, high*len(g.Rows)), scale.colours)
	at := 0
	for x := range width {
		// The stretch of steps that this pixel stands for.
		from := first + (last-first)*float64(x)/float64(width)
		to := first + (last-first)*float64(x+1)/float64(width)
		for at+1 < len(columns) && float64(columns[at+1].First) <= from {
			at++
		}
		for row := range g.Rows {
			cell := columns[at].Cells[row]
			if float64(columns[at].Last) < from && gap(columns, at, from) {
				cell = digest.Cell{}
			}
			for k := at + 1; k < len(columns) && float64(columns[k].First) < to; k++ {
				cell.Merge(&columns[k].Cells[row])
			}
			for y := range high {
				img.SetColorIndex(x, row*high+y, scale.cell(&cell))
			}
		}
	}
	f.Plot.Add(picture{img})
	f.scale = scale
	f.X.Min, f.X.Max = first, last
	if !(last > first) {
		f.X.Min, f.X.Max = first-1, first+1
	}
	f.Y.Min, f.Y.Max = 0, float64(len(g.Rows))
	f.Y.Tick.Marker = rowTicks(g, size)
	f.Y.Tick.Length = 0
	return f
}

// gap says whether nothing was measured at the step for longer than the columns
// around it would have one expect.
func gap(columns []digest.Column, at int, step float64) bool {
	if at+1 == len(columns) {
		return step > float64(columns[at].Last)
	}
	usual := float64(columns[len(columns)-1].Last-columns[0].First) / float64(len(columns))
	return float64(columns[at+1].First-columns[at].Last) > 4*usual+1
}

// rowTicks name as many rows as there is room for.
func rowTicks(g *digest.Grid, size Size) plot.Ticker {
	return plot.TickerFunc(func(_, _ float64) (ticks []plot.Tick) {
		room := max(int(size.Height-60)/(fontSize+3), 2)
		every := (len(g.Rows) + room - 1) / room
		longest := int(size.Width) / 24
		for i := 0; i < len(g.Rows); i += every {
			ticks = append(ticks, plot.Tick{Value: float64(len(g.Rows)-i) - 0.5, Label: shorten(g.Rows[i].Name, longest)})
		}
		return ticks
	})
}

// shorten keeps the end of a name, which says most, and a little of its start.
func shorten(name string, longest int) string {
	n := utf8.RuneCountInString(name)
	if n <= longest {
		return name
	}
	r := []rune(name)
	head := longest / 4
	return string(r[:head]) + "…" + string(r[n-(longest-head-1):])
}
