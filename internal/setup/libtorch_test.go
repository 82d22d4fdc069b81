package setup

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	oldABI = "_ZN3c105ErrorC1ENS_14SourceLocationESs"
	newABI = "_ZN3c105ErrorC1ENS_14SourceLocationENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
)

// writeLibrary writes a shared library that has one symbol and needs others.
func writeLibrary(t *testing.T, path, symbol string, needed ...string) {
	names := []byte("\x00")
	name := func(s string) uint32 {
		names = append(append(names, s...), 0)
		return uint32(len(names) - len(s) - 1)
	}
	var syms, dyn bytes.Buffer
	binary.Write(&syms, binary.LittleEndian, []elf.Sym64{{}, {Name: name(symbol), Info: 0x12, Shndx: 1}})
	for _, n := range needed {
		binary.Write(&dyn, binary.LittleEndian, elf.Dyn64{Tag: int64(elf.DT_NEEDED), Val: uint64(name(n))})
	}
	binary.Write(&dyn, binary.LittleEndian, elf.Dyn64{})
	sections := []elf.Section64{
		{},
		{Name: name(".dynsym"), Type: uint32(elf.SHT_DYNSYM), Link: 3, Entsize: elf.Sym64Size, Size: uint64(syms.Len())},
		{Name: name(".dynamic"), Type: uint32(elf.SHT_DYNAMIC), Link: 3, Entsize: 16, Size: uint64(dyn.Len())},
		{Name: name(".dynstr"), Type: uint32(elf.SHT_STRTAB)},
	}
	const header, section = 64, 64
	sections[1].Off = header + section*uint64(len(sections))
	sections[2].Off = sections[1].Off + sections[1].Size
	sections[3].Off = sections[2].Off + sections[2].Size
	sections[3].Size = uint64(len(names))

	h := elf.Header64{Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Shoff: header,
		Ehsize: header, Shentsize: section, Shnum: uint16(len(sections)), Shstrndx: 3}
	copy(h.Ident[:], elf.ELFMAG+"\x02\x01\x01")
	var file bytes.Buffer
	binary.Write(&file, binary.LittleEndian, h)
	binary.Write(&file, binary.LittleEndian, sections)
	file.Write(syms.Bytes())
	file.Write(dyn.Bytes())
	file.Write(names)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, file.Bytes(), 0o644))
}

// writeTorch writes a libtorch into folders of headers and libraries.
func writeTorch(t *testing.T, include, lib, version, symbol string, more ...string) {
	var major, minor, patch int
	_, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch)
	require.NoError(t, err)
	path := filepath.Join(include, "torch/csrc/api/include/torch/version.h")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "#pragma once\n#define TORCH_VERSION_MAJOR %d\n"+
		"# define TORCH_VERSION_MINOR %d\n#define TORCH_VERSION_PATCH %d\n#define TORCH_VERSION \"x\"\n", major, minor, patch), 0o644))
	for _, name := range append([]string{"libtorch.so", "libtorch_cpu.so", "libc10.so"}, more...) {
		writeLibrary(t, filepath.Join(lib, name), symbol)
	}
}

func TestTheOrderInWhichLibtorchIsLookedFor(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	usr := at("usr")
	system := []string{at("usr/lib/none"), at("usr/lib/arch")}
	env := map[string]string{}
	find := func() (*Libtorch, error) {
		return findLibtorch(func(name string) string { return env[name] }, at("local"), usr, system)
	}

	_, err := find()
	require.ErrorContains(t, err, "no libtorch found")
	require.ErrorContains(t, err, "GOTCH_LIBTORCH")
	require.ErrorContains(t, err, at("local"))
	require.ErrorContains(t, err, at("usr/lib/arch"))
	require.ErrorContains(t, err, "apt-get install libtorch-dev")

	writeTorch(t, at("usr/include"), at("usr/lib/arch"), "1.13.0", newABI)
	found, err := find()
	require.NoError(t, err)
	require.Equal(t, &Libtorch{Version: "1.13.0", Include: at("usr/include"), Lib: at("usr/lib/arch"), System: true, CXX11: true}, found)

	writeTorch(t, at("local/include"), at("local/lib"), "2.1.0", oldABI, "libtorch_cuda.so")
	found, err = find()
	require.NoError(t, err)
	require.Equal(t, &Libtorch{Version: "2.1.0", Include: at("local/include"), Lib: at("local/lib"), CUDA: true}, found)

	writeTorch(t, at("b/include"), at("b/lib"), "2.2.0", newABI)
	env["LIBTORCH"] = at("b")
	found, err = find()
	require.NoError(t, err)
	require.Equal(t, "2.2.0", found.Version)
	write(t, dir, map[string]string{
		"b/" + versionFile:                     "#include <torch/headeronly/version.h>\n",
		"b/include/torch/headeronly/version.h": "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 9\n#define TORCH_VERSION_PATCH 1\n",
	})
	found, err = find()
	require.NoError(t, err)
	require.Equal(t, "2.9.1", found.Version)

	env["GOTCH_LIBTORCH"] = usr
	found, err = find()
	require.NoError(t, err)
	require.True(t, found.System, "the system's libtorch may be named too")

	env["GOTCH_LIBTORCH"] = at("nowhere")
	_, err = find()
	require.ErrorContains(t, err, "GOTCH_LIBTORCH="+at("nowhere"), "what was named is not passed over")
}

