package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/internal/detect/score"
	"github.com/seed-140d0f39/gtg/monitor"
)

// folder is a corpus of two runs of 100 steps: a healthy one of a held-out program
// and one with a NaN at step 60 of a tuning program.
func folder(t *testing.T) string {
	dir := t.TempDir()
	var labels bytes.Buffer
	for _, l := range []corpus.Label{
		{Program: "mlp", Case: "plain", Class: corpus.Healthy, HeldOut: true, Steps: 100, Confirmed: true, File: "a.jsonl.gz"},
		{Program: "rnn", Case: "one NaN", Class: corpus.NonFinite, Onset: 60, End: 60, Steps: 100, Confirmed: true, File: "b.jsonl.gz"},
	} {
		require.NoError(t, json.NewEncoder(&labels).Encode(l))
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		w := runlog.NewWriter(z)
		require.NoError(t, w.Start(&monitor.Run{Name: l.File}))
		for i := range int64(100) {
			s := monitor.Step{Step: i + 1, Loss: monitor.Known(1 - float64(i)/200), GradNorm: monitor.Known(1), NonFinite: monitor.Known(0)}
			if s.Step == l.Onset {
				s.NonFinite = monitor.Known(3)
			}
			require.NoError(t, w.Step(&s))
		}
		require.NoError(t, w.Close(context.Background(), nil))
		require.NoError(t, z.Close())
		require.NoError(t, os.WriteFile(filepath.Join(dir, l.File), out.Bytes(), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, corpus.Labels), labels.Bytes(), 0o600))
	return dir
}

func TestRun(t *testing.T) {
	dir := folder(t)
	for name, c := range map[string]struct {
		args      []string
		has, lack string
	}{
		"tables":   {nil, "| nonfinite | 1 | 100 % (1 of 1;", "| mlp | plain |"},
		"verbose":  {[]string{"-verbose"}, "| mlp | plain |", "left out"},
		"held out": {[]string{"-held-out"}, "### Held-out programs", "### Tuning programs"},
		"tuning":   {[]string{"-tuning"}, "### Tuning programs", "### Held-out programs"},
		"program":  {[]string{"-program", "rnn"}, "### Tuning programs", "### Held-out programs"},
		"class":    {[]string{"-class", "healthy"}, "### Held-out programs", "### Tuning programs"},
		"misses":   {[]string{"-misses"}, "missed: 0 runs", "###"},
		"check":    {[]string{"-check"}, "| restarts | 100 % (1 of 1;", "left out"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errout bytes.Buffer
			require.NoError(t, run(append([]string{"-runs", dir}, c.args...), &out, &errout))
			require.Contains(t, out.String(), c.has)
			require.NotContains(t, out.String(), c.lack)
			require.Empty(t, errout.String())
		})
	}
	var out, errout bytes.Buffer
	require.NoError(t, run([]string{"-runs", dir, "-json"}, &out, &errout))
	var r score.Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	require.EqualValues(t, 100, r.HeldOut.Healthy.Alarms.Steps)
}

func TestRunRefuses(t *testing.T) {
	dir := folder(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no corpus":      {nil, "no corpus"},
		"no folder":      {[]string{"-runs", filepath.Join(dir, "none")}, "labels.jsonl"},
		"both":           {[]string{"-runs", dir, "-tuning", "-held-out"}, "exclude each other"},
		"a class":        {[]string{"-runs", dir, "-class", "odd"}, `class "odd" is not known`},
		"no such run":    {[]string{"-runs", dir, "-program", "odd"}, "no such run"},
		"an argument":    {[]string{"-runs", dir, "odd"}, `"odd" is not understood`},
		"an odd flag":    {[]string{"-odd"}, "odd"},
		"a call for aid": {[]string{"-help"}, flag.ErrHelp.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errout bytes.Buffer
			require.ErrorContains(t, run(c.args, &out, &errout), c.want)
			require.Empty(t, out.String())
		})
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "b.jsonl.gz")))
	var out, errout bytes.Buffer
	require.ErrorContains(t, run([]string{"-runs", dir}, &out, &errout), "b.jsonl.gz")
	require.Contains(t, out.String(), "could not be read: 1")
}
