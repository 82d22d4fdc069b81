package corpus_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	dir := t.TempDir()
	labels := []corpus.Label{
		{Program: "p", Case: "healthy", Seed: 1, Class: corpus.Healthy, Steps: 10, Metric: 0.9, Confirmed: true, File: "p/a.gz"},
		{Program: "p", Case: "bad", Seed: 2, Class: corpus.Cliffs, HeldOut: true, Onset: 4, Leap: 5, End: 9, Steps: 10, File: "p/b.gz"},
	}
	require.NoError(t, corpus.Write(dir, labels))
	got, err := corpus.Read(os.DirFS(dir))
	require.NoError(t, err)
	require.Equal(t, labels, got)

	labels[1].Onset = 11
	require.ErrorContains(t, corpus.Write(dir, labels), "p/b.gz: a run of class cliffs and 10 steps has its onset at step 11")
	labels[1].Onset = 6
	require.ErrorContains(t, corpus.Write(dir, labels), "with its onset at step 6 of 10, has its leap at step 5")
	got, err = corpus.Read(os.DirFS(dir))
	require.NoError(t, err)
	require.EqualValues(t, 4, got[1].Onset, "labels that are not valid do not replace those that are")
}
