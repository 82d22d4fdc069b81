package console

import (
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"

	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestPolicy(t *testing.T) {
	for s, want := range map[string]string{"outlier": "outlier", "none": "none", "norm=1.5": "norm", "value=0.5": "value", "norm=+Inf": "norm"} {
		p, err := Policy(s)
		require.NoError(t, err, s)
		require.Equal(t, want, p.Name(), s)
	}
	p, err := Policy("norm=1.5")
	require.NoError(t, err)
	require.InDelta(t, 0.5, p.Decide(clip.Gradient{Norm: 3, Max: 3}).Factor, 1e-12)
	for _, s := range []string{"", "often", "norm", "norm=", "norm=x", "norm=0", "value=-1", "norm=NaN", "outlier=3"} {
		_, err := Policy(s)
		require.ErrorContains(t, err, "-clip", s)
	}
}

func TestFlags(t *testing.T) {
	var f Flags
	set := flag.NewFlagSet("t", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	f.Register(set, "t.gtg.jsonl")
	require.NoError(t, Parse(set, []string{"-attach=false", "--seed", "7"}))
	require.Equal(t, Flags{Clip: "outlier", Output: "t.gtg.jsonl", Metrics: "127.0.0.1:0", Seed: 7, Threads: 1}, f)
	require.NoError(t, Positive(set, "seed", "threads"))
	require.ErrorContains(t, Parse(set, []string{"file"}), `"file"`)
	require.ErrorIs(t, Parse(set, []string{"-help"}), flag.ErrHelp)
	require.NoError(t, Parse(set, []string{"-threads=0"}))
	require.ErrorContains(t, Positive(set, "seed", "threads"), "-threads 0")
}

// The run log knows the flags, and the program's own settings before them.
func TestOptionsTellTheRunLog(t *testing.T) {
	vs := nn.NewVarStore(gotch.CPU)
	w := vs.Root().MustOnes("w", []int64{2})
	opt, err := nn.DefaultSGDConfig().Build(vs, 0.1)
	require.NoError(t, err)
	f := Flags{Clip: "norm=2", Output: filepath.Join(t.TempDir(), "run.jsonl"), Seed: 7}
	options, stop, err := f.Options(io.Discard, map[string]any{"batch": 3, "seed": "mine"})
	require.NoError(t, err)
	guard, err := hooks.Attach(opt, options...)
	require.NoError(t, err)
	require.NoError(t, opt.BackwardStep(w.MustSum(gotch.Float, false)))
	require.NoError(t, errors.Join(guard.Close(), stop()))
	log, err := os.ReadFile(f.Output)
	require.NoError(t, err)
	require.Contains(t, string(log), `"config":{"batch":3,"clip":"norm=2","seed":"mine"}`)
}

func TestSink(t *testing.T) {
	s := new(Sink)
	require.Zero(t, s.Last())
	step := func(n int64, factor float64, action monitor.Action) {
		require.NoError(t, s.Step(&monitor.Step{Step: n, Loss: monitor.Known(2), GradNorm: monitor.Known(3),
			Clip: monitor.Clip{Policy: "outlier", Factor: monitor.Known(factor)}, Action: action}))
	}
	step(1, 1, monitor.ActionStep)
	step(2, 0.25, monitor.ActionStep)
	require.Equal(t, Reading{Step: 2, Loss: 2, GradNorm: 3, Action: monitor.ActionStep, Factor: 0.25, Clipped: 1}, s.Last())
	require.Contains(t, s.Last().String(), "clip ×0.25")
	step(3, 1, monitor.ActionSkip)
	require.Equal(t, int64(1), s.Last().Skipped)
	require.Contains(t, s.Last().String(), "skip")
	require.NoError(t, s.Step(&monitor.Step{Step: 4, GradNorm: monitor.Known(math.NaN())}))
	require.Equal(t, 1.0, s.Last().Factor, "a step without a policy is not clipped")

	require.NoError(t, s.Event(&monitor.Event{Step: 2, Kind: monitor.Cliff, State: monitor.Firing, Summary: "steep"}))
	require.Equal(t, []string{"step 2: cliff firing: steep"}, s.Events())
	require.Empty(t, s.Events())
}

func TestProgressWithoutTerminal(t *testing.T) {
	var out strings.Builder
	p := NewProgress(&out, 45)
	for range 45 {
		p.Step(func() string { return "fine" })
	}
	p.Println("done")
	p.Close()
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	require.Len(t, lines, 24)
	require.Equal(t, " 2/45  fine", lines[0])
	require.Equal(t, "45/45  fine", lines[22])
	require.Equal(t, "done", lines[23])
}

func TestPrintVerdict(t *testing.T) {
	var out strings.Builder
	PrintVerdict(&out, monitor.New(nil).Verdict())
	for _, section := range []string{"8.2.1", "8.2.2", "8.2.3", "8.2.4", "8.2.5"} {
		require.Contains(t, out.String(), section)
	}
}
