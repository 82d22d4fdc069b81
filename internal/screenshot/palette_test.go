package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"

	"github.com/stretchr/testify/require"
)

// A picture of many colours becomes one of 256 that looks the same: no pixel is far
// off, and a rare bright one stays what it is.
func TestSmall(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 100, 100))
	for y := range 100 {
		for x := range 100 {
			img.Set(x, y, color.RGBA{uint8(100 + x), uint8(100 + y), 120, 255})
		}
	}
	rare := color.RGBA{10, 220, 40, 255}
	img.Set(50, 50, rare)
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	out, err := small(b.Bytes())
	require.NoError(t, err)

	got, err := png.Decode(bytes.NewReader(out))
	require.NoError(t, err)
	require.IsType(t, new(image.Paletted), got)
	require.Equal(t, rare, color.RGBAModel.Convert(got.At(50, 50)))
	for y := range 100 {
		for x := range 100 {
			r, g, blue, _ := got.At(x, y).RGBA()
			wr, wg, wb, _ := img.At(x, y).RGBA()
			require.InDelta(t, wr>>8, r>>8, 17)
			require.InDelta(t, wg>>8, g>>8, 17)
			require.InDelta(t, wb>>8, blue>>8, 17)
		}
	}
	_, err = small([]byte("no picture"))
	require.Error(t, err)
}
