package hooks_test

import (
	"fmt"
	"log"
	"strings"

	"go.uber.org/zap"

	"github.com/seed-140d0f39/gtg/hooks"
)

// A page on which the run is watched while it goes on.
func ExampleWithDashboard() {
	opt, loss := line()
	guard, err := hooks.Attach(opt, hooks.WithLogger(zap.NewNop()), hooks.WithDashboard("127.0.0.1:0"))
	if err != nil {
		log.Fatal(err)
	}
	defer guard.Close()
	fmt.Println(strings.HasPrefix(guard.Dashboard(), "http://127.0.0.1:"))

	for range 10 {
		if err := opt.BackwardStep(loss()); err != nil {
			log.Fatal(err)
		}
	}
	// Output: true
}
