package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExitStatus(t *testing.T) {
	outside := t.TempDir() // in no Go module
	for name, test := range map[string]struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		"help":              {[]string{"--help"}, 0, "Usage: gtg <command>", ""},
		"help of a command": {[]string{"setup", "--help"}, 0, "GOTCH_LIBTORCH", ""},
		"version":           {[]string{"--version"}, 0, "gtg ", ""},
		"no command":        {nil, 2, "", "gtg --help"},
		"unknown command":   {[]string{"sing"}, 2, "", "sing"},
		"unknown flag":      {[]string{"setup", "--sing"}, 2, "", "--sing"},
		"no module":         {[]string{"setup", "-C", outside}, 1, "", "is not in a Go module"},
		"no such folder":    {[]string{"setup", "-C", outside + "/none"}, 1, "", "/none"},
		"doctor, no module": {[]string{"doctor", "-C", outside}, 1, "fail  go       " + outside, "something is missing"},
		"no such log":       {[]string{"replay", outside + "/none"}, 2, "", "/none"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), test.args, &stdout, &stderr)
			require.Equal(t, test.status, status, "%s%s", &stdout, &stderr)
			require.Contains(t, stdout.String(), test.stdout)
			require.Contains(t, stderr.String(), test.stderr)
			if test.status == 0 {
				require.Empty(t, stderr.String())
			}
		})
	}
}

func TestProgressWithoutATerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	require.False(t, p.terminal)
	p.every = time.Millisecond
	p.Note("found %d", 1)
	done := p.Stage("compiling")
	time.Sleep(20 * time.Millisecond) // several times p.every
	done("no errors")
	p.Stage("linking")("")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Equal(t, []string{"found 1", "compiling ..."}, lines[:2])
	require.Contains(t, out.String(), "  still at it after 0s\n")
	require.Contains(t, out.String(), "compiling: no errors (0s)\n")
	require.Equal(t, "linking: failed (0s)", lines[len(lines)-1])
}

func TestProgressOnATerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	p.terminal = true
	done := p.Stage("compiling")
	done("no errors")
	require.True(t, strings.HasSuffix(out.String(), "compiling: no errors (0s)\n"), "%q", out.String())
}
