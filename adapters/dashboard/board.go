package dashboard

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"time"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/figures"
	"github.com/seed-140d0f39/gtg/monitor"
)

// A board is what every page shows. It is never changed, only replaced.
type board struct {
	state, events message
	figures       [len(sizes)][]message
}

// A message is a server-sent event, ready to be sent.
type message struct {
	topic   string
	version int64 // 0 is nothing
	bytes   []byte
}

// The places of sizes.
const (
	wide = iota
	narrow
)

var sizes = [...]figures.Size{figures.Wide, figures.Narrow}

// messages yields what a page of that size shows, by topic.
func (b *board) messages(size int) iter.Seq2[string, *message] {
	return func(yield func(string, *message) bool) {
		for _, m := range []*message{&b.state, &b.events} {
			if m.version > 0 && !yield(m.topic, m) {
				return
			}
		}
		for i := range b.figures[size] {
			if m := &b.figures[size][i]; !yield(m.topic, m) {
				return
			}
		}
	}
}

// compose makes the message that tells body. It is the old one when that says the
// same.
func compose(old message, event, topic string, body any) message {
	b := bytes.NewBufferString("event: " + event + "\ndata: ")
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return old // there is nothing in a body that JSON does not have
	}
	b.WriteByte('\n')
	if bytes.Equal(b.Bytes(), old.bytes) {
		return old
	}
	return message{topic: topic, version: old.version + 1, bytes: b.Bytes()}
}

// state is the page's head.
type state struct {
	Edition string            `json:"edition"` // of the page
	ID      string            `json:"id"`      // of the run
	Metrics bool              `json:"metrics"` // whether they are served
	Run     string            `json:"run"`
	About   []string          `json:"about"`
	Status  status            `json:"status"`
	StepAt  int64             `json:"step_at"` // Unix time in ms
	Now     int64             `json:"now"`     // likewise: the page's clock may differ
	Facts   [][2]string       `json:"facts"`
	Firing  []firing          `json:"firing"`
	Verdict []monitor.Finding `json:"verdict"`
}

type firing struct {
	Kind     monitor.Kind     `json:"kind"`
	Severity monitor.Severity `json:"severity"`
	Param    string           `json:"param,omitempty"`
	Since    int64            `json:"since"`
}

// mostFiring is how many events that go on are named at the page's head.
const mostFiring = 12

// state is called with the lock held.
func (s *Sink) state() state {
	d := s.digest
	st := state{Edition: edition, ID: s.id, Metrics: s.gatherer != nil, Run: d.Name(), About: about(d.Run), Status: s.status,
		StepAt: s.stepAt.UnixMilli(), Now: time.Now().UnixMilli(), Facts: facts(d, &s.now), Verdict: d.Verdict}
	kept, _ := d.Events.Kept()
	for i := len(kept) - 1; i >= 0 && len(st.Firing) < mostFiring; i-- {
		if e := kept[i]; !e.Over() && s.status != ended && s.status != stopped {
			st.Firing = append(st.Firing, firing{Kind: e.Kind, Severity: e.Severity, Param: e.Param, Since: e.Step})
		}
	}
	return st
}

// about says what the run is.
func about(r *monitor.Run) (all []string) {
	if o := r.Optimizer; o != nil && o.Kind != "" {
		all = append(all, o.Kind)
	}
	if n := len(r.Params); n > 0 {
		var elements int64
		for _, p := range r.Params {
			elements += p.Numel
		}
		all = append(all, strconv.Itoa(n)+" parameters, "+amount(elements)+" elements")
	}
	for _, v := range []string{r.Device, r.Framework} {
		if v != "" {
			all = append(all, v)
		}
	}
	if !r.Started.IsZero() {
		all = append(all, "started "+r.Started.UTC().Format("2006-01-02 15:04:05")+" UTC")
	}
	return all
}

// facts are the numbers at the page's head.
func facts(d *digest.Digest, now *monitor.Step) (all [][2]string) {
	add := func(name, value string) { all = append(all, [2]string{name, value}) }
	number := func(name string, n monitor.Number) {
		if v, known := n.Get(); known {
			add(name, strconv.FormatFloat(v, 'g', 4, 64))
		}
	}
	add("step", amount(d.Last))
	number("loss", now.Loss)
	number("gradient norm", now.GradNorm)
	number("learning rate", now.LR)
	if per := d.StepSeconds.Recent(0.02).Mean; per > 0 {
		add("steps a second", strconv.FormatFloat(1/per, 'g', 3, 64))
	}
	if d.Decisions > 0 {
		add("clipped", share(d.Clipped, d.Decisions))
	}
	if n := d.Actions[monitor.ActionSkip] + d.Actions[monitor.ActionRollback] + d.Actions[monitor.ActionStop]; n > 0 {
		add("not stepped", amount(n))
	}
	if d.NonFinite > 0 {
		add("not finite", amount(d.NonFinite))
	}
	if v, known := d.Share(); known {
		add("gtg's time", strconv.FormatFloat(100*v, 'f', 2, 64)+" %")
	}
	return all
}

func share(n, of int64) string {
	return strconv.FormatFloat(100*float64(n)/float64(of), 'g', 3, 64) + " %"
}

// amount writes a count with its thousands apart.
func amount(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// mostEvents is how many events the page lists, the latest first.
const mostEvents = 100

// incidents is the page's list of events.
type incidents struct {
	ID    string     `json:"id"` // of the run
	Total int64      `json:"total"`
	Rows  []incident `json:"rows"`
}

type incident struct {
	Step     int64            `json:"step"`
	Until    int64            `json:"until,omitempty"`
	Open     bool             `json:"open,omitempty"`
	Kind     monitor.Kind     `json:"kind"`
	Severity monitor.Severity `json:"severity"`
	Param    string           `json:"param,omitempty"`
	Summary  string           `json:"summary"`
	Advice   string           `json:"advice,omitempty"`
	Section  string           `json:"section,omitempty"`
}

// incidents is called with the lock held.
func (s *Sink) incidents() incidents {
	kept, _ := s.digest.Events.Kept()
	list := incidents{ID: s.id, Total: s.digest.Events.Count, Rows: []incident{}}
	for i := len(kept) - 1; i >= 0 && len(list.Rows) < mostEvents; i-- {
		e := kept[i]
		list.Rows = append(list.Rows, incident{Step: e.Step, Until: e.Until, Open: !e.Over() && s.status != ended && s.status != stopped,
			Kind: e.Kind, Severity: e.Severity, Param: e.Param, Summary: e.Summary, Advice: e.Advice, Section: e.Section})
	}
	return list
}

// A figure is one of the page's figures.
type figure struct {
	ID      string `json:"id"` // of the run
	At      int    `json:"at"` // its place
	Name    string `json:"name"`
	Title   string `json:"title"`
	Caption string `json:"caption"`
	SVG     string `json:"svg,omitempty"`
	Missing string `json:"missing,omitempty"`
}

// drawn draws one figure.
func drawn(f *figures.Figure, size figures.Size) figure {
	out := figure{Name: f.Name, Title: f.Title, Caption: f.Caption, Missing: f.Missing}
	if out.Missing == "" {
		svg, err := f.Inline(size)
		if out.SVG = string(svg); err != nil {
			out.Missing = err.Error()
		}
	}
	return out
}
