package figures

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	_ "gonum.org/v1/plot/vg/vgimg" // PNG
	_ "gonum.org/v1/plot/vg/vgpdf" // PDF
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/seed-140d0f39/gtg/internal/digest"
)

// Size is that of a figure, in points of 1/72 inch, which a browser shows as
// CSS pixels.
type Size struct{ Width, Height vg.Length }

// The sizes of a page: for a screen or paper, and for a phone.
var (
	Wide   = Size{860, 330}
	Narrow = Size{370, 300}
)

// A Figure is one figure of a run, or of several over one another.
type Figure struct {
	Name    string // short, for a command line
	Title   string
	Caption string // how to read it, in sentences
	// Missing says why there is nothing to draw; empty when there is.
	Missing string
	tall    float64 // its height over that of a figure of one panel; 0 means 1
	panels  func(Size) []*panel
}

// All returns the figures of a report on the runs, in its order.
func All(runs []*digest.Digest) []*Figure {
	var all []*Figure
	for _, make := range makers {
		all = append(all, make.of(runs)...)
	}
	return all
}

// makers are what All calls.
var makers = []struct {
	name string
	of   func([]*digest.Digest) []*Figure
}{
	{"norm", one(normFigure)},
	{"loss", one(lossFigure)},
	{"curvature", one(curvatureFigure)},
	{"rho", one(rhoFigure)},
	{"gradients", gradientFigures},
	{"updates", one(updateFigure)},
	{"clip", one(clipFigure)},
	{"cost", one(costFigure)},
}

func one(f func([]*digest.Digest) *Figure) func([]*digest.Digest) []*Figure {
	return func(runs []*digest.Digest) []*Figure { return []*Figure{f(runs)} }
}

// Names are the names of the figures, in the order of All.
func Names() (names []string) {
	for _, m := range makers {
		names = append(names, m.name)
	}
	return names
}

// Of returns the figures of that name: one, or one for each run.
func Of(name string, runs []*digest.Digest) ([]*Figure, error) {
	for _, m := range makers {
		if m.name == name {
			return m.of(runs), nil
		}
	}
	return nil, fmt.Errorf("no figure is called %q, want one of: %s", name, strings.Join(Names(), ", "))
}

func (f *Figure) size(s Size) Size {
	if f.tall > 0 {
		s.Height *= vg.Length(f.tall)
	}
	return s
}

func (f *Figure) draw(c vg.Canvas, s Size) {
	dc := draw.NewCanvas(c, s.Width, s.Height)
	drawPanels(draw.Crop(dc, 4, -8, 4, -2), f.panels(s))
}

// Write writes the figure as "svg", "pdf" or "png".
func (f *Figure) Write(w io.Writer, format string, size Size) (err error) {
	if f.Missing != "" {
		return fmt.Errorf("nothing to draw: %s", f.Missing)
	}
	size = f.size(size)
	c, err := draw.NewFormattedCanvas(size.Width, size.Height, format)
	if err != nil {
		return fmt.Errorf("no figure can be written as %q, want svg, pdf or png", format)
	}
	defer func() { // the drawing library panics on what it did not think of
		if p := recover(); p != nil {
			err = fmt.Errorf("figure %s: %v", f.Name, p)
		}
	}()
	if format == "png" { // which is looked at anywhere
		c.SetColor(paper)
		c.Fill(vg.Rectangle{Max: vg.Point{X: size.Width, Y: size.Height}}.Path())
	}
	switch format {
	case "svg":
		f.draw(c, size)
		var b bytes.Buffer
		if _, err := c.WriteTo(&b); err != nil {
			return err
		}
		_, err = w.Write(fallback(mend(b.Bytes())))
		return err
	case "pdf":
		f.draw(outlined{c}, size)
	default:
		f.draw(c, size)
	}
	_, err = c.WriteTo(w)
	return err
}

var (
	svgStart = regexp.MustCompile(`(?s)^.*?<svg [^>]*>`)
	coords   = regexp.MustCompile(`([ML,])(-?\d+\.\d)\d+`)
)

// Inline returns the figure as an SVG element for an HTML page: with the page's
// CSS variables for colours (see [Variables]), without a size of its own, and
// with its title for those who do not see it.
func (f *Figure) Inline(size Size) (svg []byte, err error) {
	if f.Missing != "" {
		return nil, fmt.Errorf("nothing to draw: %s", f.Missing)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("figure %s: %v", f.Name, p)
		}
	}()
	size = f.size(size)
	c := vgsvg.New(size.Width, size.Height)
	f.draw(c, size)
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, err
	}
	svg = variables(mend(b.Bytes()))
	svg = coords.ReplaceAll(svg, []byte("$1$2")) // a tenth of a pixel is enough
	svg = fontStyle.ReplaceAll(svg, []byte("font-size"))
	start := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 %g %g" role="img" aria-label="%s">`,
		size.Width.Points(), size.Height.Points(), html.EscapeString(f.Title))
	return svgStart.ReplaceAllLiteral(svg, []byte(start)), nil
}

// fontStyle is what the page's style sheet says.
var fontStyle = regexp.MustCompile(`font-family:[^"]*?;font-size`)
