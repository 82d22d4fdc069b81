package alert_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/seed-140d0f39/gtg/adapters/alert"
	"github.com/seed-140d0f39/gtg/monitor"
)

// A receiver of one's own is a name and a function.
func ExampleNewSink() {
	sink, err := alert.NewSink([]alert.Receiver{{
		Name: "console",
		Send: func(_ context.Context, alerts []alert.Alert) error {
			fmt.Println(alerts[0].Title())
			return nil
		},
	}}, alert.WithExit(alert.Resolve))
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = sink.Start(&monitor.Run{Name: "night"})
	_ = sink.Event(&monitor.Event{Step: 1200, Kind: monitor.Diverging, State: monitor.Firing, Severity: monitor.Critical})
	for len(sink.Firing()) == 0 {
		time.Sleep(time.Millisecond)
	}
	_ = sink.Close(context.Background(), nil)
	// Output:
	// [firing] diverging in run night (critical)
	// [resolved] diverging in run night (critical)
}

// A sink that is not a guard's is saved and restored by itself.
func ExampleSink_Restore() {
	receivers := []alert.Receiver{{Name: "console", Send: func(context.Context, []alert.Alert) error { return nil }}}
	first, _ := alert.NewSink(receivers)
	_ = first.Start(&monitor.Run{Name: "night"})
	_ = first.Event(&monitor.Event{Kind: monitor.Diverging, State: monitor.Firing, Severity: monitor.Critical})
	state, _ := first.State()
	_ = first.Close(context.Background(), nil)

	second, _ := alert.NewSink(receivers)
	fmt.Println(second.Restore(state))
	_ = second.Start(&monitor.Run{Name: "night"})
	fmt.Println(second.Firing()[0].Kind, "goes on")
	_ = second.Close(context.Background(), nil)
	// Output:
	// <nil>
	// diverging goes on
}

func ExampleMachine() {
	rules := alert.DefaultRules()
	rules.For, rules.KeepFiring = 10*time.Second, 0
	m, _ := alert.NewMachine("night", rules)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cliff := alert.Key{Kind: monitor.Cliff}
	show := func() {
		m.Tick(now)
		fmt.Println(now.Format(time.TimeOnly), m.Phase(cliff))
	}
	show()
	_ = m.Observe(now, &monitor.Event{Kind: monitor.Cliff, State: monitor.Firing, Severity: monitor.Warning})
	show()
	now = m.Next()
	show()
	_ = m.Observe(now, &monitor.Event{Kind: monitor.Cliff, State: monitor.Resolved})
	show()
	// Output:
	// 03:04:05 inactive
	// 03:04:05 pending
	// 03:04:15 firing
	// 03:04:15 resolved
}

func ExampleNewEndpoint() {
	e, err := alert.NewEndpoint("https://chat.example/hooks/s3cr3t-t0k3n", http.Header{"X-Team": {"vision"}}, nil)
	fmt.Println(e, err)
	// Output: https://chat.example <nil>
}
