package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// sources are the files, in libtch, whose functions may be disabled.
var sources = []string{"torch_api.cpp", "torch_api_generated.cpp.h"}

// maxPasses bounds the passes of a fit. Two are usual: one that finds what
// does not compile and one that confirms; an error can hide others.
const maxPasses = 8

// A checkFunc compiles torch_api.cpp in dir without output and returns what
// the compiler printed. The error is not nil when the compiler failed.
type checkFunc func(ctx context.Context, dir string) (output string, err error)

// fit disables the functions in libtch (the folder) that do not compile, and
// returns their names, sorted.
func fit(ctx context.Context, libtch, torch string, check checkFunc, pass func(n, disabled int)) ([]string, error) {
	exported, err := declared(libtch)
	if err != nil {
		return nil, err
	}
	var names []string
	for n := 1; ; n++ {
		pass(n, len(names))
		output, failure := check(ctx, libtch)
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		if failure == nil {
			slices.Sort(names)
			return names, nil
		}
		d := parse(output)
		if d.first == "" {
			return nil, fmt.Errorf("the C++ compiler failed without an error message: %w\n%s", failure, tail(output, 2000))
		}
		more, err := disableIn(libtch, d, torch, exported)
		if err != nil {
			return nil, err
		}
		if len(more) == 0 || n == maxPasses {
			return nil, fmt.Errorf("gotch %s does not compile against libtorch %s, and no single function is to blame; the first error is:\n  %s",
				gotchVersion, torch, d.first)
		}
		names = append(names, more...)
	}
}

// disableIn disables every function that an error is attributed to.
func disableIn(libtch string, d diagnostics, torch string, exported map[string]bool) ([]string, error) {
	var names []string
	for _, file := range sources {
		lines := d.lines[file]
		if len(lines) == 0 {
			continue
		}
		path := filepath.Join(libtch, file)
		src, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		bad := slices.DeleteFunc(functions(string(src)), func(f function) bool {
			done := strings.Contains(string(src[f.open:f.close]), " is not available in libtorch ")
			return done || !slices.ContainsFunc(lines, func(l int) bool { return f.first <= l && l <= f.last })
		})
		out := disable(string(src), bad, func(f function) string { return unavailable(f, torch, exported[f.name]) })
		if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
			return nil, err
		}
		for _, f := range bad {
			names = append(names, f.name)
		}
	}
	return names, nil
}

// unavailable is the body of a disabled function. An exported function hands
// the error to Go in gotch's own way, PROTECT; an inner one throws to it.
func unavailable(f function, torch string, exported bool) string {
	throw := fmt.Sprintf("throw std::runtime_error(%q);",
		fmt.Sprintf("%s is not available in libtorch %s (gotch %s was generated for libtorch %s)",
			f.name, torch, strings.TrimPrefix(gotchVersion, "v"), gotchTorch))
	switch {
	case !exported:
		return "  " + throw
	case f.returns == "void":
		return "  PROTECT(" + throw + ")"
	default:
		return "  PROTECT(" + throw + ")\n  return {};"
	}
}

var declaration = regexp.MustCompile(`\b(\w+)\s*\(`)

// declared returns the names that the C headers declare to Go.
func declared(libtch string) (map[string]bool, error) {
	names := map[string]bool{}
	for _, file := range []string{"torch_api.h", "torch_api_generated.h"} {
		src, err := os.ReadFile(filepath.Join(libtch, file))
		if err != nil {
			return nil, err
		}
		for _, m := range declaration.FindAllStringSubmatch(string(src), -1) {
			names[m[1]] = true
		}
	}
	if len(names) == 0 {
		return nil, errors.New("the headers in " + libtch + " declare no function")
	}
	return names, nil
}

// tail returns the end of s, n bytes at most.
func tail(s string, n int) string {
	s = strings.TrimSpace(s)
	if len(s) > n {
		s = "…" + strings.ToValidUTF8(s[len(s)-n:], "")
	}
	return s
}
