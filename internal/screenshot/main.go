// Command screenshot takes the README's pictures of the live page and of the report,
// with a headless Chromium:
//
//	go run ./internal/screenshot -o docs -log run.gtg.jsonl   # of a run
//	go run ./internal/screenshot -o docs                      # of a synthetic one
//
// With -all it takes them for light and dark, wide and narrow screens, to be looked
// at.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/seed-140d0f39/gtg/adapters/dashboard"
	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/internal/browser"
	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/digest/digesttest"
	"github.com/seed-140d0f39/gtg/internal/report"
)

func main() {
	out := flag.String("o", "docs", "the folder that the pictures go to")
	path := flag.String("log", "", "the run log to show; without it a synthetic run")
	all := flag.Bool("all", false, "for light and dark, wide and narrow screens")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := take(ctx, *out, *path, *all); err != nil {
		fmt.Fprintln(os.Stderr, "screenshot:", err)
		os.Exit(1)
	}
}

// A shot is one picture.
type shot struct {
	name          string
	width, height int64
	dark          bool
}

func take(ctx context.Context, out, path string, all bool) error {
	log, err := read(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	live, err := serve(log)
	if err != nil {
		return err
	}
	defer live.Close(context.WithoutCancel(ctx), nil)
	written, err := write(ctx, log, filepath.Base(path))
	if err != nil {
		return err
	}
	defer os.Remove(written)

	b, stop, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	pages := []struct {
		url, ready string
		shots      []shot
	}{
		{live.URL(), `document.querySelectorAll("figure svg").length > 3 && document.querySelectorAll("#events li").length > 0`,
			[]shot{{"page", 1360, 1000, true}}},
		{"file://" + written, `document.querySelectorAll("figure").length > 3`, []shot{{"report", 960, 1240, false}}},
	}
	for _, p := range pages {
		if all {
			name := p.shots[0].name
			p.shots = []shot{{name + "-light", 1360, 1800, false}, {name + "-dark", 1360, 1800, true},
				{name + "-phone-light", 390, 2400, false}, {name + "-phone-dark", 390, 2400, true}}
		}
		for _, s := range p.shots {
			picture, err := shoot(b, p.url, p.ready, s)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if picture, err = small(picture); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			to := filepath.Join(out, s.name+".png")
			if err := os.WriteFile(to, picture, 0o666); err != nil {
				return err
			}
			fmt.Printf("%s\t%d kB\n", to, len(picture)/1000)
		}
	}
	return nil
}

// read returns the log of the file, or of a synthetic run.
func read(path string) ([]byte, error) {
	if path != "" {
		return os.ReadFile(path)
	}
	var b bytes.Buffer
	err := digesttest.Recipe{Name: "demo", Steps: 3000, Params: 24, Spike: 1500, NaN: 2000, Vanish: true}.Write(&b)
	return b.Bytes(), err
}

// serve shows the log on a live page, as if the run still went on.
func serve(log []byte) (*dashboard.Server, error) {
	s, err := dashboard.Serve("")
	if err != nil {
		return nil, err
	}
	lines := runlog.NewReader(bytes.NewReader(log))
	for {
		line, err := lines.Next()
		switch {
		case err == io.EOF:
			return s, nil
		case err != nil:
			return nil, err
		case line.Run != nil:
			err = s.Start(line.Run)
		case line.Step != nil:
			err = s.Step(line.Step)
		case line.Event != nil:
			err = s.Event(line.Event)
		}
		if err != nil {
			return nil, err
		}
	}
}

// write writes the log's report to a temporary file.
func write(ctx context.Context, log []byte, name string) (path string, err error) {
	l, err := digest.Read(ctx, bytes.NewReader(log), name)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp("", "gtg-report-*.html")
	if err != nil {
		return "", err
	}
	defer f.Close()
	return f.Name(), report.Write(f, l.Runs, report.Options{Version: "gtg"})
}

func shoot(b *browser.Browser, url, ready string, s shot) ([]byte, error) {
	tab, shut, err := b.Tab()
	if err != nil {
		return nil, err
	}
	defer shut()
	scheme := "light"
	if s.dark {
		scheme = "dark"
	}
	if _, err := chromedp.Call(tab.Context, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}); err != nil {
		return nil, err
	}
	viewport := chromedp.EmulateViewport(s.width, s.height)
	if s.width < 640 {
		viewport = chromedp.EmulateViewport(s.width, s.height, chromedp.EmulateMobile)
	}
	if err := chromedp.Do(tab.Context, viewport, chromedp.Navigate(url),
		chromedp.PollFunction[chromedp.Void]("() => "+ready, chromedp.WithPollingInterval(100*time.Millisecond), chromedp.WithPollingTimeout(time.Minute)),
		// All of its figures, not just the first of them.
		chromedp.Sleep(500*time.Millisecond)); err != nil {
		return nil, err
	}
	return chromedp.Run(tab.Context, chromedp.CaptureScreenshot())
}
