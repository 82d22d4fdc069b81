package corpus

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/seed-140d0f39/gtg/adapters/runlog"
	"github.com/seed-140d0f39/gtg/monitor"
)

// Labels is the name of the file of labels.
const Labels = "labels.jsonl"

// Read returns the labels of the corpus in the folder.
func Read(folder fs.FS) ([]Label, error) {
	data, err := fs.ReadFile(folder, Labels)
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	var labels []Label
	d := json.NewDecoder(strings.NewReader(string(data)))
	for {
		var l Label
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			return labels, nil
		} else if err != nil {
			return nil, fmt.Errorf("corpus: %s, after %d labels: %w", Labels, len(labels), err)
		}
		if err := l.validate(); err != nil {
			return nil, fmt.Errorf("corpus: %s: %w", Labels, err)
		}
		labels = append(labels, l)
	}
}

// Steps calls observe with each step of a run, in order. begin is called before,
// with what is known of the run; both are used again by the next step and may
// not be kept.
func Steps(folder fs.FS, file string, begin func(*monitor.Run), observe func(*monitor.Step)) error {
	f, err := folder.Open(file)
	if err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 64<<10))
	if err != nil {
		return fmt.Errorf("corpus: %s: %w", file, err)
	}
	r := runlog.NewReader(z)
	for {
		line, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("corpus: %s: %w", file, err)
		case line.Run != nil:
			begin(line.Run)
		case line.Step != nil:
			observe(line.Step)
		}
	}
}
