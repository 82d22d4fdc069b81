package report_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/browser"
	"github.com/seed-140d0f39/gtg/internal/digest/digesttest"
	"github.com/seed-140d0f39/gtg/internal/report"
)

// outside are the texts of figures that stick out of them or run into the next text of
// the line, and the short cells of tables whose words are broken.
const outside = `(() => {
	const wrong = [];
	for (const svg of document.querySelectorAll("figure svg")) {
		const frame = svg.getBoundingClientRect();
		if (frame.width === 0) continue; // the other width's
		const texts = [...svg.querySelectorAll("text")].map(t => [t.textContent, t.getBoundingClientRect()]);
		for (const [what, r] of texts) {
			if (r.left < frame.left - 1 || r.right > frame.right + 1 || r.top < frame.top - 1 || r.bottom > frame.bottom + 1) wrong.push("out of the figure: " + what);
			for (const [other, o] of texts)
				if (r !== o && r.left <= o.left && o.left < r.right - 1 && Math.abs(r.top - o.top) < 2) wrong.push(what + " runs into " + other);
		}
	}
	for (const cell of document.querySelectorAll(".events td:not(.what), .events th"))
		if (cell.offsetParent && cell.offsetHeight > 0) {
			const range = document.createRange();
			range.selectNodeContents(cell);
			if (new Set([...range.getClientRects()].map(r => Math.round(r.top))).size > 1) wrong.push("broken: " + cell.textContent);
		}
	if (document.documentElement.scrollWidth > window.innerWidth) wrong.push("wider than the screen");
	return wrong;
})()`

// On a wide screen and on a phone nothing is cut off or runs into something else, in
// whatever font there is; the page asks the network for nothing and can be printed.
func TestReportFits(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	b, stop, err := browser.Start(ctx)
	if errors.Is(err, browser.ErrMissing) {
		t.Skip(err)
	}
	require.NoError(t, err)
	defer stop()
	for name, recipes := range map[string][]digesttest.Recipe{
		"one":     {{Name: "a rather long name of a run", Steps: 3000, Params: 12, Spike: 1500, NaN: 2000, Vanish: true}},
		"several": {{Name: "temporalorder", Steps: 300, Params: 4, Spike: 150}, {Name: "temporalorder2", Steps: 9000, Params: 4, Seed: 2, Spike: 7000}},
	} {
		path := filepath.Join(t.TempDir(), name+".html")
		require.NoError(t, os.WriteFile(path, written(t, runs(t, recipes...), report.Options{}), 0o644))
		tab, shut, err := b.Tab()
		require.NoError(t, err)
		for _, screen := range []chromedp.Action[chromedp.Void]{chromedp.EmulateViewport(1360, 1000), chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile)} {
			require.NoError(t, chromedp.Do(tab.Context, screen, chromedp.Navigate("file://"+path)))
			wrong, err := chromedp.Run(tab.Context, chromedp.Evaluate[[]string](outside))
			require.NoError(t, err)
			require.Empty(t, wrong, name)
		}
		printed, err := chromedp.Call(tab.Context, page.PrintToPDF, page.PrintToPDFParams{})
		require.NoError(t, err)
		require.NotEmpty(t, printed.Data)
		require.Empty(t, tab.Console())
		for _, r := range tab.Requests() {
			require.True(t, strings.HasPrefix(r, "file://"+path) || strings.HasPrefix(r, "data:"), r)
		}
		shut()
	}
}
