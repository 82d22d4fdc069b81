package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/module"
)

// A runner runs a command in dir with env added to the environment, and
// returns what it wrote. It is replaced in tests.
type runner func(ctx context.Context, dir string, env []string, name string, args ...string) (stdout, stderr string, err error)

// run is the runner that runs commands. Cancelling ctx ends the command and
// everything that it started.
func run(ctx context.Context, dir string, env []string, name string, args ...string) (string, string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "LC_ALL=C"), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 2 * time.Second
	endWithChildren(cmd)
	err := cmd.Run()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return stdout.String(), stderr.String(), err
}

// goTool runs the go command.
type goTool struct{ run runner }

// goEnv is the part of "go env" that set-up depends on.
type goEnv struct {
	GOMOD, GOWORK, GOFLAGS, GOVERSION, CGO_ENABLED, CXX string
}

func (g goTool) env(ctx context.Context, dir string) (*goEnv, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", dir)
	}
	out, stderr, err := g.run(ctx, dir, nil, "go", "env", "-json", "GOMOD", "GOWORK", "GOFLAGS", "GOVERSION", "CGO_ENABLED", "CXX")
	if err != nil {
		return nil, goFailed("go env", stderr, err)
	}
	var e goEnv
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		return nil, fmt.Errorf("go env printed something unexpected: %w", err)
	}
	return &e, nil
}

// download returns the folder of a module in the module cache, and gets it
// there when it is missing. It is checked against the go.sum of the module at dir.
func (g goTool) download(ctx context.Context, dir string, module module.Version) (string, error) {
	what := module.String()
	out, stderr, err := g.run(ctx, dir, []string{"GOWORK=off"}, "go", "mod", "download", "-json", what)
	var got struct{ Dir, Error string }
	if json.Unmarshal([]byte(out), &got) == nil && got.Error != "" {
		return "", fmt.Errorf("%s is not in the module cache and cannot be downloaded: %s; "+
			"check the network (and GOPROXY), then: go mod download %s", what, got.Error, what)
	}
	if err != nil {
		return "", goFailed("go mod download "+what, stderr, err)
	}
	if got.Dir == "" {
		return "", fmt.Errorf("go mod download %s did not say where it put the module", what)
	}
	return got.Dir, nil
}

// goFailed explains why the go command failed.
func goFailed(what, stderr string, err error) error {
	if missing(err) {
		return errors.New("the go command is not on PATH; install Go (https://go.dev/dl) and add its bin folder to PATH")
	}
	if stderr = tail(stderr, 2000); stderr != "" {
		return fmt.Errorf("%s: %w\n%s", what, err, stderr)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// missing reports whether a command failed since there is no such program.
func missing(err error) bool {
	return errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist)
}

// A compiler is the C++ compiler that cgo uses too.
type compiler struct {
	run     runner
	command []string
}

func newCompiler(run runner, env *goEnv) (*compiler, error) {
	command := strings.Fields(env.CXX)
	if len(command) == 0 {
		command = []string{"g++"}
	}
	if _, err := exec.LookPath(command[0]); err != nil {
		return nil, fmt.Errorf("no C++ compiler: %s (from go env CXX) is not on PATH; "+
			"on Debian or Ubuntu: apt-get install g++", command[0])
	}
	if env.CGO_ENABLED == "0" {
		return nil, errors.New("cgo is switched off (go env CGO_ENABLED is 0) and gotch needs it: " +
			"unset CGO_ENABLED, or: go env -u CGO_ENABLED; cgo needs a C compiler too (apt-get install gcc)")
	}
	return &compiler{run: run, command: command}, nil
}

// version is what the compiler says of itself.
func (c *compiler) version(ctx context.Context) (string, error) {
	out, stderr, err := c.run(ctx, "", nil, c.command[0], append(c.command[1:], "--version")...)
	if err != nil {
		return "", fmt.Errorf("%s --version: %w\n%s", strings.Join(c.command, " "), err, tail(stderr, 500))
	}
	first, _, _ := strings.Cut(out, "\n")
	return first, nil
}

// check returns the checkFunc for code that uses t.
func (c *compiler) check(t *Libtorch) checkFunc {
	return func(ctx context.Context, dir string) (string, error) {
		args := append([]string{}, c.command[1:]...)
		args = append(args, "-std=c++17", "-fsyntax-only", "-fmax-errors=0", "-w", "-I.")
		args = append(args, t.cxxFlags()...)
		_, stderr, err := c.run(ctx, dir, nil, c.command[0], append(args, "torch_api.cpp")...)
		return stderr, err
	}
}

// moduleRoot is the folder of the main module.
func moduleRoot(env *goEnv, dir string) (string, error) {
	if env.GOMOD == "" || env.GOMOD == os.DevNull {
		return "", fmt.Errorf("%s is not in a Go module (no go.mod in it or above it); "+
			"go there, or name the module's folder with -C", dir)
	}
	return filepath.Dir(env.GOMOD), nil
}
