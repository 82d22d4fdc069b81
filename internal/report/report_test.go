package report_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/digest/digesttest"
	"github.com/seed-140d0f39/gtg/internal/report"
	"github.com/seed-140d0f39/gtg/monitor"
)

func runs(t testing.TB, recipes ...digesttest.Recipe) (all []*digest.Digest) {
	for _, r := range recipes {
		var b bytes.Buffer
		require.NoError(t, r.Write(&b))
		l, err := digest.Read(t.Context(), &b, "test.jsonl")
		require.NoError(t, err)
		all = append(all, l.Runs...)
	}
	return all
}

func written(t testing.TB, runs []*digest.Digest, options report.Options) []byte {
	var b bytes.Buffer
	require.NoError(t, report.Write(&b, runs, options))
	return b.Bytes()
}

// selfContained parses the page and returns its text and how often each element
// is in it. It fails when anything refers outside the page.
func selfContained(t *testing.T, page []byte) (text string, elements map[string]int) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	require.NoError(t, err)
	elements = map[string]int{}
	var b strings.Builder
	for n := range root.Descendants() {
		switch n.Type {
		case html.TextNode:
			if n.Parent.Data == "style" {
				require.NotContains(t, n.Data, "url(")
				require.NotContains(t, n.Data, "@import")
				require.NotContains(t, n.Data, "ZgotmplZ", "what the template refused")
				continue
			}
			b.WriteString(n.Data + " ")
		case html.ElementNode:
			elements[n.Data]++
			for _, a := range n.Attr {
				switch a.Key {
				case "src", "href", "srcset", "action", "data", "poster", "background", "cite", "formaction", "ping":
					require.True(t, strings.HasPrefix(a.Val, "data:image/") || strings.HasPrefix(a.Val, "#"), "%s %s=%q", n.Data, a.Key, a.Val)
				case "style":
					require.NotContains(t, a.Val, "url(")
					require.NotContains(t, a.Val, "ZgotmplZ")
				}
				require.False(t, strings.HasPrefix(a.Key, "on"), "%s has a handler %s", n.Data, a.Key)
				if a.Namespace == "" && !strings.HasPrefix(a.Key, "xmlns") {
					require.NotContains(t, a.Val, "http:")
					require.NotContains(t, a.Val, "https:")
				}
			}
		}
	}
	for _, forbidden := range []string{"script", "link", "iframe", "object", "embed", "base", "form", "img", "use"} {
		require.Zero(t, elements[forbidden], forbidden)
	}
	require.Contains(t, string(page), `content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`)
	return b.String(), elements
}

func TestReportOfOneRun(t *testing.T) {
	d := runs(t, digesttest.Recipe{Name: "demo", Steps: 3000, Params: 24, Spike: 1500, NaN: 2000, Vanish: true})
	page := written(t, d, report.Options{Version: "gtg v1", Complaints: []report.Complaint{{Source: "demo.jsonl", What: "line 3: not JSON"}}})
	text, elements := selfContained(t, page)
	for _, want := range []string{"demo", "8.2.1", "8.2.5", "The gradients vanished.", "line 3: not JSON", "As the run's log has it.",
		"cliff", "nonfinite", "vanishing", "1500–1550", "sgd, learning rate 0.1, momentum 0.9", "batch size", `["in","hidden","out"]`, "24 parameter tensors",
		"64 × 64", "gtg v1", "0.55 % of the step"} {
		require.True(t, strings.Contains(text, want), want)
	}
	require.NotContains(t, text, "Not drawn")
	require.Equal(t, 8, elements["figure"])
	require.Equal(t, 16, elements["svg"], "wide and narrow")
	require.Less(t, strings.Index(text, "The verdict"), strings.Index(text, "Figures"), "the verdict comes first")
}

func TestReportOfSeveralRuns(t *testing.T) {
	d := runs(t, digesttest.Recipe{Name: "with", Steps: 3000, Params: 4, Spike: 1500}, digesttest.Recipe{Name: "without", Steps: 500, Params: 4, Seed: 2, Plain: true, Unjudged: true})
	text, elements := selfContained(t, written(t, d, report.Options{}))
	require.Contains(t, text, "2 runs compared")
	require.Contains(t, text, "side by side")
	require.Contains(t, text, "this one was found by judging its steps again")
	require.Equal(t, 9, elements["figure"])
}

