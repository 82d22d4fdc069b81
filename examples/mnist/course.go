package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/seed-140d0f39/gtg/monitor"
)

// rows is how many lines the course of a run gets.
const rows = 15

// course is a sink that keeps the course of the loss and of the gradient norm,
// as means over equal parts of the run.
type course struct {
	width int64 // steps in a row
	rows  []row
}

type row struct {
	last       int64 // the last step in it so far
	n          float64
	loss, norm float64 // sums
}

func newCourse(steps int) *course { return &course{width: max(1, int64((steps+rows-1)/rows))} }

// Start implements [monitor.Sink].
func (*course) Start(*monitor.Run) error { return nil }

// Step implements [monitor.Sink].
func (c *course) Step(s *monitor.Step) error {
	loss, ok := s.Loss.Finite()
	norm, ok2 := s.GradNorm.Finite()
	if !ok || !ok2 {
		return nil
	}
	if n := len(c.rows); n == 0 || (s.Step-1)/c.width > (c.rows[n-1].last-1)/c.width {
		c.rows = append(c.rows, row{})
	}
	r := &c.rows[len(c.rows)-1]
	r.last = s.Step
	r.n++
	r.loss += loss
	r.norm += norm
	return nil
}

// Event implements [monitor.Sink].
func (*course) Event(*monitor.Event) error { return nil }

// Close implements [monitor.Sink].
func (*course) Close(context.Context, *monitor.End) error { return nil }

// print draws the course, to be called when the sink is closed: the
// mean loss and the mean gradient norm with bars, and what they did.
func (c *course) print(out io.Writer) {
	if len(c.rows) == 0 {
		return
	}
	var topLoss, topNorm float64
	for _, r := range c.rows {
		topLoss, topNorm = max(topLoss, r.loss/r.n), max(topNorm, r.norm/r.n)
	}
	fmt.Fprintf(out, "\nThe course of the loss and of the gradient norm (means of %d steps; Deep Learning, figure 8.1)\n", c.width)
	for _, r := range c.rows {
		loss, norm := r.loss/r.n, r.norm/r.n
		fmt.Fprintf(out, "  to step %5d  loss %6.4f %-25s norm %6.4f %s\n", r.last, loss, bar(loss/topLoss), norm, bar(norm/topNorm))
	}
	fmt.Fprintln(out, "\n"+c.story()+"\n")
}

// bar is a bar of at most 24 marks.
func bar(share float64) string {
	if math.IsNaN(share) {
		return ""
	}
	return strings.Repeat("#", int(math.Round(24*share)))
}

// story says in words what the loss and the norm did.
func (c *course) story() string {
	first, last := c.rows[0], c.rows[len(c.rows)-1]
	top := c.rows[0]
	for _, r := range c.rows {
		if r.norm/r.n > top.norm/top.n {
			top = r
		}
	}
	loss := last.loss / last.n / (first.loss / first.n)
	norm := last.norm / last.n / (first.norm / first.n)
	return fmt.Sprintf("From the first part of the run to the last, the loss went to %.0f %% of what it was and the gradient norm to %.0f %%;\n"+
		"the norm was largest up to step %d. A gradient norm that shrinks more slowly than the loss, or rises, is no sign of trouble\n"+
		"as long as the loss falls (section 8.2.1): where the loss curves more, the same distance has a larger gradient.",
		100*loss, 100*norm, top.last)
}
