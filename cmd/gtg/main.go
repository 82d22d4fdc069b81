// Command gtg sets a machine up for training with gotch and gtg, checks such a
// set-up, and reads the logs of runs.
//
//	gtg setup      fit gotch to this machine's libtorch and put it in force
//	gtg doctor     check each part of the set-up
//	gtg report     write the page about a run, or single figures
//	gtg show       a run's numbers, plots and verdict in the terminal
//	gtg events     the events of a run
//	gtg compare    runs side by side
//	gtg tail       the end of a log, and what is written to it
//	gtg replay     judge a recorded run again
//	gtg completion tab completion for a shell
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
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"github.com/posener/complete"

	"github.com/seed-140d0f39/gtg/internal/figures"
)

// cli is the command line.
type cli struct {
	Setup      setupCmd                  `cmd:"" help:"Fit gotch to this machine's libtorch and put it in force with a go.work file."`
	Doctor     doctorCmd                 `cmd:"" help:"Check each part of the set-up and say what to do about what fails."`
	Replay     replayCmd                 `cmd:"" help:"Judge a recorded run again with the detectors that judge it live."`
	Report     reportCmd                 `cmd:"" help:"Write the page about a run, or about several compared; or single figures."`
	Show       showCmd                   `cmd:"" help:"Show a run's numbers, plots and verdict in the terminal."`
	Events     eventsCmd                 `cmd:"" help:"Print the events of a run."`
	Compare    compareCmd                `cmd:"" help:"Compare runs side by side."`
	Tail       tailCmd                   `cmd:"" help:"Print the end of a log, and follow a live run."`
	Completion kongcompletion.Completion `cmd:"" help:"Print how to switch on tab completion in bash, zsh or fish."`
	Version    kong.VersionFlag          `help:"Print the version."`
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
		kong.Description("Gradients, measured and watched, for gotch training loops.\n\n"+statusHelp),
		kong.Vars{"version": "gtg " + version(), "figures": strings.Join(figures.Names(), ", ")},
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited, status = true, code }), // --help and --version
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&streams{stdout, stderr}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "gtg:", err)
		return 1
	}
	kongcompletion.Register(parser, predictors)
	if exited {
		return status
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
		for line := range strings.Lines("gtg: " + err.Error()) {
			printf(stderr, "%s\n", strings.TrimSuffix(line, "\n"))
		}
		var coded interface{ ExitCode() int }
		if errors.As(err, &coded) && coded.ExitCode() > 0 {
			return coded.ExitCode()
		}
		return 1
	}
	return 0
}

// predictors are what tab completion offers for arguments.
var predictors = kongcompletion.WithPredictors(map[string]complete.Predictor{
	"log":    complete.PredictFiles("*.jsonl"),
	"file":   complete.PredictFiles("*"),
	"figure": complete.PredictSet(figures.Names()...),
	"kind":   complete.PredictSet(kinds()...),
})

// streams are where commands write.
type streams struct{ out, err io.Writer }

// version is gtg's version, as far as the build knows it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
