package programs

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// short is a case of so many steps.
func short(steps int, change func(*Recipe)) *Case {
	return &Case{Name: "short", Class: corpus.Healthy, change: func(r *Recipe) {
		r.Steps = steps
		if change != nil {
			change(r)
		}
	}}
}

// log is a run's log, read back.
type log struct {
	run   *monitor.Run
	steps []monitor.Step
}

func train(t *testing.T, p *Program, c *Case, seed int64) (*Outcome, log) {
	t.Helper()
	var b bytes.Buffer
	o, err := Run(p, c, seed, &b)
	require.NoError(t, err)
	var l log
	r := runlog.NewReader(&b)
	for {
		line, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch {
		case line.Run != nil:
			run := *line.Run
			l.run = &run
		case line.Step != nil:
			var s monitor.Step
			s.CopyFrom(line.Step)
			l.steps = append(l.steps, s)
		default:
			require.Fail(t, "the log has more than measurements")
		}
	}
	require.Len(t, l.steps, int(o.Steps))
	return o, l
}

// requireSame wants two courses to agree. gotch gives the parameters to the
// optimizer in the random order of a Go map, which moves the last digits of sums
// over all parameters and nothing else.
func requireSame(t *testing.T, want, got []monitor.Step) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i].Loss, got[i].Loss, "step %d", want[i].Step)
		require.Equal(t, want[i].ParamGradNorms, got[i].ParamGradNorms)
		require.Equal(t, want[i].ZeroGrads, got[i].ZeroGrads)
		require.InEpsilon(t, want[i].GradNorm.Or(0), got[i].GradNorm.Or(0), 1e-12)
	}
}

func program(t *testing.T, name string) *Program {
	t.Helper()
	p, _, err := Find(name, Plain)
	require.NoError(t, err)
	return p
}

// Every program trains, its log has what a detector reads, and the same recipe and
// seed give the same log.
func TestEveryProgramTrains(t *testing.T) {
	for i, p := range All() {
		if testing.Short() && i%4 != 0 {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			o, l := train(t, p, short(26, nil), 1)
			require.EqualValues(t, 26, o.Steps)
			require.False(t, o.Stopped)
			require.False(t, o.Broken)
			require.NotEmpty(t, o.Accuracies)
			require.Equal(t, p.Plain.Optimizer, l.run.Optimizer.Kind)
			require.NotEmpty(t, l.run.Params)
			for _, s := range l.steps {
				require.True(t, s.Loss.Known() && s.LR.Known() && s.GradNorm.Known())
				require.Len(t, s.ParamGradNorms, len(l.run.Params))
				require.Len(t, s.ZeroGrads, len(l.run.Params))
				require.Equal(t, s.Step == curvatureEvery, s.Curvature != nil, "step %d", s.Step)
				require.False(t, s.T.Known() || s.GTGSeconds.Known(), "times differ from run to run")
			}
			require.True(t, l.steps[curvatureEvery-1].Curvature.GTHG.Known())

			_, again := train(t, p, short(26, nil), 1)
			requireSame(t, l.steps, again.steps)
			_, other := train(t, p, short(26, nil), 2)
			require.NotEqual(t, l.steps[0].Loss, other.steps[0].Loss)
		})
	}
}

