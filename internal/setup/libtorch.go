package setup

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// Libtorch is a libtorch that was found on this machine.
type Libtorch struct {
	Version string // from its headers, such as "1.13.0"
	Include string // the folder of its headers
	Lib     string // the folder of its libraries
	System  bool   // compiler and loader find Lib by themselves
	CUDA    bool   // it has libtorch_cuda
	CXX11   bool   // built with libstdc++'s C++11 ABI
}

// String says which libtorch it is.
func (l *Libtorch) String() string {
	kind := "CPU only"
	if l.CUDA {
		kind = "with CUDA"
	}
	return fmt.Sprintf("libtorch %s in %s (%s)", l.Version, l.Lib, kind)
}

// multiarch is Debian's name for the folders of each architecture.
var multiarch = map[string]string{
	"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu", "riscv64": "riscv64-linux-gnu",
	"ppc64le": "powerpc64le-linux-gnu", "s390x": "s390x-linux-gnu", "loong64": "loongarch64-linux-gnu",
}

// systemLibs are the folders that compiler and loader search by themselves.
func systemLibs() []string {
	return []string{"/usr/lib/" + multiarch[runtime.GOARCH], "/usr/lib64", "/usr/lib"}
}

// FindLibtorch looks in the places where a libtorch can be, in this order: the
// folder that GOTCH_LIBTORCH names, or LIBTORCH, /usr/local/lib/libtorch, the
// system's own folders. A folder that was named must hold one.
func FindLibtorch() (*Libtorch, error) {
	return findLibtorch(os.Getenv, "/usr/local/lib/libtorch", "/usr", systemLibs())
}

func findLibtorch(getenv func(string) string, local, usr string, system []string) (*Libtorch, error) {
	for _, name := range []string{"GOTCH_LIBTORCH", "LIBTORCH"} {
		dir := getenv(name)
		if dir == "" {
			continue
		}
		dir, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		t, err := inFolder(dir, usr, system)
		if err != nil {
			return nil, fmt.Errorf("%s=%s is no libtorch that can be used: %w; "+
				"set it to the folder that holds libtorch's include and lib, or unset it", name, dir, err)
		}
		return t, nil
	}
	if _, err := os.Stat(local); err == nil {
		t, err := inFolder(local, usr, system)
		if err != nil {
			return nil, fmt.Errorf("%s is no libtorch that can be used: %w; repair or remove it", local, err)
		}
		return t, nil
	}
	for _, lib := range system {
		if _, err := os.Stat(filepath.Join(lib, "libtorch_cpu.so")); err == nil {
			return open(filepath.Join(usr, "include"), lib, true)
		}
	}
	return nil, fmt.Errorf("no libtorch found: looked at $GOTCH_LIBTORCH, $LIBTORCH, %s and for libtorch_cpu.so in %s; "+
		"on Debian or Ubuntu: apt-get install libtorch-dev libopenblas0-pthread",
		local, strings.Join(system, ", "))
}

// inFolder opens the libtorch that is unpacked in dir.
func inFolder(dir, usr string, system []string) (*Libtorch, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	if filepath.Clean(dir) == usr { // the system's, named all the same
		for _, lib := range system {
			if _, err := os.Stat(filepath.Join(lib, "libtorch_cpu.so")); err == nil {
				return open(filepath.Join(usr, "include"), lib, true)
			}
		}
	}
	return open(filepath.Join(dir, "include"), filepath.Join(dir, "lib"), false)
}

// open reads what there is to know about a libtorch.
func open(include, lib string, system bool) (*Libtorch, error) {
	t := &Libtorch{Include: include, Lib: lib, System: system}
	for _, path := range []string{include, lib} {
		if strings.ContainsAny(path, "\"'`\\,\n") {
			return nil, fmt.Errorf("the path %q holds a character that cgo does not allow in a flag", path)
		}
	}
	var err error
	if t.Version, err = version(include); err != nil {
		return nil, err
	}
	for _, name := range []string{"libtorch.so", "libtorch_cpu.so", "libc10.so"} {
		f, err := os.Open(filepath.Join(lib, name))
		if err != nil {
			return nil, err
		}
		f.Close()
	}
	if t.CXX11, err = cxx11(filepath.Join(lib, "libc10.so")); err != nil {
		return nil, err
	}
	_, err = os.Stat(filepath.Join(lib, "libtorch_cuda.so"))
	t.CUDA = err == nil
	return t, nil
}

var versionMacro = regexp.MustCompile(`(?m)^\s*#\s*define\s+TORCH_VERSION_(MAJOR|MINOR|PATCH)\s+(\d+)`)

// version reads libtorch's version from its headers.
func version(include string) (string, error) {
	path := filepath.Join(include, "torch/csrc/api/include/torch/version.h")
	src, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("its headers are missing or unreadable: %w", err)
	}
	// Newer ones define it in another file, which this one includes.
	more, _ := os.ReadFile(filepath.Join(include, "torch/headeronly/version.h"))
	part := map[string]string{}
	for _, m := range versionMacro.FindAllStringSubmatch(string(src)+"\n"+string(more), -1) {
		part[m[1]] = m[2]
	}
	if len(part) != 3 {
		return "", fmt.Errorf("%s does not tell libtorch's version", path)
	}
	return part["MAJOR"] + "." + part["MINOR"] + "." + part["PATCH"], nil
}

// cxx11 reports whether libc10 was built with libstdc++'s C++11 ABI. Code that
// calls it has to be built with the same one, and only the symbols tell.
func cxx11(libc10 string) (bool, error) {
	f, err := elf.Open(libc10)
	if err != nil {
		return false, fmt.Errorf("%s cannot be read as a library: %w", libc10, err)
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return false, fmt.Errorf("%s cannot be read as a library: %w", libc10, err)
	}
	for _, s := range symbols {
		if strings.HasPrefix(s.Name, "_ZN3c10") && strings.Contains(s.Name, "__cxx11") {
			return true, nil
		}
	}
	return false, nil
}
