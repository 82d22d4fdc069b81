// Package digesttest makes the logs of synthetic runs, for tests and benchmarks.
package digesttest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"time"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/monitor"
)

// A Recipe says what run to make.
type Recipe struct {
	Name   string
	Steps  int
	Params int
	// Spike is the step whose gradients are a million times as large; 0 for none.
	Spike int64
	// NaN is the step whose gradients are not finite; 0 for none.
	NaN int64
	// Vanish makes the first parameters' gradients fade away from the middle of
	// the run on.
	Vanish bool
	// Seed changes the noise, Rate how fast the loss falls.
	Seed uint64
	Rate float64
	// Plain leaves out what only some programs record: curvature, parameter and
	// update norms.
	Plain bool
	// Unjudged leaves out the events and the end line, as other programs do.
	Unjudged bool
}

// Write writes the run's log.
func (r Recipe) Write(out io.Writer) error {
	rng := rand.New(rand.NewPCG(r.Seed, 2))
	buffered := bufio.NewWriterSize(out, 1<<20)
	w := runlog.NewWriter(buffered)
	run := r.run()
	if err := w.Start(run); err != nil {
		return err
	}
	var mon *monitor.Monitor
	if !r.Unjudged {
		mon = monitor.New(run)
	}
	s := &monitor.Step{}
	for i := range int64(r.Steps) {
		r.step(s, i+1, rng)
		if err := w.Step(s); err != nil {
			return err
		}
		if mon == nil {
			continue
		}
		for _, e := range mon.Observe(s) {
			if err := w.Event(&e); err != nil {
				return err
			}
		}
	}
	var end *monitor.End
	if mon != nil {
		end = &monitor.End{Step: s.Step, T: s.T, Reason: monitor.Closed, Verdict: mon.Verdict()}
	}
	if err := w.Close(context.Background(), end); err != nil {
		return err
	}
	return buffered.Flush()
}

func (r Recipe) run() *monitor.Run {
	run := &monitor.Run{Name: r.Name, Started: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Framework: "synthetic", Device: "cpu",
		Optimizer: &monitor.Optimizer{Kind: "sgd", LR: monitor.Known(0.1), Momentum: monitor.Known(0.9)},
		Config:    map[string]any{"batch size": 64, "rate": r.Rate, "layers": []any{"in", "hidden", "out"}}}
	for i := range r.Params {
		p := monitor.Param{Name: fmt.Sprintf("encoder.layer%02d.weight", i/2), Shape: []int64{64, 64}, Numel: 4096}
		if i%2 == 1 {
			p = monitor.Param{Name: fmt.Sprintf("encoder.layer%02d.bias", i/2), Shape: []int64{64}, Numel: 64}
		}
		run.Params = append(run.Params, p)
	}
	return run
}

func (r Recipe) step(s *monitor.Step, step int64, rng *rand.Rand) {
	known := monitor.Known
	rate := r.Rate
	if rate == 0 {
		rate = 1
	}
	at := float64(step) / float64(r.Steps)
	*s = monitor.Step{Step: step, T: known(0.02 * float64(step)), Action: monitor.ActionStep, NonFinite: known(0),
		LR:             known(0.1 * (0.01 + 0.99*0.5*(1+math.Cos(math.Pi*at)))),
		Loss:           known((0.2 + 2.1*math.Exp(-10*rate*at)) * math.Exp(0.1*rng.NormFloat64())),
		GTGSeconds:     known(1e-4 * math.Exp(0.2*rng.NormFloat64())),
		ParamGradNorms: s.ParamGradNorms[:0], ZeroGrads: s.ZeroGrads[:0], ParamNorms: s.ParamNorms[:0], UpdateNorms: s.UpdateNorms[:0]}
	scale := (0.5 + at) * math.Exp(0.3*rng.NormFloat64())
	if step == r.Spike {
		scale *= 1e6
	}
	var sum float64
	for i := range r.Params {
		depth := float64(i) / float64(max(r.Params-1, 1))
		v := scale * math.Exp(0.1*rng.NormFloat64())
		if i%2 == 1 {
			v /= 10
		}
		if r.Vanish && at > 0.5 {
			v *= math.Exp(-40 * (at - 0.5) * (1 - depth))
		}
		sum += v * v
		s.ParamGradNorms = append(s.ParamGradNorms, known(v))
		s.ZeroGrads = append(s.ZeroGrads, 0)
	}
	norm := math.Sqrt(sum)
	s.GradNorm = known(norm)
	limit := 4 * math.Sqrt(float64(max(r.Params, 1)))
	factor := min(1, limit/norm)
	s.Clip = monitor.Clip{Policy: "outlier", Clipped: factor < 1, Factor: known(factor), Threshold: known(limit), NormAfter: known(norm * factor)}
	if step == r.NaN {
		s.Loss, s.GradNorm, s.NonFinite = known(math.NaN()), known(math.Inf(1)), known(12)
		s.Clip = monitor.Clip{Policy: "outlier"}
		s.Action = monitor.ActionSkip
		if r.Params > 0 {
			s.ParamGradNorms[0] = known(math.NaN())
		}
	}
	if r.Plain {
		return
	}
	if step%25 == 0 {
		rayleigh := 12 * (1 + 2*at) * (rng.ExpFloat64() - 0.1)
		s.Curvature = &monitor.Curvature{GTHG: known(sum * rayleigh), Rayleigh: known(rayleigh), Rho: known(s.LR.Or(0) * rayleigh),
			RhoLimit: known(3.8), Method: "hvp", Seconds: known(2e-4)}
		s.GTGSeconds = known(s.GTGSeconds.Or(0) + 2e-4)
	}
	if step%10 == 0 {
		for i := range r.Params {
			s.ParamNorms = append(s.ParamNorms, known(4+at))
			s.UpdateNorms = append(s.UpdateNorms, known(4e-2*s.LR.Or(0)*math.Exp(rng.NormFloat64())*(1+float64(i%2))))
		}
	}
}
