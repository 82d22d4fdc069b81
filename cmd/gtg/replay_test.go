package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/monitor"
)

// troubled is a run that learns, meets a NaN and a cliff, and learns on.
func troubled(steps int, step func(*monitor.Step)) *monitor.Run {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := 1; i <= steps; i++ {
		noise := 1 + 0.02*rng.NormFloat64()
		s := &monitor.Step{Step: int64(i), T: monitor.Known(float64(i)), LR: monitor.Known(0.1),
			Loss: monitor.Known((1 + 4*math.Exp(-float64(i)/100)) * noise), NonFinite: monitor.Known(0)}
		sum := 0.0
		for j := range 3 {
			g := float64(j+1) * (1 + 0.1*rng.NormFloat64())
			if i == 300 {
				g *= 1e4
			}
			sum += g * g
			s.ParamGradNorms = append(s.ParamGradNorms, monitor.Known(g))
		}
		s.GradNorm = monitor.Known(math.Sqrt(sum))
		if i == 400 {
			s.Loss, s.GradNorm, s.NonFinite = monitor.Known(math.NaN()), monitor.Known(math.NaN()), monitor.Known(7)
			s.ParamGradNorms[1] = monitor.Known(math.Inf(1))
			s.Action = monitor.ActionSkip
		}
		step(s)
	}
	return run3
}

var run3 = &monitor.Run{Name: "troubled", Params: []monitor.Param{
	{Name: "a", Shape: []int64{4}, Numel: 4}, {Name: "b", Shape: []int64{4}, Numel: 4}, {Name: "c", Shape: []int64{4}, Numel: 4}}}

// replayed returns what replay prints on standard output and standard error.
func replayed(t testing.TB, log string) (out, errout string) {
	var o, e bytes.Buffer
	require.NoError(t, replay(strings.NewReader(log), &o, &e, false))
	return o.String(), e.String()
}

// A live run and the replay of its log give the same events and verdict.
func TestReplayIsTheLiveRun(t *testing.T) {
	var log, live bytes.Buffer
	w, events := runlog.NewWriter(&log), runlog.NewWriter(&live)
	require.NoError(t, w.Start(run3))
	mon := monitor.New(run3)
	kinds := map[monitor.Kind]bool{}
	troubled(600, func(s *monitor.Step) {
		require.NoError(t, w.Step(s))
		for _, e := range mon.Observe(s) {
			require.NoError(t, w.Event(&e))
			require.NoError(t, events.Event(&e))
			kinds[e.Kind] = true
		}
	})
	end := &monitor.End{Step: 600, T: monitor.Known(600), Reason: monitor.Closed, Verdict: mon.Verdict()}
	require.NoError(t, w.Close(t.Context(), end))
	end.Reason = monitor.Replayed
	require.NoError(t, events.Close(t.Context(), end))
	require.True(t, kinds[monitor.NonFinite] && kinds[monitor.Cliff], "the run is as troubled as the test wants it: %v", kinds)

	out, errout := replayed(t, log.String())
	require.Equal(t, live.String(), out)
	require.Empty(t, errout)

	// What is printed is a run log itself: replaying it needs the steps.
	require.ErrorAs(t, replay(strings.NewReader(out), io.Discard, io.Discard, false), new(unreadable))
}

func TestReplayForHumans(t *testing.T) {
	var log, out, errout bytes.Buffer
	w := runlog.NewWriter(&log)
	troubled(600, func(s *monitor.Step) { require.NoError(t, w.Step(s)) })
	require.NoError(t, w.Close(t.Context(), nil))
	require.NoError(t, replay(&log, &out, &errout, true))
	require.Regexp(t, `(?m)^Step 300: cliff \(warning\)\. .+ .+$`, out.String())
	require.Regexp(t, `(?m)^Step 400: nonfinite \(critical\)\. `, out.String())
	require.Regexp(t, `(?m)^Step \d+: nonfinite is over, it began at step 400\. `, out.String())
	require.Contains(t, out.String(), "\nThe verdict after step 600:\n8.2.1  ")
	require.Contains(t, out.String(), "\n8.2.5  ")
	require.NotContains(t, out.String(), "{")
}

