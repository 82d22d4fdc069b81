package main

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func TestReadCorpus(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "b", "b.go"), "second")
	write(t, filepath.Join(dir, "a.go"), "first ")
	for _, left := range []string{"a_test.go", "notes.txt", "testdata/t.go", "vendor/v.go", "cmd/c.go"} {
		write(t, filepath.Join(dir, left), "left out")
	}
	corpus, err := readCorpus(dir, 1000)
	require.NoError(t, err)
	require.Equal(t, "first second", string(corpus))

	corpus, err = readCorpus(dir, 8)
	require.NoError(t, err)
	require.Equal(t, "first se", string(corpus))

	_, err = readCorpus(filepath.Join(dir, "none"), 8)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = readCorpus(t.TempDir(), 8)
	require.ErrorContains(t, err, "no .go file")
}

func TestGoSources(t *testing.T) {
	dir, err := goSources()
	require.NoError(t, err)
	corpus, err := readCorpus(dir, 10_000)
	require.NoError(t, err)
	require.Len(t, corpus, 10_000)
	require.Contains(t, string(corpus), "package ")
}

func TestVocabulary(t *testing.T) {
	v := newVocabulary([]byte("banana"))
	require.EqualValues(t, 3, v.size())
	require.Equal(t, "abn", string(v.bytes))
	require.Equal(t, []int64{1, 0, 2, 0, 2, 0}, v.encode([]byte("banana")))
	require.NoError(t, v.knows("nab"))
	require.ErrorContains(t, v.knows("nap"), "'p'")
}

// Every window is a piece of the text, and its targets are the same piece one
// place further.
func TestWindows(t *testing.T) {
	text := make([]int64, 50)
	for i := range text {
		text[i] = int64(i)
	}
	w, err := newWindows(text, 4, 7, rand.New(rand.NewPCG(1, 1)))
	require.NoError(t, err)
	seen := map[int64]bool{}
	for range 500 {
		b := w.next()
		require.Len(t, b.inputs, 4*7)
		for i, c := range b.inputs {
			require.Equal(t, c+1, b.targets[i])
			if i%7 > 0 {
				require.Equal(t, b.inputs[i-1]+1, c)
			}
			seen[b.targets[i]] = true
		}
	}
	require.Len(t, seen, 49, "all characters but the first are predicted some time")

	_, err = newWindows(text, 4, 50, nil)
	require.ErrorContains(t, err, "51")
	w, err = newWindows(text, 1, 49, rand.New(rand.NewPCG(1, 1)))
	require.NoError(t, err)
	require.Equal(t, text[:49], w.next().inputs)
}

func TestDraw(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	logits := []float64{math.Log(0.2), math.Log(0.5), math.Inf(-1), math.Log(0.3)}
	const n = 100_000
	var counts [4]float64
	for range n {
		i, err := draw(logits, 1, random)
		require.NoError(t, err)
		counts[i]++
	}
	for i, want := range []float64{0.2, 0.5, 0, 0.3} {
		// Five standard deviations of a binomial share.
		require.InDelta(t, want, counts[i]/n, 5*math.Sqrt(want*(1-want)/n), "character %d", i)
	}
	for range 100 {
		i, err := draw([]float64{1, 1.5, -3}, 1e-3, random)
		require.NoError(t, err)
		require.Equal(t, 1, i, "a low temperature takes the most probable")
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		_, err := draw([]float64{0, bad}, 1, random)
		require.ErrorContains(t, err, "diverged")
	}
}

func TestFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-steps 0":     "-steps 0",
		"-lr -1":       "-lr -1",
		"-lr NaN":      "-lr NaN",
		"-clip often":  "outlier",
		"-clip norm=":  "norm=",
		"-data /none":  "no such file",
		"-prompt \x00": `'\x00'`,
		"more":         "more",
	} {
		err := run(t.Context(), append(strings.Fields(args), "-output=", "-metrics=", "-bytes=10000"), t.Output(), t.Output())
		require.ErrorContains(t, err, want, args)
	}
}
