package setup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("GTG_TEST_HANG_IN"); dir != "" {
		hang(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// A machine is one on which set-up runs: a module, a module cache and a cache
// folder under dir, and a go command and a C++ compiler that are played.
type machine struct {
	dir      string
	env      goEnv
	compile  checkFunc           // plays the compiler
	fail     map[string]string   // by module: why it cannot be downloaded
	torch    *Libtorch           // nil: there is none
	mu       sync.Mutex          // guards the following
	commands map[string]int      // how often each command was run
	notes    []string            // what Progress was told
	missing  map[string]struct{} // programs that are not there
}

// newMachine returns a machine with a module at m.at("user") that requires gotch.
func newMachine(t *testing.T, dir string) *machine {
	m := &machine{dir: dir, compile: fakeCheck, fail: map[string]string{}, commands: map[string]int{}, missing: map[string]struct{}{},
		torch: &Libtorch{Version: "1.13.0", Include: "/usr/include", Lib: "/usr/lib", System: true, CXX11: true}}
	self, err := os.Executable()
	require.NoError(t, err)
	m.env = goEnv{GOMOD: m.at("user/go.mod"), GOVERSION: "go1.26.0", CGO_ENABLED: "1", CXX: self + " -m64"}
	if _, err := os.Stat(m.at("user")); err == nil {
		return m // a second look at the same machine
	}
	write(t, dir, map[string]string{
		"user/go.mod": "module example.com/user\n\ngo 1.26.0\n\nrequire github.com/sugarme/gotch v0.9.1\n",
		"modules/github.com/sugarme/gotch@v0.9.1/go.mod":                           "module github.com/sugarme/gotch\n",
		"modules/github.com/sugarme/gotch@v0.9.1/nn/nn.go":                         "package nn\n",
		"modules/github.com/sugarme/gotch@v0.9.1/example/big.bin":                  "x",
		"modules/github.com/sugarme/gotch@v0.9.1/libtch/lib.go":                    "package libtch // made for CUDA\n",
		"modules/github.com/sugarme/gotch@v0.9.1/libtch/torch_api.h":               apiHeader,
		"modules/github.com/sugarme/gotch@v0.9.1/libtch/torch_api_generated.h":     generatedHeader,
		"modules/github.com/sugarme/gotch@v0.9.1/libtch/torch_api.cpp":             api,
		"modules/github.com/sugarme/gotch@v0.9.1/libtch/torch_api_generated.cpp.h": generated,
	})
	readOnly(t, m.at("modules"))
	return m
}

// readOnly makes a tree look like the module cache does.
func readOnly(t *testing.T, dir string) {
	chmod := func(file, folder os.FileMode) {
		require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				return os.Chmod(path, folder)
			}
			return errors.Join(err, os.Chmod(path, file))
		}))
	}
	chmod(0o444, 0o555)
	t.Cleanup(func() { chmod(0o644, 0o755) })
}

func (m *machine) at(name string) string { return filepath.Join(m.dir, name) }

func (m *machine) run(ctx context.Context, dir string, env []string, name string, args ...string) (string, string, error) {
	if _, ok := m.missing[name]; ok {
		return "", "", &exec.Error{Name: name, Err: exec.ErrNotFound}
	}
	command := name
	if name == "go" {
		command = name + " " + args[0]
	}
	m.mu.Lock()
	m.commands[command]++
	m.mu.Unlock()
	switch {
	case command == "go env":
		return fmt.Sprintf(`{"GOMOD":%q,"GOWORK":%q,"GOFLAGS":%q,"GOVERSION":%q,"CGO_ENABLED":%q,"CXX":%q}`,
			m.env.GOMOD, m.env.GOWORK, m.env.GOFLAGS, m.env.GOVERSION, m.env.CGO_ENABLED, m.env.CXX), "", nil
	case command == "go mod":
		what := args[len(args)-1]
		if why := m.fail[what]; why != "" {
			return fmt.Sprintf(`{"Error":%q}`, why), "", errors.New("exit status 1")
		}
		dir := m.at("modules/" + what)
		if _, err := os.Stat(dir); err != nil {
			dir = m.at("more/" + what)
		}
		return fmt.Sprintf(`{"Dir":%q}`, dir), "", nil
	case slices.Contains(args, "torch_api.cpp"):
		out, err := m.compile(ctx, dir)
		return "", out, err
	}
	return "", "", nil
}

