package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/monitor"
)

// evil clears the screen, sets the window's title, forges a line, rings, turns text
// around, and hides what is not UTF-8 as well as C1's control sequences.
const evil = "\x1b[2J\x1b]0;pwned\x07\r\nStep 9: all is well\x00\x7f\u009b31m\u202egnp\u2066\u200b\u2028\U000e0041"

const shown = `\x1b[2J\x1b]0;pwned\a\r\nStep 9: all is well\x00\x7f\u009b31m\u202egnp\u2066\u200b\u2028\U000e0041`

// hostile writes a log that says evil wherever a text can be.
func hostile(t *testing.T) {
	t.Chdir(t.TempDir())
	var b bytes.Buffer
	w := runlog.NewWriter(&b)
	require.NoError(t, w.Start(&monitor.Run{Name: evil, Framework: evil, Device: evil, Optimizer: &monitor.Optimizer{Kind: evil},
		Params: []monitor.Param{{Name: evil, Shape: []int64{1}, Numel: 1}}}))
	for i := range int64(3) {
		require.NoError(t, w.Step(&monitor.Step{Step: i + 1, Loss: monitor.Known(1), GradNorm: monitor.Known(1), Clip: monitor.Clip{Policy: evil}}))
	}
	for _, state := range []monitor.State{monitor.Firing, monitor.Resolved} {
		require.NoError(t, w.Event(&monitor.Event{Step: 3, Kind: evil, State: state, Severity: evil, Param: evil, Summary: evil, Advice: evil, Section: evil,
			Values: map[string]float64{evil: 1}}))
	}
	require.NoError(t, w.Close(t.Context(), &monitor.End{Step: 3, Reason: evil, Verdict: []monitor.Finding{{Section: evil, Finding: evil, Evidence: evil}}}))
	require.NoError(t, os.WriteFile("evil.jsonl", b.Bytes(), 0o644))
	b.WriteString("{\"type\":\"step\",\"step\":\"" + evil + "\"}\n{\"type\":\"step\",\"step\":4,\"action\":\"\\u001b[2J\"}\n" + evil + "\n")
	require.NoError(t, os.WriteFile("broken.jsonl", b.Bytes(), 0o644))
}

func TestAHostileLogReachesNoTerminal(t *testing.T) {
	hostile(t)
	for _, command := range []string{"show %", "show % --json", "events %", "events % --json", "tail % -n 100", "tail % -n 100 --json",
		"compare % %", "compare % % --json", "replay % --human", "replay %", "report % -o r.html", "report % -o x.svg --figure rho"} {
		for _, log := range []string{"evil.jsonl", "broken.jsonl"} {
			_, stdout, stderr := gtg(t, strings.Fields(strings.ReplaceAll(command, "%", log))...)
			for _, text := range []string{stdout, stderr} {
				require.True(t, utf8.ValidString(text))
				for line := range strings.Lines(text) {
					require.Negative(t, strings.IndexFunc(strings.TrimSuffix(line, "\n"), hidden), "%s: %q", command, line)
					require.False(t, strings.HasPrefix(line, "Step 9"), "a forged line")
				}
			}
		}
	}
}

func TestWhatIsHostileIsShown(t *testing.T) {
	hostile(t)
	_, stdout, _ := gtg(t, "show", "evil.jsonl", "--plot", "none")
	require.Contains(t, stdout, shown)
	_, stdout, _ = gtg(t, "events", "evil.jsonl")
	require.Contains(t, stdout, "Step 3: "+shown+" ("+shown+"). "+shown)
	_, stdout, _ = gtg(t, "events", "evil.jsonl", "--json")
	var line struct{ Summary string }
	require.NoError(t, json.Unmarshal([]byte(strings.SplitAfter(stdout, "\n")[0]), &line))
	require.Equal(t, evil, line.Summary, "JSON says the same")

	require.Equal(t, `a\xff\xfeb`, visible("a\xff\xfeb"))
	for _, plain := range []string{"", "conv1.weight", "ρ = η·gᵀHg/gᵀg", `a\nb`, "层 'é'", "\uFFFD"} {
		require.Equal(t, plain, visible(plain))
	}
}
