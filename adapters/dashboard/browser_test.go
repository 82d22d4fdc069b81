package dashboard_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/dashboard"
	"github.com/seed-140d0f39/gtg/internal/browser"
	"github.com/seed-140d0f39/gtg/monitor"
)

// patience is how long a browser may take for anything.
const patience = 60 * time.Second

// trainer makes a run's steps and judges them, and tells the page.
type trainer struct {
	*dashboard.Server
	mon  *monitor.Monitor
	step int64
}

func train(t testing.TB, addr, name string) *trainer {
	server, err := dashboard.Serve(addr)
	require.NoError(t, err)
	run := &monitor.Run{Name: name, Started: time.Now(), Framework: "a test", Device: "cpu",
		Optimizer: &monitor.Optimizer{Kind: "sgd"},
		Params:    []monitor.Param{{Name: "first.weight", Numel: 100}, {Name: `<img src=x onerror="console.error(1)">`, Numel: 10}, {Name: "last.weight", Numel: 1000}}}
	require.NoError(t, server.Start(run))
	tr := &trainer{Server: server, mon: monitor.New(run)}
	t.Cleanup(func() { tr.end(t) })
	return tr
}

func (tr *trainer) end(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	require.NoError(t, tr.Close(ctx, &monitor.End{Step: tr.step, Reason: monitor.Closed, Verdict: tr.mon.Verdict()}))
}

// steps makes n steps whose gradients are so many times their usual size.
func (tr *trainer) steps(t testing.TB, n int, size float64) {
	for range n {
		tr.step++
		i := float64(tr.step)
		norm := size * math.Exp(0.1*math.Sin(7*i))
		share := monitor.Known(norm / math.Sqrt(3))
		s := &monitor.Step{Step: tr.step, T: monitor.Known(0.01 * i), Loss: monitor.Known(0.5 + math.Exp(-i/500)),
			LR: monitor.Known(0.1), GradNorm: monitor.Known(norm), NonFinite: monitor.Known(0),
			ParamGradNorms: []monitor.Number{share, share, share}, GTGSeconds: monitor.Known(1e-5)}
		require.NoError(t, tr.Step(s))
		for _, e := range tr.mon.Observe(s) {
			require.NoError(t, tr.Event(&e))
		}
	}
}

func open(t *testing.T, url string) *browser.Tab {
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	t.Cleanup(cancel)
	b, stop, err := browser.Start(ctx)
	if errors.Is(err, browser.ErrMissing) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(stop)
	tab, shut, err := b.Tab()
	require.NoError(t, err)
	t.Cleanup(shut)
	require.NoError(t, chromedp.Do(tab.Context, chromedp.Navigate(url)))
	return tab
}

// sees waits until the expression is true on the page.
func sees(t *testing.T, tab *browser.Tab, expression string) {
	t.Helper()
	err := chromedp.Do(tab.Context, chromedp.PollFunction[chromedp.Void]("() => !!("+expression+")",
		chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(patience)))
	if err != nil {
		text, _ := chromedp.Run(tab.Context, chromedp.Evaluate[string]("document.body.innerText"))
		require.NoError(t, err, "%s\nthe page:\n%s\nthe console: %q", expression, text, tab.Console())
	}
}

func figureOf(name string) string {
	return fmt.Sprintf(`document.querySelector("figure[data-name=%s] svg")`, name)
}

const (
	eventText = `document.getElementById("events").innerText`
	status    = `document.getElementById("status").dataset.is`
	factsText = `document.getElementById("facts").innerText`
)

func TestThePageInABrowser(t *testing.T) {
	tr := train(t, "", "first")
	tr.steps(t, 400, 1)
	tab := open(t, tr.URL())

	// It loads.
	sees(t, tab, figureOf("norm")+" && "+figureOf("loss")+" && "+figureOf("gradients"))
	sees(t, tab, `document.title === "first · gtg" && `+status+` === "running"`)
	sees(t, tab, factsText+`.includes("400")`)
	sees(t, tab, `document.getElementById("none").offsetParent && document.getElementById("missing").innerText.length > 20`)

	// It updates, and is not loaded again.
	require.NoError(t, chromedp.Do(tab.Context, chromedp.Evaluate[chromedp.Void](
		`window.mine = true; window.drawn = `+figureOf("norm")+`.outerHTML`)))
	tr.steps(t, 100, 1)
	sees(t, tab, factsText+`.includes("500")`)
	sees(t, tab, figureOf("norm")+`.outerHTML !== window.drawn`)

	// It shows a cliff.
	require.NoError(t, chromedp.Do(tab.Context, chromedp.Evaluate[chromedp.Void](`window.drawn = `+figureOf("norm")+`.outerHTML`)))
	tr.steps(t, 1, 1e5)
	sees(t, tab, eventText+`.includes("cliff") && `+eventText+`.includes("step 501")`)
	sees(t, tab, figureOf("norm")+`.outerHTML !== window.drawn && `+figureOf("norm")+`.textContent.includes("1e5")`)

	// It survives the trainer's restart.
	addr := tr.Addr()
	tr.end(t)
	sees(t, tab, status+` === "ended" && document.getElementById("findings").innerText.includes("8.2.4")`)
	again := train(t, addr, "second")
	again.steps(t, 300, 1)
	sees(t, tab, `document.title === "second · gtg" && `+status+` === "running"`)
	sees(t, tab, factsText+`.includes("300") && !`+eventText+`.includes("cliff")`)
	sees(t, tab, figureOf("norm")+` && !`+figureOf("norm")+`.textContent.includes("1e5")`)
	sees(t, tab, `window.mine === true`)

	for _, said := range tab.Console() {
		require.Contains(t, said, "ERR_", "only that the connection was lost")
	}
	for _, r := range tab.Requests() {
		require.True(t, strings.HasPrefix(r, "http://"+addr+"/") || strings.HasPrefix(r, "data:"), "%s", r)
	}
}

// On a phone nothing is wider than the screen, in both colours.
func TestThePageOnAPhone(t *testing.T) {
	tr := train(t, "", "a run with a rather long name that has to be broken somewhere")
	tr.steps(t, 300, 1)
	tr.steps(t, 1, 1e5)
	tab := open(t, "about:blank")
	require.NoError(t, chromedp.Do(tab.Context, chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile), chromedp.Navigate(tr.URL())))
	sees(t, tab, figureOf("norm")+` && `+eventText+`.includes("cliff")`)
	sees(t, tab, `document.documentElement.scrollWidth <= 390`)
	sees(t, tab, figureOf("norm")+`.viewBox.baseVal.width < 400`)
	require.Empty(t, tab.Console())
}