func (m *machine) Note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notes = append(m.notes, fmt.Sprintf(format, args...))
}

func (m *machine) Stage(what string) func(string) {
	return func(result string) { m.Note("%s: %s", what, result) }
}

func (m *machine) setup(ctx context.Context, change ...func(*Options)) (*Result, error) {
	o := Options{Dir: m.at("user"), Cache: m.at("cache"), Build: true, Progress: m}
	for _, c := range change {
		c(&o)
	}
	return (&setup{Options: o, run: m.run, find: func() (*Libtorch, error) {
		if m.torch == nil {
			return nil, errors.New("no libtorch found")
		}
		return m.torch, nil
	}}).do(ctx)
}

// copies are the folders in the cache folder.
func (m *machine) copies() (names []string) {
	entries, _ := os.ReadDir(m.at("cache"))
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestSetupFitsACopyAndPutsItInForce(t *testing.T) {
	m := newMachine(t, t.TempDir())
	modules := snapshot(t, m.at("modules"))
	r, err := m.setup(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"atg_a", "atg_b", "inner"}, r.Disabled)
	require.True(t, r.Changed)
	require.Equal(t, m.at("user/go.work"), r.Work)
	require.Contains(t, read(t, r.Work), "replace github.com/sugarme/gotch v0.9.1 => "+r.Gotch+"\n")
	require.Contains(t, filepath.Base(r.Gotch), "gotch-v0.9.1-libtorch-1.13.0-")
	require.Equal(t, m.torch.libGo(), read(t, filepath.Join(r.Gotch, "libtch/lib.go")))
	require.Contains(t, read(t, filepath.Join(r.Gotch, "libtch/torch_api_generated.cpp.h")), "atg_b is not available in libtorch 1.13.0")
	require.FileExists(t, filepath.Join(r.Gotch, "nn/nn.go"))
	require.NoDirExists(t, filepath.Join(r.Gotch, "example"))
	require.Len(t, m.copies(), 1)
	require.Equal(t, modules, snapshot(t, m.at("modules")), "the module cache is left alone")
	require.Equal(t, 1, m.commands["go build"])
}

func TestASecondSetupChangesNothing(t *testing.T) {
	m := newMachine(t, t.TempDir())
	first, err := m.setup(t.Context())
	require.NoError(t, err)
	m.env.GOWORK = first.Work
	before, times := snapshot(t, m.dir), modified(t, m.dir)
	m.commands = map[string]int{}

	second, err := m.setup(t.Context())
	require.NoError(t, err)
	require.False(t, second.Changed)
	require.Equal(t, first.Disabled, second.Disabled)
	require.Equal(t, before, snapshot(t, m.dir))
	require.Equal(t, times, modified(t, m.dir))
	require.Equal(t, map[string]int{"go env": 1, "go build": 1}, m.commands, "nothing is downloaded or compiled again")

	_, err = m.setup(t.Context(), func(o *Options) { o.Refit, o.Build = true, false })
	require.NoError(t, err)
	require.Equal(t, before, snapshot(t, m.dir))
	require.Equal(t, 3, m.commands[strings.Fields(m.env.CXX)[0]], "asked to, it fits again")
}

// modified returns when each file under dir was written.
func modified(t *testing.T, dir string) map[string]time.Time {
	times := map[string]time.Time{}
	for path := range snapshot(t, dir) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		times[path] = info.ModTime()
	}
	return times
}

func TestAnotherLibtorchGetsACopyOfItsOwn(t *testing.T) {
	m := newMachine(t, t.TempDir())
	first, err := m.setup(t.Context())
	require.NoError(t, err)
	m.env.GOWORK = first.Work
	m.torch = &Libtorch{Version: gotchTorch, Include: "/opt/include", Lib: "/opt/lib"}
	m.compile = func(context.Context, string) (string, error) { return "", nil }
	second, err := m.setup(t.Context())
	require.NoError(t, err)
	require.Empty(t, second.Disabled, "the libtorch that gotch is made for supports all of it")
	require.NotEqual(t, first.Gotch, second.Gotch)
	require.Contains(t, read(t, second.Work), "=> "+second.Gotch+"\n")
	require.NotContains(t, read(t, second.Work), first.Gotch)
}

