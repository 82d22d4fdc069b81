package figures

import (
	"strings"
	"unicode"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// outlined draws texts that are not ASCII as the outlines of their letters: the
// library's PDF knows the letters of Western Europe only and takes UTF-8 for them, so
// that ρ and gᵀg would be garbled.
type outlined struct{ vg.Canvas }

func (c outlined) FillString(face font.Face, at vg.Point, text string) {
	if strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) < 0 {
		c.Canvas.FillString(face, at, text)
		return
	}
	if path := outline(face, at, text); len(path) > 0 {
		c.Fill(path)
	}
}

// outline is the path of a text that begins at a point.
func outline(face font.Face, at vg.Point, text string) (path vg.Path) {
	const em = 1000 // units of an outline in the font's size
	scale := face.Font.Size / em / 64
	var b sfnt.Buffer
	for _, r := range text {
		glyph, err := face.Face.GlyphIndex(&b, r)
		if err != nil {
			continue
		}
		segments, err := face.Face.LoadGlyph(&b, glyph, fixed.I(em), nil)
		if err != nil {
			continue
		}
		point := func(p fixed.Point26_6) vg.Point { // of a glyph, whose y goes down
			return vg.Point{X: at.X + vg.Length(p.X)*scale, Y: at.Y - vg.Length(p.Y)*scale}
		}
		for i, s := range segments {
			switch s.Op {
			case sfnt.SegmentOpMoveTo:
				if i > 0 {
					path.Close()
				}
				path.Move(point(s.Args[0]))
			case sfnt.SegmentOpLineTo:
				path.Line(point(s.Args[0]))
			case sfnt.SegmentOpQuadTo:
				path.QuadTo(point(s.Args[0]), point(s.Args[1]))
			case sfnt.SegmentOpCubeTo:
				path.CubeTo(point(s.Args[0]), point(s.Args[1]), point(s.Args[2]))
			}
		}
		if len(segments) > 0 {
			path.Close()
		}
		if advance, err := face.Face.GlyphAdvance(&b, glyph, fixed.I(em), 0); err == nil {
			at.X += vg.Length(advance) * scale
		}
	}
	return path
}
