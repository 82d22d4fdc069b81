package setup

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const source = `#include "torch_api.h"
#define TWICE(x) { \
  x; x; }
// a comment { with a brace
using namespace std;

char *last = nullptr;
static const int sizes[] = {1, 2, 3};
struct point { int x; int f() { return x; } };
enum class color { red, green };

tensor at_new_tensor() {
  PROTECT(return new torch::Tensor();)
  return nullptr;
}

/* a block comment { */ void atg_add(tensor *out__,
                                     tensor self) {
  if (self) { puts("{ \" {"); char c = '{'; int n = 1'000'000; }
}

template <class T>
void set_lr(optimizer t, double learning_rate) { t->lr(learning_rate); }

extern "C" {
int atc_count() { return 1; }
namespace inner { vector<torch::Tensor> many(int n = 3) { return {}; } }
}
void atg_last() {}
`

func TestFunctionsAreFoundWithTheirPlaces(t *testing.T) {
	lines := strings.Split(source, "\n")
	line := func(of string) int {
		for i, l := range lines {
			if strings.Contains(l, of) {
				return i + 1
			}
		}
		t.Fatalf("no line with %q", of)
		return 0
	}
	found := functions(source)
	type place struct {
		name, returns string
		first, last   int
	}
	var got []place
	for _, f := range found {
		require.Equal(t, byte('{'), source[f.open])
		require.Equal(t, byte('}'), source[f.close])
		got = append(got, place{f.name, f.returns, f.first, f.last})
	}
	require.Equal(t, []place{
		{"at_new_tensor", "tensor", line("at_new_tensor"), line("at_new_tensor") + 3},
		{"atg_add", "void", line("atg_add"), line("atg_add") + 3},
		{"set_lr", "template <class T> void", line("template"), line("set_lr")},
		{"atc_count", "int", line("atc_count"), line("atc_count")},
		{"many", "vector<torch::Tensor>", line("many"), line("many")},
		{"atg_last", "void", line("atg_last"), line("atg_last")},
	}, got)
}

func TestDisablingReplacesOnlyTheBodies(t *testing.T) {
	found := functions(source)
	out := disable(source, found[1:3], func(f function) string { return "  off(" + f.name + ");" })
	require.Contains(t, out, "tensor self) {\n  off(atg_add);\n}")
	require.Contains(t, out, "learning_rate) {\n  off(set_lr);\n}")
	require.NotContains(t, out, "puts")

	again := functions(out)
	require.Len(t, again, len(found))
	for i := range found {
		require.Equal(t, found[i].name, again[i].name)
	}
	require.Equal(t, source, disable(source, nil, nil))
}

// Whatever the bytes are, the scanner ends, and what it finds lies within
// them, in order.
func FuzzFunctions(f *testing.F) {
	f.Add(source)
	f.Add("void f() { \"")
	f.Add("}}{{ '")
	f.Add("#\\\n")
	f.Fuzz(func(t *testing.T, src string) {
		at := 0
		for _, fn := range functions(src) {
			require.LessOrEqual(t, at, fn.open)
			require.Less(t, fn.open, fn.close)
			require.Less(t, fn.close, len(src))
			require.LessOrEqual(t, fn.first, fn.last)
			at = fn.close
		}
	})
}
