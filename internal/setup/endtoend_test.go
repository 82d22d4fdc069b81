package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The real gotch is fitted to the libtorch of this machine.
func TestEndToEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two runs of the C++ compiler")
	}
	if _, err := exec.LookPath("g++"); err != nil {
		t.Skip("no g++: ", err)
	}
	torch, err := FindLibtorch()
	if err != nil {
		t.Skip(err)
	}
	t.Setenv("CGO_ENABLED", "1")
	t.Setenv("GOWORK", "")
	dir := t.TempDir()
	sums, err := os.ReadFile("../../go.sum")
	require.NoError(t, err)
	write(t, dir, map[string]string{
		"user/go.mod": "module example.com/user\n\ngo 1.26.0\n\nrequire github.com/sugarme/gotch v0.9.1\n",
		"user/go.sum": string(sums),
	})
	m := &machine{dir: dir}
	options := Options{Dir: m.at("user"), Cache: m.at("cache"), Progress: m}
	r, err := Run(t.Context(), options)
	require.NoError(t, err)
	require.Equal(t, torch, r.Libtorch)
	require.True(t, r.Changed)
	for _, name := range r.Disabled {
		require.True(t, strings.HasPrefix(name, "atg_"), "%s belongs to gotch's core", name)
	}
	switch torch.Version {
	case "1.13.0":
		require.Len(t, r.Disabled, 104)
	case gotchTorch:
		require.Empty(t, r.Disabled)
	}
	require.Equal(t, string(sums), read(t, m.at("user/go.sum")))

	fitted := functions(read(t, filepath.Join(r.Gotch, "libtch/torch_api_generated.cpp.h")))
	source, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", gotch.String()).Output()
	require.NoError(t, err)
	original := functions(read(t, filepath.Join(strings.TrimSpace(string(source)), "libtch/torch_api_generated.cpp.h")))
	require.Len(t, fitted, len(original), "each function is still there")
	require.Greater(t, len(fitted), 2000)

	times := modified(t, dir)
	again, err := Run(t.Context(), options)
	require.NoError(t, err)
	require.False(t, again.Changed)
	require.Equal(t, r.Disabled, again.Disabled)
	require.Equal(t, times, modified(t, dir))
}
