package push_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/seed-140d0f39/gtg/adapters/push"
	"github.com/seed-140d0f39/gtg/monitor"
)

// A program hands the sink to hooks.WithSink; here it is fed by hand.
func ExampleNew() {
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { fmt.Println(r.Method, r.URL.Path) }))
	defer gateway.Close()
	outcome, err := push.New(push.Config{URL: gateway.URL, Job: "nightly"})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = outcome.Start(&monitor.Run{Name: "charrnn"})
	_ = outcome.Step(&monitor.Step{Step: 1, Loss: monitor.Known(0.5)})
	if err := outcome.Close(context.Background(), &monitor.End{}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// PUT /metrics/job/nightly/run/charrnn
}
