package main

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"slices"
)

// small encodes a picture anew with 256 colours, which is hardly seen on a page of
// figures and takes a third of the room: one of each kind of colour, so that what is
// rare and bright stays, and of the others those that it has most of.
func small(picture []byte) ([]byte, error) {
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, err
	}
	bounds := img.Bounds()
	count := map[color.Color]int{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[img.At(x, y)]++
		}
	}
	colours := make(color.Palette, 0, len(count))
	for c := range count {
		colours = append(colours, c)
	}
	order := func(c color.Color) uint32 { r, g, b, _ := c.RGBA(); return r>>8<<16 | g>>8<<8 | b>>8 }
	slices.SortFunc(colours, func(a, b color.Color) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(order(a), order(b)))
	})
	kinds, rest := color.Palette{}, color.Palette{}
	seen := map[uint32]bool{}
	for _, c := range colours {
		if kind := order(c) & 0xf0f0f0; !seen[kind] && len(kinds) < 200 {
			seen[kind] = true
			kinds = append(kinds, c)
		} else {
			rest = append(rest, c)
		}
	}
	colours = append(kinds, rest[:min(len(rest), 256-len(kinds))]...)
	out := image.NewPaletted(bounds, colours)
	nearest := map[color.Color]uint8{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := img.At(x, y)
			i, known := nearest[c]
			if !known {
				i = uint8(colours.Index(c))
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var b bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, out)
	return b.Bytes(), err
}
