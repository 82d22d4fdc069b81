package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTrain(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a model")
	}
	log := filepath.Join(t.TempDir(), "run.gtg.jsonl")
	small := []string{"-steps=60", "-hidden=32", "-batch=8", "-window=16", "-bytes=200000", "-sample=40", "-output=" + log}
	var with bytes.Buffer
	require.NoError(t, run(t.Context(), small, &with, t.Output()))
	require.Contains(t, with.String(), "60 steps: the loss went from")
	require.Contains(t, with.String(), "\nfunc ")
	require.Contains(t, with.String(), "8.2.5")
	lines, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Equal(t, 60, bytes.Count(lines, []byte(`"type":"step"`)))

	// The run log is overwritten, and without gtg the same is learned.
	require.NoError(t, run(t.Context(), small, t.Output(), t.Output()))
	var without bytes.Buffer
	require.NoError(t, run(t.Context(), append(small, "-attach=false"), &without, t.Output()))
	require.NotContains(t, without.String(), "8.2.5")
	require.Equal(t, line(with.String(), "60 steps"), line(without.String(), "60 steps"))
}

// line is the first line that begins with the prefix.
func line(text, prefix string) string {
	for l := range bytes.Lines([]byte(text)) {
		if bytes.HasPrefix(l, []byte(prefix)) {
			return string(l)
		}
	}
	return ""
}

func TestInterruptEndsTheRunInOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a model")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	err := run(ctx, []string{"-bytes=10000", "-output=", "-metrics="}, &out, t.Output())
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, out.String(), "no step was taken")
	require.Contains(t, out.String(), "8.2.5")
}

func TestMean(t *testing.T) {
	require.InDelta(t, 2.0, mean([]float64{1, 2, 3}), 1e-15)
	require.NotEqual(t, mean(nil), mean(nil), "NaN")
}

func TestSchedule(t *testing.T) {
	for step, want := range map[int]float64{0: 0.2, 3: 0.8, 4: 1, 5: 1, 49: 1, 50: 0.3, 79: 0.3, 80: 0.1, 99: 0.1} {
		require.InDelta(t, want, schedule(step, 100), 1e-12, "step %d", step)
	}
	require.InDelta(t, 1.0, schedule(0, 1), 1e-12, "a short run has neither rise nor end")
}