func TestGtgGetsItsFlags(t *testing.T) {
	const user = "module example.com/user\n\ngo 1.26.0\n\nrequire (\n\tgithub.com/sugarme/gotch v0.9.1\n\tgithub.com/seed-140d0f39/gtg v1.2.3\n)\n"
	const line = "replace github.com/seed-140d0f39/gtg v1.2.3 => "
	module := map[string]string{"go.mod": "module " + gtgPath + "\n", "internal/torch/doc.go": "package torch\n"}
	under := func(dir string) map[string]string {
		files := map[string]string{}
		for name, text := range module {
			files[dir+"/"+name] = text
		}
		return files
	}

	t.Run("where it is the main module", func(t *testing.T) {
		m := newMachine(t, t.TempDir())
		write(t, m.dir, under("user"))
		r, err := m.setup(t.Context())
		require.NoError(t, err)
		require.Equal(t, m.torch.zlibtorchGo(), read(t, m.at("user/internal/torch/zlibtorch.go")))
		require.NotContains(t, read(t, r.Work), gtgPath+" ")
	})
	t.Run("where go.mod replaces it by a folder", func(t *testing.T) {
		m := newMachine(t, t.TempDir())
		write(t, m.dir, under("checkout"))
		write(t, m.dir, map[string]string{"user/go.mod": user + "\nreplace github.com/seed-140d0f39/gtg => ../checkout\n"})
		r, err := m.setup(t.Context())
		require.NoError(t, err)
		require.Equal(t, m.torch.zlibtorchGo(), read(t, m.at("checkout/internal/torch/zlibtorch.go")))
		require.NotContains(t, read(t, r.Work), gtgPath+" ")
	})
	t.Run("where the workspace uses it", func(t *testing.T) {
		m := newMachine(t, t.TempDir())
		write(t, m.dir, under("checkout"))
		write(t, m.dir, map[string]string{"user/go.mod": user, "go.work": "go 1.26.0\n\nuse (\n\t./checkout\n\t./user\n)\n"})
		m.env.GOWORK = m.at("go.work")
		_, err := m.setup(t.Context())
		require.NoError(t, err)
		require.FileExists(t, m.at("checkout/internal/torch/zlibtorch.go"))
		require.NoFileExists(t, m.at("user/go.work"))
	})
	for name, test := range map[string]struct{ mod, version string }{
		"in the module cache":                   {user, "github.com/seed-140d0f39/gtg@v1.2.3"},
		"where go.mod replaces it by a module":  {user + "\nreplace github.com/seed-140d0f39/gtg => example.com/fork v0.1.0\n", "example.com/fork@v0.1.0"},
		"where that replaces only this version": {user + "\nreplace github.com/seed-140d0f39/gtg v1.2.3 => example.com/fork v0.1.0\n", "example.com/fork@v0.1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, t.TempDir())
			write(t, m.dir, under("more/"+test.version))
			modules := snapshot(t, m.at("more"))
			write(t, m.dir, map[string]string{"user/go.mod": test.mod})
			r, err := m.setup(t.Context())
			require.NoError(t, err)
			require.Len(t, m.copies(), 2)
			_, after, ok := strings.Cut(read(t, r.Work), line)
			require.True(t, ok, read(t, r.Work))
			dir, _, _ := strings.Cut(after, "\n")
			require.Equal(t, m.torch.zlibtorchGo(), read(t, filepath.Join(dir, flagsFile)))
			require.Equal(t, modules, snapshot(t, m.at("more")))

			m.env.GOWORK = r.Work
			times := modified(t, m.dir)
			_, err = m.setup(t.Context())
			require.NoError(t, err)
			require.Equal(t, times, modified(t, m.dir))
		})
	}
}

