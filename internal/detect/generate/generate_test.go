package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/internal/detect/programs"
	"github.com/seed-140d0f39/gtg/monitor"
)

// The test binary is a farm's child when this is set, and does what its value says.
const asChild = "GTG_TEST_GENERATE"

func TestMain(m *testing.M) {
	switch mode, marker, _ := strings.Cut(os.Getenv(asChild), ","); mode {
	case "":
		if len(os.Args) > 1 && os.Args[1] == childCommand {
			main()
			return
		}
		goleak.VerifyTestMain(m)
	case "crash once":
		if f, err := os.OpenFile(marker, os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			_ = f.Close()
			panic("crashed")
		}
		fallthrough
	case "succeed":
		_ = os.WriteFile(os.Args[len(os.Args)-1], []byte("log"), 0o600)
		fmt.Println(`{"steps":10,"metric":0.5}`)
	case "crash":
		panic("crashed")
	case "hang":
		time.Sleep(time.Hour)
	case "babble":
		fmt.Println("steps: 10")
	}
}

// fake is a farm whose children do what mode says.
func fake(t *testing.T, mode string) (*farm, job) {
	t.Helper()
	p, c, err := programs.Find("blob-mlp", programs.Plain)
	require.NoError(t, err)
	f, err := newFarm(store{t.TempDir()}, 2)
	require.NoError(t, err)
	real := f.command
	f.command = func(ctx context.Context, j job, log string) *exec.Cmd {
		command := real(ctx, j, log)
		command.Env = append(command.Env, asChild+"="+mode+","+filepath.Join(f.store.dir, "marker"))
		return command
	}
	return f, job{p, c, 1}
}

func TestCrashIsTriedAgainOnce(t *testing.T) {
	f, j := fake(t, "crash once")
	require.NoError(t, f.run(t.Context(), []job{j}))
	o, ok := f.store.outcome(j)
	require.True(t, ok)
	require.EqualValues(t, 10, o.Steps)

	f, j = fake(t, "crash")
	err := f.run(t.Context(), []job{j})
	require.ErrorContains(t, err, "blob-mlp, healthy, seed 1")
	require.ErrorContains(t, err, "crashed")
	_, ok = f.store.outcome(j)
	require.False(t, ok)
	left, err := filepath.Glob(filepath.Join(f.store.dir, "*", "*.part"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestHangingChildIsEnded(t *testing.T) {
	f, j := fake(t, "hang")
	f.time = 300 * time.Millisecond
	require.ErrorContains(t, f.run(t.Context(), []job{j}), "it was not done after 300ms")
}

func TestOutcomeThatCannotBeRead(t *testing.T) {
	f, j := fake(t, "babble")
	require.ErrorContains(t, f.run(t.Context(), []job{j}), `reading its outcome "steps: 10`)
}

func TestInterruptEndsTheChildren(t *testing.T) {
	f, j := fake(t, "hang")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fmt.Errorf("interrupted"))
	require.ErrorContains(t, f.run(ctx, []job{j}), "interrupted")
}

func TestWhatIsThereIsKept(t *testing.T) {
	f, j := fake(t, "succeed")
	require.NoError(t, f.run(t.Context(), []job{j}))

	// Another child would fail.
	f.command = func(context.Context, job, string) *exec.Cmd { return exec.Command("/nonexistent") }
	require.NoError(t, f.run(t.Context(), []job{j}))
	other := *j.program
	other.Plain.LR *= 2
	require.Error(t, f.run(t.Context(), []job{{&other, j.name, j.seed}}), "of another recipe")
	require.NoError(t, os.Remove(f.store.path(j)))
	require.Error(t, f.run(t.Context(), []job{j}), "the log is gone")
}

func TestChoose(t *testing.T) {
	jobs, err := choose([]string{"blob-mlp", "circle-tanh"}, []string{"too_slow"}, 2)
	require.NoError(t, err)
	var got []string
	for _, j := range jobs {
		got = append(got, fmt.Sprintf("%s %s %d", j.program.Name, j.name.Class, j.seed))
	}
	require.Equal(t, []string{
		"blob-mlp healthy 1", "blob-mlp healthy 2", "blob-mlp too_slow 1", "blob-mlp too_slow 2",
		"circle-tanh healthy 1", "circle-tanh healthy 2", "circle-tanh too_slow 1", "circle-tanh too_slow 2",
	}, got)
	_, err = choose([]string{"blob"}, nil, 1)
	require.ErrorContains(t, err, `no program "blob", want one of [blob-mlp`)
	_, err = choose(nil, []string{"slow"}, 1)
	require.ErrorContains(t, err, `no class "slow", want one of [healthy`)
}

func TestFilesAreUnique(t *testing.T) {
	jobs, err := choose(nil, nil, 2)
	require.NoError(t, err)
	seen := map[string]job{}
	for _, j := range jobs {
		require.NotContains(t, seen, file(j), "%v and %v", j, seen[file(j)])
		seen[file(j)] = j
		require.Regexp(t, `^[a-z0-9-]+/[a-z0-9.-]+-[12]\.gtg\.jsonl\.gz$`, file(j))
	}
}

func TestFlags(t *testing.T) {
	for args, want := range map[string]string{
		"":                  "-o must name a folder",
		"-o x -seeds 0":     "-seeds 0",
		"-o x -jobs 0":      "-jobs 0",
		"-o x -programs no": `no program "no"`,
	} {
		require.ErrorContains(t, generate(t.Context(), strings.Fields(args)), want, args)
	}
}

// From the flags to a corpus that can be read.
func TestGenerate(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, generate(t.Context(), []string{"-o", dir, "-programs", "words-embedding", "-classes", "sign_error", "-seeds", "1"}))
	labels, err := corpus.Read(os.DirFS(dir))
	require.NoError(t, err)
	require.Len(t, labels, 2)
	for _, l := range labels {
		require.True(t, l.Confirmed, l.File)
		require.False(t, l.HeldOut)
		require.Equal(t, labels[0].Metric, l.Reference)
		steps, params := int64(0), 0
		require.NoError(t, corpus.Steps(os.DirFS(dir), l.File,
			func(r *monitor.Run) { params = len(r.Params) },
			func(s *monitor.Step) { steps++; require.Len(t, s.ParamGradNorms, params) }))
		require.Equal(t, l.Steps, steps)
	}
}
