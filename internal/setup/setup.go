package setup

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// Progress is told how a set-up gets on.
type Progress interface {
	// Stage begins a stage that may take a while and returns the function that
	// ends it: with what came of it, or "" when it failed.
	Stage(what string) (done func(result string))
	// Note tells something that is worth a line.
	Note(format string, args ...any)
}

// Options are the choices of [Run].
type Options struct {
	Dir       string        // a folder of the module to set up
	Cache     string        // holds the fitted copies; empty: gtg's folder in the user's cache folder
	Refit     bool          // fit again even when there is a fitted copy
	Build     bool          // compile gotch afterwards
	LockLimit time.Duration // how long to wait for another set-up; 0: 15 minutes
	Progress  Progress
}

// Result is what a set-up arrived at.
type Result struct {
	Libtorch *Libtorch
	Gotch    string   // the folder of the fitted gotch
	Disabled []string // gotch's functions that this libtorch does not support
	Work     string   // the go.work
	Changed  bool     // whether the go.work had to be written
}

// Run sets up the module that o.Dir is in. Running it again changes nothing
// that is in place. When it fails or is interrupted, at any point, what was in
// force before still is.
func Run(ctx context.Context, o Options) (*Result, error) {
	return (&setup{Options: o, run: run, find: FindLibtorch}).do(ctx)
}

// setup is a set-up under way.
type setup struct {
	Options
	run  runner
	find func() (*Libtorch, error)
}

func (s *setup) do(ctx context.Context) (*Result, error) {
	tool := goTool{s.run}
	env, err := tool.env(ctx, s.Dir)
	if err != nil {
		return nil, err
	}
	root, err := moduleRoot(env, s.Dir)
	if err != nil {
		return nil, err
	}
	work, err := loadWorkspace(env, root)
	if err != nil {
		return nil, err
	}
	if err := work.checkGotch(); err != nil {
		return nil, err
	}
	cxx, err := newCompiler(s.run, env)
	if err != nil {
		return nil, err
	}
	torch, err := s.find()
	if err != nil {
		return nil, err
	}
	s.Progress.Note("Found %v", torch)

	if s.Cache == "" {
		if s.Cache, err = cacheFolder(); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(s.Cache, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the cache folder: %w; set XDG_CACHE_HOME to a folder that can be written", err)
	}
	limit := s.LockLimit
	if limit == 0 {
		limit = 15 * time.Minute
	}
	release, err := acquire(ctx, s.Cache, limit, func() {
		s.Progress.Note("Another gtg setup is running; waiting for it, %v at most", limit)
	})
	if err != nil {
		return nil, err
	}
	defer release()
	if err := removeStale(s.Cache); err != nil {
		return nil, err
	}
	if work, err = loadWorkspace(env, root); err != nil { // another set-up may have written it meanwhile
		return nil, err
	}

	result := &Result{Libtorch: torch, Work: work.path, Gotch: filepath.Join(s.Cache, copyName("gotch", gotch, torch))}
	if result.Disabled, err = s.gotch(ctx, tool, root, torch, cxx, result.Gotch); err != nil {
		return nil, err
	}
	if err := s.gtg(ctx, tool, root, work, torch); err != nil {
		return nil, err
	}
	if err := work.replace(gotchPath, gotchVersion, result.Gotch); err != nil {
		return nil, err
	}
	if result.Changed, err = work.write(); err != nil {
		return nil, err
	}
	if s.Build {
		done := s.Progress.Stage("Compiling gotch, which the first time takes minutes")
		_, stderr, err := s.run(ctx, root, nil, "go", "build", gotchPath+"/nn")
		if err != nil {
			done("")
			if ctx.Err() != nil {
				return nil, err
			}
			return nil, goFailed("go build "+gotchPath+"/nn", stderr, err)
		}
		done("done")
	}
	return result, nil
}

// checkGotch refuses a gotch that is not the one which gtg is made for.
func (w *workspace) checkGotch() error {
	if v := w.required(gotchPath); v != "" && v != gotchVersion {
		return fmt.Errorf("this module requires %s %s, and gtg works with %s; change it: go get %s@%s",
			gotchPath, v, gotchVersion, gotchPath, gotchVersion)
	}
	if by, in := w.replaced(gotchPath, gotchVersion); by.Path != "" {
		return fmt.Errorf("%s replaces %s by %s, and gtg setup puts its own copy of %s in force; "+
			"take that line out: go mod edit -dropreplace=%s (or -dropreplace=%[2]s@%[4]s)",
			filepath.Join(in, "go.mod"), gotchPath, by, gotchVersion, gotchPath)
	}
	return nil
}

// cacheFolder is where the fitted copies are kept.
func cacheFolder() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("there is no cache folder: %w; set HOME or XDG_CACHE_HOME", err)
	}
	return filepath.Join(dir, "gtg"), nil
}

