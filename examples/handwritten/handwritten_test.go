package main

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTrain(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a classifier")
	}
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-limit=1000", "-epochs=20", "-max=0.5"}, &out, t.Output()))
	lines := regexp.MustCompile(`loss ([0-9.]+) .* total ([0-9.]+), multiplied by ([0-9.]+)  test accuracy ([0-9.]+) %`).
		FindAllStringSubmatch(out.String(), -1)
	require.Len(t, lines, 3, out.String())
	require.Equal(t, "2.303", lines[0][1], "the logarithm of 10: all weights are 0")
	require.Less(t, lines[0][3], "1.000", "the first gradient is larger than allowed")
	require.Less(t, lines[2][1], "1.500")
	require.Greater(t, lines[2][4], "70")
}

func TestBadFlags(t *testing.T) {
	for _, flag := range []string{"-max=0", "-lr=-1", "-epochs=0", "-limit=none"} {
		require.Error(t, run(t.Context(), []string{flag}, t.Output(), t.Output()), flag)
	}
	require.ErrorContains(t, run(t.Context(), []string{"-data=/none"}, t.Output(), t.Output()), "-data names a folder")
}
