package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seed-140d0f39/gtg/internal/setup"
)

// setupCmd is "gtg setup".
type setupCmd struct {
	Dir     string        `short:"C" default:"." help:"A folder of the Go module to set up." placeholder:"DIR"`
	Build   bool          `default:"true" negatable:"" help:"Compile gotch afterwards, so that the first build is not a long silence."`
	Refit   bool          `help:"Fit gotch again even when there is a fitted copy."`
	Wait    time.Duration `default:"15m" help:"How long to wait for another set-up that is running."`
	Verbose bool          `short:"v" help:"List the functions that this libtorch does not support."`
}

// Help is the long help of the command.
func (*setupCmd) Help() string {
	return `Looks for libtorch in $GOTCH_LIBTORCH, $LIBTORCH, /usr/local/lib/libtorch and the
system's library folders, copies gotch from the module cache to the user's cache
folder, fits the copy to that libtorch and writes a go.work that makes the module
use it. Functions of gotch that this libtorch does not support raise an error that
says so. Running it again changes nothing that is in place.`
}

// Run sets up.
func (c *setupCmd) Run(ctx context.Context, s *streams) error {
	result, err := setup.Run(ctx, setup.Options{
		Dir: c.Dir, Refit: c.Refit, Build: c.Build, LockLimit: c.Wait, Progress: newProgress(s.err),
	})
	if err != nil {
		return err
	}
	verb := "is up to date"
	if result.Changed {
		verb = "was written"
	}
	fmt.Fprintf(s.err, "gotch is in %s\n%s %s\n", result.Gotch, result.Work, verb)
	switch n := len(result.Disabled); {
	case n == 0:
		fmt.Fprintf(s.err, "All of gotch's functions are available in libtorch %s.\n", result.Libtorch.Version)
	case c.Verbose:
		fmt.Fprintf(s.err, "%d of gotch's functions are not available in libtorch %s:\n  %s\n",
			n, result.Libtorch.Version, strings.Join(result.Disabled, "\n  "))
	default:
		fmt.Fprintf(s.err, "%d of gotch's functions are not available in libtorch %s (--verbose lists them).\n",
			n, result.Libtorch.Version)
	}
	return nil
}
