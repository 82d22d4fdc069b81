package report_test

import (
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/digest/digesttest"
	"github.com/seed-140d0f39/gtg/internal/report"
)

// A browser shows the page, light and dark, with its figures drawn.
func TestReportInABrowser(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil || testing.Short() {
		t.Skip("needs chromium")
	}
	dir := t.TempDir()
	page := filepath.Join(dir, "report.html")
	d := runs(t, digesttest.Recipe{Name: "demo", Steps: 3000, Params: 12, Spike: 1500})
	require.NoError(t, os.WriteFile(page, written(t, d, report.Options{}), 0o644))
	shot := func(name, scheme string) image.Image {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		path := filepath.Join(dir, name)
		out, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
			"--user-data-dir="+filepath.Join(dir, "profile"), "--blink-settings=preferredColorScheme="+scheme,
			"--window-size=900,5000", "--screenshot="+path, "file://"+page).CombinedOutput()
		require.NoError(t, err, string(out))
		f, err := os.Open(path)
		require.NoError(t, err)
		defer f.Close()
		img, err := png.Decode(f)
		require.NoError(t, err)
		return img
	}
	// count counts the pixels of a colour.
	count := func(img image.Image, c color.Color) (n int) {
		want := color.RGBAModel.Convert(c)
		for y := range img.Bounds().Dy() {
			for x := range img.Bounds().Dx() {
				if color.RGBAModel.Convert(img.At(x, y)) == want {
					n++
				}
			}
		}
		return n
	}
	light, dark := shot("light.png", "1"), shot("dark.png", "0")
	require.Greater(t, count(light, color.White), 900*2500)
	require.Greater(t, count(dark, color.RGBA{0x0f, 0x13, 0x18, 255}), 900*2500)
	require.Greater(t, count(light, color.RGBA{0xd5, 0x5e, 0x00, 255}), 200, "the clipping threshold in light")
	require.Greater(t, count(dark, color.RGBA{0xf0, 0x8c, 0x3a, 255}), 200, "and in dark")
}