// What a run did not measure is left out, and it is said why.
func TestReportOfHardlyAnything(t *testing.T) {
	text, elements := selfContained(t, written(t, runs(t, digesttest.Recipe{Name: "bare", Steps: 0, Unjudged: true}), report.Options{}))
	require.Contains(t, text, "Not drawn")
	require.Contains(t, text, "no gradient norm was recorded")
	require.Contains(t, text, "gᵀHg was not measured")
	require.Contains(t, text, "No events.")
	require.Zero(t, elements["figure"])
	require.Error(t, report.Write(io.Discard, nil, report.Options{}))
}

// What a log says stays text.
func TestReportOfAHostileLog(t *testing.T) {
	const evil = "</title></style></svg><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J\x01\a\b\x7f\u202e"
	run := &monitor.Run{Name: evil, Framework: evil, Device: evil, Optimizer: &monitor.Optimizer{Kind: evil},
		Params: []monitor.Param{{Name: evil, Shape: []int64{1}, Numel: 1}}, Config: map[string]any{evil: evil, "deep": map[string]any{evil: []any{evil}}}}
	d := digest.New(run)
	for i := range int64(10) {
		d.Step(&monitor.Step{Step: i + 1, Loss: monitor.Known(1), GradNorm: monitor.Known(1), ParamGradNorms: []monitor.Number{monitor.Known(1)}, Clip: monitor.Clip{Policy: evil}})
	}
	d.Event(&monitor.Event{Step: 3, Kind: evil, State: monitor.Instant, Severity: evil, Param: evil, Summary: evil, Advice: evil, Section: evil})
	d.Verdict = []monitor.Finding{{Section: evil, Finding: evil, Evidence: evil}}
	d.Source = evil
	text, _ := selfContained(t, written(t, []*digest.Digest{d, d}, report.Options{Complaints: []report.Complaint{{Source: evil, What: evil}}}))
	require.Contains(t, text, evil, "as text, to the last control character")
}

func TestReportOfManyEvents(t *testing.T) {
	d := digest.New(nil)
	for i := range int64(900) {
		severity := monitor.Info
		if i%100 == 0 {
			severity = monitor.Critical
		}
		d.Event(&monitor.Event{Step: i + 1, Kind: monitor.Cliff, State: monitor.Instant, Severity: severity, Summary: "What."})
	}
	text, elements := selfContained(t, written(t, []*digest.Digest{d}, report.Options{}))
	require.Contains(t, text, "700 more events are not shown")
	require.Less(t, elements["tr"], 300)
	require.Equal(t, 9, strings.Count(text, " critical "), "all of the gravest")
}

// A million steps of 20 parameters: a small file, little memory, and the spike is
// in it.
func TestReportOfAMillionSteps(t *testing.T) {
	if testing.Short() {
		t.Skip("writes and reads a log of 680 MB")
	}
	path := filepath.Join(t.TempDir(), "big.jsonl")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	const spike = 777_777
	require.NoError(t, digesttest.Recipe{Name: "big", Steps: 1_000_000, Params: 20, Spike: spike, Unjudged: true, Plain: true}.Write(f))
	_, err = f.Seek(0, io.SeekStart)
	require.NoError(t, err)

	began := time.Now()
	l, err := digest.Read(t.Context(), f, path)
	require.NoError(t, err)
	require.Empty(t, l.Complaints())
	page := written(t, l.Runs, report.Options{})
	took := time.Since(began)

	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("%.1f s, %d MB of memory, a page of %d kB", took.Seconds(), m.Sys>>20, len(page)>>10)
	require.Less(t, m.Sys, uint64(300<<20))
	require.Less(t, len(page), 3<<20)
	all := l.Runs[0].GradNorm.All()
	require.Equal(t, int64(spike), all.MaxAt)
	text, _ := selfContained(t, page)
	require.Contains(t, text, fmt.Sprintf("%.4g at step %d", all.Max, spike))
	require.Contains(t, text, "cliff")
}

func ExampleWrite() {
	d := digest.New(&monitor.Run{Name: "demo"})
	d.Step(&monitor.Step{Step: 1, Loss: monitor.Known(2.5), GradNorm: monitor.Known(0.75)})
	var page bytes.Buffer
	err := report.Write(&page, []*digest.Digest{d}, report.Options{Version: "gtg"})
	fmt.Println(err, strings.Contains(page.String(), "<title>demo · gtg</title>"))
	// Output: <nil> true
}
