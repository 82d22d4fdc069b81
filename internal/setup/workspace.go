package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// A workspace is the Go workspace that a module is built in: the go.work in
// force, or the one to be written beside the module's go.mod.
type workspace struct {
	path string // of go.work
	old  []byte // nil when there is none yet
	file *modfile.WorkFile
	main []*modFile // the modules that it uses
}

// A modFile is a parsed go.mod.
type modFile struct {
	dir string
	*modfile.File
}

// loadWorkspace reads the workspace of the module at root.
func loadWorkspace(env *goEnv, root string) (*workspace, error) {
	if err := checkFlags(env); err != nil {
		return nil, err
	}
	w := &workspace{path: env.GOWORK}
	if w.path == "" {
		w.path = filepath.Join(root, "go.work")
	}
	text, err := os.ReadFile(w.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && env.GOWORK == "":
		main, err := readMod(root)
		if err != nil {
			return nil, err
		}
		w.main = []*modFile{main}
		version := "1.18" // the first Go that has workspaces
		if main.Go != nil && semver.Compare("v"+main.Go.Version, "v"+version) > 0 {
			version = main.Go.Version
		}
		text = []byte("// Written by \"gtg setup\": it holds paths of this machine, so keep it out of version control.\n\ngo " +
			version + "\n\nuse .\n")
		w.file, err = modfile.ParseWork(w.path, text, nil)
		return w, err
	case err != nil:
		return nil, err
	}
	w.old = text
	if w.file, err = modfile.ParseWork(w.path, text, nil); err != nil {
		return nil, err
	}
	used := false
	for _, u := range w.file.Use {
		dir := u.Path
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(filepath.Dir(w.path), dir)
		}
		m, err := readMod(dir)
		if err != nil {
			return nil, fmt.Errorf("%s uses %s: %w", w.path, u.Path, err)
		}
		used = used || sameFolder(dir, root)
		w.main = append(w.main, m)
	}
	if !used {
		return nil, fmt.Errorf("the workspace in force, %s, does not use the module in %s; add it: cd %s && go work use %s",
			w.path, root, filepath.Dir(w.path), root)
	}
	return w, nil
}

// checkFlags refuses settings under which Go would not look at a go.work.
func checkFlags(env *goEnv) error {
	if env.GOWORK == "off" {
		return errors.New("GOWORK=off: Go would ignore the go.work that puts the fitted gotch in force; " +
			"unset GOWORK, or: go env -u GOWORK")
	}
	for _, f := range strings.Fields(env.GOFLAGS) {
		f = "-" + strings.TrimLeft(f, "-")
		if f == "-mod=vendor" || f == "-mod=mod" || strings.HasPrefix(f, "-modfile=") {
			return fmt.Errorf("GOFLAGS holds %s: Go cannot use the fitted gotch with it; "+
				"take it out of GOFLAGS (go env GOFLAGS shows them)", f)
		}
	}
	return nil
}

func readMod(dir string) (*modFile, error) {
	path := filepath.Join(dir, "go.mod")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := modfile.Parse(path, text, nil)
	if err != nil {
		return nil, err
	}
	if f.Module == nil {
		return nil, fmt.Errorf("%s has no module line", path)
	}
	return &modFile{dir: dir, File: f}, nil
}

// sameFolder reports whether two paths lead to one folder.
func sameFolder(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// required returns the version of a module that the workspace requires: the
// highest that one of its modules asks for, or "".
func (w *workspace) required(path string) string {
	v := ""
	for _, m := range w.main {
		for _, r := range m.Require {
			if r.Mod.Path == path && (v == "" || semver.Compare(r.Mod.Version, v) > 0) {
				v = r.Mod.Version
			}
		}
	}
	return v
}

// replaced returns what a module is replaced by, in a go.mod of the workspace,
// and the folder of that go.mod.
func (w *workspace) replaced(path, version string) (by module.Version, in string) {
	for _, m := range w.main {
		for _, r := range m.Replace {
			if r.Old.Path == path && (r.Old.Version == "" || r.Old.Version == version) {
				by, in = r.New, m.dir
			}
		}
	}
	return by, in
}

// member returns the folder of the module of that path, when it is one that
// the workspace uses.
func (w *workspace) member(path string) (dir string, ok bool) {
	for _, m := range w.main {
		if m.Module.Mod.Path == path {
			return m.dir, true
		}
	}
	return "", false
}

// replace has the module's version replaced by a folder.
func (w *workspace) replace(path, version, dir string) error {
	return w.file.AddReplace(path, version, dir, "")
}

// write writes the go.work, unless that would change nothing.
func (w *workspace) write() (changed bool, err error) {
	w.file.Cleanup()
	text := modfile.Format(w.file.Syntax)
	if w.old != nil && bytes.Equal(text, w.old) {
		return false, nil
	}
	return true, writeFile(w.path, text)
}
