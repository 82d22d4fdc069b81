package setup

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrorsOfGCCAreAttributed(t *testing.T) {
	d := parse(`In file included from torch_api.cpp:1:
torch_api_generated.cpp.h: In function ‘void atg_a(at::Tensor**)’:
torch_api_generated.cpp.h:626:29: error: ‘_a’ is not a member of ‘torch’
  626 |     auto outputs__ = torch::_a(*input);
torch_api.h:20:5: note: in definition of macro ‘PROTECT’
   20 |     x                                                                          \
In file included from /usr/include/torch/types.h:3,
                 from torch_api.cpp:9:
/usr/include/c++/12/tuple: In instantiation of ‘struct tuple_element<2, std::tuple<int> >’:
/usr/include/c++/12/utility:120:9:   required from ‘using x’
torch_api_generated.cpp.h:1458:3:   required from here
/usr/include/c++/12/utility:115:26: error: static assertion failed: tuple index must be in range
/usr/include/torch/x.h:9:1: note: candidate: ‘void f()’
torch_api.cpp:77:3: warning: unused
/tmp/libtch/torch_api.cpp:80:3: fatal error: no such thing
`)
	require.Equal(t, "torch_api_generated.cpp.h:626:29: error: ‘_a’ is not a member of ‘torch’", d.first)
	require.Equal(t, []int{626, 1458}, d.lines["torch_api_generated.cpp.h"])
	require.Equal(t, []int{80}, d.lines["torch_api.cpp"])
	require.Empty(t, d.lines["torch_api.h"])
}

func TestErrorsOfClangAreAttributed(t *testing.T) {
	d := parse(`In file included from torch_api.cpp:14:
./torch_api_generated.cpp.h:10:29: error: no member named '_a' in namespace 'torch'
    auto outputs__ = torch::_a(*input);
./torch_api.h:20:5: note: expanded from macro 'PROTECT'
/usr/include/x.h:3:1: error: static assertion failed
./torch_api_generated.cpp.h:20:3: note: in instantiation of function template specialization 'f<int>' requested here
./torch_api_generated.cpp.h:30:3: note: candidate function not viable
2 errors generated.
`)
	require.Equal(t, []int{10, 20}, d.lines["torch_api_generated.cpp.h"])
	require.Contains(t, d.first, "no member named '_a'")
}

func TestAnErrorWithoutAPlaceIsKept(t *testing.T) {
	d := parse("cc1plus: error: unrecognized command-line option ‘-std=c++99’\n")
	require.Equal(t, "cc1plus: error: unrecognized command-line option ‘-std=c++99’", d.first)
	require.Empty(t, d.lines)
	require.Empty(t, parse("Killed\n").first)
}
