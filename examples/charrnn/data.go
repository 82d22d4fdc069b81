package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// goSources is the folder of the Go distribution's sources, which is on every
// machine that can build this program.
func goSources() (string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("asking the go command where its sources are: %w: name a folder of .go files with -data", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "src"), nil
}

// errEnough ends a walk that has read enough.
var errEnough = errors.New("enough")

// readCorpus reads the .go files below the folder in lexical order, one after
// the other, until there are limit bytes. Tests and test data are left out, and
// so are the sources of the commands, much of which is generated tables.
func readCorpus(dir string, limit int) ([]byte, error) {
	var corpus []byte
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if name := d.Name(); path != dir && (name == "testdata" || name == "vendor" || name == "cmd") {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if corpus = append(corpus, text...); len(corpus) >= limit {
			corpus = corpus[:limit]
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("reading the text: %w", err)
	}
	if len(corpus) == 0 {
		return nil, fmt.Errorf("reading the text: no .go file below %s", dir)
	}
	return corpus, nil
}

// A vocabulary numbers the bytes that occur in a text.
type vocabulary struct {
	bytes   []byte     // by number
	numbers [256]int64 // by byte, -1 for bytes that do not occur
}

func newVocabulary(text []byte) *vocabulary {
	var seen [256]bool
	for _, b := range text {
		seen[b] = true
	}
	v := new(vocabulary)
	for b := range seen {
		v.numbers[b] = -1
		if seen[b] {
			v.numbers[b] = int64(len(v.bytes))
			v.bytes = append(v.bytes, byte(b))
		}
	}
	return v
}

func (v *vocabulary) size() int64 { return int64(len(v.bytes)) }

// knows returns an error that names the first byte of s that has no number.
func (v *vocabulary) knows(s string) error {
	for _, b := range []byte(s) {
		if v.numbers[b] < 0 {
			return fmt.Errorf("the character %q of %q does not occur in the text", b, s)
		}
	}
	return nil
}

// encode returns the numbers of the text's bytes, which must occur in the text
// that the vocabulary was made from.
func (v *vocabulary) encode(text []byte) []int64 {
	numbers := make([]int64, len(text))
	for i, b := range text {
		numbers[i] = v.numbers[b]
	}
	return numbers
}

// A batch is a set of windows of a text: for each window the characters and,
// one place further, what is to be predicted. Both are rows × window, row by row.
type batch struct {
	inputs, targets []int64
}

// windows cuts windows at random places out of a text.
type windows struct {
	text         []int64
	rows, length int
	random       *rand.Rand
}

func newWindows(text []int64, rows, length int, random *rand.Rand) (*windows, error) {
	if len(text) < length+1 {
		return nil, fmt.Errorf("the text has %d characters, a window of %d and the character after it need %d", len(text), length, length+1)
	}
	return &windows{text, rows, length, random}, nil
}

func (w *windows) next() batch {
	b := batch{make([]int64, 0, w.rows*w.length), make([]int64, 0, w.rows*w.length)}
	for range w.rows {
		at := w.random.IntN(len(w.text) - w.length)
		b.inputs = append(b.inputs, w.text[at:at+w.length]...)
		b.targets = append(b.targets, w.text[at+1:at+1+w.length]...)
	}
	return b
}
