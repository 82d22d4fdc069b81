package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/examples/internal/console"
)

func TestWriteTable(t *testing.T) {
	var cells []cell
	var outcomes []outcome
	for seed := range int64(4) {
		for _, lr := range rates {
			for _, p := range policies {
				cells = append(cells, cell{lr, p.name, seed})
				outcomes = append(outcomes, outcome{Solved: p.name == "norm=1" && (lr > 0.05 || seed < 3), Updates: 100 * int(4-seed)})
			}
		}
	}
	var out strings.Builder
	writeTable(&out, cells, outcomes)
	lines := strings.Split(out.String(), "\n")
	require.Len(t, lines, 2+len(rates)+1)
	require.True(t, strings.HasPrefix(lines[0], "| learning rate | none | norm=1 |"), lines[0])
	require.True(t, strings.HasPrefix(lines[2], "| 0.05 | 0/4 (0–49 %) | 3/4 (30–95 %), 300 | 0/4 "), lines[2])
	require.True(t, strings.HasPrefix(lines[3], "| 0.1 | 0/4 (0–49 %) | 4/4 (51–100 %), 250 |"), lines[3])
	for _, line := range lines[:5] {
		require.Equal(t, 2+len(policies), strings.Count(line, "|"))
	}
}

func TestMedian(t *testing.T) {
	require.InDelta(t, 300, median([]int{500, 300, 100}), 0)
	require.InDelta(t, 350, median([]int{900, 400, 100, 300}), 0)
	require.InDelta(t, 100, median([]int{100}), 0)
}

func newFarm(t *testing.T, progress *strings.Builder) *farm {
	c, err := parse([]string{"-updates=100", "-workers=2"}, t.Output())
	require.NoError(t, err)
	return &farm{config: c, progress: console.NewProgress(progress, 4)}
}

// The outcomes of child processes are those of this process, in the cells'
// order; one of them crashed, which is said, and did it again.
func TestFarm(t *testing.T) {
	if testing.Short() {
		t.Skip("trains models")
	}
	t.Setenv(asProgram, filepath.Join(t.TempDir(), "crashed"))
	cells := []cell{{0.1, "none", 1}, {0.1, "norm=1", 1}, {0.1, "norm=1", 2}, {0.01, "norm=1", 2}}
	var progress strings.Builder
	f := newFarm(t, &progress)
	got, err := f.run(t.Context(), cells)
	require.NoError(t, err)
	require.Equal(t, 1, f.failures)
	require.Contains(t, progress.String(), "attempt 1 of 3")
	require.Contains(t, progress.String(), "panic: crashed")
	require.Contains(t, progress.String(), "4/4  ")
	for i, cell := range cells {
		args := strings.Fields(cell.String() + " -updates=100 -output= -metrics=")
		c, err := parse(args, t.Output())
		require.NoError(t, err)
		want, err := train(t.Context(), c, t.Output(), t.Output())
		require.NoError(t, err)
		require.Equal(t, want, got[i], fmt.Sprint(cell))
	}
}

func TestFarmGivesUp(t *testing.T) {
	t.Setenv(asProgram, "always")
	var progress strings.Builder
	f := newFarm(t, &progress)
	_, err := f.run(t.Context(), []cell{{0.1, "none", 1}})
	require.ErrorContains(t, err, "-lr 0.1 -clip none -seed 1 failed 3 times")
	require.ErrorContains(t, err, "panic: crashed")
	require.Equal(t, 3, f.failures)
}

func TestFarmIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newFarm(t, new(strings.Builder)).run(ctx, make([]cell, 4))
	require.ErrorIs(t, err, context.Canceled)
}
