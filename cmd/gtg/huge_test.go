package main

import (
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// A log with 2 GB of nothing in the middle, as a file system leaves it after a crash:
// what is before and after is read, in bounded memory.
func TestALogOfTwoGigabytes(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 2 GB three times")
	}
	t.Chdir(t.TempDir())
	f, err := os.Create("huge.jsonl")
	require.NoError(t, err)
	_, err = f.WriteString(`{"type":"run","schema":1,"run":"huge"}` + "\n" + `{"type":"step","step":1,"loss":3,"grad_norm":1}` + "\n")
	require.NoError(t, err)
	_, err = f.Seek(2<<30, 0) // a hole, which takes no space
	require.NoError(t, err)
	_, err = f.WriteString("\n" + `{"type":"step","step":2,"loss":2,"grad_norm":1}` + "\n" +
		`{"type":"event","step":2,"kind":"cliff","state":"instant","severity":"warning","summary":"After the hole."}` + "\n" +
		`{"type":"end","step":2,"reason":"closed"}` + "\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	for command, says := range map[string]string{
		"show":   "loss in the end",
		"events": "After the hole.",
		"report": "r.html\n",
	} {
		args := []string{command, "huge.jsonl"}
		if command == "report" {
			args = append(args, "-o", "r.html")
		}
		status, stdout, stderr := gtg(t, args...)
		require.Zero(t, status, stderr)
		require.Contains(t, stdout, says)
		require.Contains(t, stderr, "huge.jsonl: line 3: longer than")
	}
	page, err := os.ReadFile("r.html")
	require.NoError(t, err)
	require.Contains(t, string(page), "After the hole.")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	require.Less(t, m.Sys, uint64(600<<20))
}
