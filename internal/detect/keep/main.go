// Command keep copies a few small runs of a corpus, rounded to five digits, to be kept
// as test data:
//
//	go run ./internal/detect/keep -runs DIR -o internal/detect/score/testdata
//
// Of each class it takes the smallest log of the tuning programs and of the held-out
// ones, of healthy runs the smallest few.
package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// healthy is how many healthy runs are kept of either kind of program.
const healthy = 2

func main() {
	runs := flag.String("runs", "", "folder of the corpus")
	out := flag.String("o", "", "folder for what is kept")
	flag.Parse()
	if err := keep(*runs, *out); err != nil {
		fmt.Fprintln(os.Stderr, "keep:", err)
		os.Exit(1)
	}
}

func keep(runs, out string) error {
	labels, err := corpus.Read(os.DirFS(runs))
	if err != nil {
		return err
	}
	sizes := map[string]int64{}
	for _, l := range labels {
		info, err := os.Stat(filepath.Join(runs, l.File))
		if err != nil {
			return err
		}
		sizes[l.File] = info.Size()
	}
	slices.SortStableFunc(labels, func(a, b corpus.Label) int { return cmp.Compare(sizes[a.File], sizes[b.File]) })
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var kept bytes.Buffer
	e := json.NewEncoder(&kept)
	for _, l := range choose(labels) {
		from := filepath.Join(runs, l.File)
		l.File = fmt.Sprintf("%s-%s-%d.gtg.jsonl.gz", l.Class, l.Program, l.Seed)
		l.Accuracies = nil
		if err := thin(from, filepath.Join(out, l.File)); err != nil {
			return err
		}
		if err := e.Encode(l); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(out, corpus.Labels), kept.Bytes(), 0o644)
}

// choose takes the first few of each class from either kind of program, one of each
// program, in the order of the classes.
func choose(labels []corpus.Label) (chosen []corpus.Label) {
	for _, class := range corpus.Classes() {
		for _, heldOut := range []bool{false, true} {
			left := 1
			if class == corpus.Healthy {
				left = healthy
			}
			seen := map[string]bool{}
			for _, l := range labels {
				if left > 0 && l.Confirmed && l.Class == class && l.HeldOut == heldOut && !seen[l.Program] {
					seen[l.Program] = true
					chosen = append(chosen, l)
					left--
				}
			}
		}
	}
	return chosen
}

var decimal = regexp.MustCompile(`-?[0-9]+\.[0-9]{5,}(e[-+]?[0-9]+)?`)

// thin copies a log with every fraction rounded to five digits.
func thin(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	text = decimal.ReplaceAllFunc(text, func(number []byte) []byte {
		v, err := strconv.ParseFloat(string(number), 64)
		if err != nil {
			return number
		}
		return strconv.AppendFloat(nil, v, 'g', 5, 64)
	})
	var small bytes.Buffer
	w, err := gzip.NewWriterLevel(&small, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, small.Bytes(), 0o644)
}
