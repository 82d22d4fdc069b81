package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/digest/digesttest"
	"github.com/seed-140d0f39/gtg/internal/figures"
)

// logs are the paths of run logs in a folder that is the working directory.
func logs(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, r := range map[string]digesttest.Recipe{
		"a.jsonl":     {Name: "a", Steps: 3000, Params: 6, Spike: 1500, NaN: 2000},
		"b.jsonl":     {Name: "b", Steps: 1000, Params: 6, Seed: 3, Rate: 3, Plain: true},
		"other.jsonl": {Name: "other", Steps: 500, Plain: true, Unjudged: true},
	} {
		var b bytes.Buffer
		require.NoError(t, r.Write(&b))
		require.NoError(t, os.WriteFile(name, b.Bytes(), 0o644))
		if name == "a.jsonl" {
			require.NoError(t, os.WriteFile("torn.jsonl", b.Bytes()[:b.Len()*2/3], 0o644))
		}
	}
	require.NoError(t, os.WriteFile("empty.jsonl", nil, 0o644))
	require.NoError(t, os.WriteFile("strange.jsonl", []byte(`{"type":"event","step":1,"kind":"cliff","severity":"awful"}`+"\n"), 0o644))
	require.NoError(t, os.WriteFile("new.jsonl", []byte(`{"type":"run","schema":9,"run":"x"}`+"\n"), 0o644))
	require.NoError(t, os.WriteFile("text.jsonl", []byte("what is this\n"), 0o644))
}

func gtg(t *testing.T, args ...string) (status int, stdout, stderr string) {
	var o, e bytes.Buffer
	status = run(t.Context(), args, &o, &e)
	return status, o.String(), e.String()
}

