package runlog_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/monitor"
)

func TestStepsReachTheFileWithinASecondAndEventsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b counting
		w := runlog.NewWriter(&b)
		require.NoError(t, w.Step(&monitor.Step{Step: 1}))
		time.Sleep(900 * time.Millisecond)
		require.NoError(t, w.Step(&monitor.Step{Step: 2}))
		synctest.Wait()
		require.Zero(t, b.lines())
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, 2, b.lines(), "a second after the first step")
		require.NoError(t, w.Step(&monitor.Step{Step: 3}))
		require.NoError(t, w.Event(&monitor.Event{Step: 3}))
		require.Equal(t, 4, b.lines(), "an event takes along what is buffered")
		time.Sleep(time.Minute)
		require.NoError(t, w.Close(t.Context(), &monitor.End{}))
		require.Equal(t, 5, b.lines())
		require.Error(t, w.Step(&monitor.Step{Step: 4}), "the log is closed")
		require.Equal(t, 3, b.writes, "nothing is written when there is nothing to write")
	})
}

type counting struct {
	mu     sync.Mutex
	b      bytes.Buffer
	writes int
}

func (c *counting) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	return c.b.Write(p)
}

func (c *counting) lines() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Count(c.b.Bytes(), []byte("\n"))
}

func TestCreateDoesNotOverwrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	write := func(step int64, options ...runlog.Option) error {
		w, err := runlog.Create(path, options...)
		if err != nil {
			return err
		}
		require.NoError(t, w.Step(&monitor.Step{Step: step}))
		return w.Close(t.Context(), nil)
	}
	content := func() []int64 {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		steps, bad, _ := read(t, string(b))
		require.Empty(t, bad)
		return steps
	}
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, write(1), "an empty file is as good as none")
	err := write(2)
	require.ErrorIs(t, err, os.ErrExist)
	require.ErrorContains(t, err, path)
	require.Equal(t, []int64{1}, content())
	require.NoError(t, write(3, runlog.Append()))
	require.Equal(t, []int64{1, 3}, content())
	require.NoError(t, write(4, runlog.Overwrite()))
	require.Equal(t, []int64{4}, content())
	require.Error(t, write(5, runlog.Append(), runlog.Overwrite()))

	_, err = runlog.Create(filepath.Join(path, "no", "folder"))
	require.ErrorContains(t, err, "run.jsonl")
}

func TestAppendMendsTheLastLine(t *testing.T) {
	step := `{"type":"step","step":1}`
	for before, after := range map[string]string{
		"":                                 "",
		step + "\n":                        step + "\n",
		step:                               step + "\n",
		step + "\n" + `{"type":"step","st`: step + "\n",
		`{"type":"st`:                      "",
		step + "\n" + "my own note":        step + "\n" + "my own note\n",
		step + "\n" + `{"type":"x","a":"` + strings.Repeat("long", 9999): step + "\n",
	} {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		require.NoError(t, os.WriteFile(path, []byte(before), 0o600))
		w, err := runlog.Create(path, runlog.Append())
		require.NoError(t, err)
		require.NoError(t, w.Step(&monitor.Step{Step: 2}))
		require.NoError(t, w.Close(t.Context(), nil))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, after+`{"type":"step","step":2}`+"\n", string(got))
	}
}

func TestAFullDiskEndsTheLog(t *testing.T) {
	full := &failingAfter{left: 1, err: syscall.ENOSPC}
	w := runlog.NewWriter(full)
	require.NoError(t, w.Event(&monitor.Event{Step: 1}))
	err := w.Event(&monitor.Event{Step: 2})
	require.ErrorIs(t, err, syscall.ENOSPC)
	for range 10 {
		require.Equal(t, err, w.Step(&monitor.Step{Step: 3}))
	}
	require.Equal(t, err, w.Close(t.Context(), &monitor.End{}))
	require.Equal(t, 2, full.calls, "no retry")

	short := runlog.NewWriter(shortly{})
	require.ErrorIs(t, short.Event(&monitor.Event{}), io.ErrShortWrite)
	require.Error(t, short.Close(t.Context(), nil))
}

func TestDevFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	w, err := runlog.Create("/dev/full")
	require.NoError(t, err)
	require.NoError(t, w.Step(&monitor.Step{Step: 1}))
	require.ErrorIs(t, w.Event(&monitor.Event{}), syscall.ENOSPC)
	require.ErrorIs(t, w.Close(t.Context(), &monitor.End{}), syscall.ENOSPC)
}

type failingAfter struct {
	left, calls int
	err         error
}

func (f *failingAfter) Write(p []byte) (int, error) {
	f.calls++
	if f.left--; f.left < 0 {
		return len(p) / 2, f.err
	}
	return len(p), nil
}

type shortly struct{}

func (shortly) Write(p []byte) (int, error) { return len(p) - 1, nil }

// A process that is killed with no warning leaves a log that can be read, and
// that a resumed run can go on with.
func TestAKilledProcessLeavesAReadableLog(t *testing.T) {
	if path := os.Getenv("RUNLOG_TEST_CHILD"); path != "" {
		child(path)
	}
	path := filepath.Join(t.TempDir(), "run.jsonl")
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "RUNLOG_TEST_CHILD="+path)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() > 2<<20
	}, 30*time.Second, 5*time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	var killed *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &killed)

	log, err := os.ReadFile(path)
	require.NoError(t, err)
	steps, bad, _ := read(t, string(log))
	require.Empty(t, bad)
	require.Greater(t, len(steps), 1000)
	for i, s := range steps {
		require.EqualValues(t, i+1, s)
	}

	w, err := runlog.Create(path, runlog.Append())
	require.NoError(t, err)
	require.NoError(t, w.Step(&monitor.Step{Step: 1 << 40}))
	require.NoError(t, w.Close(t.Context(), nil))
	log, err = os.ReadFile(path)
	require.NoError(t, err)
	more, bad, r := read(t, string(log))
	require.Empty(t, bad)
	require.False(t, r.Torn())
	require.Len(t, more, len(steps)+1)
}

func child(path string) {
	w, err := runlog.Create(path)
	for i := int64(1); err == nil; i++ {
		s := everything()
		s.Step = i
		err = w.Step(s)
	}
	os.Exit(1)
}

func TestConcurrentTimer(t *testing.T) {
	var b counting
	w := runlog.NewWriter(&b)
	until := time.Now().Add(1200 * time.Millisecond)
	n := 0
	for ; time.Now().Before(until); n++ {
		if err := w.Step(&monitor.Step{Step: int64(n + 1)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Microsecond)
	}
	require.NoError(t, w.Close(t.Context(), nil))
	require.Equal(t, n, b.lines())
	require.False(t, errors.Is(w.Close(t.Context(), nil), io.EOF))
}
