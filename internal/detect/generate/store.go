package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/internal/detect/programs"
)

// A store is the corpus's folder while it is made: beside each log lies what
// became of the run.
type store struct{ dir string }

// entry is what lies beside a log.
type entry struct {
	Recipe  string            `json:"recipe"` // its fingerprint
	Outcome *programs.Outcome `json:"outcome"`
}

var unfit = regexp.MustCompile(`[^a-z0-9.]+`)

// file is the log's name in the folder.
func file(j job) string {
	name := strings.Trim(unfit.ReplaceAllString(strings.ToLower(j.name.Name), "-"), "-")
	return fmt.Sprintf("%s/%s-%d.gtg.jsonl.gz", j.program.Name, name, j.seed)
}

func (s store) path(j job) string { return filepath.Join(s.dir, filepath.FromSlash(file(j))) }

// outcome returns what became of the run, if it is there and of the same recipe.
func (s store) outcome(j job) (*programs.Outcome, bool) {
	data, err := os.ReadFile(s.path(j) + ".json")
	if err != nil {
		return nil, false
	}
	var e entry
	if err := json.Unmarshal(data, &e); err != nil || e.Outcome == nil || e.Recipe != j.program.Fingerprint(j.name, j.seed) {
		return nil, false
	}
	_, err = os.Stat(s.path(j))
	return e.Outcome, err == nil
}

// begin returns where the log is written until it is whole.
func (s store) begin(j job) (string, error) {
	path := s.path(j)
	return path + ".part", os.MkdirAll(filepath.Dir(path), 0o755)
}

// finish keeps the log and what became of the run.
func (s store) finish(j job, log string, o *programs.Outcome) error {
	data, err := json.Marshal(entry{j.program.Fingerprint(j.name, j.seed), o})
	if err != nil {
		return err
	}
	path := s.path(j)
	if err := os.Rename(log, path); err != nil {
		return err
	}
	if err := os.WriteFile(path+".json.part", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".json.part", path+".json")
}

// labels labels all runs that are there, of the seeds from 1 on whose plain run is
// there too.
func (s store) labels() []corpus.Label {
	var labels []corpus.Label
	for _, p := range programs.All() {
		for seed := int64(1); ; seed++ {
			plain, ok := s.outcome(job{p, &p.Cases[0], seed})
			if !ok {
				break
			}
			for i := range p.Cases {
				j := job{p, &p.Cases[i], seed}
				if o, ok := s.outcome(j); ok {
					l := o.Label(p, j.name, seed, plain)
					l.File = file(j)
					labels = append(labels, l)
				}
			}
		}
	}
	return labels
}
