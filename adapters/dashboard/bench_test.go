package dashboard_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/dashboard"
	"github.com/seed-140d0f39/gtg/internal/delivery"
	"github.com/seed-140d0f39/gtg/monitor"
)

// recorded is the record of a step of a model of 50 parameters.
func recorded() (*monitor.Run, *monitor.Step) {
	run := &monitor.Run{Name: "bench"}
	s := &monitor.Step{}
	for i := range 50 {
		run.Params = append(run.Params, monitor.Param{Name: fmt.Sprint("p", i), Numel: 1000})
		s.ParamGradNorms = append(s.ParamGradNorms, monitor.Known(1))
	}
	return run, s
}

func vary(s *monitor.Step) {
	s.Step++
	v := math.Exp(0.3 * math.Sin(float64(s.Step)))
	s.T, s.Loss, s.GradNorm = monitor.Known(0.001*float64(s.Step)), monitor.Known(v), monitor.Known(v)
}

// watch connects n viewers that read all they are told.
func watch(b *testing.B, url string, n int) (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, n)
	client := &http.Client{Transport: &http.Transport{}}
	for range n {
		r, err := http.NewRequestWithContext(ctx, "GET", url+"stream", nil)
		require.NoError(b, err)
		answer, err := client.Do(r)
		require.NoError(b, err)
		go func() {
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			done <- struct{}{}
		}()
	}
	return func() {
		cancel()
		for range n {
			<-done
		}
		client.CloseIdleConnections()
	}
}

// BenchmarkWatched is what a step costs the sink's goroutine (the training loop
// only hands it over), with 0 and with 10 pages connected by turns, as fast as
// they come. The ratio is that of the two, in one run.
func BenchmarkWatched(b *testing.B) {
	server, err := dashboard.Serve("")
	require.NoError(b, err)
	defer server.Close(context.Background(), nil)
	run, s := recorded()
	require.NoError(b, server.Start(run))
	const turn = 2 * time.Second
	var spent [2]time.Duration
	var steps [2]int64
	for i := 0; b.Loop(); i++ {
		side := i % 2
		leave := watch(b, server.URL(), 10*side)
		for began := time.Now(); time.Since(began) < turn; {
			at := time.Now()
			for range 1000 {
				vary(s)
				_ = server.Step(s)
			}
			spent[side] += time.Since(at)
			steps[side] += 1000
		}
		leave()
	}
	alone := float64(spent[0]) / float64(max(steps[0], 1))
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(alone, "ns/step-0")
	if steps[1] > 0 {
		watched := float64(spent[1]) / float64(steps[1])
		b.ReportMetric(watched, "ns/step-10")
		b.ReportMetric(watched/alone, "ratio-10/0")
	}
}

// BenchmarkLoop is a training loop that computes for a millisecond a step and hands
// its records over as a guard does, with 0 and with 10 pages connected by turns.
func BenchmarkLoop(b *testing.B) {
	server, err := dashboard.Serve("")
	require.NoError(b, err)
	run, s := recorded()
	hub := delivery.New([]delivery.Named{{Name: "dashboard", Sink: server}})
	hub.Start(run)
	var times [2][]float64
	var work float64
	for i := 0; b.Loop(); i++ {
		side := i % 2
		leave := watch(b, server.URL(), 10*side)
		for began := time.Now(); time.Since(began) < 2*time.Second; {
			at := time.Now()
			for k := range 100_000 {
				work += math.Sqrt(float64(k))
			}
			vary(s)
			hub.Step(s)
			times[side] = append(times[side], float64(time.Since(at)))
		}
		leave()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	require.NoError(b, hub.Close(ctx, nil).Err())
	b.ReportMetric(0, "ns/op")
	if len(times[1]) == 0 || work == 0 {
		return // a single turn
	}
	for side, of := range times {
		slices.Sort(of)
		b.ReportMetric(of[len(of)/2]/1e3, fmt.Sprintf("µs/step-%d", 10*side))
	}
	b.ReportMetric(times[1][len(times[1])/2]/times[0][len(times[0])/2], "ratio-10/0")
}

// BenchmarkSinkStep is one step's counting into the figures.
func BenchmarkSinkStep(b *testing.B) {
	s, err := dashboard.New()
	require.NoError(b, err)
	run, step := recorded()
	require.NoError(b, s.Start(run))
	b.ReportAllocs()
	for b.Loop() {
		vary(step)
		_ = s.Step(step)
	}
}
