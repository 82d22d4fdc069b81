package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A small libtch. Its compiler is fakeCheck, for which "MISSING_1" is an error
// that is seen at once and "MISSING_2" one that shows once no other is left.
const (
	apiHeader       = "tensor at_new_tensor();\nvoid atc_set(int);\n"
	generatedHeader = "void atg_a(tensor *);\nint atg_b(tensor);\nvoid atg_c(tensor *);\n"
	api             = `#include "torch_api.h"
vector<int> inner(int n) {
  return MISSING_1(n);
}
tensor at_new_tensor() {
  PROTECT(return new torch::Tensor();)
  return nullptr;
}
#include "torch_api_generated.cpp.h"
`
	generated = `
void atg_a(tensor *out__) {
  PROTECT(MISSING_1(out__);)
}

int atg_b(tensor self) {
  PROTECT(
    return MISSING_2(self);
  )
  return 0;
}

void atg_c(tensor *out__) {
  PROTECT(fine(out__);)
}
`
)

func writeLibtch(t *testing.T, api, generated string) (dir string) {
	dir = t.TempDir()
	for name, text := range map[string]string{
		"torch_api.h": apiHeader, "torch_api_generated.h": generatedHeader,
		"torch_api.cpp": api, "torch_api_generated.cpp.h": generated,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

func fakeCheck(_ context.Context, dir string) (string, error) {
	for n := 1; n <= 9; n++ {
		var out strings.Builder
		for _, file := range sources {
			text, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				return "", err
			}
			for i, line := range strings.Split(string(text), "\n") {
				if strings.Contains(line, fmt.Sprintf("MISSING_%d", n)) {
					fmt.Fprintf(&out, "%s:%d:3: error: ‘MISSING_%d’ was not declared in this scope\n", file, i+1, n)
				}
			}
		}
		if out.Len() > 0 {
			return out.String(), errors.New("exit status 1")
		}
	}
	return "", nil
}

func ignorePass(int, int) {}

func TestFitDisablesWhatDoesNotCompile(t *testing.T) {
	dir := writeLibtch(t, api, generated)
	var passes [][2]int
	names, err := fit(t.Context(), dir, "1.13.0", fakeCheck, func(n, disabled int) { passes = append(passes, [2]int{n, disabled}) })
	require.NoError(t, err)
	require.Equal(t, []string{"atg_a", "atg_b", "inner"}, names)
	require.Equal(t, [][2]int{{1, 0}, {2, 2}, {3, 3}}, passes, "an error that others hid is found by the next pass")

	text, err := os.ReadFile(filepath.Join(dir, "torch_api_generated.cpp.h"))
	require.NoError(t, err)
	require.Equal(t, `
void atg_a(tensor *out__) {
  PROTECT(throw std::runtime_error("atg_a is not available in libtorch 1.13.0 (gotch 0.9.1 was generated for libtorch 2.1.0)");)
}

int atg_b(tensor self) {
  PROTECT(throw std::runtime_error("atg_b is not available in libtorch 1.13.0 (gotch 0.9.1 was generated for libtorch 2.1.0)");)
  return {};
}

void atg_c(tensor *out__) {
  PROTECT(fine(out__);)
}
`, string(text))
	text, err = os.ReadFile(filepath.Join(dir, "torch_api.cpp"))
	require.NoError(t, err)
	require.Contains(t, string(text), "inner(int n) {\n  throw std::runtime_error(", "an inner function throws to the exported one")
	require.Contains(t, string(text), "return new torch::Tensor();", "what compiles is left alone")
}

func TestFitDisablesNothingWithoutErrors(t *testing.T) {
	dir := writeLibtch(t, strings.ReplaceAll(api, "MISSING_1", "fine"), "void atg_c(tensor *o) { PROTECT(fine(o);) }\n")
	before := snapshot(t, dir)
	names, err := fit(t.Context(), dir, gotchTorch, fakeCheck, ignorePass)
	require.NoError(t, err)
	require.Empty(t, names)
	require.Equal(t, before, snapshot(t, dir))
}

func TestFitSaysWhichErrorItCannotWorkAround(t *testing.T) {
	for name, output := range map[string]string{
		"in a header":             "torch_api.cpp:5:10: fatal error: torch/script.h: No such file or directory\n",
		"outside of any function": "torch_api.cpp:1:1: error: ‘x’ does not name a type\n",
		"of the compiler":         "cc1plus: error: unrecognized command-line option\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeLibtch(t, "#include <x>\n\n\n\n#include <torch/script.h>\n", generated)
			_, err := fit(t.Context(), dir, "9.9.9", func(context.Context, string) (string, error) {
				return output, errors.New("exit status 1")
			}, ignorePass)
			require.ErrorContains(t, err, strings.TrimSpace(output))
			require.ErrorContains(t, err, "libtorch 9.9.9")
		})
	}
}

func TestFitGivesUpOnAFunctionThatStaysInError(t *testing.T) {
	dir := writeLibtch(t, api, generated)
	calls := 0
	_, err := fit(t.Context(), dir, "1.13.0", func(context.Context, string) (string, error) {
		calls++
		return "torch_api_generated.cpp.h:3:1: error: whatever stands there\n", errors.New("exit status 1")
	}, ignorePass)
	require.ErrorContains(t, err, "whatever stands there")
	require.Equal(t, 2, calls)
}

func TestFitReportsACompilerThatDied(t *testing.T) {
	_, err := fit(t.Context(), writeLibtch(t, api, generated), "1.13.0", func(context.Context, string) (string, error) {
		return "Killed", errors.New("signal: killed")
	}, ignorePass)
	require.ErrorContains(t, err, "signal: killed")
	require.ErrorContains(t, err, "Killed")
}

func TestFitStopsWhenItIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := fit(ctx, writeLibtch(t, api, generated), "1.13.0", func(context.Context, string) (string, error) {
		cancel()
		return "", context.Canceled
	}, ignorePass)
	require.ErrorIs(t, err, context.Canceled)
}

// snapshot returns the content of every file under dir.
func snapshot(t *testing.T, dir string) map[string]string {
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	}))
	return files
}