// ends returns the step of each end line.
func ends(t *testing.T, out string) (steps []int64) {
	r := runlog.NewReader(strings.NewReader(out))
	for {
		line, err := r.Next()
		if err == io.EOF {
			return steps
		}
		require.NoError(t, err)
		if line.End != nil {
			require.Equal(t, monitor.Replayed, line.End.Reason)
			require.Len(t, line.End.Verdict, 5)
			steps = append(steps, line.End.Step)
		}
	}
}

func TestReplayOfSeveralRuns(t *testing.T) {
	run := func(name string) string { return fmt.Sprintf(`{"type":"run","schema":1,"run":%q}`+"\n", name) }
	steps := func(from, to int) (s string) {
		for i := from; i <= to; i++ {
			s += fmt.Sprintf(`{"type":"step","step":%d,"loss":1}`+"\n", i)
		}
		return s
	}
	for name, c := range map[string]struct {
		log  string
		ends []int64
	}{
		"no run line":                     {steps(1, 3), []int64{3}},
		"a run without steps":             {run("a"), []int64{0}},
		"a resume":                        {run("a") + steps(1, 3) + run("a") + steps(4, 9), []int64{9}},
		"a resume after a resume":         {run("a") + steps(1, 3) + run("a") + steps(4, 5) + run("a") + steps(8, 9), []int64{9}},
		"a resume with no step":           {run("a") + steps(1, 3) + run("a"), []int64{3}},
		"steps begin again":               {run("a") + steps(1, 3) + run("a") + steps(2, 9), []int64{3, 9}},
		"another name":                    {run("a") + steps(1, 3) + run("b") + steps(4, 9), []int64{3, 9}},
		"another run with no step":        {run("a") + steps(1, 3) + run("b"), []int64{3, 0}},
		"a run line after nameless steps": {steps(1, 3) + run("a") + steps(1, 4), []int64{3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			out, errout := replayed(t, c.log)
			require.Empty(t, errout)
			require.Equal(t, c.ends, ends(t, out))
		})
	}
}

func TestReplayReportsAndSkipsBadLines(t *testing.T) {
	log := `{"type":"step","step":1,"loss":1}
{"type":"step","step":2,"loss":"high"}
{"type":"step","step":3,"loss":1}
garbage
{"type":"step","step":3,"loss":1}
{"type":"event","step":3,"kind":"cliff","state":"firing","severity":"warning"}
{"type":"step","step":2,"loss":1}
{"type":"picture"}
{"type":"step","step":4,"loss":1}
{"type":"step","st`
	out, errout := replayed(t, log)
	require.Equal(t, []int64{4}, ends(t, out))
	require.Equal(t, 1, strings.Count(out, "\n"), "recorded events are not repeated")
	lines := strings.Split(strings.TrimSpace(errout), "\n")
	require.Len(t, lines, 4)
	require.Contains(t, lines[0], `line 2: loss: got "high"`)
	require.Contains(t, lines[1], `line 4: not JSON`)
	require.Contains(t, lines[2], `line 5: step: got 3 after 3`)
	require.Contains(t, lines[3], `line 7: step: got 2 after 3`)
}

func TestReplayOfWhatCannotBeRead(t *testing.T) {
	for name, in := range map[string]io.Reader{
		"empty":          strings.NewReader(""),
		"blank":          strings.NewReader("\n\n"),
		"something else": strings.NewReader("hello\nworld\n"),
		"binary":         bytes.NewReader([]byte{0x7f, 'E', 'L', 'F', 0, 1, 2}),
		"no known line":  strings.NewReader(`{"type":"event","step":1}` + "\n"),
		"broken":         io.MultiReader(strings.NewReader(`{"type":"step","step":1}`+"\n"), broken{}),
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := replay(in, &out, io.Discard, false)
			var coded interface{ ExitCode() int }
			require.ErrorAs(t, err, &coded)
			require.Equal(t, 2, coded.ExitCode())
			require.Empty(t, out.String())
		})
	}
	missing := replayCmd{File: filepath.Join(t.TempDir(), "missing")}
	err := missing.Run(&streams{io.Discard, io.Discard})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorAs(t, err, new(unreadable))
}

