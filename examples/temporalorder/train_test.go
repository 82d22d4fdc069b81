package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// once does one training in this process and returns its outcome.
func once(t *testing.T, args string) outcome {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), append(strings.Fields(args), "-json", "-output=", "-metrics="), &out, t.Output()))
	var o outcome
	require.NoError(t, json.Unmarshal(out.Bytes(), &o))
	return o
}

// What clipping is for: with it the problem is solved, with the fixed threshold
// and with the default policy, and without it it is not.
func TestClippingSolvesIt(t *testing.T) {
	if testing.Short() {
		t.Skip("trains models")
	}
	for seed := 1; seed <= 2; seed++ {
		for _, policy := range []string{"norm=1", "outlier"} {
			with := once(t, fmt.Sprintf("-lr 0.2 -clip %s -updates 1500 -seed %d", policy, seed))
			require.True(t, with.Solved, "%s, seed %d: %v", policy, seed, with)
			require.Less(t, with.Rate(), 0.01)
			require.Equal(t, checked, with.Of)
		}
		without := once(t, fmt.Sprintf("-lr 0.2 -clip none -updates 1500 -seed %d", seed))
		require.False(t, without.Solved, "seed %d: %v", seed, without)
		require.Greater(t, without.Rate(), 0.2)
		require.Equal(t, 1500, without.Updates)
	}
}

func TestTrain(t *testing.T) {
	if testing.Short() {
		t.Skip("trains models")
	}
	log := filepath.Join(t.TempDir(), "run.gtg.jsonl")
	args := []string{"-lr=0.1", "-updates=150", "-clip=none", "-output=" + log}
	var with, progress bytes.Buffer
	require.NoError(t, run(t.Context(), args, &with, &progress))
	require.Contains(t, with.String(), "after 150 updates")
	require.Contains(t, with.String(), "8.2.4")
	require.Contains(t, progress.String(), "150/150  loss")
	lines, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Equal(t, 150, bytes.Count(lines, []byte(`"type":"step"`)))
	require.Contains(t, string(lines), `"clip":"none"`)

	// The same is learned again, and without gtg.
	for _, more := range []string{"-seed=1", "-attach=false"} {
		var out, shown bytes.Buffer
		require.NoError(t, run(t.Context(), append(args, more), &out, &shown))
		require.Equal(t, first(with.String(), "not solved"), first(out.String(), "not solved"))
		require.Equal(t, losses(progress.String()), losses(shown.String()), more)
	}
	var other bytes.Buffer
	require.NoError(t, run(t.Context(), append(args, "-seed=2"), t.Output(), &other))
	require.NotEqual(t, losses(progress.String()), losses(other.String()))
}

// first is the first line that begins with the prefix.
func first(text, prefix string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			return line
		}
	}
	return ""
}

// losses are the losses that a progress shows.
func losses(progress string) (all []string) {
	for line := range strings.Lines(progress) {
		if _, after, ok := strings.Cut(line, "  loss "); ok {
			all = append(all, after[:5])
		}
	}
	return all
}

func TestInterruptEndsTheRunInOrder(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	err := run(ctx, []string{"-output=", "-metrics="}, &out, t.Output())
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, out.String(), "not checked yet")
	require.Contains(t, out.String(), "8.2.5")
}

func TestOutcome(t *testing.T) {
	require.Equal(t, "solved after 300 updates: 0.12 % errors on 10000 fresh sequences", outcome{true, 300, 12, 10_000}.String())
	require.Equal(t, "not solved after 100 updates: 75.00 % errors on 1000 fresh sequences", outcome{false, 100, 750, 1000}.String())
	require.True(t, solved(99))
	require.False(t, solved(100), "exactly 1 %")
}
