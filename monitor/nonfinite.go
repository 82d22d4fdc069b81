package monitor

import (
	"fmt"
	"strings"
)

const (
	// nonfiniteQuiet is how many finite records in a row end the incident, and nonfiniteWake
	// for how many of them it accounts for what else is wrong.
	nonfiniteQuiet = 100
	nonfiniteWake  = 20
)

// nonfinite fires at once when the loss or a gradient holds a NaN or an
// infinity, and resolves after nonfiniteQuiet records without one. It has no
// threshold: no healthy step in full precision has such a value, and one step of
// the optimizer with it destroys the parameters (Deep Learning, section 8.2.4,
// and 10.11.1 on what to do with such a gradient).
type nonfinite struct {
	memory[nonfiniteState]
	params     []Param
	loss, norm string // what is wrong with them now; empty when nothing is
	elements   float64
	bad        []NonFiniteParam // of the step that began it
}

type nonfiniteState struct {
	Latch latch `json:"latch"`
	Steps int64 `json:"steps"` // of this incident
}

func newNonFinite(run *Run) *nonfinite { return &nonfinite{params: run.Params} }

func (d *nonfinite) Kind() Kind { return NonFinite }

func (d *nonfinite) Observe(s *Step, c *Course) Condition {
	measured := s.Loss.known || s.GradNorm.known || s.NonFinite.known || len(s.ParamGradNorms) > 0
	if c.finite && !measured {
		return Undecided
	}
	if !c.finite {
		if !d.now.Latch.On {
			d.now.Steps = 0
		}
		d.now.Steps++
		d.loss, d.norm = "", ""
		if wild(s.Loss) {
			d.loss = fmtWild(s.Loss.value)
		}
		if wild(s.GradNorm) {
			d.norm = fmtWild(s.GradNorm.value)
		}
		var ok bool
		if d.elements, ok = s.NonFinite.Finite(); !ok {
			d.elements = 0
		}
		if !d.now.Latch.On {
			d.bad = append(d.bad[:0], s.NonFiniteParams...)
		}
	}
	return d.now.Latch.observe(!c.finite, c.finite, 1, nonfiniteQuiet)
}

// accounts says that what else is wrong is the non-finite values' consequence.
func (d *nonfinite) accounts() bool { return d.now.Latch.Run < nonfiniteWake }

// fmtWild names a value without allocating.
func fmtWild(v float64) string {
	switch {
	case v > 0:
		return "+Inf"
	case v < 0:
		return "-Inf"
	}
	return "NaN"
}

func (d *nonfinite) Explain(e *Event) {
	e.describe(Critical, "8.2.4", "Skip the step without calling the optimizer, then look for a division by 0, a logarithm of 0, "+
		"a broken batch or a learning rate that is too high.")
	e.Values = map[string]float64{"steps": float64(d.now.Steps)}
	if e.State == Resolved {
		e.Summary = fmt.Sprintf("Loss and gradients have been finite for %d records, after %d that were not since step %d.",
			nonfiniteQuiet, d.now.Steps, e.Since)
		return
	}
	e.Values["nonfinite"] = d.elements
	var parts []string
	if d.loss != "" {
		parts = append(parts, "the loss is "+d.loss)
	}
	if d.elements > 0 {
		parts = append(parts, fmt.Sprintf("%.0f gradient elements are NaN or infinite", d.elements))
	} else if d.norm != "" {
		parts = append(parts, "the gradient norm is "+d.norm)
	}
	if parts == nil {
		parts = append(parts, "a parameter's gradient norm is NaN or infinite")
	}
	e.Summary = fmt.Sprintf("At step %d %s%s.", e.Step, strings.Join(parts, " and "), d.where(e))
}

// nonfiniteNamed is how many parameters the summary names.
const nonfiniteNamed = 5

// where names the parameters, and counts what their gradients hold.
func (d *nonfinite) where(e *Event) string {
	var nan, posInf, negInf int64
	var named []string
	for _, b := range d.bad {
		nan, posInf, negInf = nan+b.NaN, posInf+b.PosInf, negInf+b.NegInf
		if b.Param < 0 || b.Param >= len(d.params) {
			continue
		}
		name := d.params[b.Param].Name
		if e.Param == "" {
			e.Param = name
		}
		if len(named) < nonfiniteNamed {
			named = append(named, fmt.Sprintf("%s (%d NaN, %d +Inf, %d -Inf)", name, b.NaN, b.PosInf, b.NegInf))
		}
	}
	if len(d.bad) == 0 {
		return ""
	}
	e.Values["params"], e.Values["nan"], e.Values["pos_inf"], e.Values["neg_inf"] =
		float64(len(d.bad)), float64(nan), float64(posInf), float64(negInf)
	if len(named) == 0 {
		return ""
	}
	text := ": " + strings.Join(named, ", ")
	if more := len(d.bad) - len(named); more > 0 {
		text += fmt.Sprintf(" and %d more parameters", more)
	}
	return text
}
