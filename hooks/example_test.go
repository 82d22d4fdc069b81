package hooks_test

import (
	"context"
	"fmt"
	"log"
	"math"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
	"go.uber.org/zap"

	"github.com/seed-140d0f39/gtg/adapters/prom"
	"github.com/seed-140d0f39/gtg/clip"
	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/monitor"
)

// line is a loop that someone has already: it fits a line to points.
func line() (opt *nn.Optimizer, loss func() *ts.Tensor) {
	vs := nn.NewVarStore(gotch.CPU)
	layer := nn.NewLinear(vs.Root(), 1, 1, nn.DefaultLinearConfig())
	x := ts.MustOfSlice([]float32{0, 1, 2, 3}).MustView([]int64{4, 1}, true)
	y := ts.MustOfSlice([]float32{1, 3, 5, 7}).MustView([]int64{4, 1}, true)
	opt, err := nn.DefaultSGDConfig().Build(vs, 0.1)
	if err != nil {
		log.Fatal(err)
	}
	return opt, func() *ts.Tensor { return layer.Forward(x).MustMseLoss(y, 1, true) }
}

func ExampleAttach() {
	opt, loss := line()
	guard, err := hooks.Attach(opt) // the one call
	if err != nil {
		log.Fatal(err)
	}
	defer guard.Close()

	for range 200 {
		if err := opt.BackwardStep(loss()); err != nil { // as it was
			log.Fatal(err)
		}
	}
	fmt.Printf("loss below 0.001: %v\n", loss().Float64Values()[0] < 1e-3)
	fmt.Println("stop advised:", guard.Err())
	// Output:
	// loss below 0.001: true
	// stop advised: <nil>
}

