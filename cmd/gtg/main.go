// Command gtg sets a machine up for training with gotch and gtg, checks such a
// set-up, and replays the log of a run.
//
//	gtg setup    fit gotch to this machine's libtorch and put it in force
//	gtg doctor   check each part of the set-up
//	gtg replay   judge a recorded run again
//
// It is built without cgo and without libtorch.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line.
type cli struct {
	Setup   setupCmd         `cmd:"" help:"Fit gotch to this machine's libtorch and put it in force with a go.work file."`
	Doctor  doctorCmd        `cmd:"" help:"Check each part of the set-up and say what to do about what fails."`
	Replay  replayCmd        `cmd:"" help:"Judge a recorded run again with the detectors that judge it live."`
	Version kong.VersionFlag `help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the command line and returns the exit status: that of the error
// when it has one, 2 for a wrong command line, else 1.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (status int) {
	exited := false
	parser, err := kong.New(&cli{},
		kong.Name("gtg"),
		kong.Description("Gradients, measured and watched, for gotch training loops."),
		kong.Vars{"version": "gtg " + version()},
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited, status = true, code }), // --help and --version
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&streams{stdout, stderr}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "gtg:", err)
		return 1
	}
	command, err := parser.Parse(args)
	if exited {
		return status
	}
	if err != nil {
		fmt.Fprintf(stderr, "gtg: %v\nTry: gtg --help\n", err)
		return 2
	}
	if err := command.Run(); err != nil {
		fmt.Fprintln(stderr, "gtg:", err)
		var coded interface{ ExitCode() int }
		if errors.As(err, &coded) && coded.ExitCode() > 0 {
			return coded.ExitCode()
		}
		return 1
	}
	return 0
}

// streams are where commands write.
type streams struct{ out, err io.Writer }

// version is gtg's version, as far as the build knows it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
