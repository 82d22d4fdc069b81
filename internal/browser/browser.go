// Package browser runs a headless Chromium, for tests and for pictures of pages.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// ErrMissing is returned where there is no Chromium.
var ErrMissing = errors.New("no Chromium here; on Debian: apt-get install -y --no-install-recommends chromium fonts-liberation")

// A Browser is one headless Chromium. Its tabs are made with [Browser.Tab].
type Browser struct{ ctx context.Context }

// Start starts a browser, which ends with the context.
func Start(ctx context.Context) (b *Browser, stop func(), err error) {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, nil, ErrMissing
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-component-update", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's own does not work for root
	}
	ctx, end := chromedp.NewExecAllocator(ctx, options...)
	ctx, cancel := chromedp.NewContext(ctx)
	stop = func() { cancel(); end() }
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return &Browser{ctx}, stop, nil
}

// A Tab is one page. Actions are run in its Context.
type Tab struct {
	Context context.Context

	mu       sync.Mutex
	said     []string
	requests []string
}

// Tab opens an empty page.
func (b *Browser) Tab() (*Tab, func(), error) {
	ctx, cancel := chromedp.NewContext(b.ctx)
	t := &Tab{Context: ctx}
	err := chromedp.Listen(ctx, func(event any) {
		t.mu.Lock()
		defer t.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			var words []string
			for _, a := range e.Args {
				words = append(words, string(a.Value)+a.Description)
			}
			t.said = append(t.said, string(e.Type)+": "+strings.Join(words, " "))
		case *runtime.EventExceptionThrown:
			t.said = append(t.said, "exception: "+e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			t.said = append(t.said, string(e.Entry.Level)+": "+e.Entry.Text+" "+e.Entry.URL)
		case *network.EventRequestWillBeSent:
			t.requests = append(t.requests, e.Request.URL)
		}
	})
	if err == nil {
		_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	}
	if err != nil {
		cancel()
		return nil, nil, err
	}
	return t, cancel, nil
}

// Console is what the page said and what was said of it: errors, warnings,
// exceptions, breaches of its policy.
func (t *Tab) Console() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.said...)
}

// Requests are the addresses that the page asked for.
func (t *Tab) Requests() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.requests...)
}
