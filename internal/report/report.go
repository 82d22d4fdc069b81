// Package report writes the page about a run: one HTML file that needs nothing
// but itself. It has no script, loads nothing, and is drawn for light and dark
// screens, wide and narrow ones, and paper.
package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-140d0f39/gtg/internal/digest"
	"github.com/seed-140d0f39/gtg/internal/figures"
	"github.com/seed-140d0f39/gtg/monitor"
)

const (
	shownEvents = 200  // rows of the table, of each run
	shownParams = 300  // rows of the table, of each run
	shownValue  = 2000 // runes of one value of the configuration
)

// Complaint is what is wrong with one log.
type Complaint struct{ Source, What string }

// Options are what a report is told beside the runs.
type Options struct {
	Complaints []Complaint
	Version    string // gtg's
}

// Write writes the report on the runs, overlaid and compared where they are
// several.
func Write(w io.Writer, runs []*digest.Digest, options Options) error {
	if len(runs) == 0 {
		return fmt.Errorf("report: no run")
	}
	p := page{Options: options, Several: len(runs) > 1,
		Light: template.CSS(figures.Variables(false)), Dark: template.CSS(figures.Variables(true))}
	var names []string
	for i, d := range runs {
		v := view{Digest: d, Label: figures.Label(runs, i), Colour: template.CSS("var(" + figures.RunVariable(i) + ")")}
		summary := d.Summary()
		v.Lines = summary.Lines()
		v.Tiles = tiles(&summary)
		v.Incidents, v.Hidden = incidents(d)
		v.Settings = settings(d.Run)
		v.Params = d.Run.Params[:min(len(d.Run.Params), shownParams)]
		for _, q := range d.Run.Params {
			v.Elements += q.Numel
		}
		p.Runs = append(p.Runs, v)
		names = append(names, v.Label)
	}
	p.Title = strings.Join(names, ", ")
	p.Lines = compared(p.Runs)
	for _, f := range figures.All(runs) {
		if f.Missing != "" {
			p.Missing = append(p.Missing, f.Missing)
			continue
		}
		wide, err := f.Inline(figures.Wide)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		narrow, err := f.Inline(figures.Narrow)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		p.Figures = append(p.Figures, drawing{f, template.HTML(wide), template.HTML(narrow)})
	}
	return pageTemplate.Execute(w, &p)
}

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"time": func(t time.Time) string { return t.Format("2 January 2006, 15:04:05 MST") },
	"shape": func(shape []int64) string {
		return strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", " × "), "[]")
	},
}).Parse(pageSource))

// page is what the template gets.
type page struct {
	Options
	Title       string
	Several     bool
	Light, Dark template.CSS
	Runs        []view
	Lines       []comparedLine
	Figures     []drawing
	Missing     []string
}

// view is one run of the page.
type view struct {
	*digest.Digest
	Label     string
	Colour    template.CSS
	Lines     []digest.Line
	Tiles     []digest.Line
	Incidents []*digest.Incident
	Hidden    int64 // incidents that are not in the table
	Settings  []digest.Line
	Params    []monitor.Param
	Elements  int64
}

type drawing struct {
	*figures.Figure
	Wide, Narrow template.HTML
}

// tiles are the numbers that a reader looks for first.
func tiles(s *digest.Summary) (tiles []digest.Line) {
	for _, line := range s.Lines() {
		switch line.Label {
		case "steps", "duration", "clipped steps", "events", "gtg's own time in a step":
			if line.Value != "" {
				tiles = append(tiles, line)
			}
		}
	}
	if s.LossFirst != nil && s.LossLast != nil {
		loss := digest.Line{Label: "loss", Value: fmt.Sprintf("%.4g → %.4g", *s.LossFirst, *s.LossLast)}
		tiles = slices.Insert(tiles, min(2, len(tiles)), loss)
	}
	return tiles
}

// A comparedLine is a line of the table of numbers, with a value for each run.
type comparedLine struct {
	Label  string
	Values []string
}

// compared leaves out what is known of no run.
func compared(runs []view) (lines []comparedLine) {
	for _, first := range runs[0].Lines {
		line, known := comparedLine{Label: first.Label}, false
		for _, v := range runs {
			value := ""
			for _, l := range v.Lines {
				if l.Label == first.Label {
					value = l.Value
				}
			}
			known = known || value != ""
			if value == "" {
				value = "–"
			}
			line.Values = append(line.Values, value)
		}
		if known {
			lines = append(lines, line)
		}
	}
	return lines
}

// incidents are those of the table: all, or where they are too many the gravest,
// in the run's order.
func incidents(d *digest.Digest) (shown []*digest.Incident, hidden int64) {
	kept, hidden := d.Events.Kept()
	for _, severity := range []monitor.Severity{monitor.Info, monitor.Warning, monitor.Critical} {
		if over := len(kept) - shownEvents; over > 0 {
			kept = slices.DeleteFunc(kept, func(i *digest.Incident) bool {
				drop := i.Severity == severity && over > 0
				if drop {
					over--
					hidden++
				}
				return drop
			})
		}
	}
	return kept, hidden
}

// settings are what the run line says of the run.
func settings(r *monitor.Run) (lines []digest.Line) {
	add := func(label, value string) {
		if value != "" {
			if runes := []rune(value); len(runes) > shownValue {
				value = string(runes[:shownValue]) + "…"
			}
			lines = append(lines, digest.Line{Label: label, Value: value})
		}
	}
	add("framework", r.Framework)
	add("device", r.Device)
	if o := r.Optimizer; o != nil {
		text := o.Kind
		for _, h := range []struct {
			name  string
			value monitor.Number
		}{{"learning rate", o.LR}, {"momentum", o.Momentum}, {"β₁", o.Beta1}, {"β₂", o.Beta2}, {"weight decay", o.WeightDecay}} {
			if v, ok := h.value.Get(); ok {
				text += fmt.Sprintf(", %s %.6g", h.name, v)
			}
		}
		add("optimizer", strings.TrimPrefix(text, ", "))
	}
	for _, key := range slices.Sorted(maps.Keys(r.Config)) {
		switch v := r.Config[key].(type) {
		case string:
			add(key, v)
		default:
			text, err := json.Marshal(v)
			if err != nil {
				text = []byte(fmt.Sprint(v))
			}
			add(key, string(text))
		}
	}
	return lines
}
