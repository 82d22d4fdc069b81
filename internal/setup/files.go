package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// writeFile puts a file in place whole: it is written beside its place and
// renamed. A file that has this content already is not touched.
func writeFile(path string, content []byte) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // replace what the link points to, not the link
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return nil
	}
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("cannot write %s: %w", path, err)
		}
	}()
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// tempMark is in the names of folders that are being made. Whatever bears it
// while the lock is held by nobody else was left behind.
const tempMark = ".making-"

// publish makes the folder at path whole or not at all: build fills a temporary
// folder beside it, which is then renamed. An older folder there is replaced.
func publish(path string, build func(dir string) error) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), filepath.Base(path)+tempMark)
	if err != nil {
		return fmt.Errorf("cannot write to the cache folder: %w", err)
	}
	defer os.RemoveAll(dir) // nothing is left of it after the rename
	if err := build(dir); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(path); err == nil {
		old := dir + ".old"
		if err := os.Rename(path, old); err != nil {
			return err
		}
		defer os.RemoveAll(old)
	}
	return os.Rename(dir, path)
}

// removeStale removes what interrupted runs left in the cache folder.
func removeStale(cache string) error {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && strings.Contains(e.Name(), tempMark) {
			if err := os.RemoveAll(filepath.Join(cache, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyTree copies a module out of the module cache, where everything is
// read-only, and leaves out the folders named.
func copyTree(dst, src string, without ...string) error {
	return filepath.WalkDir(src, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		for _, w := range without {
			if name == w && e.IsDir() {
				return fs.SkipDir
			}
		}
		to := filepath.Join(dst, name)
		switch {
		case e.IsDir():
			return os.MkdirAll(to, 0o755)
		case !e.Type().IsRegular():
			return nil // a module zip holds nothing else
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, content, 0o644)
	})
}
