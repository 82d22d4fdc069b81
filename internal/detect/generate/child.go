package main

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"

	"github.com/seed-140d0f39/gtg/internal/detect/programs"
)

// childCommand is the first argument of a child process. The others are the
// program's, the case's, the seed and the log's file.
const childCommand = "train"

// work does one training and prints its outcome.
func work(args []string, out io.Writer) error {
	if len(args) != 4 {
		return fmt.Errorf("%q: want program, case, seed and file", args)
	}
	p, c, err := programs.Find(args[0], args[1])
	if err != nil {
		return err
	}
	seed, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return fmt.Errorf("seed %q: %w", args[2], err)
	}
	// Garbage is collected between steps only, by gtg: gotch does not keep its
	// tensors alive while libtorch works on them.
	debug.SetGCPercent(-1)
	o, err := record(p, c, seed, args[3])
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(o)
}

// record trains and writes the compressed log.
func record(p *programs.Program, c *programs.Case, seed int64, path string) (o *programs.Outcome, err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	z := gzip.NewWriter(f)
	defer func() { err = errors.Join(err, z.Close(), f.Close()) }()
	return programs.Run(p, c, seed, z)
}
