// Command generate trains the programs of internal/detect/programs and writes
// their logs and labels, the corpus by which gtg's detectors are scored:
//
//	go run ./internal/detect/generate -o DIR [-programs a,b] [-classes a,b] [-seeds 5] [-jobs 2]
//
// Each training has a process of its own, which is tried again once when it
// crashes or hangs. A run that is there already, from the same recipe, is kept, so
// that a generation that was interrupted goes on where it stopped.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

func main() {
	// A child's work.
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		if err := work(os.Args[2:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := generate(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	dir := flags.String("o", "", "folder of the corpus")
	names := flags.String("programs", "", "names of the programs, with commas between; empty for all")
	classes := flags.String("classes", "", "classes of the cases, with commas between; empty for all. The plain healthy run, by which the others are judged, is always among them")
	seeds := flags.Int64("seeds", 5, "seeds for each case")
	workers := flags.Int("jobs", 2, "trainings at a time")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	switch {
	case *dir == "":
		return errors.New("-o must name a folder")
	case *seeds < 1 || *workers < 1:
		return fmt.Errorf("-seeds %d, -jobs %d: want at least 1 of each", *seeds, *workers)
	}
	jobs, err := choose(split(*names), split(*classes), *seeds)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	s := store{*dir}
	f, err := newFarm(s, *workers)
	if err != nil {
		return err
	}
	failed := f.run(ctx, jobs)
	// What is there is worth its labels, whatever failed.
	labels := s.labels()
	confirmed := 0
	for _, l := range labels {
		if l.Confirmed {
			confirmed++
		}
	}
	fmt.Fprintf(os.Stderr, "%d labelled runs in %s, %d of them confirmed\n", len(labels), *dir, confirmed)
	return errors.Join(failed, corpus.Write(*dir, labels))
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