// copyName names a module's copy for a libtorch. Everything that the copy
// depends on is in the name, so a copy that exists is right.
func copyName(name string, m module.Version, t *Libtorch) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %v %+v", recipe, m, *t))
	return fmt.Sprintf("%s-%s-libtorch-%s-%x", name, m.Version, t.Version, sum[:6])
}

// stampName is the file in a fitted copy that says how it was fitted.
const stampName = "gtg-fitted.json"

// A stamp says how a copy was fitted.
type stamp struct {
	Recipe   int      `json:"recipe"`
	Libtorch Libtorch `json:"libtorch"`
	Disabled []string `json:"disabled"`
}

func readStamp(dir string) (*stamp, error) {
	text, err := os.ReadFile(filepath.Join(dir, stampName))
	if err != nil {
		return nil, err
	}
	var s stamp
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, stampName), err)
	}
	return &s, nil
}

// gotch makes the fitted copy of gotch, unless it is there, and returns what
// is disabled in it.
func (s *setup) gotch(ctx context.Context, tool goTool, root string, torch *Libtorch, cxx *compiler, path string) ([]string, error) {
	if !s.Refit {
		made, err := readStamp(path)
		if err == nil {
			return made.Disabled, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w; remove that folder and try again", err)
		}
	}
	src, err := s.download(ctx, tool, root, gotch)
	if err != nil {
		return nil, err
	}
	made := stamp{Recipe: recipe, Libtorch: *torch}
	err = publish(path, func(dir string) error {
		if err := copyTree(dir, src, "example", "gen"); err != nil { // programs and their data
			return err
		}
		libtch := filepath.Join(dir, "libtch")
		if err := os.WriteFile(filepath.Join(libtch, "lib.go"), []byte(torch.libGo()), 0o644); err != nil {
			return err
		}
		done := func(string) {}
		made.Disabled, err = fit(ctx, libtch, torch.Version, cxx.check(torch), func(n, disabled int) {
			if n == 1 {
				done = s.Progress.Stage("Compiling gotch's C++ for errors")
				return
			}
			done(fmt.Sprintf("%s not available in libtorch %s", count(disabled, "function"), torch.Version))
			done = s.Progress.Stage("Compiling it again without them")
		})
		if err != nil {
			done("")
			return err
		}
		done("no errors")
		text, err := json.MarshalIndent(made, "", "\t")
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, stampName), append(text, '\n'), 0o644)
	})
	return made.Disabled, err
}

// gtg gives gtg's own C++ the flags for this libtorch: in place when the
// workspace builds gtg from a folder, or else in a copy of the module.
func (s *setup) gtg(ctx context.Context, tool goTool, root string, work *workspace, torch *Libtorch) error {
	flags := []byte(torch.zlibtorchGo())
	if dir, ok := work.member(gtgPath); ok {
		return writeFile(filepath.Join(dir, flagsFile), flags)
	}
	version := work.required(gtgPath)
	if version == "" {
		s.Progress.Note("This module does not require gtg yet: go get %s", gtgPath)
		return nil
	}
	from := module.Version{Path: gtgPath, Version: version}
	if by, in := work.replaced(gtgPath, version); by.Path != "" {
		if modfile.IsDirectoryPath(by.Path) {
			dir := by.Path
			if !filepath.IsAbs(dir) {
				dir = filepath.Join(in, dir)
			}
			return writeFile(filepath.Join(dir, flagsFile), flags)
		}
		from = by
	}
	path := filepath.Join(s.Cache, copyName("gtg", from, torch))
	if _, err := os.Stat(path); err != nil || s.Refit {
		src, err := s.download(ctx, tool, root, from)
		if err != nil {
			return err
		}
		err = publish(path, func(dir string) error {
			if err := copyTree(dir, src); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, flagsFile), flags, 0o644)
		})
		if err != nil {
			return err
		}
	}
	return work.replace(gtgPath, version, path)
}

func (s *setup) download(ctx context.Context, tool goTool, root string, m module.Version) (string, error) {
	done := s.Progress.Stage("Getting " + m.String())
	dir, err := tool.download(ctx, root, m)
	if err != nil {
		done("")
		return "", err
	}
	done("done")
	return dir, nil
}

// count says how many there are of something.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