func TestAFailureSaysWhatIsMissingAndChangesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(m *machine)
		want  []string
	}{
		"no go":           {func(m *machine) { m.missing["go"] = struct{}{} }, []string{"go command is not on PATH", "https://go.dev/dl"}},
		"no compiler":     {func(m *machine) { m.env.CXX = "no-such-g++" }, []string{"no-such-g++", "apt-get install g++"}},
		"no cgo":          {func(m *machine) { m.env.CGO_ENABLED = "0" }, []string{"CGO_ENABLED", "go env -u CGO_ENABLED"}},
		"no libtorch":     {func(m *machine) { m.torch = nil }, []string{"no libtorch found"}},
		"no module":       {func(m *machine) { m.env.GOMOD = os.DevNull }, []string{"not in a Go module", "-C"}},
		"no network":      {func(m *machine) { m.fail[gotch.String()] = "dial tcp: no route" }, []string{"dial tcp: no route", "go mod download github.com/sugarme/gotch@v0.9.1"}},
		"no workspace":    {func(m *machine) { m.env.GOWORK = "off" }, []string{"GOWORK=off"}},
		"bad libtorch":    {func(m *machine) { m.compile = badHeader }, []string{"torch/script.h: No such file"}},
		"dying compiler":  {func(m *machine) { m.compile = dying }, []string{"signal: killed"}},
		"cache in a file": {func(m *machine) { m.dir += "/user/go.mod"; m.env.GOMOD = m.dir }, []string{"cache folder", "XDG_CACHE_HOME"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, t.TempDir())
			dir, before := m.dir, snapshot(t, m.dir)
			test.spoil(m)
			_, err := m.setup(t.Context(), func(o *Options) { o.Dir = filepath.Join(dir, "user") })
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			after := snapshot(t, dir)
			maps.DeleteFunc(after, func(path, _ string) bool { return filepath.Base(path) == "setup.lock" })
			require.Equal(t, before, after)
			m.dir = dir
			require.Empty(t, m.copies())
		})
	}
}

func badHeader(context.Context, string) (string, error) {
	return "torch_api.cpp:1:10: fatal error: torch/script.h: No such file or directory\n", errors.New("exit status 1")
}

func dying(context.Context, string) (string, error) { return "", errors.New("signal: killed") }

func TestAFolderThatIsNotThere(t *testing.T) {
	_, err := Run(t.Context(), Options{Dir: "/no/such/folder", Progress: newMachine(t, t.TempDir())})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAnInterruptedSetupLeavesNothing(t *testing.T) {
	m := newMachine(t, t.TempDir())
	ctx, cancel := context.WithCancelCause(t.Context())
	m.compile = func(ctx context.Context, dir string) (string, error) {
		require.Len(t, m.copies(), 1, "it is being made")
		cancel(errors.New("interrupted"))
		return "", ctx.Err()
	}
	_, err := m.setup(ctx)
	require.ErrorContains(t, err, "interrupted")
	require.Empty(t, m.copies())
	require.NoFileExists(t, m.at("user/go.work"))
}

// hang is the process that the next test kills.
func hang(dir string) {
	t := &testing.T{}
	m := newMachine(t, dir)
	m.compile = func(context.Context, string) (string, error) {
		fmt.Println("compiling")
		select {}
	}
	m.setup(context.Background())
}

func TestAKilledSetupLeavesNothingHalfMade(t *testing.T) {
	m := newMachine(t, t.TempDir())
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.Command(self)
	child.Env = append(os.Environ(), "GTG_TEST_HANG_IN="+m.dir)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "compiling\n", line)
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())

	left := m.copies()
	require.Len(t, left, 1)
	require.Contains(t, left[0], tempMark, "what is half made does not bear the name of a copy")
	require.NoFileExists(t, m.at("user/go.work"))

	r, err := m.setup(t.Context())
	require.NoError(t, err, "its lock went with it")
	require.Equal(t, []string{filepath.Base(r.Gotch)}, m.copies(), "and what it left is removed")
}

func TestTwoSetupsAtOnce(t *testing.T) {
	m := newMachine(t, t.TempDir())
	entered, leave := make(chan struct{}, 2), make(chan struct{})
	m.compile = func(ctx context.Context, dir string) (string, error) {
		entered <- struct{}{}
		<-leave
		return "", nil
	}
	type outcome struct {
		r   *Result
		err error
	}
	outcomes := make(chan outcome, 2)
	start := func(change ...func(*Options)) {
		r, err := m.setup(t.Context(), change...)
		outcomes <- outcome{r, err}
	}
	go start()
	<-entered
	start(func(o *Options) { o.LockLimit = time.Millisecond })
	o := <-outcomes
	require.ErrorContains(t, o.err, "another gtg setup has held the lock")
	require.Contains(t, strings.Join(m.notes, "\n"), "Another gtg setup is running")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.setup(ctx)
	require.ErrorIs(t, err, context.Canceled)

	go start()
	close(leave)
	a, b := <-outcomes, <-outcomes
	require.NoError(t, a.err)
	require.NoError(t, b.err)
	require.Equal(t, a.r.Gotch, b.r.Gotch)
	require.Empty(t, entered, "it was fitted once")
}
