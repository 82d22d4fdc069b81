package monitor_test

import (
	"fmt"
	"math"

	"github.com/seed-140d0f39/gtg/monitor"
)

// A monitor takes steps and gives back what begins and what ends.
func ExampleMonitor_Observe() {
	m := monitor.New(&monitor.Run{Name: "demo"})
	for i := range 200 {
		step := &monitor.Step{
			Step:     int64(i + 1),
			Loss:     monitor.Known(2 * math.Exp(-float64(i)/50)),
			GradNorm: monitor.Known(1 + 0.1*math.Sin(float64(i))),
		}
		if i == 150 {
			step.GradNorm = monitor.Known(80)
		}
		for _, e := range m.Observe(step) {
			fmt.Printf("%d %s %s %s: %s\n", e.Step, e.Severity, e.Kind, e.State, e.Summary)
		}
	}
	fmt.Println("firing:", m.Active())
	// Output:
	// 151 warning cliff firing: The gradient norm leapt to 80, 80.1 times its recent median of 0.999 and above the limit of 5.
	// firing: [cliff]
}

// A run can be stopped and go on elsewhere: the monitor that gets the state
// neither warms up again nor repeats an event.
func ExampleMonitor_Restore() {
	run := &monitor.Run{Name: "demo"}
	before := monitor.New(run)
	before.Observe(&monitor.Step{Step: 7, Loss: monitor.Known(math.NaN())})
	state, err := before.State()
	if err != nil {
		fmt.Println(err)
		return
	}

	after := monitor.New(run)
	if err := after.Restore(state); err != nil {
		fmt.Println(err)
		return
	}
	events := after.Observe(&monitor.Step{Step: 8, Loss: monitor.Known(math.NaN())})
	fmt.Println(len(events), "new events, firing:", after.Active())
	// Output: 0 new events, firing: [nonfinite]
}

// The verdict goes through section 8.2 of the book.
func ExampleMonitor_Verdict() {
	m := monitor.New(&monitor.Run{Name: "demo"})
	for i := range 1000 {
		m.Observe(&monitor.Step{
			Step:     int64(i + 1),
			Loss:     monitor.Known(0.1 + 2*math.Exp(-float64(i)/100)),
			GradNorm: monitor.Known(0.5 + math.Exp(-float64(i)/100)),
		})
	}
	for _, f := range m.Verdict() {
		fmt.Println(f.Section, f.Finding)
	}
	// Output:
	// 8.2.1 No sign of ill-conditioning: the loss came down and is near its best.
	// 8.2.2 Local minima were no obstacle: gᵀg never fell below 0.14 of its first level, which rules out every kind of critical point.
	// 8.2.3 No plateau held the run back: the loss came down.
	// 8.2.4 No cliff was met and nothing exploded.
	// 8.2.5 The gradient neither vanished nor exploded in time; depth cannot be judged.
}

// A detector of one's own is a type with these methods, handed to New beside
// the others.
func ExampleNew() {
	run := &monitor.Run{Name: "demo"}
	m := monitor.New(run, append(monitor.Detectors(run), slow{})...)
	events := m.Observe(&monitor.Step{Step: 1, GTGSeconds: monitor.Known(3)})
	fmt.Println(events[0].Kind, events[0].Summary)
	// Output: slow gtg took more than a second.
}

type slow struct{}

func (slow) Kind() monitor.Kind { return "slow" }

func (slow) Observe(s *monitor.Step, _ *monitor.Course) monitor.Condition {
	if s.GTGSeconds.Or(0) > 1 {
		return monitor.Holding
	}
	return monitor.Clear
}

func (slow) Explain(e *monitor.Event) {
	e.Severity, e.Summary = monitor.Warning, "gtg took more than a second."
}

func (slow) State() ([]byte, error) { return []byte("{}"), nil }

func (slow) Restore([]byte) error { return nil }

// A program that puts its parameters back after a NaN has the monitor follow them.
func ExampleMonitor_RollBack() {
	m := monitor.New(nil)
	m.Observe(&monitor.Step{Step: 1, Loss: monitor.Known(2)})
	saved, _ := m.State() // with a copy of the parameters
	bad := monitor.Step{Step: 2, Loss: monitor.Known(math.NaN())}
	m.Observe(&bad)
	events, err := m.RollBack(&bad, monitor.Rollback{Cause: monitor.NonFinite, To: 1, Count: 1, Limit: 3, State: saved})
	for _, e := range events {
		fmt.Println(e.State, e.Summary)
	}
	fmt.Println(bad.Action, m.Firing(monitor.NonFinite), err)
	// Output:
	// firing At step 2 the loss is NaN.
	// instant Parameters and optimizer were put back to what they were after step 1: rollback 1 of at most 3.
	// resolved The rollback to step 1 ended what had begun at step 2.
	// rollback false <nil>
}