type broken struct{}

func (broken) Read([]byte) (int, error)  { return 0, errors.New("broken") }
func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestReplayOfAFile(t *testing.T) {
	var out, errout bytes.Buffer
	c := replayCmd{File: filepath.Join("testdata", "replay.jsonl")}
	require.NoError(t, c.Run(&streams{&out, &errout}))
	require.Equal(t, []int64{60}, ends(t, out.String()))
	require.Contains(t, out.String(), `"kind":"nonfinite","state":"firing"`)
	require.Empty(t, errout.String())
}

func TestReplayOnTheCommandLine(t *testing.T) {
	file := filepath.Join("testdata", "replay.jsonl")
	for _, c := range []struct {
		args        []string
		status      int
		out, errout string
	}{
		{[]string{"replay", file}, 0, `{"type":"end","step":60,`, ""},
		{[]string{"replay", "--human", file}, 0, "The verdict after step 60:", ""},
		{[]string{"replay", "testdata"}, 2, "", "is a directory"},
		{[]string{"replay", "missing"}, 2, "", "open missing: no such file"},
		{[]string{"replay", os.DevNull}, 2, "", "not a run log"},
		{[]string{"replay"}, 2, "", "file"},
	} {
		var out, errout bytes.Buffer
		require.Equal(t, c.status, run(t.Context(), c.args, &out, &errout), "%v", c.args)
		require.Contains(t, out.String(), c.out)
		require.Contains(t, errout.String(), c.errout)
		require.Equal(t, c.status == 0, errout.Len() == 0)
	}
}

func TestReplayOfStandardInput(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "replay.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	defer func(stdin *os.File) { os.Stdin = stdin }(os.Stdin)
	os.Stdin = f
	var out, errout bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"replay", "-"}, &out, &errout), errout.String())
	require.Equal(t, []int64{60}, ends(t, out.String()))
}

// Output that cannot be written is no fault of the log: another error.
func TestReplayIntoABrokenPipe(t *testing.T) {
	for _, human := range []bool{false, true} {
		err := replay(strings.NewReader(`{"type":"step","step":1}`), broken{}, io.Discard, human)
		require.ErrorContains(t, err, "broken")
		require.False(t, errors.As(err, new(unreadable)))
	}
}

// FuzzReplay feeds anything to the detectors: it must neither panic nor hang.
func FuzzReplay(f *testing.F) {
	f.Add([]byte(`{"type":"run","params":[{"name":"a"},{"name":"b"}]}` + "\n" +
		`{"type":"step","step":1,"param_grad_norms":[1],"zero_grads":[1,2,3],"param_norms":[],"update_norms":[null]}` + "\n" +
		`{"type":"step","step":2,"param_grad_norms":[1,2,3,4],"loss":"NaN","curvature":{"gthg":1}}`))
	f.Add([]byte(`{"type":"step","step":1,"loss":1e308}` + "\n" + `{"type":"step","step":9223372036854775807,"loss":-1e308,"grad_norm":1e308}`))
	f.Fuzz(func(t *testing.T, log []byte) {
		err := replay(bytes.NewReader(log), io.Discard, io.Discard, false)
		if err != nil {
			require.ErrorAs(t, err, new(unreadable))
		}
	})
}

func BenchmarkReplay(b *testing.B) {
	var log bytes.Buffer
	w := runlog.NewWriter(&log)
	troubled(1000, func(s *monitor.Step) { _ = w.Step(s) })
	_ = w.Close(b.Context(), nil)
	b.SetBytes(int64(log.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if err := replay(bytes.NewReader(log.Bytes()), io.Discard, io.Discard, false); err != nil {
			b.Fatal(err)
		}
	}
}