// Logs, metrics, a file, a fixed clipping threshold.
func ExampleAttach_options() {
	opt, loss := line()
	registry := prometheus.NewRegistry()
	server, err := prom.Serve("", registry) // on a free loopback port
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close(context.Background())

	guard, err := hooks.Attach(opt,
		hooks.WithName("line"),
		hooks.WithLogger(zap.NewNop()),
		hooks.WithMetrics(registry),
		hooks.WithClip(clip.Norm(1)),
		hooks.WithMaxSkips(5, hooks.StopRun),
	)
	if err != nil {
		log.Fatal(err)
	}
	for range 10 {
		if err := opt.BackwardStep(loss()); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("lost on the way:", guard.Close())
	// Output:
	// lost on the way: <nil>
}

// A loop that takes gtg's advice to stop.
func ExampleGuard_Done() {
	opt, loss := line()
	guard, err := hooks.Attach(opt, hooks.WithLogger(zap.NewNop()), hooks.WithMaxSkips(3, hooks.StopRun))
	if err != nil {
		log.Fatal(err)
	}
	defer guard.Close()
	broken := ts.FloatScalar(math.NaN())
	for step := 1; ; step++ {
		select {
		case <-guard.Done():
			fmt.Println(guard.Err())
			return
		default:
		}
		if err := opt.BackwardStep(loss().MustMulScalar(broken, true)); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// step 3: the gradients of 3 steps in a row were not finite, in this one first in weight: the parameters are intact, but the run does not learn any more
}

// The verdict goes through section 8.2 of Deep Learning.
func ExampleGuard_Verdict() {
	opt, loss := line()
	guard, err := hooks.Attach(opt)
	if err != nil {
		log.Fatal(err)
	}
	defer guard.Close()
	for range 50 {
		if err := opt.BackwardStep(loss()); err != nil {
			log.Fatal(err)
		}
	}
	for _, finding := range guard.Verdict() {
		fmt.Println(finding.Section)
	}
	// Output:
	// 8.2.1
	// 8.2.2
	// 8.2.3
	// 8.2.4
	// 8.2.5
}

// Three broken batches in a row: the run goes back to what it was and the loop, which
// asks, goes on more carefully.
func ExampleWithRollback() {
	opt, loss := line()
	guard, err := hooks.Attach(opt,
		hooks.WithLogger(zap.NewNop()),
		hooks.WithMaxSkips(3, hooks.StopRun),
		hooks.WithRollback(20, hooks.RollbackOn(monitor.NonFinite, monitor.Diverging), hooks.RollbackLimit(2)),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer guard.Close()
	rollbacks := 0
	for step := 1; step <= 200; step++ {
		l := loss()
		if step >= 50 && step < 53 {
			l = l.MustMulScalar(ts.FloatScalar(math.NaN()), true)
		}
		if err := opt.BackwardStep(l); err != nil {
			log.Fatal(err)
		}
		if n := guard.Rollbacks(); n > rollbacks {
			rollbacks = n
			opt.SetLR(0.05)
			fmt.Println("rolled back at step", step)
		}
	}
	fmt.Printf("loss below 0.001: %v\n", loss().Float64Values()[0] < 1e-3)
	fmt.Println("stop advised:", guard.Err())
	// Output:
	// rolled back at step 52
	// loss below 0.001: true
	// stop advised: <nil>
}

// ratio is a sink that keeps how large the last measured update was.
type ratio struct {
	lastStep
	weight float64
}

func (r *ratio) Step(s *monitor.Step) error {
	if s.UpdateNorms != nil {
		r.step = s.Step
		for i, update := range s.UpdateNorms {
			r.weight = max(r.weight, update.Or(0)/s.ParamNorms[i].Or(math.Inf(1)))
		}
	}
	return nil
}

func ExampleWithUpdateRatios() {
	opt, loss := line()
	r := &ratio{}
	guard, err := hooks.Attach(opt, hooks.WithUpdateRatios(50), hooks.WithSink("ratio", r))
	if err != nil {
		log.Fatal(err)
	}
	for range 120 {
		if err := opt.BackwardStep(loss()); err != nil {
			log.Fatal(err)
		}
	}
	guard.Close()
	fmt.Printf("measured last at step %d; an update above 1e-3 of its weights: %v\n", r.step, r.weight > 1e-3)
	// Output:
	// measured last at step 100; an update above 1e-3 of its weights: true
}

// A resumed run goes on where the other ended.
func ExampleWithState() {
	opt, loss := line()
	first, err := hooks.Attach(opt)
	if err != nil {
		log.Fatal(err)
	}
	_ = opt.BackwardStep(loss())
	state, err := first.State() // save it beside the checkpoint
	if err != nil {
		log.Fatal(err)
	}
	first.Close()

	steps := &lastStep{}
	second, err := hooks.Attach(opt, hooks.WithState(state), hooks.WithSink("steps", steps))
	if err != nil {
		log.Fatal(err)
	}
	_ = opt.BackwardStep(loss())
	second.Close()
	fmt.Println("step", steps.step)
	// Output:
	// step 2
}

// A state that does not fit, here that of another version, is an error unless the
// program would rather start anew.
func ExampleWithFreshStart() {
	opt, loss := line()
	old := []byte(`{"version": 99}`)
	_, err := hooks.Attach(opt, hooks.WithState(old))
	fmt.Println(err)

	steps := &lastStep{}
	guard, err := hooks.Attach(opt, hooks.WithState(old), hooks.WithFreshStart(), hooks.WithSink("steps", steps))
	if err != nil {
		log.Fatal(err)
	}
	_ = opt.BackwardStep(loss())
	guard.Close()
	fmt.Println("step", steps.step)
	// Output:
	// gtg: WithState: version 99 of the state is not known, this gtg reads version 1; to start anew where a state does not fit, add hooks.WithFreshStart()
	// step 1
}

// lastStep is a sink of the program's own.
type lastStep struct{ step int64 }

func (*lastStep) Start(*monitor.Run) error                  { return nil }
func (l *lastStep) Step(s *monitor.Step) error              { l.step = s.Step; return nil }
func (*lastStep) Event(*monitor.Event) error                { return nil }
func (*lastStep) Close(context.Context, *monitor.End) error { return nil }

func ExampleNorms() {
	w := ts.MustOfSlice([]float32{0, 0}).MustSetRequiresGrad(true, true)
	if err := w.MustMul(ts.MustOfSlice([]float32{3, 4}), false).MustSum(gotch.Float, true).Backward(); err != nil {
		log.Fatal(err)
	}
	n, err := hooks.Norms([]*ts.Tensor{w})
	fmt.Println(n.Total, n.Max, err)
	// Output:
	// 5 4 <nil>
}

func ExampleClipGradNorm() {
	w := ts.MustOfSlice([]float32{0, 0}).MustSetRequiresGrad(true, true)
	if err := w.MustMul(ts.MustOfSlice([]float32{3, 4}), false).MustSum(gotch.Float, true).Backward(); err != nil {
		log.Fatal(err)
	}
	before, err := hooks.ClipGradNorm([]*ts.Tensor{w}, 2.5)
	g := w.MustGrad(false)
	fmt.Println(before, g.Float64Values(), err)
	// Output:
	// 5 [1.5 2] <nil>
}