// What is injected is there at its step, and not before.
func TestFaults(t *testing.T) {
	const steps = 120
	p := program(t, "blob-mlp")
	_, plain := train(t, p, short(steps, nil), 1)
	faulty := func(t *testing.T, f Fault) (*Outcome, log, int) {
		t.Helper()
		o, l := train(t, p, short(steps, func(r *Recipe) { r.Fault = f }), 1)
		on := int(o.Onset) - 1
		require.Equal(t, f.onset(steps, 1), o.Onset)
		requireSame(t, plain.steps[:on], l.steps[:on])
		return o, l, on
	}
	loss := func(s monitor.Step) float64 { return s.Loss.Or(0) }

	t.Run("big inputs", func(t *testing.T) {
		o, l, on := faulty(t, Fault{Kind: BigInputs, At: 0.5, Size: 100})
		require.Greater(t, loss(l.steps[on]), 10*loss(l.steps[on-1]))
		require.Greater(t, o.Loss, 10.0)
		require.Less(t, loss(l.steps[on+1]), loss(l.steps[on]))
	})
	t.Run("bad labels", func(t *testing.T) {
		o, _, _ := faulty(t, Fault{Kind: BadLabels, At: 0.5, Size: 100})
		require.Greater(t, o.Norm, 10.0)
	})
	for kind, nan := range map[FaultKind]bool{InputNaN: true, InputInf: false, LossNaN: true, LogZero: false} {
		t.Run(string(kind), func(t *testing.T) {
			o, l, on := faulty(t, Fault{Kind: kind, At: 0.5})
			require.True(t, o.Broken)
			require.Equal(t, monitor.ActionSkip, l.steps[on].Action)
			require.Positive(t, l.steps[on].NonFinite.Or(0))
			if nan {
				require.True(t, math.IsNaN(loss(l.steps[on])))
			}
			require.Zero(t, l.steps[on+1].NonFinite.Or(1))
			require.False(t, o.Stopped)
		})
	}
	t.Run("lasting", func(t *testing.T) {
		o, l, on := faulty(t, Fault{Kind: LogZero, At: 0.5, Lasting: true})
		require.True(t, o.Stopped)
		require.Less(t, len(l.steps), steps)
		for _, s := range l.steps[on:] {
			require.True(t, math.IsInf(loss(s), 1))
		}
	})
	t.Run("kill", func(t *testing.T) {
		_, l, on := faulty(t, Fault{Kind: Kill, At: 0.5, Size: 1000})
		require.Equal(t, l.run.Params[0].Numel, l.steps[on].ZeroGrads[0])
		require.Zero(t, l.steps[on-1].ZeroGrads[0])
	})
	t.Run("leap", func(t *testing.T) {
		_, l, on := faulty(t, Fault{Kind: Leap, At: 0.5, Size: 1e5})
		require.InDelta(t, 1e5*p.Plain.LR, l.steps[on].LR.Or(0), 1e-12)
		require.InDelta(t, p.Plain.LR, l.steps[on+1].LR.Or(0), 1e-12)
		require.Greater(t, loss(l.steps[on+1]), 10*loss(l.steps[on-1]))
	})
	t.Run("long steps", func(t *testing.T) {
		_, l, on := faulty(t, Fault{Kind: LongSteps, At: 0.5, Size: 7})
		for _, s := range l.steps[on:] {
			require.InDelta(t, 7*p.Plain.LR, s.LR.Or(0), 1e-12)
		}
	})
	t.Run("steeper", func(t *testing.T) {
		o, _, _ := faulty(t, Fault{Kind: Steeper, At: 0.5, Size: 100})
		require.Greater(t, o.Norm, 20.0)
	})
	t.Run("requires", func(t *testing.T) {
		o, l, on := faulty(t, Fault{Kind: Requires, At: 0.5})
		require.InDelta(t, 0.75, o.Silent, 1e-12)
		trained := 0
		for i, z := range l.steps[on+1].ZeroGrads {
			if z >= 0 && z < l.run.Params[i].Numel {
				trained++
			}
		}
		require.Equal(t, 1, trained)
	})
	t.Run("negated loss", func(t *testing.T) {
		_, l, _ := faulty(t, Fault{Kind: NegatedLoss})
		require.InDelta(t, -loss(plain.steps[0]), loss(l.steps[0]), 0)
		require.Less(t, loss(l.steps[steps-1]), 5*loss(l.steps[0]))
	})
	t.Run("negated step", func(t *testing.T) {
		_, l, _ := faulty(t, Fault{Kind: NegatedStep})
		require.Equal(t, loss(plain.steps[0]), loss(l.steps[0]))
		require.Greater(t, loss(l.steps[steps-1]), 5*loss(l.steps[0]))
	})
}

func TestFineTuningGoesOnFromWhatWasLearnt(t *testing.T) {
	p := program(t, "blob-mlp")
	_, first := train(t, p, short(5, nil), 1)
	_, tuned := train(t, p, short(5, func(r *Recipe) { r.Before = 300 }), 1)
	require.Less(t, tuned.steps[0].Loss.Or(0), first.steps[0].Loss.Or(0)/2)
}

// Multiplying the loss by a unit and dividing the learning rate by it changes
// nothing but the numbers in the log.
func TestUnitOfTheLoss(t *testing.T) {
	p := program(t, "factors-linear")
	_, one := train(t, p, short(60, nil), 1)
	_, other := train(t, p, short(60, func(r *Recipe) { r.Unit = 1.0 / (1 << 30) }), 1)
	for i := range one.steps {
		require.InEpsilon(t, one.steps[i].Loss.Or(0)/(1<<30), other.steps[i].Loss.Or(0), 1e-4)
	}
}

func TestFrozenOnPurposeHasNoGradient(t *testing.T) {
	_, l := train(t, program(t, "circle-tanh"), short(5, func(r *Recipe) { r.Untrained = 2 }), 1)
	for _, s := range l.steps {
		for i, p := range l.run.Params {
			require.Equal(t, strings.HasPrefix(p.Name, "hidden1."), s.ZeroGrads[i] == -1, p.Name)
		}
	}
}

func TestUnknownOptimizer(t *testing.T) {
	_, err := Run(program(t, "blob-mlp"), short(5, func(r *Recipe) { r.Optimizer = "newton" }), 1, io.Discard)
	require.ErrorContains(t, err, `blob-mlp, short, seed 1: optimizer "newton" is not known`)
}
