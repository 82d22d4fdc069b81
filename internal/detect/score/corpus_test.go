package score

import (
	"bytes"
	"compress/gzip"
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

const length = 1500

// learn is a run that learns. edit changes each step.
func learn(seed uint64, edit func(*monitor.Step)) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := runlog.NewWriter(z)
	_ = w.Start(&monitor.Run{Name: "run", Params: []monitor.Param{
		{Name: "1.weight", Shape: []int64{8, 8}, Numel: 64}, {Name: "2.weight", Shape: []int64{8, 8}, Numel: 64},
	}})
	for i := range int64(length) {
		norm := math.Exp(0.2 * r.NormFloat64())
		s := monitor.Step{
			Step: i + 1, LR: monitor.Known(0.1),
			Loss:           monitor.Known((0.2 + 2*math.Exp(-float64(i)/300)) * (1 + 0.05*r.NormFloat64())),
			GradNorm:       monitor.Known(norm),
			ParamGradNorms: []monitor.Number{monitor.Known(0.6 * norm), monitor.Known(0.8 * norm)},
			NonFinite:      monitor.Known(0),
		}
		if edit != nil {
			edit(&s)
		}
		_ = w.Step(&s)
	}
	_ = w.Close(context.Background(), nil)
	_ = z.Close()
	return out.Bytes()
}

// poison multiplies loss and gradients of step 1000.
func poison(s *monitor.Step) {
	if s.Step == 1000 {
		scale(s, 30, 1000)
	}
}

func nan(s *monitor.Step) {
	if s.Step == 1000 {
		s.Loss = monitor.Known(math.NaN())
	}
}

// small is a corpus of four runs, one of which cannot be read.
func small() (fstest.MapFS, []corpus.Label) {
	label := func(file string, class corpus.Class, at int64) corpus.Label {
		return corpus.Label{Program: "mlp", Case: string(class), Class: class, Onset: at, End: at, Steps: length, Confirmed: true, File: file}
	}
	folder := fstest.MapFS{
		"healthy":  {Data: learn(1, nil)},
		"poisoned": {Data: learn(2, poison)},
		"nan":      {Data: learn(3, nan)},
	}
	return folder, []corpus.Label{
		label("healthy", corpus.Healthy, 0), label("poisoned", corpus.Poisoned, 1000),
		label("nan", corpus.NonFinite, 1000), label("gone", corpus.Healthy, 0),
	}
}

func TestJudge(t *testing.T) {
	folder, labels := small()
	outcomes := Judge(folder, labels, Options{Check: true})
	require.ErrorContains(t, outcomes[3].Err, "gone")
	r := Sum(outcomes)
	require.Equal(t, 1, r.Unreadable)
	p := r.Tuning
	require.Equal(t, rate(0, length), p.Healthy.Alarms)
	require.Equal(t, share(2, 2), p.All.Recall)
	require.Equal(t, share(2, 2), p.All.First)
	require.Equal(t, share(2, 2), p.All.SameStep)
	require.Len(t, p.Checks, 4)
	for _, c := range p.Checks {
		require.Equal(t, share(3, 3), c.Held, c.Name)
	}
	require.Equal(t, outcomes, Judge(folder, labels, Options{Check: true}), "the same corpus gives the same outcomes")
}

func TestJudgeCountsTheSteps(t *testing.T) {
	folder, labels := small()
	labels[0].Steps = 7
	require.ErrorContains(t, Judge(folder, labels[:1], Options{})[0].Err, "healthy has 1500 steps, its label says 7")
}

// TestChecksFail: a monitor that says something else is found out.
func TestChecksFail(t *testing.T) {
	trial := trials(&monitor.Run{}, "run")[0]
	trial.observe(&monitor.Step{Step: 3}, []monitor.Event{fires(3, monitor.Cliff, monitor.Warning)})
	require.EqualValues(t, 3, trial.check.Step)
	o := outcome(corpus.Healthy, 0, 0)
	o.Checks = []Check{trial.check}
	var out bytes.Buffer
	List(&out, []Outcome{o})
	require.Contains(t, out.String(), "loss and gradients × 1000: other events at step 3")
	require.Equal(t, share(0, 1), Sum([]Outcome{o}).HeldOut.Checks[0].Held)
}

func TestScale(t *testing.T) {
	s := monitor.Step{Loss: monitor.Known(2), LR: monitor.Known(1), GradNorm: monitor.Known(3), ParamNorms: []monitor.Number{monitor.Known(5)},
		ParamGradNorms: []monitor.Number{monitor.Known(3), {}}, Clip: monitor.Clip{Threshold: monitor.Known(1), Factor: monitor.Known(0.5)},
		Curvature: &monitor.Curvature{GTHG: monitor.Known(9), Rayleigh: monitor.Known(1), Rho: monitor.Known(1)}}
	scale(&s, 4, 2)
	require.Equal(t, monitor.Step{Loss: monitor.Known(8), LR: monitor.Known(0.5), GradNorm: monitor.Known(6), ParamNorms: []monitor.Number{monitor.Known(5)},
		ParamGradNorms: []monitor.Number{monitor.Known(6), {}}, Clip: monitor.Clip{Threshold: monitor.Known(2), Factor: monitor.Known(0.5)},
		Curvature: &monitor.Curvature{GTHG: monitor.Known(72), Rayleigh: monitor.Known(2), Rho: monitor.Known(1)}}, s)
}
