package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Status is the outcome of a check.
type Status string

// The outcomes. Only Fail means that training will not work.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// A Check is one part of a set-up that was looked at.
type Check struct {
	Part   string // such as "libtorch"
	Status Status
	Found  string // what is there, or what is wrong
	Advice string // what to do about it; empty when all is well
}

// Minimal is the program that Diagnose has make a real training step.
const Minimal = gtgPath + "/examples/minimal"

// Diagnose checks each part of the set-up of the module that dir is in, in the
// order in which they depend on each other, and reports each as it is known.
// A step of real training, in a process of its own, has the time limit.
// It reports whether nothing failed.
func Diagnose(ctx context.Context, dir string, limit time.Duration, report func(Check)) bool {
	return (&doctor{dir: dir, limit: limit, run: run, find: FindLibtorch, report: report}).do(ctx)
}

type doctor struct {
	dir    string
	limit  time.Duration
	run    runner
	find   func() (*Libtorch, error)
	report func(Check)
	failed bool
}

func (d *doctor) say(part string, s Status, found, advice string) {
	d.failed = d.failed || s == Fail
	d.report(Check{part, s, found, advice})
}

// try reports what f found, or its error, and whether there was none.
func (d *doctor) try(part string, f func() (found string, err error)) bool {
	found, err := f()
	if err != nil {
		d.say(part, Fail, err.Error(), "")
		return false
	}
	d.say(part, OK, found, "")
	return true
}

const setupAdvice = "run: gtg setup"

func (d *doctor) do(ctx context.Context) bool {
	var env *goEnv
	var root string
	if !d.try("go", func() (found string, err error) {
		if env, err = (goTool{d.run}).env(ctx, d.dir); err != nil {
			return "", err
		}
		if root, err = moduleRoot(env, d.dir); err != nil {
			return "", err
		}
		return env.GOVERSION + ", module in " + root, checkFlags(env)
	}) {
		return false
	}
	d.try("compiler", func() (string, error) {
		c, err := newCompiler(d.run, env)
		if err != nil {
			return "", err
		}
		return c.version(ctx)
	})
	var torch *Libtorch
	d.try("libtorch", func() (_ string, err error) {
		if torch, err = d.find(); err != nil {
			return "", err
		}
		return torch.String(), nil
	})
	gtg := false
	if torch != nil {
		gtg = d.modules(ctx, root, torch)
		d.blas(torch)
	}
	switch {
	case d.failed:
		d.say("step", Warn, "not tried", "mend what failed first")
	case !gtg:
		d.say("step", Warn, "not tried: the program for it comes with gtg", "")
	default:
		d.step(ctx, root)
	}
	return !d.failed
}

// modules checks that the fitted gotch and gtg's flags are in force, and
// reports whether there is a gtg.
func (d *doctor) modules(ctx context.Context, root string, torch *Libtorch) bool {
	found, err := d.list(ctx, root)
	if err != nil {
		d.say("gotch", Fail, "the modules of "+root+" cannot be listed: "+err.Error(), setupAdvice)
		return false
	}
	dir := found[gotchPath]
	s, err := readStamp(dir)
	switch {
	case dir == "":
		d.say("gotch", Fail, gotchPath+" is not among the modules of "+root, "run: go get "+gotch.String()+", then gtg setup")
	case errors.Is(err, os.ErrNotExist):
		d.say("gotch", Fail, "the gotch in force is not a fitted one: "+dir, setupAdvice)
	case err != nil:
		d.say("gotch", Fail, err.Error(), setupAdvice+" --refit")
	case s.Recipe != recipe || s.Libtorch != *torch:
		d.say("gotch", Fail, fmt.Sprintf("the gotch in force was fitted to %v: %s", &s.Libtorch, dir), setupAdvice)
	default:
		d.say("gotch", OK, fmt.Sprintf("fitted to this libtorch, %s not available: %s", count(len(s.Disabled), "function"), dir), "")
	}
	if dir = found[gtgPath]; dir == "" {
		d.say("gtg", Warn, "this module does not require gtg", "run: go get "+gtgPath+", then gtg setup")
		return false
	}
	flags, err := os.ReadFile(filepath.Join(dir, flagsFile))
	if err != nil || string(flags) != torch.zlibtorchGo() {
		d.say("gtg", Fail, "gtg's own C++ has no flags for this libtorch: "+dir, setupAdvice)
		return true
	}
	d.say("gtg", OK, dir, "")
	return true
}

// list returns the folders of gotch and gtg, as far as they are among the
// modules that are built at root.
func (d *doctor) list(ctx context.Context, root string) (map[string]string, error) {
	out, stderr, err := d.run(ctx, root, nil, "go", "list", "-m", "-e", "-json=Path,Dir", gotchPath, gtgPath)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, tail(stderr, 1000))
	}
	dirs := map[string]string{}
	for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
		var m struct{ Path, Dir string }
		if err := dec.Decode(&m); err != nil {
			return nil, err
		}
		dirs[m.Path] = m.Dir
	}
	return dirs, nil
}

// blas says which BLAS libtorch will use.
func (d *doctor) blas(t *Libtorch) {
	name, path, err := blas(t)
	switch {
	case err != nil:
		d.say("blas", Warn, "cannot tell which BLAS libtorch uses: "+err.Error(), "")
	case path == "":
		d.say("blas", OK, "libtorch brings its own", "")
	case name == "":
		d.say("blas", Warn, path+" is the reference BLAS, with which training takes half as long again",
			"run: apt-get install libopenblas0-pthread")
	default:
		d.say("blas", OK, name+": "+path, "")
	}
}

// step has a real program make a few steps of training.
func (d *doctor) step(ctx context.Context, root string) {
	limited, cancel := context.WithTimeoutCause(ctx, d.limit, fmt.Errorf("not done after %v", d.limit))
	defer cancel()
	began := time.Now()
	out, stderr, err := d.run(limited, root, nil, "go", "run", Minimal)
	if err != nil {
		d.say("step", Fail, strings.TrimSpace(fmt.Sprintf("a small training program failed: %v\n%s", err, tail(stderr, 2000))),
			"run it by hand: go run "+Minimal)
		return
	}
	d.say("step", OK, fmt.Sprintf("%s (%v)", strings.TrimSpace(out), time.Since(began).Round(100*time.Millisecond)), "")
}
