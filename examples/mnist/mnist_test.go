package main

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/monitor"
)

func TestCount(t *testing.T) {
	logits := make([]float64, 30)
	logits[3], logits[10+9], logits[20+1] = 5, 0.1, -2
	require.Equal(t, 2, count(logits, []int64{3, 9, 1}))
	require.Equal(t, 1, count(logits, []int64{0, 9, 1}))
	require.Zero(t, count(nil, nil))
}

func TestCourse(t *testing.T) {
	c := newCourse(30)
	require.EqualValues(t, 2, c.width)
	for step := range int64(30) {
		s := &monitor.Step{Step: step + 1, Loss: monitor.Known(float64(30 - step)), GradNorm: monitor.Known(1 + float64(step%2))}
		require.NoError(t, c.Step(s))
	}
	require.NoError(t, c.Step(&monitor.Step{Step: 31}), "a step that was not measured")
	require.Len(t, c.rows, rows)
	require.Equal(t, row{last: 2, n: 2, loss: 59, norm: 3}, c.rows[0])
	require.Equal(t, row{last: 30, n: 2, loss: 3, norm: 3}, c.rows[rows-1])

	var out strings.Builder
	c.print(&out)
	require.Contains(t, out.String(), "to step     2  loss 29.5000 "+strings.Repeat("#", 24))
	require.Contains(t, out.String(), "the loss went to 5 % of what it was and the gradient norm to 100 %")

	out.Reset()
	newCourse(30).print(&out)
	require.Empty(t, out.String())
	require.EqualValues(t, 1, newCourse(3).width)
}

func TestTrain(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	small := []string{"-limit=2000", "-epochs=1", "-batch=50", "-metrics="}
	var with, without bytes.Buffer
	require.NoError(t, run(t.Context(), append(small, "-output="+filepath.Join(t.TempDir(), "run.gtg.jsonl")), &with, t.Output()))
	require.NoError(t, run(t.Context(), append(small, "-attach=false"), &without, t.Output()))

	// It learns, and gtg changes nothing in that.
	epoch := regexp.MustCompile(`epoch 1: mean loss [0-9.]+, test accuracy ([0-9.]+) %`)
	found := epoch.FindStringSubmatch(with.String())
	require.NotNil(t, found, with.String())
	require.Greater(t, found[1], "80", "per cent of two digits and two decimals")
	require.Equal(t, found[0], epoch.FindString(without.String()))
	require.Contains(t, with.String(), "to step    40")
	require.Contains(t, with.String(), "8.2.5")
}

func TestBadFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-epochs=0":         "-epochs 0",
		"-batch=x":          "-batch",
		"-data=/none":       "-data names a folder",
		"-limit=9 -clip=ab": "outlier",
		"more":              "more",
	} {
		err := run(t.Context(), append([]string{"-output=", "-metrics="}, strings.Fields(args)...), t.Output(), t.Output())
		require.ErrorContains(t, err, want, args)
	}
}