func TestLogCommands(t *testing.T) {
	logs(t)
	for name, test := range map[string]struct {
		args           string
		status         int
		stdout, stderr string
	}{
		"report":                  {"report a.jsonl -o r.html", 0, "r.html\n", ""},
		"report of two":           {"report a.jsonl b.jsonl -o r.html", 0, "r.html\n", ""},
		"report to stdout":        {"report a.jsonl -o -", 0, "<!DOCTYPE html>", ""},
		"report of a torn log":    {"report torn.jsonl -o r.html", 0, "r.html\n", "torn.jsonl: the last line is cut off"},
		"report of nothing":       {"report empty.jsonl -o r.html", 2, "", "empty.jsonl: not a run log: it is empty"},
		"report of a new schema":  {"report new.jsonl -o r.html", 2, "", "schema: got 9, want 1: the log is of another version of the format"},
		"report of text":          {"report text.jsonl -o r.html", 2, "", "not a run log"},
		"report of no file":       {"report none.jsonl -o r.html", 2, "", "none.jsonl"},
		"report of a folder":      {"report . -o r.html", 2, "", ". is a folder, want a run log"},
		"report over the log":     {"report a.jsonl -o ./a.jsonl", 2, "", "want a file ending in .html"},
		"report without a log":    {"report", 2, "", "<run>"},
		"report to no folder":     {"report a.jsonl -o none/r.html", 1, "", "none"},
		"figure":                  {"report a.jsonl -o norm.svg --figure norm", 0, "norm.svg\n", ""},
		"figure, pdf":             {"report a.jsonl -o norm.pdf --figure norm", 0, "norm.pdf\n", ""},
		"figure, png":             {"report a.jsonl b.jsonl -o heat.png --figure gradients", 0, "heat.png\nheat-2.png\n", ""},
		"figure without a name":   {"report a.jsonl -o norm.pdf", 2, "", "choose it with --figure (norm, loss"},
		"no such figure":          {"report a.jsonl -o x.pdf --figure sing", 2, "", `"sing"`},
		"figure in a page":        {"report a.jsonl --figure norm", 2, "", "write it to a .svg, .pdf or .png file"},
		"figure of nothing":       {"report b.jsonl -o x.svg --figure rho", 1, "", "nothing to draw: ρ = η·gᵀHg/gᵀg was not measured"},
		"figure too small":        {"report a.jsonl -o x.svg --figure norm --width 3", 2, "", "3 × 330 points"},
		"show":                    {"show a.jsonl", 0, "largest gradient norm", ""},
		"show, verdict":           {"show a.jsonl --plot none", 0, "8.2.4  The run had losses or gradients that are not finite.", ""},
		"show of another program": {"show other.jsonl", 0, "found by judging its steps again", ""},
		"show, plots":             {"show a.jsonl --plot lr,gthg,rho,clip,cost --width 60", 0, "ρ = η·gᵀHg/gᵀg, steps 25 to 3000", ""},
		"show, bad height":        {"show a.jsonl --height 1", 2, "", "want a height from 3 to 200"},
		"show of a torn log":      {"show torn.jsonl", 0, "largest gradient norm", "torn.jsonl: the last line is cut off"},
		"show of nothing":         {"show empty.jsonl", 2, "", "empty.jsonl: not a run log: it is empty"},
		"show of a new schema":    {"show new.jsonl", 2, "", "schema: got 9, want 1"},
		"show of text":            {"show text.jsonl", 2, "", "not a run log"},
		"events":                  {"events a.jsonl", 0, "Step 1500: cliff (warning).", ""},
		"events, json":            {"events a.jsonl --json", 0, `"kind":"cliff"`, ""},
		"events, strange":         {"events strange.jsonl", 0, "Step 1: cliff", ""},
		"events, kind":            {"events a.jsonl --kind nonfinite", 0, "Step 2000: nonfinite", ""},
		"events, no such kind":    {"events a.jsonl --kind sing", 2, "", `"sing", want one of: nonfinite, cliff`},
		"events, fail":            {"events a.jsonl --fail-on critical", 3, "Step 2000", "1 events of severity critical or above"},
		"events, do not fail":     {"events b.jsonl --fail-on warning", 0, "", ""},
		"events of another":       {"events other.jsonl", 0, "", "gtg replay --human other.jsonl"},
		"events of text":          {"events text.jsonl", 2, "", "not a run log"},
		"events of nothing":       {"events empty.jsonl", 2, "", "not a run log"},
		"events of a new schema":  {"events new.jsonl", 2, "", "schema: got 9, want 1"},
		"events of a torn log":    {"events torn.jsonl", 0, "Step 1500: cliff (warning).", "torn.jsonl: the last line is cut off"},
		"compare":                 {"compare a.jsonl b.jsonl", 0, "skipped steps", ""},
		"compare, json":           {"compare a.jsonl b.jsonl --json", 0, `"run": "b"`, ""},
		"compare one":             {"compare a.jsonl", 2, "", "want two or more"},
		"tail":                    {"tail a.jsonl -n 3", 0, "Step 3000: loss", ""},
		"tail, json":              {"tail a.jsonl -n 3 --json", 0, `{"type":"step","step":3000`, ""},
		"tail of a torn log":      {"tail torn.jsonl -n 1", 0, "", "the last line is cut off"},
		"tail of no file":         {"tail none.jsonl", 2, "", "none.jsonl"},
		"tail of stdin":           {"tail -", 2, "", "standard input"},
		"completion":              {"completion bash", 0, "gtg completion -c bash", ""},
		"exit statuses":           {"--help", 0, "Exit status: 0 done", ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := gtg(t, strings.Fields(test.args)...)
			require.Equal(t, test.status, status, "%s%s", stdout[:min(len(stdout), 500)], stderr)
			require.True(t, strings.Contains(stdout, test.stdout), "%s", stdout[:min(len(stdout), 2000)])
			require.Contains(t, stderr, test.stderr)
			if test.stderr == "" {
				require.Empty(t, stderr)
			}
		})
	}
	left, err := filepath.Glob(".*.html.*")
	require.NoError(t, err)
	require.Empty(t, left, "temporary files")
	_, err = os.Stat("x.svg")
	require.ErrorIs(t, err, os.ErrNotExist, "what failed leaves no file")
}

func TestShowJSON(t *testing.T) {
	logs(t)
	status, stdout, stderr := gtg(t, "show", "a.jsonl", "--json")
	require.Zero(t, status, stderr)
	var s digest.Summary
	require.NoError(t, json.Unmarshal([]byte(stdout), &s))
	require.Equal(t, int64(3000), s.Records)
	require.Equal(t, int64(1500), s.GradMaxAt)
	require.Len(t, s.Verdict, 5)
	require.NotContains(t, stdout, "\x1b", "no colours outside a terminal")
	_, stdout, _ = gtg(t, "show", "a.jsonl")
	require.NotContains(t, stdout, "\x1b")
	for _, line := range strings.Split(stdout, "\n") {
		if strings.ContainsAny(line, "┤┼") {
			require.LessOrEqual(t, len([]rune(line)), 80)
		}
	}
}

