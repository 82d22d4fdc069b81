package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/report"
)

// The run logs of two trainings, with and without clipping, make a report that
// compares them.
func TestTwoTrainingsCompared(t *testing.T) {
	dir := t.TempDir()
	var runs []*digest.Digest
	for name, flags := range map[string][]string{"with": nil, "without": {"-clip", "none"}} {
		path := filepath.Join(dir, name+".gtg.jsonl")
		require.NoError(t, run(t.Context(), append(flags, "-updates=200", "-output="+path, "-metrics="), t.Output(), t.Output()))
		f, err := os.Open(path)
		require.NoError(t, err)
		read, err := digest.Read(t.Context(), f, filepath.Base(path))
		require.NoError(t, f.Close())
		require.NoError(t, err)
		require.Len(t, read.Runs, 1)
		require.EqualValues(t, 200, read.Runs[0].Steps)
		require.Equal(t, name == "with", read.Runs[0].Clipped > 0)
		runs = append(runs, read.Runs...)
	}
	var page bytes.Buffer
	require.NoError(t, report.Write(&page, runs, report.Options{}))
	for _, want := range []string{"2 runs compared", `id="norm"`, `id="loss"`, `id="gradients"`, `id="clip"`, `id="cost"`,
		"rnn.weight_hh", "As the run's log has it.", "ρ = η·gᵀHg/gᵀg was not measured"} {
		require.True(t, bytes.Contains(page.Bytes(), []byte(want)), want)
	}
	require.NotContains(t, page.String(), "judging its steps again")
}
