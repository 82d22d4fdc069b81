// Command judge scores gtg's detectors, and the rules of others, on a corpus of
// labelled training runs, and prints Markdown tables.
//
//	go run ./internal/detect/judge -runs DIR
//
// It needs neither cgo nor libtorch.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/internal/detect/score"
)

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	runs, class, program              string
	heldOut, tuning                   bool
	misses, verbose, json, check, own bool
}

func parse(args []string, errout io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("judge", flag.ContinueOnError)
	f.SetOutput(errout)
	f.StringVar(&o.runs, "runs", "", "the `folder` of the corpus")
	f.StringVar(&o.class, "class", "", "only the runs of this `class`; precision is then among them alone")
	f.StringVar(&o.program, "program", "", "only the runs of this `program`")
	f.BoolVar(&o.heldOut, "held-out", false, "only the held-out programs")
	f.BoolVar(&o.tuning, "tuning", false, "only the tuning programs")
	f.BoolVar(&o.misses, "misses", false, "list every false alarm, miss, wrong name and repetition, instead of the tables")
	f.BoolVar(&o.verbose, "verbose", false, "add tables by program and by case")
	f.BoolVar(&o.json, "json", false, "print JSON instead of Markdown")
	f.BoolVar(&o.check, "check", false, "check that other units and restarts change no event")
	f.BoolVar(&o.own, "own", false, "leave the rules of others out")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("%q is not understood, want flags only", f.Arg(0))
	case o.runs == "":
		return o, errors.New("no corpus: say which with -runs")
	case o.heldOut && o.tuning:
		return o, errors.New("-held-out and -tuning exclude each other")
	case o.class != "" && !slices.Contains(corpus.Classes(), corpus.Class(o.class)):
		return o, fmt.Errorf("class %q is not known, want one of %v", o.class, corpus.Classes())
	}
	return o, nil
}

// takes says whether the run is one that was asked for.
func (o *options) takes(l *corpus.Label) bool {
	return (o.class == "" || string(l.Class) == o.class) && (o.program == "" || l.Program == o.program) &&
		(!o.heldOut || l.HeldOut) && (!o.tuning || !l.HeldOut)
}

func run(args []string, out, errout io.Writer) error {
	o, err := parse(args, errout)
	if err != nil {
		return err
	}
	folder := os.DirFS(o.runs)
	labels, err := corpus.Read(folder)
	if err != nil {
		return err
	}
	labels = slices.DeleteFunc(labels, func(l corpus.Label) bool { return !o.takes(&l) })
	if len(labels) == 0 {
		return fmt.Errorf("%s has no such run", o.runs)
	}
	outcomes := score.Judge(folder, labels, score.Options{Rivals: !o.own && !o.misses, Check: o.check})
	report := score.Sum(outcomes)
	switch {
	case o.misses:
		score.List(out, outcomes)
	case o.json:
		err = printJSON(out, &report)
	default:
		report.Markdown(out, o.verbose)
	}
	for i := range outcomes {
		err = errors.Join(err, outcomes[i].Err)
	}
	return err
}

func printJSON(out io.Writer, r *score.Report) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}
