package main

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/seed-140d0f39/gtg/monitor"
)

// An outcome is what a training showed.
type outcome struct {
	lr      float64
	steps   int
	looks   []look
	rhos    rhos              // none without gtg
	verdict []monitor.Finding // nil without gtg
}

// first is the first step that was seen at the edge, or 0.
func (o *outcome) first() int {
	for _, l := range o.looks {
		if l.sharpness >= 1 {
			return l.step
		}
	}
	return 0
}

// A spread describes some values.
type spread struct{ mean, low, high float64 }

func (s spread) String() string { return fmt.Sprintf("%.3f (%.3f–%.3f)", s.mean, s.low, s.high) }

// spreadOf is all NaN when there are no values.
func spreadOf(values []float64) spread {
	s := spread{math.NaN(), math.NaN(), math.NaN()}
	if len(values) == 0 {
		return s
	}
	s = spread{0, math.Inf(1), math.Inf(-1)}
	for _, v := range values {
		s = spread{s.mean + v/float64(len(values)), min(s.low, v), max(s.high, v)}
	}
	return s
}

// late says whether a step is in the last third.
func (o *outcome) late(step int) bool { return 3*step > 2*o.steps }

// sharpness is that of the last third of the steps.
func (o *outcome) sharpness() spread {
	var values []float64
	for _, l := range o.looks {
		if o.late(l.step) {
			values = append(values, l.sharpness)
		}
	}
	return spreadOf(values)
}

// rho is gtg's ρ in the last third of the steps.
func (o *outcome) rho() spread {
	var values []float64
	for _, r := range o.rhos {
		if o.late(r.step) {
			values = append(values, r.rho)
		}
	}
	return spreadOf(values)
}

// shown is how many looks are printed.
const shown = 20

func (o *outcome) print(out io.Writer) {
	fmt.Fprintf(out, "2/η is %.3g.\n", 2/o.lr)
	for i, l := range o.looks {
		if i%max(len(o.looks)/shown, 1) == 0 || i == len(o.looks)-1 {
			fmt.Fprintf(out, "  step %5d  loss %.5f  λmax %7.3f  λmax·η/2 %.3f\n", l.step, l.loss, l.lambdaMax, l.sharpness)
		}
	}
	if first := o.first(); first > 0 {
		fmt.Fprintf(out, "λmax·η/2 was first above 1 at step %d; its mean over the last third is %v.\n", first, o.sharpness())
	} else {
		fmt.Fprintf(out, "λmax·η/2 did not come to 1; its mean over the last third is %v.\n", o.sharpness())
	}
}

// rhos is a sink that keeps the measured ρ = η·gᵀHg/gᵀg.
type rhos []measurement

type measurement struct {
	step int
	rho  float64
}

// Start implements [monitor.Sink].
func (*rhos) Start(*monitor.Run) error { return nil }

// Step implements [monitor.Sink].
func (r *rhos) Step(s *monitor.Step) error {
	if s.Curvature == nil {
		return nil
	}
	if rho, ok := s.Curvature.Rho.Finite(); ok {
		*r = append(*r, measurement{int(s.Step), rho})
	}
	return nil
}

// Event implements [monitor.Sink].
func (*rhos) Event(*monitor.Event) error { return nil }

// Close implements [monitor.Sink].
func (*rhos) Close(context.Context, *monitor.End) error { return nil }
