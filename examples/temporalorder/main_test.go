package main

import (
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// asProgram makes the test binary be the program, which is what a farm starts.
// Its value is "always" when the program is to crash, or else a file: the program
// crashes when there is none, after making it.
const asProgram = "GTG_TEST_TEMPORALORDER"

func TestMain(m *testing.M) {
	switch file := os.Getenv(asProgram); {
	case file == "":
		// Collecting garbage in the middle of one of gotch's operations can crash
		// what has nothing attached; what has collects between steps.
		debug.SetGCPercent(-1)
		goleak.VerifyTestMain(m)
	case file == "always":
		panic("crashed")
	default:
		if f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			_ = f.Close()
			panic("crashed")
		}
		main()
	}
}

func TestFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-updates 0":        "-updates 0",
		"-lr -1":            "-lr -1",
		"-length 9":         "-length 9",
		"-seeds 0 -table":   "-seeds 0",
		"-workers 0 -table": "-workers 0",
		"-clip often":       "norm=1",
		"-clip norm=":       "norm=",
		"more":              "more",
	} {
		err := run(t.Context(), append(strings.Fields(args), "-output=", "-metrics="), t.Output(), t.Output())
		require.ErrorContains(t, err, want, args)
	}
}

func TestPolicies(t *testing.T) {
	for _, p := range policies {
		got, err := policy(p.name)
		require.NoError(t, err)
		require.NoError(t, got.Validate(), p.name)
		require.True(t, strings.HasPrefix(p.name, got.Name()), "%s is called %s", p.name, got.Name())
	}
	got, err := policy("value=0.5")
	require.NoError(t, err)
	require.Equal(t, "value", got.Name())
}