func TestALibtorchThatCannotBeUsed(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(dir string) error
		want  string
	}{
		"no headers":    {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "include")) }, "headers are missing"},
		"no library":    {func(dir string) error { return os.Remove(filepath.Join(dir, "lib/libtorch_cpu.so")) }, "libtorch_cpu.so"},
		"not a library": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "lib/libc10.so"), []byte("x"), 0o644) }, "cannot be read as a library"},
		"no version":    {func(dir string) error { return os.WriteFile(filepath.Join(dir, versionFile), nil, 0o644) }, "does not tell libtorch's version"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeTorch(t, filepath.Join(dir, "include"), filepath.Join(dir, "lib"), "2.1.0", newABI)
			require.NoError(t, test.spoil(dir))
			_, err := findLibtorch(func(string) string { return dir }, "/nowhere", "/usr", nil)
			require.ErrorContains(t, err, test.want)
		})
	}
	_, err := open("/a,b/include", "/a,b/lib", false)
	require.ErrorContains(t, err, `"/a,b/include"`)
}

const versionFile = "include/torch/csrc/api/include/torch/version.h"

func TestTheFlagsFollowTheLibtorch(t *testing.T) {
	debian := &Libtorch{Version: "1.13.0", Include: "/usr/include", Lib: "/usr/lib/x86_64-linux-gnu", System: true, CXX11: true}
	require.Equal(t, `// Code generated by "gtg setup"; DO NOT EDIT.

// Flags for libtorch 1.13.0 in /usr/lib/x86_64-linux-gnu (CPU only).

package torch

// #cgo CXXFLAGS: -D_GLIBCXX_USE_CXX11_ABI=1 -I/usr/include/torch/csrc/api/include
// #cgo LDFLAGS: -ltorch -ltorch_cpu -lc10
import "C"
`, debian.zlibtorchGo())

	cuda := &Libtorch{Version: "2.1.0", Include: "/opt/lib torch/include", Lib: "/opt/lib torch/lib", CUDA: true}
	require.Equal(t, `// Code generated by "gtg setup"; DO NOT EDIT.

// Flags for libtorch 2.1.0 in /opt/lib torch/lib (with CUDA).

package libtch

// #cgo CFLAGS: -I${SRCDIR} -O2 -w
// #cgo CXXFLAGS: -std=c++17 -I${SRCDIR} -O2 -g0 -w -D_GLIBCXX_USE_CXX11_ABI=0 "-I/opt/lib torch/include" "-I/opt/lib torch/include/torch/csrc/api/include"
// #cgo LDFLAGS: "-L/opt/lib torch/lib" "-Wl,-rpath,/opt/lib torch/lib" -ltorch -ltorch_cpu -lc10 -Wl,--no-as-needed -ltorch_cuda -lc10_cuda -Wl,--as-needed -lstdc++
import "C"
`, cuda.libGo())
}

func TestTheBLASThatLibtorchLoads(t *testing.T) {
	dir := t.TempDir()
	torch := &Libtorch{Lib: dir}
	writeLibrary(t, filepath.Join(dir, "libtorch_cpu.so"), newABI, "libc.so.6")
	_, path, err := blas(torch)
	require.NoError(t, err)
	require.Empty(t, path, "built in")

	writeLibrary(t, filepath.Join(dir, "libtorch_cpu.so"), newABI, "libm.so.6", "libmyblas.so.3")
	_, _, err = blas(torch)
	require.ErrorIs(t, err, os.ErrNotExist)

	for file, want := range map[string]string{"blas/libmyblas.so.3": "", "openblas-pthread/libmyblas.so.3": "openblas"} {
		writeLibrary(t, filepath.Join(dir, file), "x")
		os.Remove(filepath.Join(dir, "libmyblas.so.3"))
		require.NoError(t, os.Symlink(filepath.Join(dir, file), filepath.Join(dir, "libmyblas.so.3")))
		name, path, err := blas(torch)
		require.NoError(t, err)
		require.Equal(t, want, name)
		require.Equal(t, filepath.Join(dir, file), path)
	}
}
