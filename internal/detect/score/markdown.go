package score

import (
	"fmt"
	"io"
	"strings"
)

func percent(x float64) string { return fmt.Sprintf("%.4g %%", 100*x) }

// String is the share with its interval, "–" of nothing.
func (s Share) String() string {
	if s.Of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %% (%d of %d; %.0f–%.0f %%)", 100*s.Value, s.Hits, s.Of, 100*s.Interval.Low, 100*s.Interval.High)
}

// short is the share with its counts.
func (s Share) short() string {
	if s.Of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %% (%d/%d)", 100*s.Value, s.Hits, s.Of)
}

// String is the rate with its interval, "–" in no steps.
func (r Rate) String() string {
	if r.Steps == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f (%d in %d steps; %.2f–%.2f)", r.Per10000, r.Events, r.Steps, r.Interval.Low, r.Interval.High)
}

// short is the rate alone.
func (r Rate) short() string {
	if r.Steps == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", r.Per10000)
}

// Markdown writes the report as Markdown tables; verbose adds those by program
// and by case.
func (r *Report) Markdown(out io.Writer, verbose bool) {
	r.HeldOut.markdown(out, "Held-out programs", verbose)
	r.Tuning.markdown(out, "Tuning programs", verbose)
	if n := r.Unconfirmed; n > 0 {
		fmt.Fprintf(out, "Runs left out because their outcome is not what their class says it should be: %d.\n", n)
	}
	if n := r.Unreadable; n > 0 {
		fmt.Fprintf(out, "Runs left out because they could not be read: %d.\n", n)
	}
}

func (p *Part) markdown(out io.Writer, title string, verbose bool) {
	if p == nil {
		return
	}
	fmt.Fprintf(out, "### %s\n\n", title)
	goals := [][]string{{"goal", "reached", ""}}
	for _, g := range p.Goals {
		goals = append(goals, []string{g.Name, g.Reached, verdict(g.Pass)})
	}
	table(out, goals)
	table(out, p.healthyRows())
	table(out, p.classRows())
	table(out, p.rivalRows())
	table(out, p.checkRows())
	if verbose {
		table(out, groupRows(p.Programs))
		table(out, groupRows(p.Cases))
	}
}

func verdict(pass bool) string {
	if pass {
		return "met"
	}
	return "**not met**"
}

func (p *Part) healthyRows() [][]string {
	h := p.Healthy
	rows := [][]string{{"alarms where there is nothing", "per 10,000 steps, with the 95 % interval", "runs flagged"}}
	if h.Runs > 0 {
		rows = append(rows, []string{"healthy runs, warning or above", h.Alarms.String(), h.Flagged.String()},
			[]string{"healthy runs, critical", h.Critical.String(), ""})
	}
	if p.Before.Steps > 0 {
		rows = append(rows, []string{"faulty runs, before the onset", p.Before.String(), ""})
	}
	if p.After.Steps > 0 {
		rows = append(rows, []string{"faulty runs, after the cause went away", p.After.String(), ""})
	}
	return rows
}

func (p *Part) classRows() [][]string {
	rows := [][]string{{"class", "runs", "recall, with the 95 % interval", "right kind first", "precision", "steps to the alarm, median / 90 %", "in the same step", "firings a run, mean / most", "resolved"}}
	for _, c := range append(p.Classes[:len(p.Classes):len(p.Classes)], p.All) {
		if c.Runs > 0 {
			rows = append(rows, []string{string(c.Class), fmt.Sprint(c.Runs), c.Recall.String(), c.First.short(), c.Precision.short(),
				c.delay(), c.SameStep.short(), c.firings(), c.Resolved.short()})
		}
	}
	return rows
}

func (c *Class) delay() string {
	if c.Recall.Hits == 0 {
		return "–"
	}
	return fmt.Sprintf("%d / %d", c.Median, c.P90)
}

func (c *Class) firings() string {
	if c.Recall.Hits == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f / %d", c.Firings, c.MostFirings)
}

func (p *Part) checkRows() [][]string {
	rows := [][]string{{"the same events with", "in runs"}}
	for _, c := range p.Checks {
		rows = append(rows, []string{c.Name, c.Held.String()})
	}
	return rows
}

func groupRows(groups []Group) [][]string {
	rows := [][]string{{"program", "case", "class", "healthy runs", "false alarms", "flagged", "faulty runs", "recall", "right kind first", "steps to the alarm, median / 90 %"}}
	for _, g := range groups {
		row := []string{g.Program, g.Case, string(g.Class), "", "", "", "", "", "", ""}
		if h := g.Healthy; h.Runs > 0 {
			row[3], row[4], row[5] = fmt.Sprint(h.Runs), h.Alarms.String(), h.Flagged.short()
		}
		if f := g.Faulty; f.Runs > 0 {
			row[6], row[7], row[8], row[9] = fmt.Sprint(f.Runs), f.Recall.short(), f.First.short(), f.delay()
		}
		rows = append(rows, row)
	}
	return rows
}

// table writes rows under a head; nothing when there is only the head.
func table(out io.Writer, rows [][]string) {
	if len(rows) < 2 {
		return
	}
	for i, row := range rows {
		fmt.Fprintf(out, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(out, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
	fmt.Fprintln(out)
}