// What each command's help shows as examples can be parsed, and every command
// that reads logs has some.
func TestHelpHasExamples(t *testing.T) {
	for _, command := range []string{"report", "show", "events", "compare", "tail"} {
		status, stdout, _ := gtg(t, command, "--help")
		require.Zero(t, status)
		require.Contains(t, stdout, "gtg "+command+" ")
	}
}

func TestCompletion(t *testing.T) {
	for line, want := range map[string]string{
		"gtg re":                "report",
		"gtg report --fig":      "--figure",
		"gtg report --figure r": "rho",
		"gtg events --kind cli": "cliff",
		"gtg tail --res":        "--resume",
	} {
		t.Setenv("COMP_LINE", line)
		var o, e bytes.Buffer
		require.Zero(t, run(t.Context(), nil, &o, &e), e.String())
		require.Contains(t, strings.Fields(o.String()), want, line)
	}
}

func TestFigureNamesAreInTheHelp(t *testing.T) {
	_, stdout, _ := gtg(t, "report", "--help")
	for _, name := range figures.Names() {
		require.Contains(t, stdout, name)
	}
}

// output is written and read at the same time.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func TestTailFollows(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, errout output
	ended := make(chan int)
	go func() { ended <- run(ctx, []string{"tail", "-f", "live.jsonl"}, &out, &errout) }()
	seen := func(what string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(out.String(), what) }, 20*time.Second, 5*time.Millisecond, "%s: %s%s", what, &out, &errout)
	}
	add := func(f *os.File, s string) {
		t.Helper()
		_, err := f.WriteString(s)
		require.NoError(t, err)
	}

	f, err := os.Create("live.jsonl") // which was not there
	require.NoError(t, err)
	add(f, `{"type":"run","schema":1,"run":"one"}`+"\n"+`{"type":"step","step":1,"loss":3}`+"\n")
	seen("Run one")
	seen("Step 1: loss 3")
	add(f, `{"type":"step","step":2,`)
	add(f, `"loss":2.5}`+"\n") // a line in two parts
	seen("Step 2: loss 2.5")
	add(f, `{"type":"step","st`) // never finished

	require.NoError(t, os.Rename("live.jsonl", "old.jsonl"))
	g, err := os.Create("live.jsonl")
	require.NoError(t, err)
	add(g, `{"type":"run","schema":1,"run":"two"}`+"\n"+`{"type":"step","step":7,"loss":7}`+"\n")
	seen("Run two")
	seen("Step 7")
	require.Contains(t, errout.String(), "a line that cannot be read")

	require.NoError(t, g.Truncate(0))
	_, err = g.Seek(0, 0)
	require.NoError(t, err)
	add(g, `{"type":"step","step":8,"loss":8}`+"\n") // shorter than what was read
	seen("Step 8")
	add(g, `{"type":"event","step":8,"kind":"cliff","state":"firing","severity":"warning","summary":"It leapt.","advice":"Clip."}`+"\n")
	seen("Step 8: cliff (warning). It leapt. Clip.")
	add(g, `{"type":"end","step":8,"reason":"closed"}`+"\n")
	select {
	case status := <-ended:
		require.Zero(t, status)
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end with the run")
	}
	seen("The verdict after step 8")
	require.NoError(t, f.Close())
	require.NoError(t, g.Close())
}

func TestTailEndsWithItsContext(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errout bytes.Buffer
	require.Zero(t, run(ctx, []string{"tail", "-f", "none.jsonl"}, &out, &errout))
}

func TestTailBeginsWithTheLastLines(t *testing.T) {
	t.Chdir(t.TempDir())
	lines := ""
	for i := range 20_000 {
		lines += strings.ReplaceAll(`{"type":"step","step":N}`, "N", strconv.Itoa(i+1)) + "\n"
	}
	require.NoError(t, os.WriteFile("x.jsonl", []byte(lines), 0o644))
	for n, want := range map[string]int{"0": 0, "1": 1, "7": 7, "19999": 19999, "20000": 20000, "50000": 20000} {
		_, stdout, stderr := gtg(t, "tail", "x.jsonl", "-n", n)
		require.Empty(t, stderr)
		require.Equal(t, want, strings.Count(stdout, "Step "), n)
		if want > 0 {
			require.Contains(t, stdout, "Step 20000\n")
		}
	}
}
