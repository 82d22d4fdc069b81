package setup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// write puts files, named from dir, in place.
func write(t *testing.T, dir string, files map[string]string) {
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

func read(t *testing.T, path string) string {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func TestANewWorkspace(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"go.mod": "module example.com/user\n\ngo 1.24.1\n"})
	w, err := loadWorkspace(&goEnv{}, dir)
	require.NoError(t, err)
	require.NoError(t, w.replace(gotchPath, gotchVersion, "/cache/with space/gotch"))
	changed, err := w.write()
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, `// Written by "gtg setup": it holds paths of this machine, so keep it out of version control.

go 1.24.1

use .

replace github.com/sugarme/gotch v0.9.1 => "/cache/with space/gotch"
`, read(t, filepath.Join(dir, "go.work")))
}

func TestAWorkspaceInForceKeepsItsOtherLines(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "go.work")
	write(t, dir, map[string]string{
		"a/go.mod": "module example.com/a\n",
		"b/go.mod": "module example.com/b\n\nrequire github.com/sugarme/gotch v0.9.1\n",
		"go.work": `go 1.24

// both are needed
use (
	./a // this one
	./b
)

replace (
	example.com/x => ../x
	github.com/sugarme/gotch v0.9.1 => /old
	github.com/sugarme/gotch v0.9.0 => /other
)
`})
	w, err := loadWorkspace(&goEnv{GOWORK: path}, filepath.Join(dir, "b"))
	require.NoError(t, err)
	require.NoError(t, w.replace(gotchPath, gotchVersion, "/new"))
	changed, err := w.write()
	require.NoError(t, err)
	require.True(t, changed)
	want := `go 1.24

// both are needed
use (
	./a // this one
	./b
)

replace (
	example.com/x => ../x
	github.com/sugarme/gotch v0.9.1 => /new
	github.com/sugarme/gotch v0.9.0 => /other
)
`
	require.Equal(t, want, read(t, path))

	info, err := os.Stat(path)
	require.NoError(t, err)
	w, err = loadWorkspace(&goEnv{GOWORK: path}, filepath.Join(dir, "a"))
	require.NoError(t, err)
	require.NoError(t, w.replace(gotchPath, gotchVersion, "/new"))
	changed, err = w.write()
	require.NoError(t, err)
	require.False(t, changed)
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, os.SameFile(info, after), "the file was not even written anew")
}

func TestAWorkspaceThatIsALinkStaysOne(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"go.mod": "module example.com/user\n", "real.work": "go 1.24\n\nuse .\n"})
	path := filepath.Join(dir, "go.work")
	require.NoError(t, os.Symlink("real.work", path))
	w, err := loadWorkspace(&goEnv{GOWORK: path}, dir)
	require.NoError(t, err)
	require.NoError(t, w.replace(gotchPath, gotchVersion, "/new"))
	_, err = w.write()
	require.NoError(t, err)
	link, err := os.Readlink(path)
	require.NoError(t, err)
	require.Equal(t, "real.work", link)
	require.Contains(t, read(t, filepath.Join(dir, "real.work")), "=> /new")
}

func TestWorkspacesThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"go.mod":         "module example.com/user\n",
		"other/go.mod":   "module example.com/other\n",
		"other/go.work":  "go 1.24\n\nuse .\n",
		"broken/go.mod":  "modul\n",
		"broken/go.work": "go 1.24\n\nuse .\n",
		"empty/go.work":  "go 1.24\n\nuse ./gone\n",
		"bad/go.work":    "replace\n",
	})
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, test := range map[string]struct {
		env  goEnv
		root string
		want string
	}{
		"switched off":     {goEnv{GOWORK: "off"}, dir, "GOWORK=off"},
		"vendored":         {goEnv{GOFLAGS: "-v -mod=vendor"}, dir, "-mod=vendor"},
		"mod=mod":          {goEnv{GOFLAGS: "--mod=mod"}, dir, "-mod=mod"},
		"another go.mod":   {goEnv{GOFLAGS: "-modfile=x.mod"}, dir, "-modfile=x.mod"},
		"without us":       {goEnv{GOWORK: at("other/go.work")}, dir, "go work use " + dir},
		"missing module":   {goEnv{GOWORK: at("empty/go.work")}, dir, "./gone"},
		"broken go.mod":    {goEnv{GOWORK: at("broken/go.work")}, dir, "go.mod"},
		"broken go.work":   {goEnv{GOWORK: at("bad/go.work")}, dir, "go.work"},
		"missing go.work":  {goEnv{GOWORK: at("gone/go.work")}, dir, "go.work"},
		"no go.mod at all": {goEnv{}, at("empty"), "go.mod"},
	} {
		t.Run(name, func(t *testing.T) {
			before := snapshot(t, dir)
			_, err := loadWorkspace(&test.env, test.root)
			require.ErrorContains(t, err, test.want)
			require.Equal(t, before, snapshot(t, dir))
		})
	}
}

func TestAnotherGotchIsRefused(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"go.mod": "module example.com/user\n\nrequire github.com/sugarme/gotch v0.8.0\n"})
	w, err := loadWorkspace(&goEnv{}, dir)
	require.NoError(t, err)
	require.ErrorContains(t, w.checkGotch(), "go get github.com/sugarme/gotch@v0.9.1")

	write(t, dir, map[string]string{"go.mod": "module example.com/user\n\nrequire github.com/sugarme/gotch v0.9.1\n\n" +
		"replace github.com/sugarme/gotch => ./third_party/gotch\n"})
	w, err = loadWorkspace(&goEnv{}, dir)
	require.NoError(t, err)
	require.ErrorContains(t, w.checkGotch(), "./third_party/gotch")
	require.ErrorContains(t, w.checkGotch(), "go mod edit -dropreplace=github.com/sugarme/gotch")
}
