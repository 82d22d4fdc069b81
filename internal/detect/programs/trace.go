package programs

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/monitor"
)

// trace writes the run's log without the times, in which runs of one recipe would
// differ, and keeps what its label depends on.
type trace struct {
	log    *runlog.Writer
	run    monitor.Run
	step   monitor.Step
	losses []float64
	norms  []float64
	broken []bool    // a loss or gradients that are not finite
	silent []float64 // the share of parameters without a gradient, or with one of zeros
	zeros  []float64 // the share of the gradients' elements that are exactly 0
	stiff  []float64 // where it was measured, η·gᵀHg/gᵀg over what the optimizer tolerates
}

func newTrace(out io.Writer) *trace { return &trace{log: runlog.NewWriter(out)} }

// Start writes the run line.
func (t *trace) Start(r *monitor.Run) error {
	t.run = *r
	t.run.Started = time.Time{}
	return t.log.Start(&t.run)
}

// Step writes a step line.
func (t *trace) Step(s *monitor.Step) error {
	t.step.CopyFrom(s)
	t.step.T, t.step.GTGSeconds = monitor.Number{}, monitor.Number{}
	if t.step.Curvature != nil {
		t.step.Curvature.Seconds = monitor.Number{}
	}
	if s.Step != int64(len(t.losses))+1 {
		return fmt.Errorf("the log of %d steps goes on with step %d", len(t.losses), s.Step)
	}
	t.keep(s)
	return t.log.Step(&t.step)
}

func (t *trace) keep(s *monitor.Step) {
	loss := s.Loss.Or(math.NaN())
	t.losses, t.norms = append(t.losses, loss), append(t.norms, s.GradNorm.Or(math.NaN()))
	t.broken = append(t.broken, s.NonFinite.Or(0) > 0 || math.IsNaN(loss) || math.IsInf(loss, 0))
	var silent, zeros, elements int64
	for i, z := range s.ZeroGrads {
		numel := t.run.Params[i].Numel
		if z < 0 || z == numel {
			silent++
		}
		zeros += max(z, 0)
		elements += numel
	}
	t.silent = append(t.silent, float64(silent)/float64(max(len(s.ZeroGrads), 1)))
	t.zeros = append(t.zeros, float64(zeros)/float64(max(elements, 1)))
	if k := s.Curvature; k != nil {
		rho, known := k.Rho.Finite()
		limit, limited := k.RhoLimit.Finite()
		if known && limited && !k.RhoPreconditioned.Known() {
			t.stiff = append(t.stiff, rho/limit)
		}
	}
}

// Event writes nothing: what detectors think is no part of the corpus.
func (t *trace) Event(*monitor.Event) error { return nil }

// Close writes what is buffered.
func (t *trace) Close(ctx context.Context, _ *monitor.End) error { return t.log.Close(ctx, nil) }

// mute is the one detector of a run that is not to be judged.
type mute struct{}

func (mute) Kind() monitor.Kind                                       { return monitor.NonFinite }
func (mute) Observe(*monitor.Step, *monitor.Course) monitor.Condition { return monitor.Clear }
func (mute) Explain(*monitor.Event)                                   {}
func (mute) State() ([]byte, error)                                   { return []byte("null"), nil }
func (mute) Restore([]byte) error                                     { return nil }
func silence(*monitor.Run) []monitor.Detector                         { return []monitor.Detector{mute{}} }
