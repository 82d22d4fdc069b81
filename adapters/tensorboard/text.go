package tensorboard

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-140d0f39/gtg/monitor"
)

// maxText bounds one cell or paragraph, in bytes: the options of a run are free
// form.
const maxText = 4 << 10

// escape makes Markdown show the text as it is, in a paragraph or a table.
var escape = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`,
	"&", "&amp;", "<", "&lt;", "|", "&#124;", "\r\n", " ", "\n", " ", "\r", " ").Replace

// plain is the text as Markdown, cut to a length that a reader can take in.
func plain(s string) string {
	if len(s) > maxText {
		end := maxText
		for !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end] + " …"
	}
	return escape(clean(s))
}

// clean makes valid UTF-8 of any text: a protocol buffer's string has to be,
// and one that is not would make the whole file unreadable.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// table builds a Markdown table.
type table struct{ strings.Builder }

func (t *table) row(cells ...string) {
	for _, c := range cells {
		t.WriteString("| ")
		t.WriteString(plain(c))
		t.WriteByte(' ')
	}
	t.WriteString("|\n")
}

func (t *table) head(cells ...string) {
	t.row(cells...)
	t.WriteString(strings.Repeat("|---", len(cells)))
	t.WriteString("|\n")
}

// known adds a row unless there is nothing to say.
func (t *table) known(name, value string) {
	if value != "" {
		t.row(name, value)
	}
}

// runText describes the run.
func runText(r *monitor.Run) string {
	var t table
	t.head("run", cmp.Or(r.Name, "without a name"))
	if !r.Started.IsZero() {
		t.row("started", r.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	t.known("framework", r.Framework)
	t.known("device", r.Device)
	if o := r.Optimizer; o != nil {
		t.known("optimizer", o.Kind)
		for _, p := range []struct {
			name  string
			value monitor.Number
		}{{"lr", o.LR}, {"momentum", o.Momentum}, {"beta1", o.Beta1}, {"beta2", o.Beta2}, {"weight_decay", o.WeightDecay}} {
			if v, known := p.value.Get(); known {
				t.row(p.name, number(v))
			}
		}
	}
	if len(r.Params) > 0 {
		var elements int64
		for _, p := range r.Params {
			elements += p.Numel
		}
		t.row("params", fmt.Sprintf("%d with %d elements", len(r.Params), elements))
	}
	for _, key := range slices.Sorted(maps.Keys(r.Config)) {
		t.row("config."+key, fmt.Sprint(r.Config[key]))
	}
	return t.String()
}

// eventText tells what a detector found.
func eventText(e *monitor.Event) string {
	var t table
	fmt.Fprintf(&t, "**%s**, %s at step %d", plain(string(e.Severity)), plain(string(e.State)), e.Step)
	if e.State == monitor.Resolved && e.Since > 0 {
		fmt.Fprintf(&t, " since step %d", e.Since)
	}
	if e.Param != "" {
		t.WriteString(": " + plain(e.Param))
	}
	for _, paragraph := range []string{e.Summary, e.Advice} {
		if paragraph != "" {
			t.WriteString("\n\n" + plain(paragraph))
		}
	}
	if e.Section != "" {
		t.WriteString("\n\nSection " + plain(e.Section))
	}
	if len(e.Values) > 0 || e.Class != "" {
		t.WriteString("\n\n")
		t.head("value", "")
		t.known("class", string(e.Class))
		for _, name := range slices.Sorted(maps.Keys(e.Values)) {
			t.row(name, number(e.Values[name]))
		}
	}
	return t.String()
}

// verdictText is the verdict as a table.
func verdictText(verdict []monitor.Finding) string {
	var t table
	t.head("section", "finding", "evidence")
	for _, f := range verdict {
		t.row(f.Section, f.Finding, f.Evidence)
	}
	return t.String()
}
