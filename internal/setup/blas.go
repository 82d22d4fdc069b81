package setup

import (
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
)

// optimised are the marks, in their path, of the libraries that are faster
// than the reference BLAS.
var optimised = []string{"openblas", "mkl", "blis", "atlas", "nvpl", "armpl", "flexiblas"}

// blas returns the file of the BLAS that libtorch loads, "" when that is built
// in, and the name of the implementation, "" when it is the reference one.
func blas(t *Libtorch) (name, path string, err error) {
	f, err := elf.Open(filepath.Join(t.Lib, "libtorch_cpu.so"))
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	needed, err := f.ImportedLibraries()
	if err != nil {
		return "", "", err
	}
	for _, lib := range needed {
		if !strings.Contains(lib, "blas") && !strings.Contains(lib, "mkl") {
			continue
		}
		for _, dir := range append([]string{t.Lib}, systemLibs()...) {
			if path, err = filepath.EvalSymlinks(filepath.Join(dir, lib)); err == nil {
				break
			}
		}
		if err != nil {
			return "", "", &os.PathError{Op: "find", Path: lib, Err: os.ErrNotExist}
		}
		for _, mark := range optimised {
			if strings.Contains(path, mark) {
				return mark, path, nil
			}
		}
		return "", path, nil
	}
	return "", "", nil
}
