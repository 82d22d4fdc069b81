package setup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// examine returns the doctor's checks of the machine, by part.
func (m *machine) examine(t *testing.T, gotchDir, gtgDir string, step func(ctx context.Context) error) (map[string]Check, bool) {
	checks := map[string]Check{}
	d := &doctor{dir: m.at("user"), limit: time.Minute,
		report: func(c Check) { checks[c.Part] = c },
		find: func() (*Libtorch, error) {
			if m.torch == nil {
				return nil, errors.New("no libtorch found")
			}
			return m.torch, nil
		},
		run: func(ctx context.Context, dir string, env []string, name string, args ...string) (string, string, error) {
			switch {
			case slices.Contains(args, "--version"):
				return "g++ 12\nmore\n", "", nil
			case args[0] == "list":
				return fmt.Sprintf(`{"Path":%q,"Dir":%q}{"Path":%q,"Dir":%q}`, gotchPath, gotchDir, gtgPath, gtgDir), "", nil
			case args[0] == "run":
				require.Equal(t, Minimal, args[1])
				return "loss 1 before, 0 after\n", "it broke", step(ctx)
			}
			return m.run(ctx, dir, env, name, args...)
		}}
	ok := d.do(t.Context())
	return checks, ok
}

func TestDoctor(t *testing.T) {
	m := newMachine(t, t.TempDir())
	lib := m.at("torch/lib")
	writeTorch(t, m.at("torch/include"), lib, "1.13.0", newABI)
	m.torch = &Libtorch{Version: "1.13.0", Include: m.at("torch/include"), Lib: lib, CXX11: true}
	write(t, m.dir, map[string]string{"gtg/go.mod": "module " + gtgPath + "\n", "gtg/internal/torch/doc.go": "package torch\n",
		"user/go.mod": "module example.com/user\n\ngo 1.26.0\n\nrequire (\n\tgithub.com/sugarme/gotch v0.9.1\n\tgithub.com/seed-140d0f39/gtg v1.0.0\n)\n" +
			"\nreplace github.com/seed-140d0f39/gtg => ../gtg\n"})
	r, err := m.setup(t.Context())
	require.NoError(t, err)
	trains := func(context.Context) error { return nil }

	checks, ok := m.examine(t, r.Gotch, m.at("gtg"), trains)
	require.True(t, ok)
	for part, want := range map[string]string{
		"go": "go1.26.0", "compiler": "g++ 12", "libtorch": "1.13.0", "gotch": "3 functions not available",
		"gtg": m.at("gtg"), "blas": "its own", "step": "loss 1 before, 0 after",
	} {
		require.Equal(t, OK, checks[part].Status, part)
		require.Contains(t, checks[part].Found, want)
		require.Empty(t, checks[part].Advice)
	}

	checks, ok = m.examine(t, r.Gotch, m.at("gtg"), func(context.Context) error { return errors.New("exit status 1") })
	require.False(t, ok)
	require.Equal(t, Fail, checks["step"].Status)
	require.Contains(t, checks["step"].Found, "it broke")
	require.Contains(t, checks["step"].Advice, "go run "+Minimal)

	writeLibrary(t, filepath.Join(lib, "libtorch_cpu.so"), newABI, "libslowblas.so.3")
	writeLibrary(t, filepath.Join(lib, "libslowblas.so.3"), "x")
	checks, ok = m.examine(t, r.Gotch, m.at("gtg"), trains)
	require.True(t, ok, "a slow BLAS is no failure")
	require.Equal(t, Warn, checks["blas"].Status)
	require.Contains(t, checks["blas"].Advice, "libopenblas0-pthread")

	checks, ok = m.examine(t, r.Gotch, "", func(context.Context) error { panic("the program is gtg's") })
	require.True(t, ok, "plain gotch can be trained with")
	require.Equal(t, Warn, checks["gtg"].Status)
	require.Equal(t, Warn, checks["step"].Status)

	for name, test := range map[string]struct {
		part   string
		found  string
		gotch  string
		change func()
	}{
		"gotch is not fitted":           {"gotch", "not a fitted one", m.at("modules/github.com/sugarme/gotch@v0.9.1"), func() {}},
		"there is no gotch":             {"gotch", "not among the modules", "", func() {}},
		"gotch is fitted to another":    {"gotch", "was fitted to libtorch 1.13.0", r.Gotch, func() { m.torch.Version = "1.13.1" }},
		"gtg's flags are for another":   {"gtg", "no flags for this libtorch", r.Gotch, func() { m.torch.Version = "1.13.1" }},
		"the stamp cannot be read":      {"gotch", stampName, m.at("spoilt"), func() { write(t, m.dir, map[string]string{"spoilt/" + stampName: "{"}) }},
		"there is no libtorch":          {"libtorch", "no libtorch found", r.Gotch, func() { m.torch = nil }},
		"there is no compiler":          {"compiler", "apt-get install g++", r.Gotch, func() { m.env.CXX = "no-such-g++" }},
		"the workspace is switched off": {"go", "GOWORK=off", r.Gotch, func() { m.env.GOWORK = "off" }},
	} {
		t.Run(name, func(t *testing.T) {
			torch, env := *m.torch, m.env
			defer func() { m.torch, m.env = &torch, env }()
			test.change()
			checks, ok := m.examine(t, test.gotch, m.at("gtg"), trains)
			require.False(t, ok)
			require.Equal(t, Fail, checks[test.part].Status)
			require.Contains(t, checks[test.part].Found, test.found)
			require.NotEqual(t, OK, checks["step"].Status)
		})
	}
}
