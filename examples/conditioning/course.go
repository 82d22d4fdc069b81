package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/seed-140d0f39/gtg/monitor"
)

// course is a sink that keeps the curvature of the steps that measured it, and
// what gtg said.
type course struct {
	gtg, gthg, rho []float64
	limit          float64 // of ρ
	said           []string
}

// Start implements [monitor.Sink].
func (*course) Start(*monitor.Run) error { return nil }

// Step implements [monitor.Sink].
func (c *course) Step(s *monitor.Step) error {
	if s.Curvature == nil {
		return nil
	}
	norm, ok := s.GradNorm.Finite()
	gthg, ok2 := s.Curvature.GTHG.Finite()
	rho, ok3 := s.Curvature.Rho.Finite()
	if ok && ok2 && ok3 {
		c.gtg, c.gthg, c.rho = append(c.gtg, norm*norm), append(c.gthg, gthg), append(c.rho, rho)
		c.limit = s.Curvature.RhoLimit.Or(c.limit)
	}
	return nil
}

// Event implements [monitor.Sink].
func (c *course) Event(e *monitor.Event) error {
	if e.State != monitor.Resolved {
		c.said = append(c.said, fmt.Sprintf("%s (step %d)", e.Kind, e.Step))
	}
	return nil
}

// Close implements [monitor.Sink].
func (*course) Close(context.Context, *monitor.End) error { return nil }

// events are the kinds of events with the steps at which they began.
func (c *course) events() string {
	if len(c.said) == 0 {
		return "none"
	}
	return strings.Join(c.said, ", ")
}

// above is the share of the values of ρ that are above the limit.
func (c *course) above() float64 {
	n := 0
	for _, r := range c.rho {
		if r > c.limit {
			n++
		}
	}
	return float64(n) / float64(len(c.rho))
}

// quantile is the value with the share p of the others below it; NaN of none.
func quantile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(math.Round(p*float64(len(sorted)-1)))]
}
