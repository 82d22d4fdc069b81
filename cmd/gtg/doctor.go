package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-140d0f39/gtg/internal/setup"
)

// doctorCmd is "gtg doctor".
type doctorCmd struct {
	Dir   string        `short:"C" default:"." help:"A folder of the Go module to check." placeholder:"DIR"`
	Limit time.Duration `default:"10m" help:"Time limit of the training step, which compiles gotch when that was not done yet."`
}

// Run checks.
func (c *doctorCmd) Run(ctx context.Context, s *streams) error {
	ok := setup.Diagnose(ctx, c.Dir, c.Limit, func(check setup.Check) {
		indent := strings.NewReplacer("\n", "\n"+strings.Repeat(" ", 15))
		fmt.Fprintf(s.out, "%-4s  %-8s %s\n", check.Status, check.Part, indent.Replace(check.Found))
		if check.Advice != "" {
			fmt.Fprintf(s.out, "%15s-> %s\n", "", check.Advice)
		}
	})
	if !ok {
		return errors.New("something is missing for training")
	}
	return nil
}
