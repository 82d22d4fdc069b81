package overhead

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/seed-140d0f39/gtg/hooks"
)

// Pages is how many live pages are connected while a loop is watched.
const Pages = 10

// Watched steps the loop with no live page connected and with [Pages], in turn, and
// reports the medians of all steps, in ms/step-0 and ms/step-10, and their ratio. What
// is connected reads all that a browser is sent; drawing it is the browser's affair.
func Watched(b *testing.B, loop Loop) {
	b.Helper()
	guard, err := hooks.Attach(loop.Optimizer, hooks.WithLogger(zap.NewNop()), hooks.WithDashboard("127.0.0.1:0"))
	if err != nil {
		b.Fatal(err)
	}
	defer guard.Close()
	round := func() (seconds []float64) {
		runtime.GC()
		for range loop.Steps {
			start := time.Now()
			if err := loop.Step(); err != nil {
				b.Fatal(err)
			}
			seconds = append(seconds, time.Since(start).Seconds())
		}
		return seconds
	}
	round() // warm
	var alone, watched []float64
	for b.Loop() {
		for range Rounds {
			alone = append(alone, round()...)
			leave := watch(b, guard.Dashboard())
			watched = append(watched, round()...)
			leave()
		}
	}
	b.ReportMetric(0, "ns/op") // an iteration is many steps: of no interest
	b.ReportMetric(median(alone)*1e3, "ms/step-0")
	b.ReportMetric(median(watched)*1e3, "ms/step-10")
	b.ReportMetric(median(watched)/median(alone), "ratio-10/0")
}

// watch connects the pages until leave is called.
func watch(b *testing.B, url string) (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int64, Pages)
	client := &http.Client{Transport: &http.Transport{}}
	for range Pages {
		r, err := http.NewRequestWithContext(ctx, "GET", url+"stream", nil)
		if err != nil {
			b.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		go func() {
			n, _ := io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			done <- n
		}()
	}
	return func() {
		cancel()
		for range Pages {
			if <-done == 0 {
				b.Error("a page was sent nothing")
			}
		}
		client.CloseIdleConnections()
	}
}
