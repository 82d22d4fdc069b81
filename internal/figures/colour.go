package figures

import (
	"fmt"
	"image/color"
	"regexp"
	"strconv"
	"strings"
)

// A hue is a colour of the figures: what it is on paper, and its name for a page
// that has a dark side too.
type hue struct {
	name        string
	light, dark uint32
}

// The hues of series are those of Okabe and Ito, which people with any colour
// vision tell apart; the dark ones are lighter versions.
var (
	ink    = hue{"ink", 0x24292f, 0xd7dde4}
	muted  = hue{"muted", 0x6b7480, 0x8d97a3}
	rule   = hue{"rule", 0xd5dbe2, 0x3a424c}
	blue   = hue{"blue", 0x0072b2, 0x56a9e0}
	orange = hue{"orange", 0xd55e00, 0xf08c3a}
	green  = hue{"green", 0x00805f, 0x2fc39a}
	pink   = hue{"pink", 0xb8588e, 0xe08fc0}
	yellow = hue{"yellow", 0xb07d00, 0xe0b13a}
	violet = hue{"violet", 0x5b4fa3, 0xa59bea}
	red    = hue{"red", 0xc62f3b, 0xff7b84}
)

var (
	hues    = []hue{ink, muted, rule, blue, orange, green, pink, yellow, violet, red}
	runHues = []hue{blue, orange, green, pink, violet, yellow}
)

func runHue(i int) hue { return runHues[i%len(runHues)] }

// paint is the hue with an opacity from 0 to 1.
func (h hue) paint(opacity float64) color.Color {
	return color.NRGBA{uint8(h.light >> 16), uint8(h.light >> 8), uint8(h.light), uint8(255*opacity + 0.5)}
}

// RunVariable is the CSS variable of the colour of the i-th run.
func RunVariable(i int) string { return "--fig-" + runHue(i).name }

// Variables are the CSS variables of the figures' colours, light or dark, as
// declarations.
func Variables(dark bool) string {
	var b strings.Builder
	for _, h := range hues {
		v := h.light
		if dark {
			v = h.dark
		}
		fmt.Fprintf(&b, "--fig-%s:#%06x;", h.name, v)
	}
	return b.String()
}

var hexColour = regexp.MustCompile(`#[0-9A-F]{6}`)

// variables replaces an SVG's colours by CSS variables. A translucent colour
// comes out of the drawing library's arithmetic up to 2 off.
func variables(svg []byte) []byte {
	return hexColour.ReplaceAllFunc(svg, func(hex []byte) []byte {
		v, _ := strconv.ParseUint(string(hex[1:]), 16, 32)
		for _, h := range hues {
			if near(uint32(v), h.light) {
				return []byte("var(--fig-" + h.name + ")")
			}
		}
		return hex
	})
}

func near(a, b uint32) bool {
	for shift := 0; shift <= 16; shift += 8 {
		d := int(a>>shift&255) - int(b>>shift&255)
		if d < -2 || d > 2 {
			return false
		}
	}
	return true
}

// paper is the ground of a picture that has one.
var paper = color.White
