package figures

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strconv"

	"gonum.org/v1/plot/vg"
)

// mend makes of the drawing library's SVG what browsers show as it was meant.
func mend(svg []byte) []byte { return measured(stretch(svg)) }

// stretch lets pictures fill the room that they are given.
func stretch(svg []byte) []byte {
	return bytes.ReplaceAll(svg, []byte("<image "), []byte(`<image preserveAspectRatio="none" `))
}

// fallback names the fonts that are taken where the first is not there.
func fallback(svg []byte) []byte {
	return bytes.ReplaceAll(svg, []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
}

var svgText = regexp.MustCompile(`(?s)<text ([^>]*font-size:([\d.]+)px[^>]*)>([^<]*)</text>`)

// measured gives texts the width that was reckoned with, so that they do not run into
// what is beside them where the reader has another, wider font.
func measured(svg []byte) []byte {
	return svgText.ReplaceAllFunc(svg, func(element []byte) []byte {
		part := svgText.FindSubmatch(element)
		size, err := strconv.ParseFloat(string(part[2]), 64)
		width := style(ink, vg.Length(size)).Width(html.UnescapeString(string(part[3])))
		if err != nil || !(width > 0) {
			return element
		}
		return fmt.Appendf(nil, `<text textLength="%.1f" lengthAdjust="spacingAndGlyphs" %s>%s</text>`, width, part[1], part[3])
	})
}
