package digest

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-140d0f39/gtg/monitor"
)

// A Summary is a run in a few numbers. What is not known is nil or left out.
type Summary struct {
	Run          string                     `json:"run"`
	Source       string                     `json:"source,omitempty"`
	Records      int64                      `json:"records"`
	First        int64                      `json:"first_step"`
	Last         int64                      `json:"last_step"`
	Seconds      *float64                   `json:"seconds,omitempty"`
	Ended        monitor.Reason             `json:"ended,omitempty"` // empty: killed, or still running
	LossFirst    *float64                   `json:"loss_first,omitempty"`
	LossLast     *float64                   `json:"loss_last,omitempty"`
	LossMin      *float64                   `json:"loss_min,omitempty"`
	LossMinAt    int64                      `json:"loss_min_step,omitempty"`
	GradNorm     *float64                   `json:"grad_norm,omitempty"` // geometric mean
	GradNormMax  *float64                   `json:"grad_norm_max,omitempty"`
	GradMaxAt    int64                      `json:"grad_norm_max_step,omitempty"`
	GradNormLast *float64                   `json:"grad_norm_last,omitempty"`
	Rho          *float64                   `json:"rho,omitempty"` // mean
	RhoMax       *float64                   `json:"rho_max,omitempty"`
	RhoLimit     *float64                   `json:"rho_limit,omitempty"`
	Clipped      int64                      `json:"clipped"`
	Decisions    int64                      `json:"clip_decisions"`
	Skipped      int64                      `json:"skipped"`
	RolledBack   int64                      `json:"rolled_back"`
	NonFinite    int64                      `json:"nonfinite_steps"`
	Events       map[monitor.Severity]int64 `json:"events"`
	GTGSeconds   *float64                   `json:"gtg_seconds_mean,omitempty"`
	GTGShare     *float64                   `json:"gtg_share,omitempty"`
	Verdict      []monitor.Finding          `json:"verdict"`
	Judged       bool                       `json:"verdict_is_replayed"`
}

// ends is the share of a series that its first and last values are the mean of.
const ends = 0.02

// Summary sums the run up.
func (d *Digest) Summary() Summary {
	s := Summary{Run: d.Name(), Source: d.Source, Records: d.Steps, First: d.First, Last: d.Last, Ended: d.Ended,
		Clipped: d.Clipped, Decisions: d.Decisions, Skipped: d.Actions[monitor.ActionSkip] + d.Actions[monitor.ActionStop],
		RolledBack: d.Actions[monitor.ActionRollback], NonFinite: d.NonFinite, Verdict: d.Verdict, Judged: d.Judged,
		Events: map[monitor.Severity]int64{monitor.Critical: 0, monitor.Warning: 0, monitor.Info: 0}}
	for severity, n := range d.Events.Severity {
		s.Events[severity] = n
	}
	if seconds, ok := d.Duration(); ok {
		s.Seconds = &seconds
	}
	if loss := d.Loss.All(); loss.N > 0 {
		first, last := d.Loss.Early(ends), d.Loss.Recent(ends)
		s.LossMin, s.LossMinAt = &loss.Min, loss.MinAt
		if first.N > 0 {
			s.LossFirst = &first.Mean
		}
		if last.N > 0 {
			s.LossLast = &last.Mean
		}
	}
	if norm := d.GradNorm.All(); norm.N > 0 {
		s.GradNormMax, s.GradMaxAt = &norm.Max, norm.MaxAt
		if norm.Positive > 0 {
			mean := norm.Geometric()
			s.GradNorm = &mean
		}
		if last := d.GradNorm.Recent(ends); last.Positive > 0 {
			mean := last.Geometric()
			s.GradNormLast = &mean
		}
	}
	if rho := d.Rho.All(); rho.N > 0 {
		s.Rho, s.RhoMax = &rho.Mean, &rho.Max
	}
	if limit := d.RhoLimit.All(); limit.N > 0 {
		s.RhoLimit = &limit.Mean
	}
	if own := d.Seconds.All(); own.N > 0 {
		s.GTGSeconds = &own.Mean
	}
	if share, ok := d.Share(); ok {
		s.GTGShare = &share
	}
	return s
}

// A Line is one line of a table about a run. An empty value is not known.
type Line struct{ Label, Value string }

// Lines are a summary as a table: the same labels in the same order for every
// run.
func (s *Summary) Lines() []Line {
	value := func(v *float64) string {
		if v == nil {
			return ""
		}
		return fmt.Sprintf("%.4g", *v)
	}
	at := func(v *float64, step int64) string {
		if v == nil {
			return ""
		}
		return fmt.Sprintf("%.4g at step %d", *v, step)
	}
	lines := []Line{
		{"steps", s.steps()},
		{"duration", s.duration()},
		{"ended", s.ended()},
		{"loss at first", value(s.LossFirst)},
		{"loss in the end", value(s.LossLast)},
		{"smallest loss", at(s.LossMin, s.LossMinAt)},
		{"gradient norm, geometric mean", value(s.GradNorm)},
		{"gradient norm in the end", value(s.GradNormLast)},
		{"largest gradient norm", at(s.GradNormMax, s.GradMaxAt)},
		{"clipped steps", s.clipped()},
		{"skipped steps", fmt.Sprint(s.Skipped)},
		{"steps not finite", fmt.Sprint(s.NonFinite)},
		{"events", fmt.Sprintf("%d critical, %d warning, %d info", s.Events[monitor.Critical], s.Events[monitor.Warning], s.Events[monitor.Info])},
		{"ρ, mean", value(s.Rho)},
		{"ρ, largest", value(s.RhoMax)},
		{"ρ, the optimizer's limit", value(s.RhoLimit)},
		{"gtg's own time in a step", s.cost()},
	}
	if s.RolledBack > 0 {
		lines = append(lines, Line{"steps rolled back", fmt.Sprint(s.RolledBack)})
	}
	return lines
}

func (s *Summary) steps() string {
	switch {
	case s.Records == 0:
		return "none"
	case s.Records == s.Last-s.First+1 && s.First == 1:
		return fmt.Sprint(s.Last)
	}
	return fmt.Sprintf("%d recorded, %d to %d", s.Records, s.First, s.Last)
}

func (s *Summary) duration() string {
	if s.Seconds == nil || *s.Seconds > 1e9 {
		return ""
	}
	d := time.Duration(*s.Seconds * float64(time.Second))
	switch {
	case d > time.Minute:
		return d.Round(time.Second).String()
	case d > time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

func (s *Summary) ended() string {
	if s.Ended == "" {
		return "no end line: killed, or still running"
	}
	return string(s.Ended)
}

func (s *Summary) clipped() string {
	if s.Decisions == 0 {
		return ""
	}
	return fmt.Sprintf("%d (%.3g %%)", s.Clipped, 100*float64(s.Clipped)/float64(s.Decisions))
}

func (s *Summary) cost() string {
	var parts []string
	if s.GTGSeconds != nil {
		parts = append(parts, fmt.Sprintf("%.3g ms", 1000**s.GTGSeconds))
	}
	if s.GTGShare != nil {
		parts = append(parts, fmt.Sprintf("%.2g %% of the step", 100**s.GTGShare))
	}
	return strings.Join(parts, ", ")
}
